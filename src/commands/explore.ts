import { basename } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { CONFIG_FLAG, configOf } from '../cli/config.ts';
import { REMOTE_FLAGS } from '../cli/remote-flags.ts';
import { EXIT, usage } from '../core/errors.ts';

/** Files and directories of a report that cannot say more: all that there is room for. */
const TOP = 20;

export default class Explore extends BaseCommand {
  static override enableJsonFlag = false;
  static override summary =
    'Walk through an image in the terminal, mark what could go, see what would be left.';
  static override description =
    'Three lists: directories, packages and suggestions. The space bar marks; the line below tells how many bytes go ' +
    'with all that is marked, none counted twice, and what would be left; p predicts the size of the image. w writes the script that removes it. A saved ' +
    'report can be explored too, with what it lists. ? shows all keys.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> output/debian.qcow2',
    '<%= config.bin %> <%= command.id %> report.json',
  ];
  static override args = {
    artifact: Args.string({
      required: true,
      description: 'Path of an image, or of a report that imgopt wrote.',
    }),
  };
  static override flags = {
    config: CONFIG_FLAG,
    ...REMOTE_FLAGS,
    'follow-outside': Flags.boolean({
      summary: 'Let the image refer to files outside of its own folder (backing files, extents).',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Explore);
    if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) {
      throw usage('NO_TERMINAL', 'explore needs a terminal for its input and its output', {
        advice: 'use imgopt analyze, with --format html for something to look at',
      });
    }
    const { config } = await configOf(flags);
    const [{ isIncomplete, openSubject }, { treeOfInspection, treeOfReport }, removals, { explore }] =
      await Promise.all([
        import('../cli/subject.ts'),
        import('../analyzers/size-tree.ts'),
        import('../explore/removal.ts'),
        import('../explore/view.tsx'),
      ]);
    const context = this.createContext(flags);
    const remote = await this.remote(flags, context);
    const artifact = await remote.admit(args.artifact);
    const subject = await openSubject(artifact, context, {
      remote,
      drivers: () => this.drivers(),
      version: this.config.version,
      top: TOP,
      followOutside: flags['follow-outside'],
      rules: { ...config.rules },
    });
    try {
      const { report, inspection, advice } = subject;
      const tree = inspection === null ? treeOfReport(report) : treeOfInspection(inspection);
      const options = { artifact: basename(artifact), version: this.config.version };
      // Progress would be written across the screen.
      const quiet = this.createContext({ ...flags, quiet: true });
      const removal =
        advice === null || inspection === null
          ? removals.removalFromReport(report, tree, options)
          : removals.removalFromImage(advice.run, report, advice.resolved, tree, options, async (taken) => {
              const [{ predictAfter }, { BUILT_IN_WRITERS }] = await Promise.all([
                import('../optimize/after-removal.ts'),
                import('../writers.ts'),
              ]);
              const { units } = BUILT_IN_WRITERS.find(({ format }) => format === 'qcow2')!;
              return predictAfter(inspection, taken, units!({ compression: 'zstd', details: {} }), quiet);
            });
      await explore({
        model: { report, tree, refusal: removal.refusal },
        removal,
        write: async (path, text) => {
          const { writeTextFile } = await import('../cli/output-file.ts');
          await writeTextFile(path, [text], { force: false, signal: this.signal });
        },
        color: this.terminal(flags).color,
        stdin: process.stdin,
        stdout: process.stdout,
        signal: this.signal,
      });
      this.signal.throwIfAborted();
      if (isIncomplete(report)) process.exitCode = EXIT.unreadable;
    } finally {
      await subject.close();
    }
  }
}
