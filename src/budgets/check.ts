/**
 * Holds what was measured against budgets and a baseline, and says who is to blame. Pure: everything that it needs
 * of the machine was found out before (`run.ts` does that).
 *
 * A limit is the largest value that passes. Whatever the verdict, it depends on the artifact, the budgets and the
 * baseline alone; so a failed check fails again, and the result says so to whoever would retry it.
 */
import type { DiagnosticSection, Report } from '../core/contracts/report.ts';
import { ImgoptError, usage } from '../core/errors.ts';
import { type Budget, describe, isCount, type Measure } from './budget.ts';
import { type Change, type Comparison, compareSnapshots, type PackageChange } from './compare.ts';
import { grownLimit } from './growth.ts';
import { type MeasureEvidence, type MeasureInput, type Measurement, measureBudget } from './measure.ts';
import { compilePattern } from './pattern.ts';
import { type SizedItem, type Snapshot, snapshotOf } from './snapshot.ts';

export interface BaselineInput {
  readonly snapshot: Snapshot;
  /** To measure budgets on it, where it is an image or a report; null for a recorded baseline. */
  readonly measurable: MeasureInput | null;
}

export interface CheckInput extends MeasureInput {
  /** The artifact or report as the user named it. */
  readonly path: string;
  readonly kind: Snapshot['kind'];
  readonly budgets: readonly Budget[];
  readonly baseline: BaselineInput | null;
  /** The baseline is about to be recorded anew: growth is not held against the old one. */
  readonly isRecording: boolean;
}

export type BudgetStatus = 'pass' | 'warn' | 'fail';

export interface BudgetResult {
  readonly name: string;
  readonly measure: Measure;
  readonly match: string | null;
  /** What was measured, in words. */
  readonly what: string;
  readonly unit: 'bytes' | 'count';
  readonly status: BudgetStatus;
  readonly value: number;
  readonly evidence: MeasureEvidence;
  /** Of a sample: half the width of the interval that holds the true value 95 times in 100. */
  readonly error: number;
  /** How it was measured, where that is not plain. */
  readonly how: string | null;
  /** The smallest value that decides: what it is over, or closest to. Null without a limit, or while recording. */
  readonly limit: number | null;
  /** What sets that limit. */
  readonly limitKind: 'max' | 'growth' | 'warn' | null;
  /** By how much it is over that limit; 0 when it is not. */
  readonly over: number;
  readonly max: number | null;
  readonly warn: number | null;
  readonly growth: { readonly text: string; readonly limit: number } | null;
  readonly baseline: number | null;
  readonly message: string | null;
  readonly where: string;
  readonly blame: Blame;
}

/** What made it so large: since the baseline, or by size where there is none. */
export interface Blame {
  readonly since: 'baseline' | null;
  readonly packages: readonly BlamedThing[];
  readonly directories: readonly BlamedThing[];
  readonly files: readonly BlamedThing[];
}

export interface BlamedThing {
  readonly name: string;
  /** Bytes that it grew by, or its size when there is no baseline; null for what is only counted. */
  readonly bytes: number | null;
  readonly atLeast: boolean;
  /** `added`, `upgraded from 1.0` … */
  readonly note: string;
}

export interface CheckResult {
  readonly schema: 'imgopt.check/1';
  readonly generator: { readonly name: string; readonly version: string };
  readonly artifact: { readonly path: string; readonly format: string };
  /** `damaged`: not all of it could be read, so that no budget counts. */
  readonly verdict: BudgetStatus | 'damaged';
  /** A failed check of the same artifact fails again. */
  readonly deterministic: true;
  readonly baseline: {
    readonly path: string;
    readonly kind: Snapshot['kind'];
    readonly artifact: string;
  } | null;
  readonly budgets: readonly BudgetResult[];
  /** What changed since the baseline; null without one. */
  readonly changes: Comparison | null;
  /** What people should know: a baseline that could be lowered. */
  readonly notes: readonly string[];
  readonly diagnostics: readonly DiagnosticSection[];
}

/** Things blamed for one budget, of a kind. */
const MAX_BLAMED = 5;
/** Share of the largest growth below which nothing else is blamed. */
const LEAST_BLAME = 1 / 100;

/**
 * @throws ImgoptError `usage` for a budget that cannot be measured, matches nothing, or asks for growth over a
 *   baseline that does not tell it
 */
export function checkReport(input: CheckInput): CheckResult {
  const { report, baseline } = input;
  const changes =
    baseline === null
      ? null
      : compareSnapshots(baseline.snapshot, snapshotOf(report, input.path, input.kind));
  const isDamaged = report.diagnostics.some((one) => one.severity === 'error');
  const budgets = input.budgets.flatMap((budget) => {
    try {
      return [judge(budget, input, changes)];
    } catch (error) {
      // What a damaged artifact lost matches nothing: the damage is to be told, not the budget.
      if (isDamaged && error instanceof ImgoptError && error.family === 'usage') return [];
      throw error;
    }
  });
  const worst = (['fail', 'warn'] as const).find((status) => budgets.some((one) => one.status === status));
  return {
    schema: 'imgopt.check/1',
    generator: report.generator,
    artifact: { path: report.artifact.path, format: report.artifact.format },
    verdict: isDamaged ? 'damaged' : (worst ?? 'pass'),
    deterministic: true,
    baseline:
      baseline === null
        ? null
        : {
            path: baseline.snapshot.path,
            kind: baseline.snapshot.kind,
            artifact: baseline.snapshot.artifact,
          },
    budgets,
    changes,
    notes: notesOn(input, budgets),
    diagnostics: report.diagnostics,
  };
}

