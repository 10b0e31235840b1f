/** What the sections of the table share: where they are written to, headings, numbers, the length of lists. */
import type { Books, Report } from '../core/contracts/report.ts';
import type { Style } from './text-table.ts';

export interface Page<Of extends Report = Report> {
  readonly report: Of;
  readonly width: number;
  readonly top: number;
  readonly style: Style;
}

export { formatCount as count } from '../core/size.ts';

export const shown = <T>(list: readonly T[], top: number): readonly T[] =>
  top > 0 ? list.slice(0, top) : list;

/** A heading, with a note beside it where there is room. */
export function title({ style, width }: Page, text: string, note = ''): string {
  const fits = note !== '' && text.length + 2 + note.length <= width;
  return `${style.bold(text)}${fits ? style.dim(`  ${note}`) : ''}\n`;
}

/** What each book counts, in words. */
export const BOOK_WORDS: Record<keyof Books, string> = {
  files: 'content of files',
  metadata: 'structures of filesystems and format',
  stale: 'deleted data in unused blocks',
  unread: 'volumes that were not read',
  other: 'gaps, boot loader, swap, stored zeros',
};
