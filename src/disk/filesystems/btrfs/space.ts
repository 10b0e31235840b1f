/**
 * What of the address space is allocated, as the extent tree says: tree blocks and extents of data; and how much of
 * each chunk is in use, as its block group's item says.
 */
import { corrupt, type ImgoptError } from '../../../core/errors.ts';
import { ExtentBuilder, ExtentSet } from '../../../core/extents.ts';
import { hex } from '../../../core/text.ts';
import { RunList } from '../../../sources/runs.ts';
import { big64, compareKeys, type Key, keyOf } from './keys.ts';
import { BLOCK_GROUP, COMPAT_RO, EXTENT_ITEM, ITEM, TREE } from './layout.ts';
import { dataAt, itemAt, sizeOf } from './nodes.ts';
import type { Roots } from './roots.ts';
import { type Leaf, walkTree } from './tree.ts';
import type { TreeRoot, Volume } from './volume.ts';

/** Bytes in use by chunk, by its address. */
export type BlockGroups = ReadonlyMap<number, number>;

export function treeRoot(roots: Roots, tree: number, name: string): TreeRoot {
  const root = roots.trees.get(tree);
  if (root === undefined) throw corrupt('BTRFS_ROOT_ITEM', `the ${name} tree is missing`);
  return root;
}

/** Reads the items of all block groups, and no more of their tree than that takes. */
export async function readBlockGroups(
  volume: Volume,
  roots: Roots,
  failed: (error: ImgoptError) => void,
): Promise<BlockGroups> {
  const chunks = volume.chunks.all;
  const groups = new Map<number, number>();
  const keys = chunks.map(({ logical, length }) => keyOf(logical, ITEM.blockGroupItem, length));
  const hasOwnTree = (volume.superblock.compatRo & COMPAT_RO.blockGroupTree) !== 0n;
  const root = hasOwnTree
    ? treeRoot(roots, TREE.blockGroup, 'block group')
    : treeRoot(roots, TREE.extent, 'extent');
  await walkTree(volume, root, {
    wants: (first, limit) => holdsAny(keys, first, limit),
    leaf: ({ view, at, count }) => {
      for (let i = 0; i < count; i++) {
        const item = itemAt(at, i);
        if (view.getUint8(item + 8) !== ITEM.blockGroupItem || sizeOf(view, item) < BLOCK_GROUP.bytes)
          continue;
        const logical = big64(view, item);
        const length = big64(view, item + 9);
        const chunk = volume.chunks.find(logical, length);
        if (chunk?.logical !== logical || chunk.length !== length) {
          failed(corrupt('BTRFS_BLOCK_GROUP', `the block group at ${hex(logical)} has no chunk`));
        } else groups.set(logical, big64(view, dataAt(view, at, item) + BLOCK_GROUP.used));
      }
    },
    failed: (error) => failed(error.within('block groups')),
  });
  return groups;
}

/** Whether any of the ascending keys is in [first, limit). */
function holdsAny(keys: readonly Key[], first: Key | undefined, limit: Key | undefined): boolean {
  let low = 0;
  let high = keys.length;
  while (low < high && first !== undefined) {
    const middle = (low + high) >>> 1;
    if (compareKeys(keys[middle]!, first) < 0) low = middle + 1;
    else high = middle;
  }
  const found = keys[low];
  return found !== undefined && (limit === undefined || compareKeys(found, limit) < 0);
}

/** Allocated addresses. */
export interface Space {
  readonly data: ExtentSet;
  readonly metadata: ExtentSet;
}

/** @param failed gets what cannot be read or contradicts itself; it may throw to stop */
export async function readSpace(
  volume: Volume,
  roots: Roots,
  failed: (error: ImgoptError) => void,
): Promise<Space> {
  const { nodeSize } = volume.superblock;
  const data = new RunList();
  const metadata = new RunList();
  const take = ({ view, at, count }: Leaf): void => {
    for (let i = 0; i < count; i++) {
      const item = itemAt(at, i);
      const type = view.getUint8(item + 8);
      if (type !== ITEM.extentItem && type !== ITEM.metadataItem) continue;
      const start = big64(view, item);
      const length = type === ITEM.metadataItem ? nodeSize : big64(view, item + 9);
      if (sizeOf(view, item) < EXTENT_ITEM.bytes || volume.chunks.find(start, length) === undefined) {
        failed(corrupt('BTRFS_EXTENT_ITEM', `the extent at ${hex(start)} of ${length} bytes is none`));
        continue;
      }
      const flags = view.getUint32(dataAt(view, at, item) + EXTENT_ITEM.flags, true);
      const isTreeBlock = type === ITEM.metadataItem || (flags & EXTENT_ITEM.treeBlock) !== 0;
      (isTreeBlock ? metadata : data).add(start, length);
    }
  };
  await walkTree(volume, treeRoot(roots, TREE.extent, 'extent'), {
    leaf: take,
    failed: (error) => failed(error.within('extent tree')),
  });
  const space = { data: setOf(data, failed), metadata: setOf(metadata, failed) };
  const both = space.data.intersect(space.metadata);
  if (!both.isEmpty) failed(overlap(both.startOf(0)));
  return space;
}

function overlap(address: number): ImgoptError {
  return corrupt('BTRFS_EXTENT_OVERLAP', `two extents hold the address ${hex(address)}`, {
    where: ['extent tree'],
  });
}

function setOf(runs: RunList, failed: (error: ImgoptError) => void): ExtentSet {
  const builder = new ExtentBuilder();
  let end = 0;
  for (const run of runs.byPlace()) {
    const start = runs.start[run]!;
    if (start < end) failed(overlap(start));
    builder.add(start, start + runs.length[run]!);
    end = Math.max(end, start + runs.length[run]!);
  }
  return builder.build();
}

/** Where a set of addresses lies in the source, in all copies. Each range must lie in chunks. */
export function placesOf({ chunks }: Volume, addresses: ExtentSet): ExtentSet {
  const ranges: { start: number; end: number }[] = [];
  for (const range of addresses) {
    for (let at = range.start; at < range.end; ) {
      const chunk = chunks.find(at, 1);
      if (chunk === undefined) throw corrupt('BTRFS_ADDRESS', `${hex(at)} is in no chunk`);
      const end = Math.min(range.end, chunk.logical + chunk.length);
      for (const place of chunks.placesOf(at, end)) ranges.push(place);
      at = end;
    }
  }
  return ExtentSet.from(ranges);
}
