/**
 * Where the blocks of forks are: the extents of a data or attribute fork, in the inode itself or in a btree, for
 * one file or for all directories of a filesystem at once.
 *
 * What stands in the inode is decoded at once; btree blocks wait in a queue and are read level by level, all
 * inodes' together and in disk order. No btree block may be met twice, extents must not run backwards, and all of
 * it must lie inside of one allocation group each.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, type ImgoptError, unsupported } from '../../../core/errors.ts';
import { MAX_FILE_INDEX_BLOCKS } from '../../../core/limits.ts';
import { hex } from '../../../core/text.ts';
import { MappedRuns } from '../../../sources/mapped.ts';
import { RunList, readRuns } from '../../../sources/runs.ts';
import { sealProblem } from './checksum.ts';
import { BMAP_MAGIC, BMDR, BTREE, EXTENT_BYTES, FORMAT } from './layout.ts';
import { blockOf, type Geometry } from './superblock.ts';

/** One fork of an inode, where it stands in a view. */
export interface Fork {
  readonly at: number;
  readonly size: number;
  readonly format: number;
  /** Extents, as the inode counts them. */
  readonly extents: number;
}

interface IndexBlock {
  readonly owner: number;
  readonly inode: number;
  readonly block: number;
  readonly level: number;
}

export class ForkMapper {
  readonly runs: MappedRuns = new MappedRuns();
  /** Blocks of the btrees themselves: they belong to the file as well. */
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

  /** Takes a fork of `inode`; local and device forks have no blocks. `owner` is the caller's own number for it. */
  add(owner: number, inode: number, fork: Fork, view: DataView): void {
    const { at, size, format, extents } = fork;
    if (format === FORMAT.extents) {
      if (extents * EXTENT_BYTES > size) {
        this.fail(
          owner,
          'XFS_EXTENT_COUNT',
          `counts ${extents} extents, ${Math.floor(size / EXTENT_BYTES)} fit`,
        );
        return;
      }
      this.decodeExtents(owner, view, at, extents);
    } else if (format === FORMAT.btree) this.decodeRoot(owner, inode, fork, view);
  }

  private fail(owner: number, code: string, message: string): void {
    this.failed(owner, corrupt(code, message));
  }

  private decodeRoot(owner: number, inode: number, { at, size }: Fork, view: DataView): void {
    const room = Math.floor((size - BMDR.headerSize) / BMDR.entrySize);
    if (room < 1) {
      this.fail(owner, 'XFS_MAP_HEADER', `a fork of ${size} bytes holds no root of a btree`);
      return;
    }
    const level = view.getUint16(at + BMDR.level);
    const count = view.getUint16(at + BMDR.numrecs);
    if (level === 0 || level > BTREE.maxLevels || count > room || count === 0) {
      this.fail(
        owner,
        'XFS_MAP_HEADER',
        `the root of its map claims ${count} pointers at level ${level}; ${room} fit`,
      );
      return;
    }
    this.enqueueAll(owner, inode, view, at + BMDR.headerSize + 8 * room, count, level - 1);
  }

  private enqueueAll(
    owner: number,
    inode: number,
    view: DataView,
    at: number,
    count: number,
    level: number,
  ): void {
    for (let i = 0; i < count; i++) {
      const high = view.getUint32(at + 8 * i);
      const block =
        high > 0x1fffff ? -1 : blockOf(this.geometry, high * 2 ** 32 + view.getUint32(at + 8 * i + 4), 1);
      if (block <= 0) {
        this.fail(
          owner,
          'XFS_BLOCK_OUT_OF_RANGE',
          `its map points to ${hex(view.getBigUint64(at + 8 * i))}, outside of the filesystem`,
        );
      } else if (this.seen.has(block)) {
        this.fail(owner, 'XFS_MAP_CYCLE', `block ${block} stands twice in maps of files`);
      } else if (this.seen.size >= MAX_FILE_INDEX_BLOCKS) {
        throw unsupported('XFS_TOO_MANY_EXTENTS', `more than ${MAX_FILE_INDEX_BLOCKS} blocks of block maps`);
      } else {
        this.seen.add(block);
        this.queue.push({ owner, inode, block, level });
      }
    }
  }

