/**
 * What the screen shows, as lines of spans: a pure function of model and state. Names from inside the image are
 * escaped here, and every line is cut to the width of the terminal by the cells that it takes.
 */

import { pathInTree } from '../analyzers/size-tree.ts';
import type { Suggestion } from '../core/contracts/report.ts';
import { formatShare, formatSize } from '../core/size.ts';
import { escapeName } from '../core/text.ts';
import { count } from '../reporters/page.ts';
import { bar, displayWidth, shortenMiddle, wrap } from '../reporters/text-table.ts';
import { KEYS } from './keys.ts';
import { type Model, packageBytes, type Row, type Sort, TABS, type Tab } from './model.ts';
import type { Removal } from './removal.ts';
import { currentRow, listLines, type Marking, markingOf, type State, visibleRows } from './state.ts';

/** Below it nothing can be told. */
export const LEAST_COLUMNS = 40;
export const LEAST_ROWS = 10;

export type Tone =
  | 'plain'
  | 'bold'
  | 'dim'
  | 'accent'
  | 'warning'
  | 'good'
  | 'bad'
  | 'title'
  | 'chosen'
  | 'cursor';

export interface Span {
  readonly text: string;
  readonly tone: Tone;
}
export type Line = readonly Span[];

const span = (text: string, tone: Tone = 'plain'): Span => ({ text, tone });

/** One line less than the terminal has, so that it never scrolls. */
export function screen(model: Model, removal: Removal, state: State): Line[] {
  const { columns, rows } = state;
  if (columns < LEAST_COLUMNS || rows < LEAST_ROWS) {
    return [[span(`The terminal is too small: ${LEAST_COLUMNS}x${LEAST_ROWS} at least.`.slice(0, columns))]];
  }
  const height = listLines(state);
  const body = bodyOf(model, removal, state, height);
  while (body.length < height) body.push([]);
  return [
    titleLine(model, columns),
    tabLine(state, columns),
    placeLine(model, state),
    headingLine(state),
    ...body.slice(0, height),
    statusLine(model, state),
    hintLine(state),
  ].map((line) => cut(line, columns));
}

/** No more cells than there are. */
function cut(line: Line, columns: number): Line {
  const kept: Span[] = [];
  let room = columns;
  for (const { text, tone } of line) {
    if (room <= 0) break;
    const width = displayWidth(text);
    kept.push({ text: width <= room ? text : shortenMiddle(text, room), tone });
    room -= width;
  }
  return kept;
}

/** Left and right, blanks between. */
function spread(left: Line, right: Line, columns: number): Line {
  const widthOf = (line: Line): number => line.reduce((sum, { text }) => sum + displayWidth(text), 0);
  const gap = columns - widthOf(left) - widthOf(right);
  return gap < 1
    ? left
    : [...left, span(' '.repeat(gap), left[0]?.tone === 'title' ? 'title' : 'plain'), ...right];
}

function titleLine({ report }: Model, columns: number): Line {
  const { artifact, os } = report;
  const name = escapeName(artifact.path.slice(artifact.path.lastIndexOf('/') + 1));
  const facts = [artifact.format, os?.prettyName ?? os?.id ?? '']
    .filter((fact) => fact !== '')
    .map(escapeName);
  const size = artifact.allocated === null ? '' : `${formatSize(artifact.allocated)} on disk `;
  const left = ` ${shortenMiddle(name, 40)}  ${facts.join(', ')}`;
  const room = columns - displayWidth(size) - 1;
  return spread([span(shortenMiddle(left, room), 'title')], [span(size, 'title')], columns);
}

const TITLES: Record<Tab, string> = {
  directories: 'Directories',
  packages: 'Packages',
  suggestions: 'Suggestions',
};

function tabLine(state: State, columns: number): Line {
  const tabs = TABS.flatMap((tab, index): Span[] => [
    span(` ${index + 1} ${TITLES[tab]} `, tab === state.tab ? 'chosen' : 'plain'),
    span(' '),
  ]);
  const safety = state.tab === 'suggestions' ? 'safety, ' : '';
  const sort = `by ${safety}${SORT_WORDS[state.sort[state.tab]]}${state.isReversed ? ', reversed' : ''} `;
  return spread(tabs, [span(sort, 'dim')], columns);
}

const SORT_WORDS: Record<Sort, string> = {
  size: 'size',
  name: 'name',
  files: 'count of files',
  apparent: 'apparent size',
};

