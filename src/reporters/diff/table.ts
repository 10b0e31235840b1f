/** Differences for people at a terminal. */
import type { Change, Comparison, PackageChange } from '../../budgets/compare.ts';
import type { DiffResult } from '../../budgets/diff.ts';
import { formatCount } from '../../core/size.ts';
import { escapeName } from '../../core/text.ts';
import { type Column, renderTable, type Style, styleFor, wrap } from '../text-table.ts';
import {
  deltaOf,
  percent,
  SECTIONS,
  sizeOf,
  TOTAL_NAMES,
  totalDelta,
  totalValue,
  versionsOf,
  whatHappened,
} from './words.ts';

const MAX_WIDTH = 180;
const MIN_WIDTH = 40;

export interface DiffTableOptions {
  readonly columns: number;
  readonly color: boolean;
  /** Longest list; 0 is all. */
  readonly top: number;
}

export function* renderDiff(result: DiffResult, options: DiffTableOptions): Generator<string> {
  const width = Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, options.columns));
  const style = styleFor(options.color);
  yield `${wrap(`${escapeName(result.old.path)} → ${escapeName(result.new.path)}`, width)}\n`;
  if (!result.differs) yield '\nNo differences.\n';
  else yield* changeTables(result, width, options.top, style);
  if (result.notes.length > 0) yield '\n';
  for (const note of result.notes) yield style.dim(`${wrap(note, width)}\n`);
}

function* changeTables(comparison: Comparison, width: number, top: number, style: Style): Generator<string> {
  if (comparison.totals.length > 0) yield `\n${totalsTable(comparison, width, style)}\n`;
  for (const [key, title] of SECTIONS) {
    const list: readonly (Change | PackageChange)[] = comparison[key];
    if (list.length === 0) continue;
    const shown = top === 0 ? list : list.slice(0, top);
    const note =
      shown.length < list.length
        ? `the largest ${formatCount(shown.length)} of ${formatCount(list.length)} changes`
        : `${formatCount(list.length)} ${list.length === 1 ? 'change' : 'changes'}`;
    yield `\n${style.bold(title)}${style.dim(`  ${note}`)}\n${changesTable(key, shown, width, style)}\n`;
  }
}

function totalsTable({ totals }: Comparison, width: number, style: Style): string {
  const columns: Column[] = [
    { title: 'change', align: 'right' },
    { title: '', align: 'right', leaves: 1 },
    { title: 'before', align: 'right' },
    { title: 'after', align: 'right' },
    { title: 'of' },
  ];
  const rows = totals.map((one) => [
    totalDelta(one),
    percent(one.delta, one.before),
    totalValue(one, one.before),
    totalValue(one, one.after),
    TOTAL_NAMES[one.name],
  ]);
  return renderTable(columns, rows, width, style, (cell, column, row) =>
    column === 'change' ? paintDelta(totals[row]!.delta, cell, style) : cell,
  );
}

function changesTable(
  key: keyof Comparison,
  list: readonly (Change | PackageChange)[],
  width: number,
  style: Style,
): string {
  const columns: Column[] = [
    { title: 'change', align: 'right' },
    { title: 'before', align: 'right', leaves: 3 },
    { title: 'after', align: 'right', leaves: 2 },
    { title: 'what' },
    { title: 'name', shrinksTo: 24 },
    { title: 'version', shrinksTo: 16, leaves: 1 },
  ];
  const rows = list.map((one) => [
    deltaOf(one),
    sizeOf(one.before),
    sizeOf(one.after),
    whatHappened(one, key),
    escapeName(one.name),
    escapeName(versionsOf(one)),
  ]);
  return renderTable(columns, rows, width, style, (cell, column, row) => {
    if (column === 'change') return paintDelta(list[row]!.delta, cell, style);
    return column === 'version' || column === 'what' ? style.dim(cell) : cell;
  });
}

function paintDelta(delta: number | null, cell: string, style: Style): string {
  return delta === null || delta === 0 ? cell : delta > 0 ? style.red(cell) : style.cyan(cell);
}
