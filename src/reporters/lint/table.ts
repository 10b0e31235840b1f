/** Findings for people, file by file: where, how serious, what, which rule; then what the artifact says. */
import { formatSize } from '../../core/size.ts';
import { escapeName } from '../../core/text.ts';
import type { CleanupStep, CostLine } from '../../templates/artifact.ts';
import type { LintReport, ReportedFinding } from '../../templates/lint-report.ts';
import { displayWidth, renderTable, type Style, shortenMiddle, styleFor, wrap } from '../text-table.ts';
import { plural, summaryOf } from './words.ts';

export interface LintTableOptions {
  readonly columns: number;
  readonly color: boolean;
  /** Longest list of costs and clean-up steps; 0 is all. */
  readonly top: number;
}

export function* renderLintTable(report: LintReport, options: LintTableOptions): Generator<string> {
  const style = styleFor(options.color);
  for (const [path, findings] of Map.groupBy(report.findings, (one) => one.path)) {
    yield `${style.bold(escapeName(path))}\n`;
    yield* fileLines(findings, options.columns, style);
    yield '\n';
  }
  if (report.artifact !== null) {
    const { costs, cleanup, path } = report.artifact;
    yield* costTable(costs, escapeName(path), options, style);
    yield* cleanupTable(cleanup, options, style);
  }
  const fixable = report.findings.filter((one) => one.fixable).length;
  yield `${summaryOf(report)}${fixable > 0 ? `; --fix can fix ${fixable}` : ''}\n`;
}

function* fileLines(findings: readonly ReportedFinding[], columns: number, style: Style): Generator<string> {
  const places = findings.map((one) => `${one.line}:${one.column}`);
  const width = Math.max(...places.map((one) => one.length));
  const words = { error: 'error  ', warning: 'warning', info: 'note   ' };
  const paint = { error: style.red, warning: style.yellow, info: style.cyan };
  const indent = ' '.repeat(width + 13);
  for (const [index, one] of findings.entries()) {
    const text = wrap(
      escapeName(one.message),
      Math.max(24, columns - indent.length - displayWidth(one.rule) - 2),
      indent,
    );
    yield `  ${style.dim(places[index]!.padStart(width))}  ${paint[one.severity](words[one.severity])}  ${text}  ${style.dim(one.rule)}\n`;
  }
}

function* costTable(
  costs: readonly CostLine[],
  artifact: string,
  { columns, top }: LintTableOptions,
  style: Style,
): Generator<string> {
  if (costs.length === 0) return;
  const shown = top > 0 ? costs.slice(0, top) : costs;
  yield `${style.bold('What the template installs')}${style.dim(`  in ${artifact}`)}\n`;
  yield renderTable(
    [
      { title: 'exclusive', align: 'right' },
      { title: 'own', align: 'right', leaves: 2 },
      { title: 'where', shrinksTo: 18 },
      { title: 'command', shrinksTo: 20 },
      { title: 'brings', shrinksTo: 10, leaves: 1 },
    ],
    shown.map((one) => [
      `${one.dynamic ? '≥ ' : ''}${formatSize(one.exclusive)}`,
      formatSize(one.own),
      escapeName(`${one.path}:${one.line}`),
      escapeName(one.text),
      broughtBy(one),
    ]),
    columns,
    style,
  );
  yield '\n';
  if (shown.length < costs.length) yield style.dim(`and ${costs.length - shown.length} more\n`);
  yield '\n';
}

function broughtBy({ brings, packages }: CostLine): string {
  const missing = packages.filter((one) => one.version === null).map((one) => one.name);
  const parts = [
    brings.length === 0
      ? ''
      : `${plural(brings.length, 'package')}: ${brings
          .slice(0, 3)
          .map((one) => one.name)
          .join(', ')}`,
    missing.length === 0 ? '' : `not in the image: ${missing.slice(0, 3).join(', ')}`,
  ];
  return escapeName(parts.filter((part) => part !== '').join('; '));
}

function* cleanupTable(
  steps: readonly CleanupStep[],
  { columns, top }: LintTableOptions,
  style: Style,
): Generator<string> {
  if (steps.length === 0) return;
  const left = steps.filter((one) => one.outcome === 'residue');
  const clean = steps.length - left.length;
  yield `${style.bold('Clean-up that left something')}${style.dim(`  ${left.length} of ${plural(steps.length, 'step')}; ${clean} did what they say`)}\n`;
  const shown = top > 0 ? left.slice(0, top) : left;
  if (shown.length > 0) {
    yield renderTable(
      [
        { title: 'left', align: 'right' },
        { title: 'where', shrinksTo: 18 },
        { title: 'command', shrinksTo: 20 },
        { title: 'what', shrinksTo: 12 },
      ],
      shown.map((one) => [
        formatSize(one.bytes),
        escapeName(`${one.path}:${one.line}`),
        escapeName(one.text),
        escapeName(shortenMiddle(residueText(one), 60)),
      ]),
      columns,
      style,
    );
    yield '\n';
    if (shown.length < left.length) yield style.dim(`and ${left.length - shown.length} more\n`);
  }
  yield '\n';
}

function residueText({ residue, conditional }: CleanupStep): string {
  const names = residue.slice(0, 3).map((one) => one.name);
  const more = residue.length > names.length ? ` +${residue.length - names.length}` : '';
  return `${names.join(', ')}${more}${conditional ? ' (in a condition)' : ''}`;
}
