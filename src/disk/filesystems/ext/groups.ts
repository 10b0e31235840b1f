/**
 * Block groups: their descriptors in columns, and the blocks that the layout itself occupies, computed exactly
 * as e2fsprogs does (lib/ext2fs/closefs.c, ext2fs_super_and_bgd_loc2), because a group marked BLOCK_UNINIT has
 * no bitmap on disk and its used blocks follow from the layout alone.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { ExtentSet } from '../../../core/extents.ts';
import { RunList, readRuns } from '../../../sources/runs.ts';
import { groupChecksum, groupChecksum16 } from './checksum.ts';
import { BG, COMPAT, GROUP, INCOMPAT, RO_COMPAT, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE } from './layout.ts';
import { type Geometry, hasCompat, hasGroupChecksums, hasIncompat, hasRoCompat } from './superblock.ts';

/** Group descriptors in columns. Block numbers are not yet checked against the filesystem's size. */
export interface Groups {
  readonly blockBitmap: Float64Array;
  readonly inodeBitmap: Float64Array;
  readonly inodeTable: Float64Array;
  readonly freeClusters: Uint32Array;
  readonly freeInodes: Uint32Array;
  /** Inodes at the end of the table that were never used. */
  readonly itableUnused: Uint32Array;
  readonly flags: Uint16Array;
  readonly blockBitmapChecksum: Uint32Array;
  readonly inodeBitmapChecksum: Uint32Array;
  /** 1 where the descriptor could not be read, fails its checksum or points outside. */
  readonly damaged: Uint8Array;
  /** Descriptors have room for 32 bits of a bitmap's checksum rather than 16. */
  readonly wideChecksums: boolean;
}

/** True when group 0 or a backup keeps a superblock (ext2fs_bg_has_super). */
export function hasSuperblock(geometry: Geometry, group: number): boolean {
  if (group === 0) return true;
  if (hasCompat(geometry, COMPAT.sparse_super2)) return geometry.backupGroups.includes(group);
  if (group === 1 || !hasRoCompat(geometry, RO_COMPAT.sparse_super)) return true;
  return isPower(group, 3) || isPower(group, 5) || isPower(group, 7);
}

function isPower(value: number, base: number): boolean {
  let rest = value;
  while (rest > 1 && rest % base === 0) rest /= base;
  return rest === 1;
}

export function firstBlockOf(geometry: Geometry, group: number): number {
  return geometry.firstDataBlock + group * geometry.blocksPerGroup;
}

/** One past the group's last block; the last group may be short. */
export function endBlockOf(geometry: Geometry, group: number): number {
  return Math.min(geometry.blocks, firstBlockOf(geometry, group) + geometry.blocksPerGroup);
}

/** Where a group's superblock copy would stand: block 0 is skipped with 1 KiB blocks and bigalloc. */
function superblockBlock(geometry: Geometry, group: number): number {
  const first = firstBlockOf(geometry, group);
  return first === 0 && geometry.blockSize === 1024 ? 1 : first;
}

/** Block of the primary copy of the `index`th descriptor block. */
function descriptorBlock(geometry: Geometry, index: number): number {
  if (index < geometry.firstMetaGroup) return superblockBlock(geometry, 0) + 1 + index;
  const group = index * (geometry.blockSize / geometry.descriptorSize);
  return superblockBlock(geometry, group) + (hasSuperblock(geometry, group) ? 1 : 0);
}

/** Calls `add(start, end)` for superblock and descriptor copies, reserved ones included, in blocks. */
function eachLayoutRange(geometry: Geometry, group: number, add: (start: number, end: number) => void): void {
  const base = superblockBlock(geometry, group);
  const copy = hasSuperblock(geometry, group);
  if (copy) add(base, base + 1);
  const perBlock = geometry.blockSize / geometry.descriptorSize;
  const metaGroup = Math.floor(group / perBlock);
  // Without meta_bg, firstMetaGroup is descriptorBlocks and the reserved blocks follow the table.
  const isMeta = hasIncompat(geometry, INCOMPAT.meta_bg);
  if (metaGroup < geometry.firstMetaGroup) {
    if (copy) {
      const table = geometry.firstMetaGroup + (isMeta ? 0 : geometry.reservedDescriptorBlocks);
      add(base + 1, Math.min(base + 1 + table, geometry.blocks));
    }
  } else {
    const place = group % perBlock;
    if (place === 0 || place === 1 || place === perBlock - 1) {
      add(base + (copy ? 1 : 0), base + (copy ? 2 : 1));
    }
  }
}

