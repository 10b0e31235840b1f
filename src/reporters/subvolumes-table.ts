/** The table's section on subvolumes. */
import type { MeasuredReport } from '../core/contracts/report.ts';
import { formatSize } from '../core/size.ts';
import { snapshotSum, subvolumeNotes, subvolumeRows } from '../core/subvolume-list.ts';
import { escapeName } from '../core/text.ts';
import { count, type Page, shown, title } from './page.ts';
import { type Column, renderTable } from './text-table.ts';

/** Empty where there are no subvolumes. */
export function subvolumesTable(page: Page<MeasuredReport>): string {
  const { report, width, style, top } = page;
  const all = subvolumeRows(report);
  if (all.length === 0) return '';
  const columns: Column[] = [
    { title: 'alone', align: 'right' },
    { title: 'refers to', align: 'right' },
    { title: 'id', align: 'right', leaves: 5 },
    { title: 'mounted on', shrinksTo: 12 },
    { title: 'what it is', leaves: 6 },
    { title: 'subvolume', shrinksTo: 24 },
  ];
  const rows = shown(all, top).map(({ one }) => [
    formatSize(one.exclusive),
    formatSize(one.referenced),
    String(one.id),
    one.mountPoint === null ? '' : escapeName(one.mountPoint),
    subvolumeNotes(one),
    escapeName(one.path),
  ]);
  const snapshots = snapshotSum(report);
  const sum = snapshots > 0 ? `snapshots alone hold ${formatSize(snapshots)}` : `${count(all.length)} in all`;
  return `${title(page, 'Subvolumes and snapshots', `${sum}; what is alone goes with the subvolume`)}${renderTable(columns, rows, width, style)}\n`;
}
