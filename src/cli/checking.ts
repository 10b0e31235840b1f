/**
 * A whole check, from the name of an artifact to its result: what `imgopt check` runs, and whoever else holds an
 * artifact against budgets (`imgopt packer post-process`). It neither prints nor sets an exit code.
 *
 *     const result = await checkArtifact(path, {
 *       config: await configOf(flags), build: buildOfEnvironment(process.env), limits: {}, baseline: undefined,
 *       updateBaseline: false, history: undefined, outputs: [], followOutside: false,
 *       drivers: () => this.drivers(), version: this.config.version, newContext: () => this.createContext(flags),
 *     });
 *     // rendered by src/reporters/check/; exitCodeOf(result) of src/budgets/run.ts is 0, 1 or 3
 */
import { open } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import type { Budget, BudgetConfig } from '../budgets/budget.ts';
import type { CheckResult } from '../budgets/check.ts';
import type { PresetName } from '../budgets/presets.ts';
import type { OpenArtifact } from '../budgets/run.ts';
import type { Snapshot } from '../budgets/snapshot.ts';
import type { LoadedConfig } from '../config/config.ts';
import type { RunContext } from '../core/context.ts';
import type { Drivers } from '../core/contracts/registry.ts';
import type { Report } from '../core/contracts/report.ts';
import { system, usage } from '../core/errors.ts';
import { parseSize } from '../core/size.ts';
import type { BuildChoice } from '../manifests/packer-manifest.ts';
import type { RemoteAccess } from '../sources/remote.ts';
import { builtCommit } from './ci.ts';
import { assertRecordable, openBaseline } from './compared.ts';
import { openSubject } from './subject.ts';

/** Limits that are not in the configuration. */
export interface ExtraLimits {
  readonly maxSize?: string | undefined;
  readonly maxGrowth?: string | undefined;
  readonly presets?: readonly PresetName[] | undefined;
}

export interface CheckOptions {
  readonly config: LoadedConfig;
  /** Which build of a packer-manifest.json; its name also chooses sections of the configuration. */
  readonly build: BuildChoice;
  readonly limits: ExtraLimits;
  /** In place of the configuration's. */
  readonly baseline: string | undefined;
  /** Record what the artifact weighs; growth is not held against the old baseline. */
  readonly updateBaseline: boolean;
  /** File of lines that this build's is appended to. */
  readonly history: string | undefined;
  /** Files that are about to be written: none may be the artifact's own. */
  readonly outputs: readonly string[];
  readonly followOutside: boolean;
  /** Opens artifacts that an address names. */
  readonly remote?: RemoteAccess | undefined;
  readonly drivers: () => Promise<Drivers>;
  /** Of imgopt. */
  readonly version: string;
  /** A context of its own for each artifact that is opened: diagnostics of one are not the other's. */
  readonly newContext: () => RunContext;
}

/**
 * @throws ImgoptError `usage` for budgets or a baseline that are none, or when nothing says how large it may be;
 *   what `openSubject` throws for an artifact that cannot be read at all; `system` when a file cannot be written
 */
export async function checkArtifact(path: string, options: CheckOptions): Promise<CheckResult> {
  const [{ chooseBudgets }, { needsOf }, { runCheck }] = await Promise.all([
    import('../budgets/select.ts'),
    import('../budgets/measure.ts'),
    import('../budgets/run.ts'),
  ]);
  const config = await joinedConfig(options);
  // What is to be found out is settled before the artifact tells which sections are its own.
  const wanted = needsOf([...config.budgets, ...config.sections.flatMap((one) => one.budgets)]);
  const { updateBaseline, history } = options;
  const common = {
    drivers: options.drivers,
    version: options.version,
    top: 0, // a short list is nothing to hold a budget against
    deep: wanted.deep,
    publish: wanted.publish,
    followOutside: options.followOutside,
    remote: options.remote,
    rules: options.config.config.rules ?? {},
    build: options.build,
  };
  const context = options.newContext();
  const subject = await openSubject(path, context, {
    ...common,
    outputs: [...options.outputs, ...(history === undefined ? [] : [history])],
  });
  const opened = [subject];
  try {
    const artifact: OpenArtifact = { path, ...subject };
    const { report } = subject;
    const chosen = chooseBudgets(config, {
      name: basename(report.artifact.path),
      format: report.artifact.format,
      build: options.build.name ?? null,
    });
    const budgets = [...chosen.budgets, ...(await growthBudget(options.limits.maxGrowth, report))];
    if (budgets.length === 0 && !updateBaseline && history === undefined) {
      throw usage('NO_BUDGETS', 'nothing says how large it may be', {
        advice: 'give --max-size, --max-growth or --preset, or set budgets in imgopt.yml',
      });
    }
    const file = options.baseline ?? chosen.baseline;
    if (updateBaseline) await assertRecordable(file);
    let baseline: Snapshot | OpenArtifact | null = null;
    if (file !== null && !(updateBaseline && (await isMissing(file)))) {
      const compared = await openBaseline(file, options.newContext(), common);
      if (compared.subject !== null) opened.push(compared.subject);
      baseline = compared.recorded ?? { path: file, ...compared.subject! };
    }
    const result = await runCheck(artifact, budgets, { baseline, isRecording: updateBaseline }, context);
    if (result.verdict === 'damaged') return result; // nothing is recorded of it
    if (history !== undefined) await remember(history, artifact, result);
    if (!updateBaseline) return result;
    await record(file!, report, result, budgets, context);
    return { ...result, notes: [...result.notes, `recorded as the baseline: ${file}`] };
  } finally {
    for (const one of opened) await one.close();
  }
}

