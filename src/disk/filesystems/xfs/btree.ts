/**
 * Btrees of the allocation groups, of all groups at once: level by level, each level's blocks in disk order, so
 * that a filesystem of hundreds of groups costs a handful of large reads.
 *
 * Every block is checked for its kind, its level, its count of records and, in v5, its checksum, address, owner
 * and filesystem. No block may be met twice, in whatever tree: that is what ends circles.
 */
import { corrupt, type ImgoptError, unsupported } from '../../../core/errors.ts';
import { MAX_FILE_INDEX_BLOCKS } from '../../../core/limits.ts';
import { RunList, readRuns } from '../../../sources/runs.ts';
import { sealProblem } from './checksum.ts';
import type { Root } from './groups.ts';
import { BTREE } from './layout.ts';
import { blocksOfGroup } from './superblock.ts';
import type { Volume } from './volume.ts';

export interface TreeKind {
  readonly name: string;
  /** Magic numbers of v4 and v5. */
  readonly magic: number;
  readonly magicCrc: number;
  readonly recordSize: number;
  /** Of all keys of one pointer: reverse-map trees have a low and a high one. */
  readonly keySize: number;
}

export const TREES = {
  freeByPlace: {
    name: 'free space by place',
    magic: 0x41425442,
    magicCrc: 0x41423342,
    recordSize: 8,
    keySize: 8,
  },
  freeByLength: {
    name: 'free space by length',
    magic: 0x41425443,
    magicCrc: 0x41423343,
    recordSize: 8,
    keySize: 8,
  },
  inodes: { name: 'inodes', magic: 0x49414254, magicCrc: 0x49414233, recordSize: 16, keySize: 4 },
  freeInodes: { name: 'free inodes', magic: 0x46494254, magicCrc: 0x46494233, recordSize: 16, keySize: 4 },
  reverseMap: { name: 'reverse map', magic: 0, magicCrc: 0x524d4233, recordSize: 24, keySize: 40 },
  referenceCounts: { name: 'reference counts', magic: 0, magicCrc: 0x52334643, recordSize: 12, keySize: 4 },
} as const satisfies Record<string, TreeKind>;

interface Node {
  readonly group: number;
  /** Counted from the volume's start. */
  readonly block: number;
  readonly level: number;
  readonly isRoot: boolean;
}

export interface TreeVisitor {
  /**
   * `count` records of a leaf of `group` stand from byte `at` of `view` on. Without it nobody wants the records:
   * leaves are located, not read.
   */
  leaf?(group: number, view: DataView, at: number, count: number): void;
  /** Part of a group's tree cannot be read; may throw to stop. */
  failed(group: number, error: ImgoptError): void;
}

/**
 * Walks the trees of one kind in the given groups.
 * @param roots by group; null or undefined groups are left out
 * @param seen gets every block, counted from the volume's start; one that it holds already is a circle or belongs to two trees
 */
export async function walkTrees(
  volume: Volume,
  kind: TreeKind,
  roots: readonly (Root | null)[],
  seen: Set<number>,
  visitor: TreeVisitor,
): Promise<void> {
  const { geometry, source, context } = volume;
  let queue: Node[] = [];
  const fail = (group: number, code: string, message: string): void =>
    visitor.failed(group, corrupt(code, message, { where: [`group ${group}`, `btree of ${kind.name}`] }));
  const enqueue = (group: number, inGroup: number, level: number, isRoot: boolean): void => {
    const block = group * geometry.groupBlocks + inGroup;
    if (inGroup === 0 || inGroup >= blocksOfGroup(geometry, group)) {
      fail(group, 'XFS_TREE_OUT_OF_RANGE', `points to block ${inGroup} of ${blocksOfGroup(geometry, group)}`);
    } else if (seen.has(block)) {
      fail(group, 'XFS_TREE_CYCLE', `block ${inGroup} stands twice in btrees`);
    } else if (seen.size >= MAX_FILE_INDEX_BLOCKS) {
      throw unsupported('XFS_TOO_MANY_TREE_BLOCKS', `more than ${MAX_FILE_INDEX_BLOCKS} blocks of btrees`);
    } else {
      seen.add(block);
      if (level > 0 || visitor.leaf !== undefined) queue.push({ group, block, level, isRoot });
    }
  };
  for (const [group, root] of roots.entries()) {
    if (root === null) continue;
    if (root.levels < 1 || root.levels > BTREE.maxLevels) {
      fail(group, 'XFS_TREE_LEVELS', `claims ${root.levels} levels`);
    } else enqueue(group, root.block, root.levels - 1, true);
  }
  while (queue.length > 0) {
    const level = queue;
    queue = [];
    const runs = new RunList();
    for (const { block } of level) runs.add(block, 1);
    await readRuns(source, geometry.blockSize, runs, context, {
      visit: (run, _offset, _count, view, at) => {
        const node = level[run]!;
        const count = checkNode(volume, kind, node, view, at, (code, message) =>
          fail(node.group, code, message),
        );
        if (count < 0) return;
        const header = geometry.hasCrc ? BTREE.short.sizeCrc : BTREE.short.size;
        if (node.level === 0) {
          visitor.leaf?.(node.group, view, at + header, count);
          return;
        }
        const room = roomOf(geometry.blockSize - header, kind.keySize + 4);
        const pointers = at + header + room * kind.keySize;
        for (let i = 0; i < count; i++)
          enqueue(node.group, view.getUint32(pointers + 4 * i), node.level - 1, false);
      },
      lost: (run, _offset, _count, message) =>
        fail(level[run]!.group, 'XFS_TREE_UNREADABLE', `block ${level[run]!.block}: ${message}`),
    });
  }
}

const roomOf = (bytes: number, entry: number): number => Math.floor(bytes / entry);

/** Returns the number of records or pointers, or -1 when the block is not what it should be. */
function checkNode(
  { geometry }: Volume,
  kind: TreeKind,
  node: Node,
  view: DataView,
  at: number,
  fail: (code: string, message: string) => void,
): number {
  const { hasCrc, blockSize } = geometry;
  const place = `block ${node.block - node.group * geometry.groupBlocks}`;
  if (view.getUint32(at) !== (hasCrc ? kind.magicCrc : kind.magic)) {
    fail('XFS_TREE_MAGIC', `${place} is none of its blocks`);
    return -1;
  }
  if (hasCrc) {
    const problem = sealProblem(geometry, BTREE.short, view, at, blockSize, node.block, node.group, 4);
    if (problem !== undefined) {
      fail('XFS_TREE_CHECKSUM', `${place} ${problem}`);
      return -1;
    }
  }
  const level = view.getUint16(at + BTREE.bb_level);
  const count = view.getUint16(at + BTREE.bb_numrecs);
  const header = hasCrc ? BTREE.short.sizeCrc : BTREE.short.size;
  const room = roomOf(blockSize - header, level === 0 ? kind.recordSize : kind.keySize + 4);
  if (level !== node.level || count > room || (count === 0 && !(node.isRoot && level === 0))) {
    fail(
      'XFS_TREE_HEADER',
      `${place} claims ${count} records at level ${level}; ${room} fit, level is ${node.level}`,
    );
    return -1;
  }
  return count;
}
