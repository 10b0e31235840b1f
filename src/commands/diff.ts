import { Args, Flags } from '@oclif/core';
import type { DiffResult } from '../budgets/diff.ts';
import type { HistoryResult } from '../budgets/history.ts';
import { BaseCommand, type GlobalFlags } from '../cli/base-command.ts';
import { REMOTE_FLAGS, type RemoteFlags } from '../cli/remote-flags.ts';
import { EXIT, usage } from '../core/errors.ts';

const FORMATS = ['table', 'json', 'markdown', 'html'] as const;
type Format = (typeof FORMATS)[number];

const OUTPUT_WORDS = {
  extensions: { '.json': 'json', '.md': 'markdown', '.html': 'html' },
  aside: [],
};

interface DiffFlags extends GlobalFlags, RemoteFlags {
  readonly top: number;
  readonly force: boolean;
  readonly 'follow-outside': boolean;
  readonly 'exit-code': boolean;
}

export default class Diff extends BaseCommand {
  static override summary = 'Tell what grew and shrank between two artifacts.';
  static override description =
    'Artifacts, saved reports (analyze --json --top 0), manifests and recorded baselines, in any mix: totals, packages, ' +
    'directories, files, kinds, filesystems and suggestions, by the size of the change. What only got another version ' +
    'number in its name is one line.\n\n' +
    'Exit code 0 whether or not they differ; 1 with --exit-code when they do; 3 when one of them is damaged.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> old.qcow2 new.qcow2',
    '<%= config.bin %> <%= command.id %> last-release.json output/debian.qcow2 --format markdown',
    '<%= config.bin %> <%= command.id %> --history sizes.jsonl',
    '<%= config.bin %> <%= command.id %> --history sizes.jsonl --output trend.html',
  ];
  static override args = {
    old: Args.string({ description: 'Artifact, report, manifest or recorded baseline.' }),
    new: Args.string({ description: 'What it became.' }),
  };
  static override flags = {
    top: Flags.integer({ summary: 'Length of the lists; 0 is all.', helpValue: 'N', min: 0, default: 20 }),
    'exit-code': Flags.boolean({ summary: 'Exit with 1 when they differ.' }),
    history: Flags.string({
      summary: 'Show how the sizes of builds went, from what check --history wrote.',
      helpValue: 'FILE.jsonl',
    }),
    format: Flags.string({
      summary: 'Format of the result; once for each output. html is for --history.',
      options: [...FORMATS],
      multiple: true,
      multipleNonGreedy: true,
    }),
    output: Flags.string({
      summary: 'File for the result: the first for the first --format, and so on; - is standard output.',
      helpValue: 'PATH',
      multiple: true,
      multipleNonGreedy: true,
    }),
    force: Flags.boolean({ summary: 'Overwrite outputs that exist.' }),
    ...REMOTE_FLAGS,
    'follow-outside': Flags.boolean({
      summary: 'Let the images refer to files outside of their own folders (backing files, extents).',
    }),
  };

  async run(): Promise<DiffResult | HistoryResult> {
    const { args, flags } = await this.parse(Diff);
    const [{ planOutputs }, { assertCreatable }] = await Promise.all([
      import('../cli/outputs.ts'),
      import('../core/output-file.ts'),
    ]);
    const plans = planOutputs(flags.format ?? [], flags.output ?? [], this.jsonEnabled(), OUTPUT_WORDS);
    const outputs = plans.flatMap(({ path }) => path ?? []);
    for (const path of outputs) await assertCreatable(path, flags.force);
    const sides = [args.old, args.new].filter((one) => one !== undefined);
    if (flags.history !== undefined) {
      if (sides.length > 0) {
        throw usage('HISTORY_ALONE', '--history shows builds, and compares no artifacts', {
          advice: 'leave one of them out',
        });
      }
      return this.trend(flags.history, plans, flags);
    }
    if (args.old === undefined || args.new === undefined) {
      throw usage('TWO_SIDES', 'two artifacts are compared', { advice: 'name the old and the new one' });
    }
    if (plans.some(({ format }) => format === 'html')) {
      throw usage('NO_HTML', '--format html shows --history', {
        advice: 'for two artifacts, use imgopt analyze NEW --format html with --baseline OLD',
      });
    }
    return this.compare([args.old, args.new], plans, outputs, flags);
  }

  private async compare(
    [old, now]: readonly [string, string],
    plans: readonly { readonly format: string; readonly path: string | null }[],
    outputs: readonly string[],
    flags: DiffFlags,
  ): Promise<DiffResult> {
    const [{ openSnapshot }, { cutComparison, diffSnapshots }] = await Promise.all([
      import('../cli/compared.ts'),
      import('../budgets/diff.ts'),
    ]);
    const remote = await this.remote(flags, this.createContext(flags));
    const options = {
      drivers: () => this.drivers(),
      version: this.config.version,
      remote,
      top: 0,
      followOutside: flags['follow-outside'],
      outputs,
    };
    const before = await openSnapshot(await remote.admit(old), this.createContext(flags), options);
    const after = await openSnapshot(await remote.admit(now), this.createContext(flags), options);
    const result = diffSnapshots(before, after, this.config.version);
    const shown = cutComparison(result, flags.top);
    for (const { format, path } of plans) {
      await this.write(await this.render(result, shown, format as Format, path === null, flags), path, flags);
    }
    if (before.isDamaged || after.isDamaged) process.exitCode = EXIT.unreadable;
    else if (flags['exit-code'] && result.differs) process.exitCode = EXIT.failedCheck;
    return shown;
  }

  private async render(
    result: DiffResult,
    shown: DiffResult,
    format: Format,
    toTerminal: boolean,
    flags: DiffFlags,
  ): Promise<Iterable<string>> {
    const { top } = flags;
    if (format === 'json') return [`${JSON.stringify(shown, null, 2)}\n`];
    if (format === 'markdown')
      return (await import('../reporters/diff/markdown.ts')).renderDiffMarkdown(result, top);
    const { columns, color } = this.terminal(flags);
    const { renderDiff } = await import('../reporters/diff/table.ts');
    return renderDiff(result, { columns, color: color && toTerminal, top });
  }

  private async trend(
    path: string,
    plans: readonly { readonly format: string; readonly path: string | null }[],
    flags: DiffFlags,
  ): Promise<HistoryResult> {
    const [{ historyText }, { readHistory, historyResult }] = await Promise.all([
      import('../cli/history-file.ts'),
      import('../budgets/history.ts'),
    ]);
    const result = historyResult(readHistory(await historyText(path), path));
    if (result.skipped > 0) {
      this.note(`imgopt: warning: ${path}: ${result.skipped} lines are no entries, and were left out`, flags);
    }
    const { columns, color } = this.terminal(flags);
    for (const { format, path: output } of plans) {
      const { renderTrend, renderTrendMarkdown } = await import('../reporters/trend/table.ts');
      const text =
        format === 'json'
          ? [`${JSON.stringify(result, null, 2)}\n`]
          : format === 'html'
            ? (await import('../reporters/trend/html.ts')).renderTrendHtml(result)
            : format === 'markdown'
              ? renderTrendMarkdown(result)
              : renderTrend(result, { columns, color: color && output === null });
      await this.write(text, output, flags);
    }
    return result;
  }

  private async write(text: Iterable<string>, path: string | null, { force }: DiffFlags): Promise<void> {
    if (path === null) return this.print(text);
    const { writeTextFile } = await import('../cli/output-file.ts');
    await writeTextFile(path, text, { force, signal: this.signal });
  }
}
