/**
 * Inodes: where they are (chunks of 64, from the inode btrees) and what they say, in columns.
 *
 * Slot 64 c + i is inode i of chunk c, chunks sorted by number, so that a slot is found by a search over chunks and
 * a number is not stored per inode. Only chunks that lie inside of the filesystem and overlap no other get slots,
 * so memory follows what is on the disk. Of sparse chunks only the blocks that hold inodes are ever read.
 */
import { corrupt } from '../../../core/errors.ts';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../mode.ts';
import { is64, isIntact, isOwnUuid } from './checksum.ts';
import { DIFLAG2, FORMAT, HOLEMASK, INODE, INODES_PER_CHUNK } from './layout.ts';
import type { Fork } from './mapping.ts';
import { blocksOfGroup, coreSize, type Geometry, inodeNumber } from './superblock.ts';

/** One record of an inode btree. */
export interface Chunk {
  /** Number of its first inode. */
  readonly first: number;
  /** Its first block, counted from the volume's start, and the place of its first inode there. */
  readonly block: number;
  readonly index: number;
  /** Bit i of the pair: inode i is free (or does not exist, in a sparse chunk). */
  readonly freeLow: number;
  readonly freeHigh: number;
  /** Bit i: inodes 4 i to 4 i + 3 do not exist. */
  readonly holes: number;
}

