/**
 * What the block bitmaps say is unused: complete and proved, or an error, because these bytes will be dropped.
 *
 * Every bitmap must match its checksum and its group's count of free clusters; none may free a block of the
 * layout itself. A group marked BLOCK_UNINIT has no bitmap: its used blocks are what the layout places there,
 * tables of other groups included (flex_bg). A filesystem that waits for its journal says nothing reliable.
 */
import { corrupt, unsupported } from '../../../core/errors.ts';
import { ExtentBuilder, type ExtentSet } from '../../../core/extents.ts';
import { RunList, readRuns } from '../../../sources/runs.ts';
import { bitmapChecksum } from './checksum.ts';
import { unwritableFeatures } from './features.ts';
import { endBlockOf, firstBlockOf, layoutExtents } from './groups.ts';
import { BG } from './layout.ts';
import { hasGroupChecksums } from './superblock.ts';
import type { Volume } from './volume.ts';

/**
 * @returns unused extents in bytes, ascending, whole clusters clipped to the filesystem's size
 * @throws `corrupt` when a bitmap or descriptor contradicts itself, `unsupported` when a feature may give
 *   bitmaps another meaning
 */
export async function unusedExtents(volume: Volume): Promise<ExtentSet> {
  const { source, context, geometry, groups } = volume;
  const { blockSize, clusterBlocks, clustersPerGroup } = geometry;
  const unknown = unwritableFeatures(geometry.features);
  if (unknown.length > 0) {
    throw unsupported('EXT_FEATURE', `uses ${unknown.join(', ')}, which may change what its bitmaps mean`);
  }
  if (geometry.blocks * blockSize > source.size) {
    throw corrupt('EXT_TRUNCATED', 'the filesystem is larger than what holds it', {
      advice: 'copy the image again',
    });
  }
  const damaged = groups.damaged.indexOf(1);
  if (damaged >= 0) {
    throw corrupt('EXT_GROUP_DAMAGED', 'the group descriptor is damaged', { where: [`group ${damaged}`] });
  }

  const layout = layoutExtents(geometry, groups);
  const free = new RunList(); // in blocks
  const found = new Uint32Array(geometry.groups);
  const bitmaps = new RunList();
  const groupOf: number[] = [];
  for (let group = 0; group < geometry.groups; group++) {
    if (hasGroupChecksums(geometry) && groups.flags[group]! & BG.blockUninit) {
      const start = firstBlockOf(geometry, group) * blockSize;
      const end = endBlockOf(geometry, group) * blockSize;
      for (const range of layout.complement(start, end)) {
        free.add(range.start / blockSize, (range.end - range.start) / blockSize);
        found[group]! += Math.ceil((range.end - range.start) / blockSize / clusterBlocks);
      }
    } else {
      bitmaps.add(groups.blockBitmap[group]!, 1);
      groupOf.push(group);
    }
  }
  await readRuns(source, blockSize, bitmaps, context, {
    visit: (run, _offset, _count, view, at) => {
      const group = groupOf[run]!;
      if (geometry.seed !== undefined) {
        let computed = bitmapChecksum(geometry.seed, view, at, clustersPerGroup / 8);
        if (!groups.wideChecksums) computed &= 0xffff;
        if (computed !== groups.blockBitmapChecksum[group]!) {
          throw corrupt('EXT_BITMAP_CHECKSUM', 'the block bitmap fails its checksum', {
            where: [`group ${group}`],
          });
        }
      }
      const first = firstBlockOf(geometry, group);
      const clusters = Math.ceil((endBlockOf(geometry, group) - first) / clusterBlocks);
      found[group] = freeRuns(view, at, clusters, (start, end) => {
        free.add(first + start * clusterBlocks, (end - start) * clusterBlocks);
      });
    },
    lost: (run, _offset, _count, message) => {
      throw corrupt('EXT_BITMAP_UNREADABLE', message, { where: [`group ${groupOf[run]}`, 'block bitmap'] });
    },
  });
  for (let group = 0; group < geometry.groups; group++) {
    if (found[group] !== groups.freeClusters[group]) {
      throw corrupt(
        'EXT_BITMAP_COUNT',
        `${found[group]} clusters are free by the bitmap, ${groups.freeClusters[group]} by the descriptor`,
        { where: [`group ${group}`], advice: 'run e2fsck' },
      );
    }
  }

  const builder = new ExtentBuilder();
  for (const run of free.byPlace()) {
    const start = free.start[run]!;
    builder.add(start * blockSize, Math.min(start + free.length[run]!, geometry.blocks) * blockSize);
  }
  const unused = builder.build();
  const contradiction = unused.intersect(layout);
  if (!contradiction.isEmpty) {
    const block = contradiction.startOf(0) / blockSize;
    throw corrupt('EXT_BITMAP_FREES_LAYOUT', `block ${block} holds structure and is marked as free`);
  }
  return unused;
}

/** Calls `add` for each run of zero bits among the first `bits`; returns how many there are. */
function freeRuns(
  view: DataView,
  at: number,
  bits: number,
  add: (start: number, end: number) => void,
): number {
  let total = 0;
  let start = -1;
  for (let bit = 0; bit < bits; ) {
    if ((bit & 31) === 0 && bit + 32 <= bits) {
      const word = view.getInt32(at + (bit >>> 3), true);
      if (word === 0) {
        if (start < 0) start = bit;
        bit += 32;
        continue;
      }
      if (word === -1) {
        if (start >= 0) {
          add(start, bit);
          total += bit - start;
          start = -1;
        }
        bit += 32;
        continue;
      }
    }
    const used = (view.getUint8(at + (bit >>> 3)) >>> (bit & 7)) & 1;
    if (used === 0) {
      if (start < 0) start = bit;
    } else if (start >= 0) {
      add(start, bit);
      total += bit - start;
      start = -1;
    }
    bit++;
  }
  if (start >= 0) {
    add(start, bits);
    total += bits - start;
  }
  return total;
}
