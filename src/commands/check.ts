import { appendFile } from 'node:fs/promises';
import { Args, Flags } from '@oclif/core';
import type { CheckResult } from '../budgets/check.ts';
import { PRESETS, type PresetName } from '../budgets/presets.ts';
import { BaseCommand } from '../cli/base-command.ts';
import { CONFIG_FLAG, configOf } from '../cli/config.ts';
import { REMOTE_FLAGS } from '../cli/remote-flags.ts';
import { system } from '../core/errors.ts';
import { CHECK_FORMATS, type CheckFormat, loadCheckReporter } from '../reporters/check/index.ts';

const OUTPUT_WORDS = {
  extensions: { '.json': 'json', '.xml': 'junit', '.sarif': 'sarif', '.md': 'markdown' },
  aside: ['github'],
};

export default class Check extends BaseCommand {
  static override summary = 'Hold an artifact against size budgets and a baseline.';
  static override description =
    'Budgets come from the flags and from the section `budgets` of imgopt.yml. A limit is the largest size that ' +
    'passes. What is over says by how much, and which packages, directories and files grew most since the baseline: ' +
    'another artifact, a report (analyze --json --top 0), a manifest, or a file that --update-baseline recorded.\n\n' +
    'Exit code 1: over budget; the same artifact fails again. 2: a budget or baseline that is none, or matches ' +
    'nothing. 3: the artifact is damaged, whatever its size.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> output/debian.qcow2 --max-size 2GiB',
    '<%= config.bin %> <%= command.id %> output/debian.qcow2 --baseline baseline.json --max-growth 5%',
    '<%= config.bin %> <%= command.id %> output/debian.qcow2 --baseline baseline.json --update-baseline',
    '<%= config.bin %> <%= command.id %> output/debian.qcow2 --format table --format junit --output - --output size.xml',
  ];
  static override args = {
    artifact: Args.string({
      required: true,
      description: 'Path of the image, of a report that imgopt wrote, or of a manifest.',
    }),
  };
  static override flags = {
    'max-size': Flags.string({ summary: 'The largest file size that passes.', helpValue: 'SIZE' }),
    'max-growth': Flags.string({
      summary: 'How much larger than the baseline it may be: 5%, 50MiB, 1.3x.',
      helpValue: 'GROWTH',
    }),
    preset: Flags.option({
      summary: 'A limit that a host sets; repeatable.',
      options: Object.keys(PRESETS) as PresetName[],
      multiple: true,
      multipleNonGreedy: true,
    })(),
    baseline: Flags.string({
      summary: 'What to compare with: artifact, report, manifest or recorded baseline.',
      helpValue: 'FILE',
    }),
    'update-baseline': Flags.boolean({
      summary: 'Record what this artifact weighs as the baseline; growth is not held against the old one.',
    }),
    history: Flags.string({
      summary: 'Append a line for this build there, for diff --history.',
      helpValue: 'FILE.jsonl',
    }),
    build: Flags.string({
      summary:
        "Packer's name of the build, in a packer-manifest.json and for sections of imgopt.yml (default: PACKER_BUILD_NAME).",
      helpValue: 'NAME',
    }),
    config: CONFIG_FLAG,
    format: Flags.string({
      summary: 'Format of the result; once for each output. github goes to standard error.',
      options: [...CHECK_FORMATS],
      multiple: true,
      multipleNonGreedy: true,
    }),
    output: Flags.string({
      summary: 'File for the result: the first for the first --format, and so on; - is standard output.',
      helpValue: 'PATH',
      multiple: true,
      multipleNonGreedy: true,
    }),
    top: Flags.integer({
      summary: 'Longest list of changes in JSON; 0 is all.',
      helpValue: 'N',
      min: 0,
      default: 20,
    }),
    force: Flags.boolean({ summary: 'Overwrite outputs that exist.' }),
    ...REMOTE_FLAGS,
    'follow-outside': Flags.boolean({
      summary: 'Let the image refer to files outside of its own folder (backing files, extents).',
    }),
  };

  async run(): Promise<CheckResult> {
    const { args, flags } = await this.parse(Check);
    const [{ planOutputs }, { assertCreatable }, { checkArtifact }, { buildOfEnvironment }, { exitCodeOf }] =
      await Promise.all([
        import('../cli/outputs.ts'),
        import('../core/output-file.ts'),
        import('../cli/checking.ts'),
        import('../cli/packer-environment.ts'),
        import('../budgets/run.ts'),
      ]);
    const plans = planOutputs(flags.format ?? [], flags.output ?? [], this.jsonEnabled(), OUTPUT_WORDS);
    for (const { path } of plans) if (path !== null) await assertCreatable(path, flags.force);
    const remote = await this.remote(flags, this.createContext(flags));
    const result = await checkArtifact(await remote.admit(args.artifact), {
      remote,
      config: await configOf(flags),
      build: {
        ...buildOfEnvironment(process.env),
        ...(flags.build === undefined ? {} : { name: flags.build }),
      },
      limits: { maxSize: flags['max-size'], maxGrowth: flags['max-growth'], presets: flags.preset },
      baseline: flags.baseline === undefined ? undefined : await remote.admit(flags.baseline),
      updateBaseline: flags['update-baseline'],
      history: flags.history,
      outputs: plans.flatMap(({ path }) => path ?? []),
      followOutside: flags['follow-outside'],
      drivers: () => this.drivers(),
      version: this.config.version,
      newContext: () => this.createContext(flags),
    });
    process.exitCode = exitCodeOf(result);
    const { cutComparison } = await import('../budgets/diff.ts');
    const shown =
      result.changes === null ? result : { ...result, changes: cutComparison(result.changes, flags.top) };
    const { columns, color } = this.terminal(flags);
    for (const { format, path } of plans) {
      const render = await loadCheckReporter(format as CheckFormat);
      const text = render(format === 'json' ? shown : result, { columns, color: color && path === null });
      if (path !== null) await this.writeFile(path, text, flags.force);
      else if (format === 'github') for (const piece of text) process.stderr.write(piece);
      else await this.print(text);
      if (format === 'github') await this.addSummary(result);
    }
    return shown;
  }

  private async writeFile(path: string, text: Iterable<string>, force: boolean): Promise<void> {
    const { writeTextFile } = await import('../cli/output-file.ts');
    await writeTextFile(path, text, { force, signal: this.signal });
  }

  /** What GitHub shows on the page of the run, where a step may add to it. */
  private async addSummary(result: CheckResult): Promise<void> {
    const { stepSummaryFile } = await import('../cli/ci.ts');
    const file = stepSummaryFile();
    if (file === undefined) return;
    const { renderCheckMarkdown } = await import('../reporters/check/markdown.ts');
    try {
      await appendFile(file, `${[...renderCheckMarkdown(result)].join('')}\n`);
    } catch (error) {
      throw system(error, [file]);
    }
  }
}
