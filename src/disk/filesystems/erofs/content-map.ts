/**
 * What a file's content is made of: extents in order, each stored in one of several forms, as columns. Flat files and
 * chunks have few; a compressed file has one for each compressed cluster.
 */
import { corrupt, unsupported } from '../../../core/errors.ts';
import { MAX_FILE_EXTENTS } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { doubled } from '../../../sources/runs.ts';
import type { Inode } from './inodes.ts';
import {
  ALGORITHM_NAMES,
  CHUNK,
  LAYOUT,
  NULL_ADDR_32,
  NULL_ADDR_48,
  PCLUSTER_MAX_DSIZE,
  PCLUSTER_MAX_SIZE,
} from './layout.ts';
import type { Superblock } from './superblock.ts';

/** How an extent is stored. */
export const FORM = {
  hole: 0,
  /** As it is, from its place on. */
  plain: 1,
  /** As it is, but turned, so that every byte has the same offset in a block as it has in the file. */
  interlaced: 2,
  /** In the packed inode; its place is an offset there. */
  fragment: 3,
  /** Compressed; with the number of the algorithm added. */
  compressed: 4,
} as const;

export class ContentMap {
  /** Bytes of the file. */
  readonly size: number;
  count = 0;
  from: Float64Array<ArrayBuffer> = new Float64Array(2);
  place: Float64Array<ArrayBuffer> = new Float64Array(2);
  /** Bytes that it takes at its place. */
  stored: Float64Array<ArrayBuffer> = new Float64Array(2);
  form: Uint8Array<ArrayBuffer> = new Uint8Array(2);
  /** 1: what is decoded goes on past the extent. */
  partial: Uint8Array<ArrayBuffer> = new Uint8Array(2);

  constructor(size: number) {
    this.size = size;
  }

  /** Appends; an extent ends where the next begins, the last one with the file. What would begin there is left out. */
  add(from: number, place: number, stored: number, form: number, isPartial = false): void {
    if (from >= this.size) return;
    if (this.count > 0 && from === this.from[this.count - 1]) this.count--; // the last one has no length
    if (this.count >= MAX_FILE_EXTENTS)
      throw unsupported('TOO_MANY_EXTENTS', `more than ${MAX_FILE_EXTENTS} extents`);
    if (this.count === this.from.length) {
      this.from = doubled(this.from);
      this.place = doubled(this.place);
      this.stored = doubled(this.stored);
      this.form = doubled(this.form);
      this.partial = doubled(this.partial);
    }
    this.from[this.count] = from;
    this.place[this.count] = place;
    this.stored[this.count] = stored;
    this.form[this.count] = form;
    this.partial[this.count++] = isPartial ? 1 : 0;
  }

  endOf(index: number): number {
    return index + 1 < this.count ? this.from[index + 1]! : this.size;
  }

