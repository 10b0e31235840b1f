/**
 * Which package each file belongs to, and which entry stands for a hard-linked file: what totals, packages, files
 * and directories all need, found once per inspection.
 */
import type { Inspection } from '../core/contracts/inspection.ts';
import { FILE_FLAG, FILE_TYPE, type FileTable } from '../core/file-table.ts';

export interface Ownership {
  /** By entry: position in `inspection.packages` of its first owner, or -1. Ask with the standing entry. */
  readonly owner: Int32Array;
  /** The entry that stands for this one: itself, or the first link of its inode. */
  standing(entry: number): number;
}

const cache = new WeakMap<Inspection, Ownership>();

/** A file that several packages own belongs to the first of them; a hard-linked one to the first over all links. */
export function ownershipOf(inspection: Inspection): Ownership {
  const known = cache.get(inspection);
  if (known !== undefined) return known;
  const { table } = inspection;
  const first = firstLinks(table);
  const standing = (entry: number): number => first.get(entry) ?? entry;
  const owner = new Int32Array(table.count).fill(-1);
  inspection.packages.forEach((one, index) => {
    for (const entry of one.entries) {
      if (table.type[entry] === FILE_TYPE.directory) continue;
      const at = standing(entry);
      if (owner[at] === -1) owner[at] = index;
    }
  });
  const ownership = { owner, standing };
  cache.set(inspection, ownership);
  return ownership;
}

/** For every later link, the first link of its inode. */
function firstLinks(table: FileTable): Map<number, number> {
  const first = new Map<number, number>();
  for (const section of table.sections) {
    const later: number[] = [];
    for (let entry = section.first; entry < section.end; entry++) {
      if ((table.flags[entry]! & FILE_FLAG.secondaryLink) !== 0) later.push(entry);
    }
    if (later.length === 0) continue;
    const byInode = new Map<number, number>();
    for (let entry = section.first; entry < section.end; entry++) {
      if (table.links[entry]! > 1 && table.type[entry] !== FILE_TYPE.directory && table.isCounted(entry)) {
        byInode.set(table.inode[entry]!, entry);
      }
    }
    for (const entry of later) {
      const at = byInode.get(table.inode[entry]!);
      if (at !== undefined) first.set(entry, at);
    }
  }
  return first;
}
