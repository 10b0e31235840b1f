/**
 * Names and numbers in GitHub Flavored Markdown, where a name must stay a name: no link, no mention, no markup, no
 * way out of its table cell.
 *
 * A name is a code span, in which nothing is markup. The three characters that mean something even there (a backtick
 * ends the span, a bar ends the cell, a backslash may take the bar's escape away) make it a `<code>` element
 * instead, in which all that is not a letter or digit is a character reference; those never begin markup.
 */
import { escapeName } from '../core/text.ts';

/** GitHub looks for mail addresses once references are resolved; a comment keeps the two halves apart. */
const reference = (character: string): string =>
  character === '@' ? '&#64;<!-- -->' : `&#${character.codePointAt(0)};`;

/** A name from inside of an image. */
export function codeName(name: string): string {
  const text = escapeName(name.toWellFormed());
  if (text.trim() === '') return `<code>${text.replace(/ /g, '&#32;')}</code>`;
  if (!/[`|\\]/.test(text) && !text.startsWith(' ') && !text.endsWith(' ')) return `\`${text}\``;
  return `<code>${text.replace(/[^\p{L}\p{N}]/gu, reference)}</code>`;
}

/** Words in one line, of which nothing is markup or a link. */
export function plainText(text: string): string {
  return linkedText(text)
    .replace(/:(?=\/\/|[\w+-]+:)/g, '&#58;') // addresses, and :emoji:
    .replace(/www\./gi, (start) => `${start.slice(0, 3)}&#46;`);
}

/** Words that somebody of the project wrote, in one line: addresses stay links, everything else is plain. */
export function linkedText(text: string): string {
  return escapeName(
    text
      .trim()
      .toWellFormed()
      .replace(/\s*\n\s*/g, ' '),
  ).replace(/[\\`*_{}[\]<>#+!|~&@$^"']/g, reference);
}

/** A table; cells are Markdown already. */
export function markdownTable(
  columns: readonly (readonly [title: string, align: 'left' | 'right'])[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return [
    line(columns.map(([title]) => title)),
    line(columns.map(([, align]) => (align === 'right' ? '---:' : ':---'))),
    ...rows.map(line),
  ].join('');
}

/** Something that opens: the blank lines let Markdown go on inside of it. */
export function details(summary: string, body: string, isOpen: boolean): string {
  return `<details${isOpen ? ' open' : ''}>\n<summary>${summary}</summary>\n\n${body.trimEnd()}\n\n</details>\n`;
}
