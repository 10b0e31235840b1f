/** How sizes went from build to build, for people: a line and a sparkline per series. */
import type { HistoryResult, Series } from '../../budgets/history.ts';
import { formatCount, formatSize } from '../../core/size.ts';
import { escapeName } from '../../core/text.ts';
import { percent, signed } from '../diff/words.ts';
import { codeName, markdownTable, plainText } from '../markdown-text.ts';
import { type Column, renderTable, styleFor, wrap } from '../text-table.ts';

const MAX_WIDTH = 180;
const MIN_WIDTH = 40;
const SPARK_WIDTH = 32;
const LEVELS = '▁▂▃▄▅▆▇█';

interface Row {
  readonly name: string;
  readonly spark: string;
  readonly first: string;
  readonly last: string;
  readonly change: string;
  readonly share: string;
  readonly limit: string;
  readonly delta: number;
}

export function* renderTrend(
  result: HistoryResult,
  { columns, color }: { readonly columns: number; readonly color: boolean },
): Generator<string> {
  const width = Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, columns));
  const style = styleFor(color);
  yield `${wrap(escapeName(headline(result)), width)}\n\n`;
  const rows = result.series.map((one) => rowOf(one, SPARK_WIDTH));
  const table: Column[] = [
    { title: 'of', shrinksTo: 16 },
    { title: 'trend', leaves: 1 },
    { title: 'first', align: 'right', leaves: 2 },
    { title: 'last', align: 'right' },
    { title: 'change', align: 'right' },
    { title: '', align: 'right', leaves: 4 },
    { title: 'limit', align: 'right', leaves: 3 },
  ];
  const cells = rows.map((one) => [
    escapeName(one.name),
    one.spark,
    one.first,
    one.last,
    one.change,
    one.share,
    one.limit,
  ]);
  yield `${renderTable(table, cells, width, style, (cell, column, row) => {
    if (column === 'trend') return style.cyan(cell);
    return column === 'change' && rows[row]!.delta > 0 ? style.red(cell) : cell;
  })}\n`;
}

export function* renderTrendMarkdown(result: HistoryResult): Generator<string> {
  yield `${plainText(headline(result))}\n\n`;
  yield markdownTable(
    [
      ['of', 'left'],
      ['trend', 'left'],
      ['first', 'right'],
      ['last', 'right'],
      ['change', 'right'],
      ['', 'right'],
      ['limit', 'right'],
    ],
    result.series.map((series) => {
      const one = rowOf(series, SPARK_WIDTH);
      return [codeName(one.name), one.spark, one.first, one.last, one.change, one.share, one.limit];
    }),
  );
}

/** `12 builds of debian.qcow2, 2026-01-02 to 2026-03-04`. */
export function headline({ builds }: HistoryResult): string {
  const names = [...new Set(builds.map((one) => one.artifact))];
  const day = (time: string): string => time.slice(0, 10);
  const count = `${formatCount(builds.length)} ${builds.length === 1 ? 'build' : 'builds'}`;
  const of = names.length === 1 ? names[0]! : `${names[0]!} and ${names.length - 1} more`;
  return `${count} of ${of}, ${day(builds[0]!.time)} to ${day(builds.at(-1)!.time)}`;
}

function rowOf(series: Series, width: number): Row {
  const format = series.unit === 'bytes' ? formatSize : formatCount;
  const known = series.values.filter((value) => value !== null);
  const first = known[0]!;
  const last = known.at(-1)!;
  const limit = series.limits.findLast((one) => one !== null) ?? null;
  return {
    name: series.name,
    spark: sparkline(series.values, width),
    first: format(first),
    last: format(last),
    change: signed(last - first, format),
    share: percent(last - first, first),
    limit: limit === null ? '' : format(limit),
    delta: last - first,
  };
}

/**
 * A bar per build, from the smallest value to the largest; of too many builds a bar is the largest of several, so
 * that no peak is lost. A build that was not measured is a blank.
 */
export function sparkline(values: readonly (number | null)[], width: number): string {
  const bars = Math.min(values.length, width);
  const grouped = Array.from({ length: bars }, (_, bar) => {
    const from = Math.floor((bar * values.length) / bars);
    const to = Math.floor(((bar + 1) * values.length) / bars);
    const known = values.slice(from, to).filter((value) => value !== null);
    return known.length === 0 ? null : Math.max(...known);
  });
  const known = grouped.filter((value) => value !== null);
  const low = Math.min(...known);
  const high = Math.max(...known);
  return grouped
    .map((value) => {
      if (value === null) return ' ';
      // Without change there is nothing to see: a line in the middle.
      const level = high === low ? 3 : Math.round(((value - low) / (high - low)) * (LEVELS.length - 1));
      return LEVELS[level]!;
    })
    .join('');
}
