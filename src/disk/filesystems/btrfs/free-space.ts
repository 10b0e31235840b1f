/** The free-space tree: for each block group what of it is free, as extents or as bitmaps of sectors. */
import { corrupt, type ImgoptError } from '../../../core/errors.ts';
import { ExtentSet } from '../../../core/extents.ts';
import { hex } from '../../../core/text.ts';
import { big64 } from './keys.ts';
import { ITEM } from './layout.ts';
import { dataAt, itemAt, sizeOf } from './nodes.ts';
import { walkTree } from './tree.ts';
import type { TreeRoot, Volume } from './volume.ts';

/** Addresses that are free. @throws `corrupt` when the tree contradicts itself */
export async function readFreeSpace(volume: Volume, root: TreeRoot): Promise<ExtentSet> {
  const { sectorSize } = volume.superblock;
  const ranges: { start: number; end: number }[] = [];
  await walkTree(volume, root, {
    leaf: ({ view, at, count }) => {
      for (let i = 0; i < count; i++) {
        const item = itemAt(at, i);
        const type = view.getUint8(item + 8);
        if (type !== ITEM.freeSpaceExtent && type !== ITEM.freeSpaceBitmap) continue;
        const start = big64(view, item);
        const length = big64(view, item + 9);
        // mkfs.btrfs leaves those of chunks that it had only to begin with; nobody looks them up.
        if (volume.chunks.find(start, length) === undefined) continue;
        if (type === ITEM.freeSpaceExtent) {
          ranges.push({ start, end: start + length });
          continue;
        }
        const sectors = length / sectorSize;
        if (sizeOf(view, item) * 8 < sectors) {
          throw corrupt('BTRFS_FREE_SPACE', `the bitmap for ${hex(start)} has ${sizeOf(view, item)} bytes`);
        }
        addBits(view, dataAt(view, at, item), sectors, (from, to) =>
          ranges.push({ start: start + from * sectorSize, end: start + to * sectorSize }),
        );
      }
    },
    failed: (error: ImgoptError) => {
      throw error.within('free space tree');
    },
  });
  return ExtentSet.from(ranges);
}

/** Calls `add` for each stretch of set bits. */
function addBits(view: DataView, at: number, count: number, add: (from: number, to: number) => void): void {
  let from = -1;
  for (let bit = 0; bit <= count; bit++) {
    const isSet = bit < count && ((view.getUint8(at + (bit >> 3)) >> (bit & 7)) & 1) !== 0;
    if (isSet && from < 0) from = bit;
    else if (!isSet && from >= 0) {
      add(from, bit);
      from = -1;
    }
  }
}
