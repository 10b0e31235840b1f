/** Sums over all filesystems, each file once. */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { MeasuredReport, Suggestion } from '../core/contracts/report.ts';
import { FILE_TYPE } from '../core/file-table.ts';
import { ownershipOf } from './ownership.ts';

export function analyzeTotals(
  inspection: Inspection,
  suggestions: readonly Suggestion[],
): MeasuredReport['totals'] {
  const { table } = inspection;
  const { owner } = ownershipOf(inspection);
  let files = 0;
  let directories = 0;
  let symlinks = 0;
  let size = 0;
  let packaged = 0;
  let unpackaged = 0;
  for (let entry = 0; entry < table.count; entry++) {
    if (!table.isCounted(entry)) continue;
    const type = table.type[entry];
    if (type === FILE_TYPE.directory) {
      directories++;
      continue;
    }
    if (type === FILE_TYPE.symlink) symlinks++;
    else files++;
    size += table.size[entry]!;
    if (owner[entry]! >= 0) packaged += table.allocated[entry]!;
    else unpackaged += table.allocated[entry]!;
  }
  return {
    files,
    directories,
    symlinks,
    size,
    allocated: packaged + unpackaged,
    packaged,
    unpackaged,
    reclaimable: suggestions.reduce((sum, one) => sum + one.reclaimable, 0),
  };
}