/**
 * Blocks that superblocks, descriptors, bitmaps, inode tables and the MMP block occupy, as byte extents of whole
 * clusters: nothing else shares a cluster with them.
 */
export function layoutExtents(geometry: Geometry, groups: Groups): ExtentSet {
  const { blockSize, blocks } = geometry;
  const ranges: { start: number; end: number }[] = [];
  const add = (start: number, end: number): void => {
    if (start < blocks) ranges.push({ start: start * blockSize, end: Math.min(end, blocks) * blockSize });
  };
  // The boot block of a filesystem whose first data block is 1, and the part before the superblock otherwise.
  ranges.push({ start: 0, end: SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE });
  for (let group = 0; group < geometry.groups; group++) {
    eachLayoutRange(geometry, group, add);
    if (groups.damaged[group]) continue;
    add(groups.blockBitmap[group]!, groups.blockBitmap[group]! + 1);
    add(groups.inodeBitmap[group]!, groups.inodeBitmap[group]! + 1);
    add(groups.inodeTable[group]!, groups.inodeTable[group]! + geometry.tableBlocks);
  }
  if (geometry.mmpBlock > 0) add(geometry.mmpBlock, geometry.mmpBlock + 1);
  return ExtentSet.from(ranges)
    .alignOutward(blockSize * geometry.clusterBlocks)
    .clip(0, blocks * blockSize);
}

/**
 * Reads all group descriptors. A block of them that cannot be read, a wrong checksum and a pointer outside the
 * filesystem are reported and mark their groups damaged; the others stay usable.
 */
