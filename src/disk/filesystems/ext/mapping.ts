/**
 * Where the blocks of inodes are: extent trees and indirect blocks, for one file or for all directories of a
 * filesystem at once.
 *
 * What stands in the inode itself is decoded at once; index blocks wait in a queue and are read level by level,
 * all inodes' together and in disk order, so that a directory tree costs a handful of large reads. Every index
 * block carries the logical range that it may speak for: extents outside it or out of order are corrupt, which
 * also bounds the work (a node that two parents share contradicts one of them). Indirect blocks have no such
 * range in them; no index block of either kind may be used twice, by one inode or by two.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, type ImgoptError, unsupported } from '../../../core/errors.ts';
import { MAX_FILE_INDEX_BLOCKS } from '../../../core/limits.ts';
import { hex } from '../../../core/text.ts';
import { MappedRuns } from '../../../sources/mapped.ts';
import { RunList, readRuns } from '../../../sources/runs.ts';
import { extentBlockIsIntact, inodeSeed } from './checksum.ts';
import { EXT2_NDIR_BLOCKS, EXTENT } from './layout.ts';
import type { Geometry } from './superblock.ts';

/** An index block that waits to be read. */
interface IndexBlock {
  owner: number;
  /** Seed of the owner's checksums. */
  seed: number;
  isExtents: boolean;
  block: number;
  /** Levels of index below it: an extent leaf and a single indirect block have 0. */
  depth: number;
  /** Logical blocks that it may map: [from, to). */
  from: number;
  to: number;
}

export interface MappedInode {
  /** The caller's own number for the inode. */
  owner: number;
  inode: number;
  generation: number;
  isExtents: boolean;
}

export class BlockMapper {
  readonly runs: MappedRuns = new MappedRuns();
  /** Extent index and indirect blocks, with their owners: they belong to the file as well. */
  readonly index: MappedRuns = new MappedRuns();
  private readonly source: BlockSource;
  private readonly geometry: Geometry;
  private readonly context: Context;
  private readonly failed: (owner: number, error: ImgoptError) => void;
  private queue: IndexBlock[] = [];
  private readonly seen = new Set<number>();

  /** `failed` is told what of an inode's map cannot be read; it may throw to stop. */
  constructor(
    source: BlockSource,
    geometry: Geometry,
    context: Context,
    failed: (owner: number, error: ImgoptError) => void,
  ) {
    this.source = source;
    this.geometry = geometry;
    this.context = context;
    this.failed = failed;
  }

  /** Decodes the 60 bytes of i_block at `at`. */
  add(inode: MappedInode, view: DataView, at: number): void {
    const { seed } = this.geometry;
    const own = seed === undefined ? 0 : inodeSeed(seed, inode.inode, inode.generation);
    const root = {
      owner: inode.owner,
      seed: own,
      isExtents: inode.isExtents,
      block: 0,
      from: 0,
      to: 2 ** 32,
    };
    if (inode.isExtents) {
      const depth = view.getUint16(at + 6, true);
      if (depth > EXTENT.maxDepth) {
        this.failed(
          inode.owner,
          corrupt('EXT_EXTENT_DEPTH', `extent tree is ${depth} levels deep; 5 is the most`),
        );
        return;
      }
      this.decodeExtents({ ...root, depth }, view, at, 60);
      return;
    }
    for (let i = 0; i < EXT2_NDIR_BLOCKS; i++) this.pointer(root.owner, i, view.getUint32(at + 4 * i, true));
    const perBlock = this.geometry.blockSize / 4;
    let from = EXT2_NDIR_BLOCKS;
    for (let depth = 0, span = perBlock; depth < 3; depth++, span *= perBlock) {
      const block = view.getUint32(at + 4 * (EXT2_NDIR_BLOCKS + depth), true);
      this.enqueue({ ...root, block, depth, from, to: from + span });
      from += span;
    }
  }

  /** Reads all index blocks that wait, level by level. */
  async resolve(): Promise<void> {
    const { source, geometry, context } = this;
    while (this.queue.length > 0) {
      const level = this.queue;
      this.queue = [];
      const blocks = new RunList();
      for (const { block } of level) blocks.add(block, 1);
      await readRuns(source, geometry.blockSize, blocks, context, {
        visit: (run, _offset, _count, view, at) => {
          const index = level[run]!;
          this.index.push(index.owner, index.from, index.block, 1, 0);
          if (index.isExtents) this.decodeExtentBlock(index, view, at);
          else this.decodeIndirect(index, view, at);
        },
        lost: (run, _offset, _count, message) => {
          const { owner, block } = level[run]!;
          this.failed(owner, corrupt('EXT_INDEX_UNREADABLE', `block ${block} of its block map: ${message}`));
        },
      });
    }
  }

  /** True for blocks that a file may own. */
  private inside(block: number, length: number): boolean {
    return block > this.geometry.firstDataBlock && block + length <= this.geometry.blocks;
  }

