/**
 * How sizes went, as a page that is one file: a small plot per series, drawn as SVG without a program in it. Each
 * point says on hovering which build it was; a table below holds the same numbers for those who cannot see a plot.
 */
import type { HistoryResult, Series } from '../../budgets/history.ts';
import { formatCount, formatSize } from '../../core/size.ts';
import { escapeName } from '../../core/text.ts';
import { headline } from './table.ts';

const WIDTH = 720;
const HEIGHT = 180;
const LEFT = 84;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 28;
/** Rows of the table: the last builds. */
const MAX_ROWS = 200;

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #8a94a0; --line: #0a62c9; --limit: #c8321f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --paper: #14171a; --faint: #7d8793; --line: #6cb0ff; --limit: #ff8370; }
}
body { margin: 2rem auto; max-width: 48rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 1.6rem 0 .2rem; }
svg { display: block; width: 100%; height: auto; } svg text { font-size: 11px; fill: var(--faint); }
.line { fill: none; stroke: var(--line); stroke-width: 2; } .point { fill: var(--line); }
.limit { fill: none; stroke: var(--limit); stroke-width: 1.5; stroke-dasharray: 5 4; } .axis { stroke: var(--faint); stroke-width: .5; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: .2rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid color-mix(in srgb, var(--faint) 30%, transparent); }
th:first-child, td:first-child { text-align: left; }
`;

export function* renderTrendHtml(result: HistoryResult): Generator<string> {
  const title = escapeHtml(headline(result));
  yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n';
  yield `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">\n`;
  yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n';
  yield `<title>${title}</title>\n<style>${STYLE}</style>\n</head>\n<body>\n<h1>${title}</h1>\n`;
  for (const series of result.series) yield plot(series, result);
  yield table(result);
  yield '</body>\n</html>\n';
}

function plot(series: Series, { builds }: HistoryResult): string {
  const format = series.unit === 'bytes' ? formatSize : formatCount;
  const known = [...series.values, ...series.limits].filter((value) => value !== null);
  const high = Math.max(...known);
  const low = Math.min(...known);
  // A change of a tenth of a per cent should look like one.
  const room = Math.max((high - low) * 0.1, high * 0.005, 1);
  const top = high + room;
  const bottom = Math.max(0, low - room);
  const count = series.values.length;
  const x = (index: number): number =>
    round(LEFT + (count === 1 ? 0.5 : index / (count - 1)) * (WIDTH - LEFT - RIGHT));
  const y = (value: number): number =>
    round(TOP + ((top - value) / (top - bottom)) * (HEIGHT - TOP - BOTTOM));
  const path = (values: readonly (number | null)[]): string =>
    values
      .map((value, index) => {
        if (value === null) return '';
        const starts = index === 0 || values[index - 1] === null;
        return `${starts ? 'M' : 'L'}${x(index)} ${y(value)}`;
      })
      .join('');
  const points = series.values.map((value, index) => {
    if (value === null) return '';
    const { time, commit } = builds[index]!;
    const label = `${format(value)}, ${time.slice(0, 16).replace('T', ' ')}${commit === null ? '' : `, ${commit.slice(0, 12)}`}`;
    return `<circle class="point" cx="${x(index)}" cy="${y(value)}" r="3"><title>${escapeHtml(label)}</title></circle>`;
  });
  const mark = (value: number): string =>
    `<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/>` +
    `<text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${format(value)}</text>`;
  const marks = high === low ? mark(high) : mark(low) + mark(high);
  const days =
    `<text x="${LEFT}" y="${HEIGHT - 8}">${builds[0]!.time.slice(0, 10)}</text>` +
    `<text x="${WIDTH - RIGHT}" y="${HEIGHT - 8}" text-anchor="end">${builds.at(-1)!.time.slice(0, 10)}</text>`;
  const limits = series.limits.some((one) => one !== null)
    ? `<path class="limit" d="${path(series.limits)}"/>`
    : '';
  const last = series.values.findLast((value) => value !== null)!;
  const name = escapeHtml(series.name);
  return (
    `<h2>${name}: ${format(last)}</h2>\n` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${name} over ${count} builds">` +
    `${marks}${days}${limits}<path class="line" d="${path(series.values)}"/>${points.join('')}</svg>\n`
  );
}

const round = (value: number): number => Math.round(value * 10) / 10;

function table({ builds, series }: HistoryResult): string {
  const from = Math.max(0, builds.length - MAX_ROWS);
  const head = ['build', ...series.map((one) => one.name)].map(
    (name) => `<th scope="col">${escapeHtml(name)}</th>`,
  );
  const rows = builds.slice(from).map((build, offset) => {
    const cells = series.map(({ unit, values }) => {
      const value = values[from + offset] ?? null;
      return `<td>${value === null ? '' : unit === 'bytes' ? formatSize(value) : formatCount(value)}</td>`;
    });
    const commit = build.commit === null ? '' : ` ${build.commit.slice(0, 12)}`;
    const name = `${build.time.slice(0, 16).replace('T', ' ')}${commit}`;
    return `<tr><td>${escapeHtml(name)}</td>${cells.join('')}</tr>\n`;
  });
  const note = from === 0 ? '' : ` (the last ${MAX_ROWS})`;
  return `<h2>Builds${note}</h2>\n<div class="scroll"><table><thead><tr>${head.join('')}</tr></thead>\n<tbody>\n${rows.join('')}</tbody></table></div>\n`;
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return escapeName(text.toWellFormed()).replace(/[&<>"']/g, (one) => ENTITIES[one]!);
}