export async function readGroups(source: BlockSource, geometry: Geometry, context: Context): Promise<Groups> {
  const { groups: count, descriptorSize, blockSize } = geometry;
  const perBlock = blockSize / descriptorSize;
  const wide = descriptorSize >= GROUP.size64;
  const groups = {
    blockBitmap: new Float64Array(count),
    inodeBitmap: new Float64Array(count),
    inodeTable: new Float64Array(count),
    freeClusters: new Uint32Array(count),
    freeInodes: new Uint32Array(count),
    itableUnused: new Uint32Array(count),
    flags: new Uint16Array(count),
    blockBitmapChecksum: new Uint32Array(count),
    inodeBitmapChecksum: new Uint32Array(count),
    damaged: new Uint8Array(count),
    wideChecksums: wide,
  };
  const runs = new RunList();
  const firstIndex: number[] = [];
  for (let index = 0; index < geometry.descriptorBlocks; index++) {
    const block = descriptorBlock(geometry, index);
    const last = runs.count - 1;
    // Outside meta_bg the table is contiguous.
    if (last >= 0 && runs.start[last]! + runs.length[last]! === block) runs.length[last]! += 1;
    else {
      runs.add(block, 1);
      firstIndex.push(index);
    }
  }
  const groupsOf = (run: number, offset: number, blocks: number): [number, number] => {
    const from = (firstIndex[run]! + offset) * perBlock;
    return [from, Math.min(count, from + blocks * perBlock)];
  };
  await readRuns(source, blockSize, runs, context, {
    visit(run, offset, blocks, view, at) {
      const [from, to] = groupsOf(run, offset, blocks);
      for (let group = from; group < to; group++) {
        readDescriptor(geometry, groups, group, view, at + (group - from) * descriptorSize, context);
      }
    },
    lost(run, offset, blocks, message) {
      const [from, to] = groupsOf(run, offset, blocks);
      groups.damaged.fill(1, from, to);
      context.at(`group descriptors ${from} to ${to - 1}`).report('error', 'EXT_GROUPS_UNREADABLE', message);
    },
  });
  return groups;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function readDescriptor(
  geometry: Geometry,
  groups: Writable<Groups>,
  group: number,
  view: DataView,
  at: number,
  context: Context,
): void {
  const size = geometry.descriptorSize;
  const wide = groups.wideChecksums;
  const u16 = (low: number, high: number): number =>
    view.getUint16(at + low, true) + (wide ? view.getUint16(at + high, true) * 65536 : 0);
  const block = (low: number, high: number): number =>
    view.getUint32(at + low, true) + (wide ? view.getUint32(at + high, true) * 2 ** 32 : 0);
  groups.blockBitmap[group] = block(GROUP.bg_block_bitmap_lo, GROUP.bg_block_bitmap_hi);
  groups.inodeBitmap[group] = block(GROUP.bg_inode_bitmap_lo, GROUP.bg_inode_bitmap_hi);
  groups.inodeTable[group] = block(GROUP.bg_inode_table_lo, GROUP.bg_inode_table_hi);
  groups.freeClusters[group] = u16(GROUP.bg_free_blocks_count_lo, GROUP.bg_free_blocks_count_hi);
  groups.freeInodes[group] = u16(GROUP.bg_free_inodes_count_lo, GROUP.bg_free_inodes_count_hi);
  groups.blockBitmapChecksum[group] = u16(GROUP.bg_block_bitmap_csum_lo, GROUP.bg_block_bitmap_csum_hi);
  groups.inodeBitmapChecksum[group] = u16(GROUP.bg_inode_bitmap_csum_lo, GROUP.bg_inode_bitmap_csum_hi);
  const report = (code: string, message: string): void => {
    context.at(`group ${group}`).report('error', code, message);
  };
  if (hasGroupChecksums(geometry)) {
    const stored = view.getUint16(at + GROUP.bg_checksum, true);
    const computed =
      geometry.seed !== undefined
        ? groupChecksum(geometry.seed, group, view, at, size)
        : groupChecksum16(geometry.uuidBytes, group, view, at, size);
    if (stored === computed) {
      groups.flags[group] = view.getUint16(at + GROUP.bg_flags, true);
      groups.itableUnused[group] = u16(GROUP.bg_itable_unused_lo, GROUP.bg_itable_unused_hi);
    } else {
      // Its flags and counts are not to be trusted: the inode table is read whole, nothing is called unused.
      groups.damaged[group] = 1;
      report(
        'EXT_GROUP_CHECKSUM',
        `descriptor's checksum is 0x${stored.toString(16)}, not 0x${computed.toString(16)}`,
      );
    }
  }
  const low = geometry.firstDataBlock;
  const inside = (start: number, length: number): boolean => start > low && start + length <= geometry.blocks;
  if (
    !inside(groups.blockBitmap[group]!, 1) ||
    !inside(groups.inodeBitmap[group]!, 1) ||
    !inside(groups.inodeTable[group]!, geometry.tableBlocks)
  ) {
    groups.damaged[group] = 1;
    report('EXT_GROUP_OUT_OF_RANGE', 'descriptor points to a bitmap or inode table outside the filesystem');
  }
  const span = endBlockOf(geometry, group) - firstBlockOf(geometry, group);
  if (
    groups.freeClusters[group]! > Math.ceil(span / geometry.clusterBlocks) ||
    groups.freeInodes[group]! > geometry.inodesPerGroup ||
    groups.itableUnused[group]! > geometry.inodesPerGroup
  ) {
    groups.damaged[group] = 1;
    groups.itableUnused[group] = 0;
    report('EXT_GROUP_COUNTS', 'descriptor counts more free blocks or unused inodes than the group has');
  }
}

/** Inodes of the group's table that may be in use: those before its never-used tail. */
export function inodesToRead(geometry: Geometry, groups: Groups, group: number): number {
  if (!hasGroupChecksums(geometry)) return geometry.inodesPerGroup;
  if (groups.flags[group]! & BG.inodeUninit) return 0;
  return geometry.inodesPerGroup - groups.itableUnused[group]!;
}
