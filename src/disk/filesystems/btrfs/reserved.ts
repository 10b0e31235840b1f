/** What is allocated to nobody and in use all the same: the beginning of each device, and the superblock's copies. */
import { ExtentSet } from '../../../core/extents.ts';
import { RESERVED_BYTES, STRIPE_BYTES, SUPERBLOCK_OFFSETS } from './layout.ts';
import type { Volume } from './volume.ts';

/** Places in the source. */
export function reservedExtents({ devices }: Volume): ExtentSet {
  const ranges: { start: number; end: number }[] = [];
  for (const { start, size } of devices.values()) {
    ranges.push({ start, end: start + Math.min(size, RESERVED_BYTES) });
    for (const offset of SUPERBLOCK_OFFSETS) {
      if (offset < size)
        ranges.push({ start: start + offset, end: start + Math.min(size, offset + STRIPE_BYTES) });
    }
  }
  return ExtentSet.from(ranges);
}
