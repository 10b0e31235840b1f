/**
 * The result of a check as a comment on a pull request or a step summary. What is green stays folded; on growth or
 * failure it is open. The first line alone says the verdict.
 */
import { basename } from 'node:path';
import type { BudgetResult, CheckResult } from '../../budgets/check.ts';
import { changeTables } from '../diff/markdown.ts';
import { codeName, details, linkedText, markdownTable, plainText } from '../markdown-text.ts';
import { blameLines, blameTitle, formatValue, headlineOf, measuredOf, verdictOf } from './words.ts';

/** By which a bot finds the comment that it is to replace. */
const MARK = '<!-- imgopt check -->';
const TOP = 20;

const SIGNS: Record<BudgetResult['status'], string> = { pass: '✅', warn: '⚠️', fail: '❌' };
const VERDICTS: Record<CheckResult['verdict'], string> = { ...SIGNS, damaged: '💥' };

export function* renderCheckMarkdown(result: CheckResult): Generator<string> {
  const name = basename(result.artifact.path);
  yield `${MARK}\n### ${VERDICTS[result.verdict]} ${codeName(name)} is ${plainText(headlineOf(result))}\n\n`;
  const broken = result.budgets.filter((one) => one.status !== 'pass');
  for (const one of broken) yield `${story(one, result)}\n`;
  for (const one of result.notes) yield `> ${plainText(one)}\n\n`;
  for (const { code, message, where } of result.diagnostics) {
    if (result.verdict === 'damaged')
      yield `- ${code}: ${where === '' ? '' : `${codeName(where)}: `}${plainText(message)}\n`;
  }
  const grew = (result.changes?.totals ?? []).some(
    ({ name: total, delta }) => total === 'content' && (delta ?? 0) > 0,
  );
  if (result.budgets.length > 0) {
    const kept = result.budgets.length - broken.length;
    yield `\n${details(`Budgets: ${kept} of ${result.budgets.length} kept`, budgetTable(result), broken.length > 0)}`;
  }
  if (result.changes !== null) {
    const tables = changeTables(result.changes, TOP);
    const summary = `Changes since ${plainText(result.baseline!.path)}`;
    yield `\n${details(summary, tables === '' ? 'None.' : tables, tables !== '' && (grew || broken.length > 0))}`;
  }
}

function story(one: BudgetResult, result: CheckResult): string {
  const lines = [`**${plainText(one.name)}**: ${plainText(verdictOf(one))}`];
  if (one.message !== null) lines.push(`> ${linkedText(one.message)}`);
  const blame = blameLines(one);
  if (blame.length > 0) {
    const list = blame.map(
      ({ size, kind, name, note }) =>
        `- ${size === '' ? '' : `${size} `}${kind} ${codeName(name)}${note === '' ? '' : ` (${plainText(note)})`}`,
    );
    lines.push(
      `In it ${plainText(blameTitle(one, result))}:`
        .replace('In it grew', 'Grew')
        .replace('In it the', 'The'),
    );
    lines.push(list.join('\n'));
  }
  return `${lines.join('\n\n')}\n`;
}

function budgetTable({ budgets, baseline }: CheckResult): string {
  const columns = [
    ['', 'left'],
    ['budget', 'left'],
    ['measured', 'right'],
    ['limit', 'right'],
    ['over', 'right'],
    ...(baseline === null ? [] : ([['baseline', 'right']] as const)),
    ['how', 'left'],
  ] as const;
  return markdownTable(
    columns,
    budgets.map((one) => [
      SIGNS[one.status],
      plainText(one.name === one.what ? one.name : `${one.name} (${one.what})`),
      measuredOf(one),
      one.limit === null ? '' : formatValue(one, one.limit),
      one.over === 0 ? '' : `+${formatValue(one, one.over)}`,
      ...(baseline === null ? [] : [one.baseline === null ? '' : formatValue(one, one.baseline)]),
      plainText(one.how ?? one.evidence),
    ]),
  );
}
