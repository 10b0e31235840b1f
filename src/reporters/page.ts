/** What the sections of the table share: where they are written to, headings, numbers, the length of lists. */
import type { Report } from '../core/contracts/report.ts';
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
