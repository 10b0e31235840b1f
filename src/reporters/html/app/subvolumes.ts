/** Subvolumes and snapshots: what each holds alone. */
import type { MeasuredReport } from '../../../core/contracts/report.ts';
import {
  type SubvolumeRow,
  snapshotSum,
  subvolumeNotes,
  subvolumeRows,
} from '../../../core/subvolume-list.ts';
import { escapeName } from '../../../core/text.ts';
import { formatCount, formatSize } from './format.ts';
import { section } from './section.ts';
import { type Column, sortableTable } from './table.ts';

export function subvolumesSection(report: MeasuredReport): HTMLElement | null {
  const rows = subvolumeRows(report);
  if (rows.length === 0) return null;
  const columns: Column<SubvolumeRow>[] = [
    {
      title: 'Subvolume',
      value: ({ one }) => one.path,
      cell: ({ one }) => escapeName(one.path === '' ? '/' : one.path),
      isHeading: true,
    },
    {
      title: 'Mounted on',
      value: ({ one }) => one.mountPoint ?? '',
      cell: ({ one }) => escapeName(one.mountPoint ?? '–'),
    },
    {
      title: 'Alone',
      value: ({ one }) => one.exclusive,
      cell: ({ one }) => formatSize(one.exclusive),
      isNumber: true,
    },
    {
      title: 'Refers to',
      value: ({ one }) => one.referenced,
      cell: ({ one }) => formatSize(one.referenced),
      isNumber: true,
    },
    { title: 'What it is', value: ({ one }) => subvolumeNotes(one), cell: ({ one }) => subvolumeNotes(one) },
    {
      title: 'Number',
      value: ({ one }) => one.id,
      cell: ({ one }) => String(one.id),
      isNumber: true,
      isMinor: true,
    },
    {
      title: 'Filesystem',
      value: ({ filesystem }) => filesystem,
      cell: ({ filesystem }) => escapeName(filesystem),
      isMinor: true,
    },
  ];
  const snapshots = snapshotSum(report);
  const sum =
    snapshots > 0 ? `snapshots alone hold ${formatSize(snapshots)}` : `${formatCount(rows.length)} in all`;
  return section(
    'subvolumes',
    'Subvolumes and snapshots',
    `${sum}; what is alone goes with the subvolume`,
    sortableTable({ caption: 'Subvolumes and snapshots', columns, rows, sorted: 2 }),
  );
}