function placeLine(model: Model, state: State): Line {
  const { columns, tab } = state;
  const { report, tree } = model;
  const filter = state.filter[tab];
  const note = filter === '' ? '' : `  only names with ‘${escapeName(filter)}’`;
  let right = '';
  let left = '';
  if (tab === 'directories') {
    left = escapeName(pathInTree(tree, state.directory));
    const files = tree.files[state.directory]!;
    right = `${formatSize(tree.allocated[state.directory]!)} in ${count(files)} files `;
    if (!tree.isComplete) right = `the largest of ${right}`;
  } else if (tab === 'packages') {
    const sum = report.packages.reduce((total, one) => total + packageBytes(one), 0);
    right = `${formatSize(sum)} in ${count(report.packages.length)} packages `;
  } else {
    const sum = report.suggestions.reduce((total, one) => total + one.reclaimable, 0);
    right = `${formatSize(sum)} in ${count(report.suggestions.length)} suggestions `;
  }
  const room = columns - displayWidth(right) - displayWidth(note) - 2;
  return spread(
    [span(` ${shortenMiddle(left, Math.max(8, room))}`, 'bold'), span(note, 'warning')],
    [span(right, 'dim')],
    columns,
  );
}

const SIZE_WIDTH = 9;
const SHARE_WIDTH = 6;

/** Widths that remain for the bar and the name. */
function widthsOf({ columns, tab }: State): { bar: number; name: number; extra: number } {
  const barWidth = columns >= 100 ? 20 : columns >= 70 ? 10 : 0;
  const extra =
    tab === 'directories' ? 9 : tab === 'packages' ? (columns >= 100 ? 32 : 9) : columns >= 110 ? 26 : 0;
  const fixed = 4 + SIZE_WIDTH + 1 + (tab === 'suggestions' ? 7 : SHARE_WIDTH + 1) + barWidth + 2 + extra + 1;
  return { bar: barWidth, name: Math.max(8, columns - fixed), extra };
}

function headingLine(state: State): Line {
  const { tab } = state;
  const widths = widthsOf(state);
  const second =
    tab === 'suggestions' ? 'safety'.padEnd(7) : 'share'.padStart(SHARE_WIDTH).padEnd(SHARE_WIDTH + 1);
  const name = tab === 'directories' ? 'name' : tab === 'packages' ? 'package' : 'what could be removed';
  const extra =
    tab === 'directories'
      ? 'files'.padStart(9)
      : tab === 'packages'
        ? widths.extra > 9
          ? ` ${'version'.padEnd(22)}${'files'.padStart(9)}`
          : 'files'.padStart(9)
        : widths.extra > 0
          ? ' rule'
          : '';
  const size =
    tab === 'directories' && state.sort.directories === 'apparent'
      ? 'apparent'
      : tab === 'suggestions'
        ? 'frees'
        : 'size';
  const text = `    ${size.padStart(SIZE_WIDTH)} ${second}${' '.repeat(widths.bar)}  ${name.padEnd(widths.name)}${extra}`;
  return [span(text, 'dim')];
}

function bodyOf(model: Model, removal: Removal, state: State, height: number): Line[] {
  if (state.overlay.kind === 'help') return helpLines(state);
  if (state.overlay.kind === 'details') {
    const lines = detailLines(model, removal, state);
    return lines.slice(Math.min(state.overlay.top, Math.max(0, lines.length - height)));
  }
  const rows = visibleRows(model, state);
  if (rows.length === 0) {
    const why =
      state.filter[state.tab] !== ''
        ? 'No name has this text.'
        : state.tab === 'directories'
          ? 'There are no files to show.'
          : `There are no ${state.tab}.`;
    return [[], [span(`    ${why}`, 'dim')]];
  }
  const { cursor, top } = state.places[state.tab];
  const apparent = state.sort[state.tab] === 'apparent';
  const bytesOf = (row: Row): number => (apparent ? row.apparent : row.bytes);
  const whole = apparent ? model.tree.size[state.directory]! : wholeOf(model, state);
  const largest = rows.reduce((most, row) => Math.max(most, bytesOf(row)), 0);
  return rows
    .slice(top, top + height)
    .map((row, index) => rowLine(model, state, row, bytesOf(row), whole, largest, top + index === cursor));
}

function wholeOf({ report, tree }: Model, { tab, directory }: State): number {
  if (tab === 'directories') return tree.allocated[directory]!;
  const known = tab === 'packages' ? report.totals.allocated : report.totals.reclaimable;
  return known ?? report.packages.reduce((sum, one) => sum + packageBytes(one), 0);
}

