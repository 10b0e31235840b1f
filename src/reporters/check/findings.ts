/** The result of a check as findings and test cases, for what CI systems read. */
import { basename } from 'node:path';
import type { BudgetResult, CheckResult } from '../../budgets/check.ts';
import { type Finding, placeOf, type TestCase } from '../ci/finding.ts';
import { blameLines, blameTitle, DETERMINISTIC, measuredOf, verdictOf } from './words.ts';

/** Budgets that are broken or nearly so, and what could not be read. */
export function findingsOf(result: CheckResult): Finding[] {
  const damaged = result.diagnostics
    .filter((one) => one.severity === 'error')
    .map(
      (one): Finding => ({
        rule: 'damaged',
        description: 'Not all of the artifact could be read: no budget counts.',
        level: 'error',
        title: `${basename(result.artifact.path)} is damaged (${one.code})`,
        message: one.where === '' ? one.message : `${one.where}: ${one.message}`,
        file: result.artifact.path,
        line: null,
        column: null,
        identity: `damaged ${one.code} ${one.where}`,
      }),
    );
  const broken = result.budgets
    .filter((one) => one.status !== 'pass')
    .map((one): Finding => {
      const place = placeOf(one.where);
      return {
        rule: `budget/${one.measure}`,
        description: `A budget on ${one.measure} is not kept.`,
        level: one.status === 'fail' ? 'error' : 'warning',
        title: `${one.name}: ${verdictOf(one)}`,
        message: explain(one, result),
        file: place?.file ?? result.artifact.path,
        line: place?.line ?? null,
        column: place?.column ?? null,
        identity: `budget ${one.name} ${basename(result.artifact.path)}`,
      };
    });
  return [...damaged, ...broken];
}

/** One test case per budget; one more that errs when the artifact is damaged. */
export function testCasesOf(result: CheckResult): TestCase[] {
  const group = `imgopt.check.${basename(result.artifact.path)}`;
  const isDamaged = result.verdict === 'damaged';
  const errors = result.diagnostics.filter((one) => one.severity === 'error');
  const cases = result.budgets.map((one): TestCase => {
    const isFailed = one.status === 'fail';
    return {
      name: one.name,
      group,
      outcome: isFailed ? 'failed' : isDamaged ? 'skipped' : 'passed',
      reason: isFailed ? verdictOf(one) : 'the artifact is damaged',
      text:
        isFailed || one.status === 'warn' ? `${verdictOf(one)}\n${explain(one, result)}` : measuredText(one),
    };
  });
  if (!isDamaged) return cases;
  return [
    {
      name: 'the artifact can be read',
      group,
      outcome: 'error',
      reason: errors[0]?.message ?? 'damaged',
      text: errors.map((one) => `${one.code}: ${one.where}: ${one.message}`).join('\n'),
    },
    ...cases,
  ];
}

function measuredText(one: BudgetResult): string {
  return `${one.what}: ${measuredOf(one)}${one.how === null ? '' : ` (${one.how})`}`;
}

/** What was measured, who is to blame, what to do: lines of plain text. */
export function explain(one: BudgetResult, result: CheckResult): string {
  const lines = [measuredText(one)];
  if (one.baseline !== null) {
    lines[0] += `; in the baseline ${measuredOf({ ...one, value: one.baseline, evidence: 'measured' })}`;
  }
  if (one.message !== null) lines.push(one.message);
  const blame = blameLines(one);
  if (blame.length > 0) lines.push(`${blameTitle(one, result)}:`);
  for (const { size, kind, name, note } of blame) {
    lines.push(
      `  ${[size, kind, name, note === '' ? '' : `(${note})`].filter((part) => part !== '').join(' ')}`,
    );
  }
  if (one.status === 'fail') lines.push(DETERMINISTIC);
  return lines.join('\n');
}
