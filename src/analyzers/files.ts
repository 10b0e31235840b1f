/** The largest files, hard links once. */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { FileSection } from '../core/contracts/report.ts';
import { FILE_TYPE } from '../core/file-table.ts';
import { ownershipOf } from './ownership.ts';
import { selectLargest } from './select.ts';

/** @param top how many; 0 is all */
export function analyzeFiles(inspection: Inspection, top: number): FileSection[] {
  const { table, packages } = inspection;
  const { owner } = ownershipOf(inspection);
  const candidates = new Int32Array(table.count);
  let count = 0;
  for (let entry = 0; entry < table.count; entry++) {
    const type = table.type[entry];
    if (type === FILE_TYPE.directory || type === FILE_TYPE.symlink || !table.isCounted(entry)) continue;
    candidates[count++] = entry;
  }
  const chosen = selectLargest(candidates.subarray(0, count), table.allocated, top, {
    path: (entry) => inspection.pathOf(entry),
    prefix: (entry) => {
      const directory = inspection.pathOf(table.parent[entry]!);
      return directory.endsWith('/') ? directory : `${directory}/`;
    },
    group: (entry) => table.parent[entry]!,
  });
  return chosen.map((entry) => ({
    path: inspection.pathOf(entry),
    filesystem: inspection.filesystemOf(entry),
    size: table.size[entry]!,
    allocated: table.allocated[entry]!,
    links: table.links[entry]!,
    package: owner[entry]! >= 0 ? packages[owner[entry]!]!.name : null,
  }));
}