const MARKS: Record<Marking, string> = { marked: '×', inside: '·', holds: '-', none: ' ' };
const SAFETY_TONE: Record<Suggestion['safety'], Tone> = { safe: 'good', review: 'warning', risky: 'bad' };

function rowLine(
  model: Model,
  state: State,
  row: Row,
  bytes: number,
  whole: number,
  largest: number,
  isCurrent: boolean,
): Line {
  const widths = widthsOf(state);
  const marking = markingOf(model, state, row.key);
  const tone = (usual: Tone): Tone =>
    isCurrent ? 'cursor' : marking === 'marked' || marking === 'inside' ? 'bad' : usual;
  const isSuggestion = state.tab === 'suggestions';
  const safety = isSuggestion ? model.report.suggestions[row.key]!.safety : 'safe';
  const second = isSuggestion
    ? span(safety.padEnd(7), tone(SAFETY_TONE[safety]))
    : span(`${formatShare(bytes, whole).padStart(SHARE_WIDTH)} `, tone('dim'));
  const name = shortenMiddle(
    `${escapeName(row.name)}${row.isDirectory && !row.name.endsWith('/') ? '/' : ''}`,
    widths.name,
  );
  const padding = ' '.repeat(Math.max(0, widths.name - displayWidth(name)));
  return [
    span(`${isCurrent ? '>' : ' '}${MARKS[marking]}  `, tone('plain')),
    span(`${formatSize(bytes).padStart(SIZE_WIDTH)} `, tone('plain')),
    second,
    span(bar(largest > 0 ? bytes / largest : 0, widths.bar).padEnd(widths.bar), tone('accent')),
    span(`  ${name}${padding}`, tone(row.isDirectory ? 'bold' : 'plain')),
    span(extraOf(model, state, row, widths.extra), tone('dim')),
  ];
}

function extraOf({ report }: Model, { tab }: State, row: Row, width: number): string {
  const files = (row.files === null ? '' : count(row.files)).padStart(9);
  if (tab === 'directories') return files;
  if (tab === 'suggestions')
    return width > 0 ? ` ${shortenMiddle(report.suggestions[row.key]!.rule, width - 1)}`.padEnd(width) : '';
  if (width <= 9) return files;
  return ` ${shortenMiddle(escapeName(report.packages[row.key]!.version), 21).padEnd(22)}${files}`;
}

/** What is marked and what would be left; or what there is to say; or what is being typed. */
function statusLine(model: Model, state: State): Line {
  const { overlay, marks, prediction, message, columns } = state;
  if (overlay.kind === 'write') {
    return [
      span(` Write ${overlay.script} script to: `, 'bold'),
      span(`${escapeName(overlay.path)}▏`, 'accent'),
    ];
  }
  if (overlay.kind === 'filter') {
    return [span(' Only names with: ', 'bold'), span(`${escapeName(state.filter[state.tab])}▏`, 'accent')];
  }
  if (message !== '') return [span(` ${escapeName(message)}`, 'warning')];
  const marked = TABS.reduce((sum, tab) => sum + marks[tab].size, 0);
  if (marked === 0) return [span(' Nothing is marked.', 'dim')];
  if (prediction === undefined) return [span(` ${count(marked)} marked …`, 'bold')];
  const { content, artifact, isUpperBound } = prediction;
  const going = content + artifact;
  const parts: Span[] = [
    span(` ${count(marked)} marked: `, 'bold'),
    span(`${isUpperBound ? 'at most ' : ''}${formatSize(going)} go`, 'bad'),
  ];
  const after = afterwards(model, content, artifact);
  const least = isUpperBound ? '≥ ' : '';
  if (after.content !== null) {
    parts.push(span(`, files ${formatSize(after.contentBefore)} → ${least}${formatSize(after.content)}`));
  }
  if (after.artifact !== null && columns >= 100) {
    parts.push(span(`, image ${formatSize(after.artifactBefore)} → ≈ ${formatSize(after.artifact)}`));
  }
  return parts;
}

interface Afterwards {
  readonly contentBefore: number;
  readonly content: number | null;
  readonly artifactBefore: number;
  readonly artifact: number | null;
}

/**
 * Sizes when it is gone. In the image files take as many bytes as they are stored in, which compression makes fewer;
 * what goes is taken to be compressed as the rest is.
 */
