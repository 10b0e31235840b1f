/**
 * A check from what is open to its result, free of files' names, flags and printing: what `imgopt check` and
 * `imgopt packer post-process` both run.
 *
 *     const wanted = needsOf(budgets);                       // open the artifact with --deep, --profile publish so
 *     const subject = await openSubject(path, context, { top: 0, deep: wanted.deep, publish: wanted.publish, … });
 *     const chosen = chooseBudgets(config, { name, format: subject.report.artifact.format, build });
 *     const result = await runCheck({ path, ...subject }, chosen.budgets, { baseline, isRecording: false }, context);
 *     // result.verdict: pass and warn are exit code 0, fail is 1, damaged is 3
 *
 * The report must be complete (`top` 0): a short list is nothing to hold a budget against.
 */
import type { Context } from '../core/contracts/context.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type { Report } from '../core/contracts/report.ts';
import { EXIT } from '../core/errors.ts';
import type { Budget, Codec } from './budget.ts';
import { type BaselineInput, type CheckResult, checkReport } from './check.ts';
import { grownLimit } from './growth.ts';
import { type CompressedSize, type MeasureInput, needsOf } from './measure.ts';
import { type Snapshot, snapshotOf } from './snapshot.ts';

export interface OpenArtifact {
  /** As the user named it. */
  readonly path: string;
  readonly kind: 'image' | 'report' | 'manifest';
  readonly report: Report;
  readonly inspection: Inspection | null;
}

export interface RunOptions {
  /** A recorded baseline as a snapshot, or another artifact, open; null without one. */
  readonly baseline: Snapshot | OpenArtifact | null;
  /** Growth is about to be recorded, not judged. */
  readonly isRecording: boolean;
}

/**
 * Measures and judges.
 * @throws ImgoptError `usage` for budgets that cannot be measured or match nothing, `system` when a file cannot be
 *   read again to compress it
 */
export async function runCheck(
  artifact: OpenArtifact,
  budgets: readonly Budget[],
  { baseline, isRecording }: RunOptions,
  context: Context,
): Promise<CheckResult> {
  const then = baseline === null ? null : await baselineInput(baseline, budgets, context);
  const limits = (codec: Codec): number[] =>
    budgets
      .filter((one) => one.measure === 'compressed' && one.codec === codec)
      .flatMap((one) => {
        const before = then?.measurable?.compressed.get(codec)?.bytes;
        const grown = one.growth === null || before === undefined ? [] : [grownLimit(one.growth, before)];
        return [one.max, one.warn, ...grown].filter((limit): limit is number => limit !== null);
      });
  return checkReport({
    ...(await measurable(artifact, budgets, limits, context)),
    path: artifact.path,
    kind: artifact.kind,
    budgets,
    baseline: then,
    isRecording,
  });
}

async function baselineInput(
  baseline: Snapshot | OpenArtifact,
  budgets: readonly Budget[],
  context: Context,
): Promise<BaselineInput> {
  if (!('report' in baseline)) return { snapshot: baseline, measurable: null };
  return {
    snapshot: snapshotOf(baseline.report, baseline.path, baseline.kind),
    measurable: await measurable(baseline, budgets, () => [], context),
  };
}

async function measurable(
  { report, inspection }: OpenArtifact,
  budgets: readonly Budget[],
  limits: (codec: Codec) => readonly number[],
  context: Context,
): Promise<MeasureInput> {
  const compressed = new Map<Codec, CompressedSize>();
  if (inspection !== null) {
    for (const codec of needsOf(budgets).compressed) {
      const { measureCompressed } = await import('./compressed.ts');
      compressed.set(codec, await measureCompressed(inspection.disk, codec, limits(codec), context));
    }
  }
  return { report, compressed, knowsHygiene: inspection !== null };
}

/** The contract's exit code. */
export function exitCodeOf({ verdict }: CheckResult): number {
  if (verdict === 'damaged') return EXIT.unreadable;
  return verdict === 'fail' ? EXIT.failedCheck : EXIT.done;
}