  private enqueue(index: IndexBlock): void {
    if (index.block === 0) return;
    if (!this.inside(index.block, 1)) {
      this.failed(
        index.owner,
        corrupt(
          'EXT_BLOCK_OUT_OF_RANGE',
          `block map points to block ${index.block} of ${this.geometry.blocks}`,
        ),
      );
      return;
    }
    if (this.seen.has(index.block)) {
      this.failed(index.owner, corrupt('EXT_INDEX_CYCLE', `block ${index.block} stands twice in block maps`));
      return;
    }
    if (this.seen.size >= MAX_FILE_INDEX_BLOCKS) {
      throw unsupported('EXT_TOO_MANY_EXTENTS', `more than ${MAX_FILE_INDEX_BLOCKS} blocks of block maps`);
    }
    this.seen.add(index.block);
    this.queue.push(index);
  }

  private pointer(owner: number, logical: number, block: number): void {
    if (block === 0) return;
    if (this.inside(block, 1)) this.runs.push(owner, logical, block, 1, 0);
    else {
      const message = `logical block ${logical} points to block ${block} of ${this.geometry.blocks}`;
      this.failed(owner, corrupt('EXT_BLOCK_OUT_OF_RANGE', message));
    }
  }

  private decodeIndirect(index: IndexBlock, view: DataView, at: number): void {
    const perBlock = this.geometry.blockSize / 4;
    const span = perBlock ** index.depth;
    for (let i = 0; i < perBlock; i++) {
      const block = view.getUint32(at + 4 * i, true);
      if (block === 0) continue;
      const from = index.from + i * span;
      if (index.depth === 0) this.pointer(index.owner, from, block);
      else this.enqueue({ ...index, block, depth: index.depth - 1, from, to: from + span });
    }
  }

  private decodeExtentBlock(index: IndexBlock, view: DataView, at: number): void {
    const { blockSize, seed } = this.geometry;
    const capacity = view.getUint16(at + 4, true);
    if (
      seed !== undefined &&
      EXTENT.headerSize + EXTENT.entrySize * capacity + 4 <= blockSize &&
      view.getUint16(at, true) === EXTENT.magic &&
      !extentBlockIsIntact(index.seed, view, at, capacity)
    ) {
      this.failed(
        index.owner,
        corrupt('EXT_EXTENT_CHECKSUM', `extent block ${index.block} fails its checksum`),
      );
      return;
    }
    this.decodeExtents(index, view, at, blockSize);
  }

  /** A node of the tree: the root in the inode (60 bytes) or a block. */
  private decodeExtents(node: IndexBlock, view: DataView, at: number, size: number): void {
    const magic = view.getUint16(at, true);
    const entries = view.getUint16(at + 2, true);
    const capacity = view.getUint16(at + 4, true);
    const depth = view.getUint16(at + 6, true);
    const place = node.block === 0 ? 'root' : `block ${node.block}`;
    const fail = (code: string, message: string): void => this.failed(node.owner, corrupt(code, message));
    if (magic !== EXTENT.magic) {
      fail('EXT_EXTENT_MAGIC', `extent tree's ${place} has magic ${hex(magic)}, not ${hex(EXTENT.magic)}`);
      return;
    }
    const room = Math.floor((size - EXTENT.headerSize) / EXTENT.entrySize);
    if (
      capacity > room ||
      entries > capacity ||
      depth !== node.depth ||
      (entries === 0 && node.block !== 0)
    ) {
      fail(
        'EXT_EXTENT_HEADER',
        `extent tree's ${place} claims ${entries} of ${capacity} entries at depth ${depth}; ${room} fit, depth is ${node.depth}`,
      );
      return;
    }
    let expected = node.from;
    for (let i = 0; i < entries; i++) {
      const entry = at + EXTENT.headerSize + i * EXTENT.entrySize;
      const logical = view.getUint32(entry, true);
      if (logical < expected || logical >= node.to) {
        fail('EXT_EXTENT_ORDER', `extent tree's ${place} has logical block ${logical} out of order`);
        return;
      }
      if (depth > 0) {
        const next = i + 1 < entries ? view.getUint32(entry + EXTENT.entrySize, true) : node.to;
        if (next <= logical) {
          fail('EXT_EXTENT_ORDER', `extent tree's ${place} has logical block ${next} out of order`);
          return;
        }
        const block = view.getUint32(entry + 4, true) + view.getUint16(entry + 8, true) * 2 ** 32;
        if (block === 0) fail('EXT_BLOCK_OUT_OF_RANGE', `extent tree's ${place} points to block 0`);
        else this.enqueue({ ...node, block, depth: depth - 1, from: logical, to: next });
        expected = logical + 1;
        continue;
      }
      const stored = view.getUint16(entry + 4, true);
      const unwritten = stored > EXTENT.initMaxLength ? 1 : 0;
      const length = unwritten ? stored - EXTENT.initMaxLength : stored;
      const block = view.getUint32(entry + 8, true) + view.getUint16(entry + 6, true) * 2 ** 32;
      if (length === 0 || logical + length > node.to) {
        fail('EXT_EXTENT_LENGTH', `extent at logical block ${logical} has ${length} blocks`);
        return;
      }
      if (this.inside(block, length)) this.runs.push(node.owner, logical, block, length, unwritten);
      else {
        const message = `extent at logical block ${logical} lies at blocks ${block} to ${block + length - 1} of ${this.geometry.blocks}`;
        fail('EXT_EXTENT_OUT_OF_RANGE', message);
      }
      expected = logical + length;
    }
  }
}