export function afterwards({ report, tree }: Model, content: number, artifact: number): Afterwards {
  const whole = tree.allocated[0]!;
  const before = report.artifact.allocated;
  const stored = report.books.files.bytes;
  const rate = stored === null || whole === 0 ? 0 : Math.min(1, stored / whole);
  return {
    contentBefore: whole,
    content: whole === 0 ? null : Math.max(0, whole - content),
    artifactBefore: before ?? 0,
    artifact: before === null ? null : Math.max(0, before - artifact - content * rate),
  };
}

function hintLine({ overlay, columns }: State): Line {
  const hints: Record<State['overlay']['kind'], string> = {
    none:
      columns >= 100
        ? ' ↑↓ move  → open  ← up  Tab lists  Space mark  p predict  w script  s n c a sort  / filter  ? help  q quit'
        : ' → open  ← up  Tab lists  Space mark  w script  s sort  / filter  ? help  q quit',
    help: ' Any key closes the help',
    details: ' ↑↓ scroll  Space mark  Esc back',
    filter: ' Enter keeps it  Esc shows all',
    write: ' Enter writes  Tab shell, Packer, Ansible  Esc back',
  };
  return [span(hints[overlay.kind], 'dim')];
}

function helpLines({ columns }: State): Line[] {
  const width = 14;
  return [
    [span('  Keys', 'bold')],
    ...KEYS.flatMap(([keys, what]): Line[] =>
      wrap(what, columns - width - 3, '')
        .split('\n')
        .map((part, index) => [span(`  ${(index === 0 ? keys : '').padEnd(width)}`, 'accent'), span(part)]),
    ),
    [],
    ...wrap(
      '× is marked, · lies in something marked, - holds something marked. A package takes along what requires it; no byte counts twice.',
      columns - 4,
      '',
    )
      .split('\n')
      .map((part): Line => [span(`  ${part}`, 'dim')]),
  ];
}

function detailLines(model: Model, removal: Removal, state: State): Line[] {
  const row = currentRow(model, state);
  if (row === undefined) return [];
  const { columns } = state;
  const field = (name: string, text: string): Line[] =>
    text === ''
      ? []
      : wrap(text, Math.max(20, columns - 18), '')
          .split('\n')
          .map((part, index) => [span(`  ${(index === 0 ? name : '').padEnd(14)}`, 'dim'), span(part)]);
  const names = (list: readonly string[]): string => list.map(escapeName).join(', ');
  const { report, tree } = model;
  if (state.tab === 'directories') {
    const fields: Line[][] = [
      field('path', escapeName(pathInTree(tree, row.key))),
      field('allocated', `${formatSize(row.bytes)} (${count(row.bytes)} bytes)`),
      field('apparent size', `${formatSize(row.apparent)} (${count(row.apparent)} bytes)`),
      field('files', row.files === null ? '' : count(row.files)),
    ];
    const refusal = removal.refusal('directories', row.key);
    return [[], ...fields.flat(), ...field('removal', refusal === null ? 'can be marked' : refusal)];
  }
  if (state.tab === 'packages') {
    const one = report.packages[row.key]!;
    const along = removal.alongWith(row.key).map((index) => report.packages[index]!);
    const alongBytes = along.reduce((sum, each) => sum + packageBytes(each), 0);
    const refusal = removal.refusal('packages', row.key);
    return [
      [],
      ...field('package', `${escapeName(one.name)} ${escapeName(one.version)}`),
      ...field('manager', [one.manager, one.architecture ?? ''].filter((part) => part !== '').join(', ')),
      ...field('allocated', one.allocated === null ? 'not measured' : formatSize(one.allocated)),
      ...field('declared', one.installedSize === null ? '' : formatSize(one.installedSize)),
      ...field(
        'installed',
        one.automatic === null
          ? ''
          : one.automatic
            ? 'automatically, for something that needs it'
            : 'by request',
      ),
      ...field('needed by', names(one.requiredBy)),
      ...(refusal === null
        ? field(
            'goes with it',
            along.length === 0
              ? 'nothing'
              : `${names(along.map(({ name }) => name))} (${formatSize(alongBytes)})`,
          )
        : field('removal', refusal)),
    ];
  }
  const one = report.suggestions[row.key]!;
  return [
    [],
    ...field('what', escapeName(one.title)),
    ...field('rule', one.rule),
    ...field('safety', one.safety),
    ...field('frees', formatSize(one.reclaimable)),
    ...field('why', escapeName(one.reason)),
    ...field('packages', names(one.packages)),
    ...field('paths', names(one.paths)),
    ...one.commands.flatMap((command, index) => field(index === 0 ? 'commands' : '', escapeName(command))),
  ];
}
