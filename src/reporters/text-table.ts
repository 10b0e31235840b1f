/**
 * Tables for a terminal: columns that fit its width, by display width rather than characters.
 *
 * cli-table3 lays cells out; what it does not do is decide. When a table is too wide, its flexible columns
 * shrink first (paths are shortened in the middle, where they repeat each other, sentences at their end), down to
 * their least width; then optional columns leave, least important first.
 */
import Table from 'cli-table3';
import stringWidth from 'string-width';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** May shrink to this width. */
  readonly shrinksTo?: number;
  /** Shortened at its end rather than in its middle: sentences, whose beginning says most. */
  readonly isSentence?: true;
  /** May leave a narrow table: the highest number leaves first. */
  readonly leaves?: number;
}

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

const GAP = '  ';

const sgr =
  (on: number, off: number) =>
  (text: string): string =>
    text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`;
const plain = (text: string): string => text;

/** Colours, or none. */
export function styleFor(color: boolean): Style {
  if (!color) return { bold: plain, dim: plain, red: plain, yellow: plain, cyan: plain };
  return { bold: sgr(1, 22), dim: sgr(2, 22), red: sgr(31, 39), yellow: sgr(33, 39), cyan: sgr(36, 39) };
}

const PRINTABLE_ASCII = /^[ -~]*$/;

/** Terminal cells that the text takes. */
export function displayWidth(text: string): number {
  return PRINTABLE_ASCII.test(text) ? text.length : stringWidth(text);
}

let segmenter: Intl.Segmenter | undefined;

/** The text in at most `width` cells: its middle gives way to `…`, the end keeps more than the beginning. */
export function shortenMiddle(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (width <= 1) return width <= 0 ? '' : '…';
  const headRoom = Math.floor((width - 1) * 0.4);
  const tailRoom = width - 1 - headRoom;
  if (PRINTABLE_ASCII.test(text)) return `${text.slice(0, headRoom)}…${text.slice(text.length - tailRoom)}`;
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  const parts = [...segmenter.segment(text)].map((part) => part.segment);
  const take = (from: readonly string[], room: number): string[] => {
    const taken: string[] = [];
    let used = 0;
    for (const part of from) {
      used += displayWidth(part);
      if (used > room) break;
      taken.push(part);
    }
    return taken;
  };
  return `${take(parts, headRoom).join('')}…${take(parts.reverse(), tailRoom).reverse().join('')}`;
}

/** The text in at most `width` cells, `…` in place of its end. */
export function shortenEnd(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (width <= 1) return width <= 0 ? '' : '…';
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  let kept = '';
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    used += displayWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}

/** Cells that fill `share` (0 to 1) of `width`; a trace still shows as a thin line. */
export function bar(share: number, width: number): string {
  if (!(share > 0)) return '';
  return '█'.repeat(Math.min(width, Math.round(share * width))) || '▏';
}

/** A blank, unless it stands between a number and its unit. */
const BREAK = /(?<!≈) (?!(?:[KMGTP]iB|B|%)(?![A-Za-z]))/;

/** Breaks text at blanks so that no line is wider than `width`; continuation lines are indented. */
export function wrap(text: string, width: number, indent = '  '): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(BREAK)) {
    const next = line === '' ? word : `${line} ${word}`;
    if (line.trim() !== '' && displayWidth(next) > width) {
      lines.push(line);
      line = indent + word;
    } else {
      line = next;
    }
  }
  lines.push(line);
  return lines.join('\n');
}

/**
 * A table of at most `width` cells, without a trailing newline.
 * @param rows one string per column, escaped already and without colour
 * @param paint colours a cell after it was laid out
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
  style: Style,
  paint: (cell: string, column: string, row: number) => string = (cell) => cell,
): string {
  const natural = columns.map((column, index) =>
    rows.reduce((most, row) => Math.max(most, displayWidth(row[index]!)), displayWidth(column.title)),
  );
  // A column that says nothing in any row does not take room.
  let kept = columns.map((_, index) => index).filter((index) => rows.some((row) => row[index] !== ''));
  const least = (index: number): number => Math.min(natural[index]!, columns[index]!.shrinksTo ?? Infinity);
  const total = (widths: readonly number[]): number =>
    widths.reduce((sum, one) => sum + one, 0) + GAP.length * Math.max(0, widths.length - 1);
  while (total(kept.map(least)) > width) {
    const leaving = kept
      .filter((index) => columns[index]!.leaves !== undefined)
      .sort((a, b) => columns[b]!.leaves! - columns[a]!.leaves!)[0];
    if (leaving === undefined) break;
    kept = kept.filter((index) => index !== leaving);
  }
  const widths = shareRoom(
    kept.map((index) => natural[index]!),
    kept.map(least),
    width - GAP.length * Math.max(0, kept.length - 1),
  );
  const table = new Table({
    chars: BLANK,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
    colAligns: kept.map((index) => columns[index]!.align ?? 'left'),
  });
  table.push(kept.map((index, at) => style.dim(shortenMiddle(columns[index]!.title, widths[at]!))));
  rows.forEach((row, number) => {
    table.push(
      kept.map((index, at) => {
        const { isSentence, title } = columns[index]!;
        const shorten = isSentence === true ? shortenEnd : shortenMiddle;
        return paint(shorten(row[index]!, widths[at]!), title, number);
      }),
    );
  });
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const BLANK = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: GAP,
};

/** Widths that sum to at most `room`: the widest shrinkable ones give first. */
function shareRoom(natural: readonly number[], least: readonly number[], room: number): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, one) => sum + one, 0) - room;
  while (excess > 0) {
    let widest = -1;
    for (let i = 0; i < widths.length; i++) {
      if (widths[i]! > least[i]! && (widest < 0 || widths[i]! > widths[widest]!)) widest = i;
    }
    if (widest < 0) break;
    widths[widest]!--;
    excess--;
  }
  return widths;
}