function judge(budget: Budget, input: CheckInput, changes: Comparison | null): BudgetResult {
  const measurement = measureBudget(budget, input);
  const { value } = measurement;
  const before = baselineValue(budget, input);
  const growth =
    budget.growth === null || input.isRecording || before === null
      ? null
      : { text: budget.growth.text, limit: grownLimit(budget.growth, before) };
  const hard = (
    [
      ['max', budget.max],
      ['growth', growth?.limit ?? null],
    ] as const
  )
    .filter((one): one is [(typeof one)[0], number] => one[1] !== null)
    .sort((a, b) => a[1] - b[1])[0];
  let status: BudgetStatus = 'pass';
  let decides: readonly [NonNullable<BudgetResult['limitKind']>, number] | undefined = hard;
  if (hard !== undefined && value > hard[1]) status = 'fail';
  else if (budget.warn !== null && value > budget.warn) {
    status = 'warn';
    decides = ['warn', budget.warn];
  }
  decides ??= budget.warn === null ? undefined : ['warn', budget.warn];
  return {
    name: budget.name,
    measure: budget.measure,
    match: budget.match,
    what: describe(budget),
    unit: isCount(budget.measure) ? 'count' : 'bytes',
    status,
    value,
    evidence: measurement.evidence,
    error: measurement.error,
    how: measurement.how,
    limit: decides?.[1] ?? null,
    limitKind: decides?.[0] ?? null,
    over: decides === undefined ? 0 : Math.max(0, value - decides[1]),
    max: budget.max,
    warn: budget.warn,
    growth,
    baseline: before,
    message: budget.message,
    where: budget.where,
    blame:
      status === 'pass'
        ? { since: null, packages: [], directories: [], files: [] }
        : blameFor(budget, measurement, input.report, changes),
  };
}

/* ---------- the baseline ---------- */

/** Sizes of the artifact's file say nothing across formats. */
const OF_THE_FILE: readonly Measure[] = ['file-size', 'allocated', 'compressed'];

/** What the budget measured then; null when nobody asks, or it cannot be told and no growth depends on it. */
function baselineValue(budget: Budget, { baseline, report, isRecording }: CheckInput): number | null {
  if (baseline === null) {
    if (budget.growth === null || isRecording) return null;
    throw usage('NO_BASELINE', `the budget '${budget.name}' limits growth, and there is no baseline`, {
      where: [budget.where],
      advice: 'name one with --baseline, or record it with --update-baseline',
    });
  }
  const { snapshot } = baseline;
  const isJudged = budget.growth !== null && !isRecording;
  if (OF_THE_FILE.includes(budget.measure) && snapshot.format !== report.artifact.format) {
    if (!isJudged) return null;
    throw usage(
      'BASELINE_KIND',
      `the budget '${budget.name}' compares a ${report.artifact.format} with a baseline that is a ${snapshot.format}`,
      { where: [snapshot.path], advice: 'give a baseline of the same format, or record it again' },
    );
  }
  const value = valueThen(budget, baseline);
  if (value === null && isJudged) {
    throw usage('BASELINE_WITHOUT', `the baseline does not tell what the budget '${budget.name}' measures`, {
      where: [snapshot.path],
      advice: 'record it again with --update-baseline',
    });
  }
  return value;
}

function valueThen(budget: Budget, { snapshot, measurable }: BaselineInput): number | null {
  if (measurable !== null) return measuredThen(budget, measurable);
  const recorded = snapshot.budgets.get(describe(budget));
  if (recorded !== undefined) return recorded;
  switch (budget.measure) {
    case 'file-size':
      return snapshot.fileSize;
    case 'virtual-size':
      return snapshot.virtualSize;
    case 'allocated':
      return snapshot.allocated;
    case 'stale':
      return snapshot.stale;
    case 'reclaimable':
      return snapshot.reclaimable;
    case 'files':
      return budget.match === null ? snapshot.files : null;
    case 'package':
      return sumMatching(budget, snapshot.packages.items);
    case 'kind':
      return snapshot.kinds.floor > 0 ? null : sumMatching(budget, snapshot.kinds.items);
    case 'filesystem':
      return budget.of === 'used' ? sumMatching(budget, snapshot.filesystems.items) : null;
    default:
      return null;
  }
}