/** The configuration's budgets and those of the flags. */
async function joinedConfig({ config, limits }: CheckOptions): Promise<BudgetConfig> {
  const { budgets: section } = config.config;
  const from: BudgetConfig =
    section === undefined
      ? { baseline: null, budgets: [], sections: [] }
      : (await import('../config/budgets.ts')).budgetConfig(section, config.where, (file) =>
          isAbsolute(file) ? file : join(dirname(config.path ?? ''), file),
        );
  const { presetBudget } = await import('../budgets/presets.ts');
  const added = (limits.presets ?? []).map((name) => presetBudget(name, '--preset'));
  if (limits.maxSize !== undefined) {
    added.push(flagBudget('--max-size', { measure: 'file-size', max: parseSize(limits.maxSize) }));
  }
  return { ...from, budgets: [...from.budgets, ...added] };
}

/**
 * Growth of what the artifact weighs: the size of its file, or of a flat image, whose size never changes, what it
 * allocates; of a manifest, its packages.
 */
async function growthBudget(maxGrowth: string | undefined, { artifact }: Report): Promise<Budget[]> {
  if (maxGrowth === undefined) return [];
  const { parseGrowth } = await import('../budgets/growth.ts');
  const growth = parseGrowth(maxGrowth);
  if (artifact.allocated === null) {
    return [flagBudget('--max-growth', { measure: 'package', match: '*', growth })];
  }
  const isFlat = artifact.fileSize === artifact.virtualSize;
  return [flagBudget('--max-growth', { measure: isFlat ? 'allocated' : 'file-size', growth })];
}

function flagBudget(flag: string, budget: Partial<Budget> & Pick<Budget, 'measure'>): Budget {
  return {
    name: flag,
    match: null,
    of: 'used',
    codec: 'zstd',
    max: null,
    warn: null,
    growth: null,
    message: null,
    allowEmpty: false,
    where: flag,
    ...budget,
  };
}

async function isMissing(path: string): Promise<boolean> {
  const { stat } = await import('node:fs/promises');
  try {
    await stat(path);
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw system(error, [path]);
  }
}

async function record(
  path: string,
  report: Report,
  result: CheckResult,
  budgets: readonly Budget[],
  { signal }: RunContext,
): Promise<void> {
  const [{ formatBaseline, makeBaseline }, { recordedBudgets }, { writeTextFile }] = await Promise.all([
    import('../budgets/baseline.ts'),
    import('../budgets/check.ts'),
    import('./output-file.ts'),
  ]);
  const text = formatBaseline(makeBaseline(report, recordedBudgets(result, budgets)));
  await writeTextFile(path, [text], { force: true, signal });
}

/** How every history begins; nothing is appended to any other file. */
const HISTORY_START = '{"schema":"imgopt.history/';

/** In one write, so that builds that run side by side append whole lines. */
async function remember(path: string, artifact: OpenArtifact, result: CheckResult): Promise<void> {
  const [{ historyEntry }, { snapshotOf }] = await Promise.all([
    import('../budgets/history.ts'),
    import('../budgets/snapshot.ts'),
  ]);
  const snapshot = snapshotOf(artifact.report, artifact.path, artifact.kind);
  const entry = historyEntry(result, snapshot, { time: new Date().toISOString(), commit: builtCommit() });
  try {
    const file = await open(path, 'a+');
    try {
      const { size } = await file.stat();
      const first = Buffer.alloc(Math.min(size, HISTORY_START.length));
      await file.read(first, 0, first.length, 0);
      if (size > 0 && first.toString() !== HISTORY_START) {
        throw usage('NO_HISTORY', 'is not a history, and nothing is appended to it', {
          where: [path],
          advice: 'name another file with --history',
        });
      }
      const last = Buffer.alloc(1);
      if (size > 0) await file.read(last, 0, 1, size - 1);
      const isWhole = size === 0 || last[0] === 0x0a;
      await file.appendFile(`${isWhole ? '' : '\n'}${JSON.stringify(entry)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw system(error, [path]);
  }
}
