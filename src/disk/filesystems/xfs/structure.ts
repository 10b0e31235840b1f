/**
 * The filesystem's own places, apart from directories: headers of the groups, their free lists, all btrees, inode
 * chunks and the log. They serve twice: as metadata, and as proof against a free-space btree that frees them.
 */
import type { ImgoptError } from '../../../core/errors.ts';
import { ExtentSet } from '../../../core/extents.ts';
import { TREES, type TreeKind, walkTrees } from './btree.ts';
import { readChunks } from './chunks.ts';
import { headerBlocks, type Root } from './groups.ts';
import { stretches } from './inodes.ts';
import { hasFreeInodeTree, hasReflink, hasReverseMap } from './superblock.ts';
import type { Volume } from './volume.ts';

/** Stretches of blocks, counted from the volume's start. */
export interface Stretches {
  readonly start: number[];
  readonly length: number[];
}

export interface Structure {
  readonly extents: ExtentSet;
  /** Records of the free-space btrees, by place and by length. */
  readonly freeByPlace: Stretches;
  readonly freeByLength: Stretches;
  /** What the reverse map says is in use; undefined without one. */
  readonly used: Stretches | undefined;
}

/** @param failed gets what cannot be read or contradicts itself; it may throw to stop */
export async function readStructure(
  volume: Volume,
  failed: (error: ImgoptError) => void,
): Promise<Structure> {
  const { geometry, groups } = volume;
  const { blockSize, groupBlocks, inodesPerBlock } = geometry;
  const seen = new Set<number>();
  const walk = async (kind: TreeKind, roots: (Root | null)[], into?: Stretches): Promise<void> =>
    await walkTrees(volume, kind, roots, seen, {
      failed: (_group, error) => failed(error),
      ...(into === undefined ? {} : { leaf: collector(kind, groupBlocks, into) }),
    });
  const ofSpace = (pick: (one: NonNullable<(typeof groups.freeSpace)[number]>) => Root): (Root | null)[] =>
    groups.freeSpace.map((one) => (one === null ? null : pick(one)));
  const freeByPlace: Stretches = { start: [], length: [] };
  const freeByLength: Stretches = { start: [], length: [] };
  await walk(
    TREES.freeByPlace,
    ofSpace((one) => one.byPlace),
    freeByPlace,
  );
  await walk(
    TREES.freeByLength,
    ofSpace((one) => one.byLength),
    freeByLength,
  );
  let used: Stretches | undefined;
  if (hasReverseMap(geometry)) {
    used = { start: [], length: [] };
    await walk(
      TREES.reverseMap,
      ofSpace((one) => one.reverseMap),
      used,
    );
  }
  if (hasReflink(geometry)) {
    await walk(
      TREES.referenceCounts,
      ofSpace((one) => one.referenceCounts),
    );
  }
  const chunks = await readChunks(volume, seen, failed);
  if (hasFreeInodeTree(geometry)) {
    await walk(
      TREES.freeInodes,
      groups.inodes.map((one) => one?.freeTree ?? null),
    );
  }

  const ranges: { start: number; end: number }[] = [];
  const add = (block: number, length: number): void =>
    void ranges.push({ start: block * blockSize, end: (block + length) * blockSize });
  for (const block of seen) add(block, 1);
  for (let group = 0; group < geometry.groups; group++) {
    add(group * groupBlocks, headerBlocks(geometry));
    for (const block of groups.lists[group] ?? []) add(group * groupBlocks + block, 1);
  }
  for (const chunk of chunks) {
    stretches(chunk, (from, to) => {
      const first = Math.floor((chunk.index + from) / inodesPerBlock);
      add(chunk.block + first, Math.ceil((chunk.index + to) / inodesPerBlock) - first);
    });
  }
  if (geometry.logBlock >= 0) add(geometry.logBlock, geometry.logBlocks);
  return { extents: ExtentSet.from(ranges), freeByPlace, freeByLength, used };
}

/** Takes records that begin with a block and a length, as those of free-space and reverse-map btrees do. */
function collector(kind: TreeKind, groupBlocks: number, into: Stretches) {
  return (group: number, view: DataView, at: number, count: number): void => {
    for (let i = 0; i < count; i++) {
      into.start.push(group * groupBlocks + view.getUint32(at + i * kind.recordSize));
      into.length.push(view.getUint32(at + i * kind.recordSize + 4));
    }
  };
}
