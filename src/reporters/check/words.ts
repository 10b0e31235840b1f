/** Sentences about the result of a check, the same in every output. */
import type { BlamedThing, BudgetResult, CheckResult } from '../../budgets/check.ts';
import { formatCount, formatSize } from '../../core/size.ts';

export const DETERMINISTIC = 'deterministic: retrying will not help';

/** A value of the budget's unit. */
export function formatValue({ unit }: Pick<BudgetResult, 'unit'>, value: number): string {
  return unit === 'bytes' ? formatSize(value) : formatCount(value);
}

/** What was measured, with what is not certain about it: `≈ 1.2 GiB ± 3.0 MiB`. */
export function measuredOf(result: BudgetResult): string {
  const { evidence, error, value } = result;
  const text = formatValue(result, value);
  if (evidence === 'measured') return text;
  return `≈ ${text}${error > 0 ? ` ± ${formatValue(result, error)}` : ''}`;
}

/**
 * Two sizes that print alike are told apart by their bytes: 2.0 GiB is over 2.0 GiB by a byte.
 */
function exact(result: BudgetResult, value: number, other: number): string {
  const text = formatValue(result, value);
  return result.unit === 'bytes' && value !== other && text === formatValue(result, other)
    ? `${formatCount(value)} bytes`
    : text;
}

/** `is 200 MiB over its limit of 1.2 GiB`, or that it is within. */
export function verdictOf(result: BudgetResult): string {
  const { limit, limitKind, over, value, growth, status } = result;
  if (limit === null) return 'recorded';
  const size = exact(result, value, limit);
  const bound = exact(result, limit, value);
  if (status === 'pass') return `${size}, within ${bound}`;
  const which =
    limitKind === 'growth'
      ? `its limit of growth (${growth!.text} over ${formatValue(result, result.baseline!)} is ${bound})`
      : limitKind === 'warn'
        ? `its warning level of ${bound}`
        : `its limit of ${bound}`;
  return `${size} is ${formatValue(result, over)} over ${which}`;
}

/** How the run went, in a few words. */
export function headlineOf({ verdict, budgets }: CheckResult): string {
  const failed = budgets.filter((one) => one.status === 'fail').length;
  const warned = budgets.filter((one) => one.status === 'warn').length;
  const all = `${formatCount(budgets.length)} ${budgets.length === 1 ? 'budget' : 'budgets'}`;
  switch (verdict) {
    case 'damaged':
      return 'damaged: not all of it could be read, so no budget passes';
    case 'fail':
      return `over budget: ${failed} of ${all} failed; ${DETERMINISTIC}`;
    case 'warn':
      return `within budget, with ${warned === 1 ? 'a warning' : `${warned} warnings`} of ${all}`;
    default:
      return budgets.length === 0 ? 'no budgets to hold it against' : `within budget: ${all}`;
  }
}

export interface BlameLine extends BlamedThing {
  readonly kind: 'package' | 'directory' | 'file' | 'finding';
  /** `+120 MiB`, `≥ +12 MiB`, or a size. */
  readonly size: string;
}

/** The blamed things of a budget, packages first. */
export function blameLines(result: BudgetResult): BlameLine[] {
  const { since, packages, directories, files } = result.blame;
  const line =
    (kind: BlameLine['kind']) =>
    (one: BlamedThing): BlameLine => ({
      ...one,
      kind,
      size:
        one.bytes === null
          ? ''
          : `${one.atLeast ? '≥ ' : ''}${since === 'baseline' ? '+' : ''}${formatSize(one.bytes)}`,
    });
  const isTree = since === 'baseline' || result.measure === 'filesystem';
  return [
    ...packages.map(line('package')),
    ...directories.map(line(isTree ? 'directory' : 'finding')),
    ...files.map(line('file')),
  ];
}

/** What stands above the blamed things. */
export function blameTitle(result: BudgetResult, check: CheckResult): string {
  return result.blame.since === 'baseline' ? `grew most since ${check.baseline!.path}` : 'the largest in it';
}