  /** Reads all btree blocks that wait, level by level. */
  async resolve(): Promise<void> {
    const { source, geometry, context } = this;
    while (this.queue.length > 0) {
      const level = this.queue;
      this.queue = [];
      const blocks = new RunList();
      for (const { block } of level) blocks.add(block, 1);
      await readRuns(source, geometry.blockSize, blocks, context, {
        visit: (run, _offset, _count, view, at) => this.decodeBlock(level[run]!, view, at),
        lost: (run, _offset, _count, message) => {
          const { owner, block } = level[run]!;
          this.fail(owner, 'XFS_MAP_UNREADABLE', `block ${block} of its map: ${message}`);
        },
      });
    }
  }

  private decodeBlock(index: IndexBlock, view: DataView, at: number): void {
    const { hasCrc, blockSize } = this.geometry;
    const { owner, inode, block } = index;
    this.index.push(owner, 0, block, 1, 0);
    const magic = view.getUint32(at);
    if (magic !== (hasCrc ? BMAP_MAGIC.crc : BMAP_MAGIC.plain)) {
      this.fail(owner, 'XFS_MAP_MAGIC', `block ${block} of its map has magic ${hex(magic)}`);
      return;
    }
    if (hasCrc) {
      const problem = sealProblem(this.geometry, BTREE.long, view, at, blockSize, block, inode);
      if (problem !== undefined) {
        this.fail(owner, 'XFS_MAP_CHECKSUM', `block ${block} of its map ${problem}`);
        return;
      }
    }
    const header = hasCrc ? BTREE.long.sizeCrc : BTREE.long.size;
    const room = Math.floor((blockSize - header) / EXTENT_BYTES);
    const level = view.getUint16(at + BTREE.bb_level);
    const count = view.getUint16(at + BTREE.bb_numrecs);
    if (level !== index.level || count > room || count === 0) {
      this.fail(
        owner,
        'XFS_MAP_HEADER',
        `block ${block} of its map claims ${count} records at level ${level}; ${room} fit, level is ${index.level}`,
      );
      return;
    }
    if (level === 0) this.decodeExtents(owner, view, at + header, count);
    else this.enqueueAll(owner, inode, view, at + header + 8 * room, count, level - 1);
  }

  /** xfs_bmbt_rec: 1 bit unwritten, 54 bits place in the file, 52 bits fsblock, 21 bits length. */
  private decodeExtents(owner: number, view: DataView, at: number, count: number): void {
    let expected = 0;
    for (let i = 0, place = at; i < count; i++, place += EXTENT_BYTES) {
      const a = view.getUint32(place);
      const b = view.getUint32(place + 4);
      const c = view.getUint32(place + 8);
      const d = view.getUint32(place + 12);
      const logical = (a & 0x7fffffff) * 2 ** 23 + (b >>> 9);
      const fsblock = (b & 0x1ff) * 2 ** 43 + c * 2 ** 11 + (d >>> 21);
      const length = d & 0x1fffff;
      if (length === 0 || logical < expected) {
        this.fail(
          owner,
          'XFS_EXTENT_ORDER',
          `the extent at its block ${logical} has ${length} blocks or is out of order`,
        );
        return;
      }
      expected = logical + length;
      const block = blockOf(this.geometry, fsblock, length);
      if (block <= 0) {
        this.fail(
          owner,
          'XFS_BLOCK_OUT_OF_RANGE',
          `the extent at its block ${logical} lies at ${hex(fsblock)}, outside of the filesystem`,
        );
      } else this.runs.push(owner, logical, block, length, a >>> 31);
    }
  }
}
