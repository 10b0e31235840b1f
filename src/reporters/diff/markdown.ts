/** Differences in Markdown: for a comment, a summary, release notes. */
import type { Change, Comparison, PackageChange, TotalChange } from '../../budgets/compare.ts';
import type { DiffResult } from '../../budgets/diff.ts';
import { formatCount } from '../../core/size.ts';
import { codeName, markdownTable, plainText } from '../markdown-text.ts';
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

export function* renderDiffMarkdown(result: DiffResult, top: number): Generator<string> {
  yield `### ${codeName(result.old.path)} → ${codeName(result.new.path)}\n\n`;
  for (const note of result.notes) yield `> ${plainText(note)}\n\n`;
  const tables = changeTables(result, top);
  yield tables === '' ? 'No differences.\n' : tables;
}

/** Totals, then each list that changed; the empty text when nothing did. */
export function changeTables(comparison: Comparison, top: number): string {
  const totals = comparison.totals.filter((one) => one.delta !== 0);
  const parts = totals.length === 0 ? [] : [totalsTable(totals)];
  for (const [key, title] of SECTIONS) {
    const list: readonly (Change | PackageChange)[] = comparison[key];
    if (list.length === 0) continue;
    const shown = top === 0 ? list : list.slice(0, top);
    const rest = list.length - shown.length;
    const more =
      rest === 0 ? '' : `\n… and ${formatCount(rest)} smaller ${rest === 1 ? 'change' : 'changes'}\n`;
    parts.push(`**${title}**\n\n${changesTable(key, shown)}${more}`);
  }
  return parts.join('\n');
}

function totalsTable(totals: readonly TotalChange[]): string {
  return markdownTable(
    [
      ['', 'left'],
      ['before', 'right'],
      ['after', 'right'],
      ['change', 'right'],
      ['', 'right'],
    ],
    totals.map((one) => [
      TOTAL_NAMES[one.name],
      totalValue(one, one.before),
      totalValue(one, one.after),
      totalDelta(one),
      percent(one.delta, one.before),
    ]),
  );
}

function changesTable(key: keyof Comparison, list: readonly (Change | PackageChange)[]): string {
  const hasNotes = list.some((one) => versionsOf(one) !== '');
  return markdownTable(
    [
      ['change', 'right'],
      ['before', 'right'],
      ['after', 'right'],
      ['', 'left'],
      ['name', 'left'],
      ...(hasNotes ? ([['', 'left']] as const) : []),
    ],
    list.map((one) => [
      deltaOf(one),
      sizeOf(one.before),
      sizeOf(one.after),
      whatHappened(one, key),
      codeName(one.name),
      ...(hasNotes ? [versionsOf(one) === '' ? '' : codeName(versionsOf(one))] : []),
    ]),
  );
}