function bitCount(value: number): number {
  let rest = value - ((value >>> 1) & 0x55555555);
  rest = (rest & 0x33333333) + ((rest >>> 2) & 0x33333333);
  return (((rest + (rest >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

/**
 * Decodes a record of an inode btree.
 * @returns the chunk with its counts of inodes and of free ones
 * @throws `corrupt` when it does not lie inside of its group or contradicts itself
 */
export function decodeChunk(
  geometry: Geometry,
  group: number,
  view: DataView,
  at: number,
): { chunk: Chunk; count: number; free: number } {
  const first = view.getUint32(at);
  const { inodesPerBlock, hasSparseInodes } = geometry;
  const holes = hasSparseInodes ? view.getUint16(at + 4) : 0;
  const free = hasSparseInodes ? view.getUint8(at + 7) : view.getUint32(at + 4);
  const freeHigh = view.getUint32(at + 8);
  const freeLow = view.getUint32(at + 12);
  const count = INODES_PER_CHUNK - HOLEMASK.inodes * bitCount(holes);
  if (hasSparseInodes && view.getUint8(at + 6) !== count) {
    throw corrupt(
      'XFS_INODE_CHUNK',
      `the chunk of inode ${first} counts ${view.getUint8(at + 6)}, not ${count}`,
    );
  }
  const inGroup = Math.floor(first / inodesPerBlock);
  const length = Math.max(1, INODES_PER_CHUNK / inodesPerBlock);
  if (
    inGroup === 0 ||
    inGroup + length > blocksOfGroup(geometry, group) ||
    first % Math.min(64, inodesPerBlock)
  ) {
    throw corrupt('XFS_INODE_CHUNK', `the chunk of inode ${first} is not inside of its group`);
  }
  if (bitCount(freeHigh) + bitCount(freeLow) - (INODES_PER_CHUNK - count) !== free) {
    throw corrupt(
      'XFS_INODE_CHUNK',
      `the chunk of inode ${first} counts ${free} free inodes and marks others`,
    );
  }
  const chunk = {
    first: inodeNumber(geometry, group, first),
    block: group * geometry.groupBlocks + inGroup,
    index: first % inodesPerBlock,
    freeLow,
    freeHigh,
    holes,
  };
  return { chunk, count, free };
}

/** Calls `add` for each stretch of inodes [from, to) of a chunk that exist. */
export function stretches({ holes }: Chunk, add: (from: number, to: number) => void): void {
  if (holes === 0) {
    add(0, INODES_PER_CHUNK);
    return;
  }
  let start = -1;
  for (let bit = 0; bit <= HOLEMASK.bits; bit++) {
    const exists = bit < HOLEMASK.bits && ((holes >>> bit) & 1) === 0;
    if (exists && start < 0) start = bit;
    else if (!exists && start >= 0) {
      add(start * HOLEMASK.inodes, bit * HOLEMASK.inodes);
      start = -1;
    }
  }
}

export function isFree({ freeLow, freeHigh }: Chunk, index: number): boolean {
  return (((index < 32 ? freeLow : freeHigh) >>> (index & 31)) & 1) !== 0;
}

/** One inode, decoded: what `open` and the metadata walk look at. */
export interface Inode {
  readonly number: number;
  readonly mode: number;
  readonly links: number;
  readonly flags: number;
  readonly size: number;
  readonly data: Fork;
  readonly attributes: Fork;
}

/** What makes an inode unfit to be read, or undefined; `number` is where it stands. */
export function inodeProblem(
  geometry: Geometry,
  view: DataView,
  at: number,
  number: number,
): string | undefined {
  if (view.getUint16(at) !== INODE.magic) return 'there is no inode: the magic number is missing';
  const version = view.getUint8(at + INODE.di_version);
  if (geometry.hasCrc ? version !== 3 : version !== 1 && version !== 2)
    return `the inode is of version ${version}`;
  if (!geometry.hasCrc) return undefined;
  if (!isIntact(view, at, geometry.inodeSize, INODE.di_crc)) return 'the inode fails its checksum';
  if (!is64(view, at + INODE.di_ino, number)) return 'the inode says that it is another one';
  return isOwnUuid(geometry, view, at + INODE.di_uuid)
    ? undefined
    : "the inode carries another filesystem's UUID";
}

/** 64 bits as a number; infinity when they do not fit, so that every bound refuses them. */
export function big64(view: DataView, at: number): number {
  const high = view.getUint32(at);
  return high > 0x1fffff ? Number.POSITIVE_INFINITY : high * 2 ** 32 + view.getUint32(at + 4);
}

/** The two forks of an inode, by format, place and count. @throws `corrupt` when they do not fit the inode */
export function forksOf(geometry: Geometry, view: DataView, at: number): { data: Fork; attributes: Fork } {
  const version = view.getUint8(at + INODE.di_version);
  const core = coreSize(version);
  const room = geometry.inodeSize - core;
  const offset = view.getUint8(at + INODE.di_forkoff) * 8;
  if (offset >= room) {
    throw corrupt('XFS_INODE_FORK', `its attribute fork begins at byte ${offset} of ${room}`);
  }
  const isWide = version >= 3 && (view.getUint32(at + INODE.di_flags2 + 4) & DIFLAG2.nrext64) !== 0;
  const extents = isWide ? big64(view, at + INODE.di_big_nextents) : view.getUint32(at + INODE.di_nextents);
  const data = {
    at: at + core,
    size: offset === 0 ? room : offset,
    format: view.getUint8(at + INODE.di_format),
    extents,
  };
  const attributes = {
    at: at + core + offset,
    size: offset === 0 ? 0 : room - offset,
    format: offset === 0 ? FORMAT.local : view.getUint8(at + INODE.di_aformat),
    extents: isWide ? view.getUint32(at + INODE.di_nextents) : view.getUint16(at + INODE.di_anextents),
  };
  return { data, attributes };
}

export function linksOf(view: DataView, at: number): number {
  return view.getUint8(at + INODE.di_version) === 1
    ? view.getUint16(at + INODE.di_onlink)
    : view.getUint32(at + INODE.di_nlink);
}

export function decodeInode(geometry: Geometry, number: number, view: DataView, at: number): Inode {
  return {
    number,
    mode: view.getUint16(at + INODE.di_mode),
    links: linksOf(view, at),
    flags: view.getUint16(at + INODE.di_flags),
    size: big64(view, at + INODE.di_size),
    ...forksOf(geometry, view, at),
  };
}

/** di_mtime in seconds: with BIGTIME a count of nanoseconds since 1901, else seconds since 1970. */
function modifiedOf(view: DataView, at: number): number {
  const isBig =
    view.getUint8(at + INODE.di_version) >= 3 &&
    (view.getUint32(at + INODE.di_flags2 + 4) & DIFLAG2.bigtime) !== 0;
  if (!isBig) return view.getInt32(at + INODE.di_mtime);
  return secondsOf(view.getUint32(at + INODE.di_mtime), view.getUint32(at + INODE.di_mtime + 4)) - 2 ** 31;
}

/** Whole seconds of 64 bits of nanoseconds: a division by hand, because 64 bits are more than a number holds. */
function secondsOf(high: number, low: number): number {
  // 2^32 is 4 * 10^9 + 294,967,296; the product with its rest is taken in halves of 16 bits.
  const upper = (high >>> 16) * 294967296;
  const seconds = Math.floor(upper / 1e9);
  const rest = (upper - seconds * 1e9) * 65536 + (high & 0xffff) * 294967296 + low;
  return high * 4 + seconds * 65536 + Math.floor(rest / 1e9);
}

/** Inodes in use, by slot; see the head of this module. */
export class InodeColumns {
  /** Slots, not inodes: those with mode 0 are not in use. */
  readonly count: number;
  readonly mode: Uint16Array;
  readonly links: Uint32Array;
  readonly uid: Uint32Array;
  readonly gid: Uint32Array;
  readonly size: Float64Array;
  readonly allocated: Float64Array;
  readonly modified: Float64Array;
  readonly entry: Int32Array;
  private readonly geometry: Geometry;
  private readonly starts: Float64Array;
  private last = 0;

  /** `chunks` sorted by their first inode, without overlaps. */
  constructor(geometry: Geometry, chunks: readonly Chunk[]) {
    this.geometry = geometry;
    this.count = chunks.length * INODES_PER_CHUNK;
    this.starts = Float64Array.from(chunks, ({ first }) => first);
    this.mode = new Uint16Array(this.count);
    this.links = new Uint32Array(this.count);
    this.uid = new Uint32Array(this.count);
    this.gid = new Uint32Array(this.count);
    this.size = new Float64Array(this.count);
    this.allocated = new Float64Array(this.count);
    this.modified = new Float64Array(this.count);
    this.entry = new Int32Array(this.count).fill(-1);
  }

  numberOf(slot: number): number {
    return this.starts[Math.floor(slot / INODES_PER_CHUNK)]! + (slot % INODES_PER_CHUNK);
  }

  /** Slot of an inode, or -1 when it is not in use (or was not read). */
  slotOf(inode: number): number {
    const { starts } = this;
    // Files of one directory mostly share a chunk.
    let chunk = this.last;
    const start = starts[chunk];
    if (start === undefined || inode < start || inode >= start + INODES_PER_CHUNK) {
      let low = 0;
      let high = starts.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (starts[middle]! <= inode) low = middle + 1;
        else high = middle;
      }
      chunk = low - 1;
      if (chunk < 0 || inode >= starts[chunk]! + INODES_PER_CHUNK) return -1;
      this.last = chunk;
    }
    const slot = chunk * INODES_PER_CHUNK + (inode - starts[chunk]!);
    return this.mode[slot] === 0 ? -1 : slot;
  }

  /** Takes over the inode at `at`. @returns its mode; 0 when it is not in use */
  take(slot: number, view: DataView, at: number): number {
    const mode = view.getUint16(at + INODE.di_mode);
    const links = linksOf(view, at);
    if (mode === 0 || links === 0) return 0;
    this.mode[slot] = mode;
    this.links[slot] = links;
    this.uid[slot] = view.getUint32(at + INODE.di_uid);
    this.gid[slot] = view.getUint32(at + INODE.di_gid);
    this.size[slot] = big64(view, at + INODE.di_size);
    this.allocated[slot] = big64(view, at + INODE.di_nblocks) * this.geometry.blockSize;
    this.modified[slot] = modifiedOf(view, at);
    return mode;
  }
}

export const isDirectory = (mode: number): boolean => (mode & S_IFMT) === S_IFDIR;
export const isLink = (mode: number): boolean => (mode & S_IFMT) === S_IFLNK;