/** As it is measured now; what was not there then is 0. */
function measuredThen(budget: Budget, measurable: MeasureInput): number | null {
  try {
    return measureBudget({ ...budget, allowEmpty: true }, measurable).value;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'IMGOPT_BUDGET_UNMEASURED') return null;
    throw error;
  }
}

function sumMatching(budget: Budget, items: readonly SizedItem[]): number | null {
  const accepts = compilePattern(budget.match ?? '*', 'name');
  let total = 0;
  for (const { name, size } of items) {
    if (!accepts(name)) continue;
    if (size === null) return null;
    total += size;
  }
  return total;
}

/** What a recorded baseline keeps of the budgets: by what they measure, so that a new name changes nothing. */
export function recordedBudgets(result: CheckResult, budgets: readonly Budget[]): Map<string, number> {
  const values = new Map(result.budgets.map((one) => [one.name, one.value]));
  return new Map(budgets.map((budget) => [describe(budget), values.get(budget.name)!]));
}

/* ---------- blame ---------- */

function blameFor(
  budget: Budget,
  measurement: Measurement,
  report: Report,
  changes: Comparison | null,
): Blame {
  const since = changes === null ? null : blameSince(budget, changes);
  const isTold = since !== null && since.packages.length + since.directories.length + since.files.length > 0;
  return isTold ? since : blameBySize(budget, measurement, report);
}

/** What grew of what the budget is about; null for what a comparison does not tell apart. */
function blameSince({ measure, match }: Budget, changes: Comparison): Blame | null {
  if (measure === 'kind' || measure === 'reclaimable' || measure === 'hygiene') return null;
  if (measure === 'package') {
    const accepts = compilePattern(match ?? '*', 'name');
    const packages = changes.packages.filter(
      (one) => accepts(one.name) || accepts(`${one.manager}:${one.name}`),
    );
    return { since: 'baseline', packages: grown(packages), directories: [], files: [] };
  }
  const isWhole = match === null || measure === 'filesystem';
  const accepts = isWhole ? () => true : compilePattern(match, 'path');
  return {
    since: 'baseline',
    packages: isWhole ? grown(changes.packages) : [],
    directories: grown(changes.directories.filter((one) => accepts(one.name))),
    files: grown(changes.files.filter((one) => accepts(one.name))),
  };
}

/** Without a baseline: the largest of what it is the sum of. */
function blameBySize({ measure }: Budget, { parts }: Measurement, report: Report): Blame {
  const isOf = (kind: 'packages' | 'directories' | 'files'): boolean =>
    kind ===
    (measure === 'package'
      ? 'packages'
      : measure === 'path' || measure === 'files'
        ? 'files'
        : 'directories');
  const listed = largest(parts);
  if (parts.length > 0) {
    return {
      since: null,
      packages: isOf('packages') ? listed : [],
      directories: isOf('directories') ? listed : [],
      files: isOf('files') ? listed : [],
    };
  }
  return {
    since: null,
    packages: largest(
      report.packages.map((one) => ({ name: one.name, size: one.allocated ?? one.installedSize })),
    ),
    directories: [],
    files: largest(report.files.map((one) => ({ name: one.path, size: one.allocated }))),
  };
}

function largest(items: readonly SizedItem[]): BlamedThing[] {
  return [...items]
    .sort((a, b) => (b.size ?? 0) - (a.size ?? 0))
    .slice(0, MAX_BLAMED)
    .map(({ name, size }) => ({ name, bytes: size, atLeast: false, note: '' }));
}

/** What grew most, without what grew next to nothing beside it. */
function grown(changes: readonly (Change | PackageChange)[]): BlamedThing[] {
  const most = changes.find((one) => (one.delta ?? 0) > 0)?.delta ?? 0;
  return changes
    .filter((one) => one.delta !== null && one.delta > 0 && one.delta >= most * LEAST_BLAME)
    .slice(0, MAX_BLAMED)
    .map((one) => ({ name: one.name, bytes: one.delta, atLeast: one.atLeast, note: noteOn(one) }));
}

/** `added`, `grown`, `upgraded from 1.0`. */
export function noteOn(change: Change | PackageChange): string {
  const { status, oldName } = change;
  if (status === 'renamed') return `was ${oldName}`;
  if (status !== 'upgraded' || !('oldVersion' in change)) return status;
  const from = oldName === null ? change.oldVersion : `${oldName} ${change.oldVersion ?? ''}`.trim();
  return `upgraded from ${from ?? '?'}`;
}

/* ---------- notes ---------- */

function notesOn({ baseline, isRecording }: CheckInput, budgets: readonly BudgetResult[]): string[] {
  if (baseline === null || isRecording) return [];
  const shrunk = budgets.some(
    (one) => one.growth !== null && one.baseline !== null && one.value < one.baseline,
  );
  const broken = budgets.some((one) => one.limitKind === 'growth' && one.status === 'fail');
  const notes: string[] = [];
  if (broken) notes.push('if this growth is wanted, record it with --update-baseline and commit the file');
  else if (shrunk)
    notes.push('smaller than the baseline: record it with --update-baseline, so that it stays small');
  return notes;
}