  /** Index of the extent that holds `offset`. */
  indexAt(offset: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.from[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Bytes of the filesystem that it takes, without what lies in the packed inode. */
  get allocated(): number {
    let sum = 0;
    for (let i = 0; i < this.count; i++) if (isHere(this.form[i]!)) sum += this.stored[i]!;
    return sum;
  }

  /** True when any of it needs decoding or shares the packed inode. */
  get isCompressed(): boolean {
    return this.form.subarray(0, this.count).some((form) => form >= FORM.fragment);
  }

  /** Bytes of it in the packed inode: only the last extent can be there. */
  get fragmentBytes(): number {
    const last = this.count - 1;
    return last >= 0 && this.form[last] === FORM.fragment ? this.size - this.from[last]! : 0;
  }
}

/** True for forms that take bytes of the filesystem at their place. */
export function isHere(form: number): boolean {
  return form !== FORM.hole && form !== FORM.fragment;
}

/**
 * Holds a map against the bounds of the format.
 * @throws ImgoptError `corrupt`, or `unsupported` for an algorithm that the superblock does not name
 */
export function checked(map: ContentMap, superblock: Superblock, isClustered: boolean): ContentMap {
  const { count, from, place, stored, form } = map;
  for (let i = 0; i < count; i++) {
    if (!isHere(form[i]!)) continue;
    const where = `the extent at ${hex(from[i]!)}`;
    if (place[i]! + stored[i]! > superblock.size)
      throw corrupt('EROFS_EXTENT', `${where} is stored at ${hex(place[i]!)}, outside of the filesystem`);
    if (!isClustered) continue;
    const length = map.endOf(i) - from[i]!;
    if (stored[i]! > PCLUSTER_MAX_SIZE || length > PCLUSTER_MAX_DSIZE)
      throw corrupt('EROFS_EXTENT', `${where} has ${length} bytes in ${stored[i]}, more than there can be`);
    if (form[i]! < FORM.compressed && length > stored[i]!)
      throw corrupt('EROFS_EXTENT', `${where} has ${length} bytes and is stored as they are in ${stored[i]}`);
    const algorithm = form[i]! - FORM.compressed;
    if (algorithm >= ALGORITHM_NAMES.length)
      throw unsupported('EROFS_COMPRESSOR', `${where} uses compressor ${algorithm}, which is not known`);
    if (algorithm >= 0 && (superblock.algorithms & (1 << algorithm)) === 0)
      throw corrupt('EROFS_EXTENT', `${where} uses ${ALGORITHM_NAMES[algorithm]}, the superblock does not`);
  }
  return map;
}

/** Of an inode with one of the flat layouts: blocks, and perhaps a tail behind the inode. */
export function flatMap(superblock: Superblock, inode: Inode): ContentMap {
  const { blockSize } = superblock;
  const { size, startBlock, end } = inode;
  const map = new ContentMap(size);
  if (size === 0) return map;
  const blocks = Math.ceil(size / blockSize);
  const isInline = inode.layout === LAYOUT.flatInline;
  const whole = isInline ? blocks - 1 : blocks;
  if (startBlock === undefined) map.add(0, 0, 0, FORM.hole);
  else if (whole > 0) map.add(0, startBlock * blockSize, whole * blockSize, FORM.plain);
  if (isInline) {
    const tail = size - whole * blockSize;
    if ((end % blockSize) + tail > blockSize)
      throw corrupt('EROFS_TAIL', `its tail of ${tail} bytes behind the inode leaves the block`);
    map.add(whole * blockSize, end, tail, FORM.plain);
  }
  return checked(map, superblock, false);
}

/** Bytes of one entry of a list of chunks. */
function chunkUnit(inode: Inode): number {
  return (inode.chunkFormat & CHUNK.indexes) !== 0 ? 8 : 4;
}

function chunkBytes(superblock: Superblock, inode: Inode): number {
  return superblock.blockSize * 2 ** (inode.chunkFormat & CHUNK.bitsMask);
}

/** Where the list of chunks stands. */
export function chunkListRange(superblock: Superblock, inode: Inode): { start: number; end: number } {
  const unit = chunkUnit(inode);
  const start = Math.ceil(inode.end / unit) * unit;
  return { start, end: start + unit * Math.ceil(inode.size / chunkBytes(superblock, inode)) };
}

/** Of an inode of chunks. @param list its list, as chunkListRange says */
export function chunkMap(superblock: Superblock, inode: Inode, list: Uint8Array): ContentMap {
  const { blockSize } = superblock;
  const { size, chunkFormat } = inode;
  const unit = chunkUnit(inode);
  const chunk = chunkBytes(superblock, inode);
  const isWide = (chunkFormat & CHUNK['48bit']) !== 0;
  const view = viewOf(list);
  const map = new ContentMap(size);
  for (let at = 0, from = 0; from < size; at += unit, from += chunk) {
    const low = view.getUint32(unit === 8 ? at + 4 : at, true);
    const block = low + (unit === 8 && isWide ? view.getUint16(at, true) * 2 ** 32 : 0);
    const isHole = block === (unit === 8 && isWide ? NULL_ADDR_48 : NULL_ADDR_32);
    if (!isHole && unit === 8 && view.getUint16(at + 2, true) !== 0)
      throw corrupt('EROFS_EXTENT', `the chunk at ${hex(from)} is on another device, and there is none`);
    const stored = isHole ? 0 : Math.ceil(Math.min(chunk, size - from) / blockSize) * blockSize;
    const place = isHole ? 0 : block * blockSize;
    const last = map.count - 1;
    if (last >= 0 && isHole && map.form[last] === FORM.hole) continue;
    if (last >= 0 && !isHole && map.form[last] === FORM.plain) {
      if (map.place[last]! + map.stored[last]! === place) {
        map.stored[last]! += stored;
        continue;
      }
    }
    map.add(from, place, stored, isHole ? FORM.hole : FORM.plain);
  }
  return checked(map, superblock, false);
}
