/** How a lint report reads, for every output alike. */
import type { LintReport, ReportedFinding } from '../../templates/lint-report.ts';

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** `2 errors, 3 warnings, 1 note in 14 files`. */
export function summaryOf({ totals }: LintReport): string {
  const { errors, warnings, infos, files, ignored } = totals;
  const parts = [
    errors > 0 ? plural(errors, 'error') : '',
    warnings > 0 ? plural(warnings, 'warning') : '',
    infos > 0 ? plural(infos, 'note') : '',
  ].filter((part) => part !== '');
  const found = parts.length === 0 ? 'nothing found' : parts.join(', ');
  return `${found} in ${plural(files, 'file')}${ignored > 0 ? `, ${ignored} ignored by comments` : ''}`;
}

export const placeText = ({ path, line, column }: ReportedFinding): string => `${path}:${line}:${column}`;
