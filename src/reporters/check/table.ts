/** The result of a check for people at a terminal: the verdict, each budget in a line, and what to do about it. */
import { basename } from 'node:path';
import type { BudgetResult, CheckResult } from '../../budgets/check.ts';
import { escapeName } from '../../core/text.ts';
import { type Column, renderTable, type Style, styleFor, wrap } from '../text-table.ts';
import {
  type BlameLine,
  blameLines,
  blameTitle,
  formatValue,
  headlineOf,
  measuredOf,
  verdictOf,
} from './words.ts';

const MAX_WIDTH = 180;
const MIN_WIDTH = 40;

const WORDS: Record<BudgetResult['status'], string> = { pass: 'ok', warn: 'WARN', fail: 'FAIL' };

export function* renderCheck(
  result: CheckResult,
  { columns, color }: { readonly columns: number; readonly color: boolean },
): Generator<string> {
  const width = Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, columns));
  const style = styleFor(color);
  const name = escapeName(basename(result.artifact.path));
  const paint = result.verdict === 'pass' ? style.bold : result.verdict === 'warn' ? style.yellow : style.red;
  yield `${wrap(`${name}: ${headlineOf(result)}`, width).replace(name, paint(name))}\n`;
  if (result.budgets.length > 0) yield `\n${budgetTable(result, width, style)}\n`;
  for (const one of result.budgets) {
    if (one.status !== 'pass') yield `\n${story(one, result, width, style)}`;
  }
  const notes = result.notes.map((text) => `${wrap(text, width)}\n`);
  if (notes.length > 0) yield `\n${notes.join('')}`;
  const errors = result.diagnostics.filter((one) => one.severity === 'error');
  if (errors.length > 0) yield '\n';
  for (const { code, message, where } of errors) {
    const place = where === '' ? '' : `${escapeName(where)}: `;
    yield `${wrap(`error ${code}: ${place}${escapeName(message)}`, width).replace('error', style.red('error'))}\n`;
  }
}

function budgetTable({ budgets, baseline }: CheckResult, width: number, style: Style): string {
  const columns: Column[] = [
    { title: '' },
    { title: 'budget', shrinksTo: 12 },
    { title: 'measured', align: 'right' },
    { title: 'limit', align: 'right', leaves: 1 },
    { title: 'over', align: 'right', leaves: 2 },
    { title: 'baseline', align: 'right', leaves: 3 },
    { title: 'what', shrinksTo: 16, leaves: 4 },
    { title: 'how', shrinksTo: 12, leaves: 5 },
  ];
  const rows = budgets.map((one) => [
    WORDS[one.status],
    escapeName(one.name),
    measuredOf(one),
    one.limit === null ? '' : formatValue(one, one.limit),
    one.over === 0 ? '' : `+${formatValue(one, one.over)}`,
    baseline === null || one.baseline === null ? '' : formatValue(one, one.baseline),
    one.what === one.name ? '' : escapeName(one.what),
    one.how ?? (one.evidence === 'estimated' ? 'estimated' : ''),
  ]);
  return renderTable(columns, rows, width, style, (cell, column, row) => {
    const { status } = budgets[row]!;
    if (column === '' || column === 'over') {
      return status === 'fail' ? style.red(cell) : status === 'warn' ? style.yellow(cell) : cell;
    }
    return column === 'what' || column === 'how' ? style.dim(cell) : cell;
  });
}

/** A budget that is not kept: by how much, whose fault, what to do. */
function story(one: BudgetResult, result: CheckResult, width: number, style: Style): string {
  const name = escapeName(one.name);
  const where = one.where === one.name ? '' : ` (${escapeName(one.where)})`;
  const lines = [wrap(`${name}: ${verdictOf(one)}${where}`, width).replace(name, style.bold(name))];
  const inner = (text: string): string =>
    wrap(escapeName(text), width - 2)
      .split('\n')
      .map((line) => `  ${line}`)
      .join('\n');
  if (one.message !== null) lines.push(inner(one.message.replace(/\s*\n\s*/g, ' ')));
  const blame = blameLines(one);
  if (blame.length > 0)
    lines.push(style.dim(inner(`${blameTitle(one, result)}:`)), blameTable(blame, width, style));
  return `${lines.join('\n')}\n`;
}

function blameTable(blame: readonly BlameLine[], width: number, style: Style): string {
  const columns: Column[] = [
    { title: 'bytes', align: 'right' },
    { title: 'kind' },
    { title: 'name', shrinksTo: 12 },
    { title: 'how', shrinksTo: 12, leaves: 1 },
  ];
  const rows = blame.map(({ size, kind, name, note }) => [size, kind, escapeName(name), escapeName(note)]);
  const table = renderTable(columns, rows, width - 4, style, (cell, column) =>
    column === 'how' || column === 'kind' ? style.dim(cell) : cell,
  );
  // The rows explain themselves.
  const [, ...body] = table.split('\n');
  return body.map((line) => `    ${line}`).join('\n');
}
