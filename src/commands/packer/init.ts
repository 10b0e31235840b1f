import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { CONFIG_NAME } from '../../config/find.ts';
import { escapeName } from '../../core/text.ts';
import type { TemplateKind } from '../../packer/template-kind.ts';

export interface InitResult {
  readonly template: string;
  readonly kind: TemplateKind;
  readonly snippet: string;
  /** Path of the configuration that was written; null when there was one already. */
  readonly config: string | null;
}

export default class PackerInit extends BaseCommand {
  static override summary = 'Print what makes a Packer template call imgopt, and begin an imgopt.yml.';
  static override description =
    'The language of the template at hand (HCL2, HCL2 as JSON, JSON) decides how the post-processors are written, ' +
    'and where its sources write decides where they look. ' +
    'The template itself is not touched. An imgopt.yml that is there already stays.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> debian.pkr.hcl',
  ];
  static override args = {
    template: Args.string({ description: 'Template, or the folder that holds it.', default: '.' }),
  };
  static override flags = {
    force: Flags.boolean({ summary: `Begin ${CONFIG_NAME} anew.` }),
  };

  async run(): Promise<InitResult> {
    const { args, flags } = await this.parse(PackerInit);
    const [{ findTemplate }, { placeFor, snippetFor, STARTING_CONFIG }, { writeTextFile }] =
      await Promise.all([
        import('../../packer/template-kind.ts'),
        import('../../packer/snippet.ts'),
        import('../../cli/output-file.ts'),
      ]);
    const { path, kind } = await findTemplate(args.template);
    const { outputFolder } = await import('../../packer/output-folder.ts');
    const { folder, exceptions } = await outputFolder(path);
    const snippet = snippetFor(kind, folder);
    const isThere = !flags.force && (await isFile(CONFIG_NAME));
    if (!isThere) {
      await writeTextFile(CONFIG_NAME, [STARTING_CONFIG], { force: flags.force, signal: this.signal });
    }
    this.note(`imgopt: for ${path}, ${placeFor(kind)}:`, flags);
    if (!this.jsonEnabled()) await this.print(snippet);
    for (const one of exceptions)
      this.note(`imgopt: check the files of artifice for ${escapeName(one)}`, flags);
    this.note(`imgopt: ${CONFIG_NAME} ${isThere ? 'is there already and stays' : 'written'}`, flags);
    return { template: path, kind, snippet, config: isThere ? null : CONFIG_NAME };
  }
}

async function isFile(path: string): Promise<boolean> {
  const { stat } = await import('node:fs/promises');
  return stat(path).then(
    (one) => one.isFile(),
    () => false,
  );
}
