/**
 * Inodes in use, in columns.
 *
 * The tables are read in large pieces without their never-used tails, every inode in use gets a dense slot, and
 * a sparse map leads from inode number to slot, so memory follows the inodes in use and not what a superblock
 * claims. What a directory needs later (its block map, its inline entries) goes to a sink while the raw inode
 * is at hand; the raw bytes are not kept.
 */
import { doubled } from '../../../sources/runs.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../mode.ts';
import { inodeIsIntact } from './checksum.ts';
import { INCOMPAT, INODE, INODE_FLAG, OS_HURD, RO_COMPAT, XATTR } from './layout.ts';
import { type Geometry, hasIncompat, hasRoCompat } from './superblock.ts';

/** Bits of the `traits` column. */
export const TRAIT = { encrypted: 1, eaInode: 2, badChecksum: 4, deleted: 8 } as const;

const CHUNK_BITS = 12;
const CHUNK = 1 << CHUNK_BITS;
/** Slots at the start: 41 bytes each. */
const MAX_INITIAL = 256 * 1024;

/** One inode, decoded: what `open` and the metadata walk look at. */
export interface Inode {
  readonly number: number;
  readonly mode: number;
  readonly links: number;
  readonly flags: number;
  readonly size: number;
  /** Blocks of 512 bytes. */
  readonly sectors: number;
  readonly generation: number;
  /** Block of extended attributes; 0 when there is none. */
  readonly attributeBlock: number;
}

/** i_blocks in bytes: 48 bits with huge_file, in filesystem blocks where the inode says so. */
export function allocatedBytes(geometry: Geometry, view: DataView, at: number): number {
  let blocks = view.getUint32(at + INODE.i_blocks_lo, true);
  if (!hasRoCompat(geometry, RO_COMPAT.huge_file)) return blocks * 512;
  if (geometry.creatorOs !== OS_HURD) blocks += view.getUint16(at + INODE.l_i_blocks_high, true) * 2 ** 32;
  const inBlocks = (view.getUint32(at + INODE.i_flags, true) & INODE_FLAG.hugeFile) !== 0;
  return blocks * (inBlocks ? geometry.blockSize : 512);
}

/** The high half of i_size exists for regular files, and for directories with large_dir (ext4_isize). */
export function inodeSizeOf(geometry: Geometry, view: DataView, at: number, mode: number): number {
  const low = view.getUint32(at + INODE.i_size_lo, true);
  const kind = mode & S_IFMT;
  const wide = kind === S_IFREG || (kind === S_IFDIR && hasIncompat(geometry, INCOMPAT.largedir));
  return wide ? low + view.getUint32(at + INODE.i_size_high, true) * 2 ** 32 : low;
}

export function attributeBlockOf(geometry: Geometry, view: DataView, at: number): number {
  const low = view.getUint32(at + INODE.i_file_acl_lo, true);
  const wide = hasIncompat(geometry, INCOMPAT['64bit']) && geometry.creatorOs !== OS_HURD;
  return wide ? low + view.getUint16(at + INODE.l_i_file_acl_high, true) * 2 ** 32 : low;
}

/** i_mtime with the two epoch bits that carry it to the year 2446. */
function modifiedOf(geometry: Geometry, view: DataView, at: number): number {
  const base = view.getInt32(at + INODE.i_mtime, true);
  if (geometry.inodeSize <= INODE.goodOldSize) return base;
  if (INODE.goodOldSize + view.getUint16(at + INODE.i_extra_isize, true) < INODE.i_mtime_extra + 4)
    return base;
  return base + (view.getUint32(at + INODE.i_mtime_extra, true) & 3) * 2 ** 32;
}

export function decodeInode(geometry: Geometry, number: number, view: DataView, at: number): Inode {
  const mode = view.getUint16(at + INODE.i_mode, true);
  return {
    number,
    mode,
    links: view.getUint16(at + INODE.i_links_count, true),
    flags: view.getUint32(at + INODE.i_flags, true),
    size: inodeSizeOf(geometry, view, at, mode),
    sectors: allocatedBytes(geometry, view, at) / 512,
    generation: view.getUint32(at + INODE.i_generation, true),
    attributeBlock: attributeBlockOf(geometry, view, at),
  };
}

/** Byte offset of an inode on the disk, given where its group's table starts. */
export function inodeOffset(geometry: Geometry, tableBlock: number, inode: number): number {
  return tableBlock * geometry.blockSize + ((inode - 1) % geometry.inodesPerGroup) * geometry.inodeSize;
}

/**
 * The continuation of inline data: the value of the attribute `system.data` inside the inode.
 * @returns [start, end) in `view`, or undefined when there is none or it does not fit the inode
 */
export function inlineContinuation(
  geometry: Geometry,
  view: DataView,
  at: number,
): [number, number] | undefined {
  if (geometry.inodeSize <= INODE.goodOldSize) return undefined;
  const end = at + geometry.inodeSize;
  const header = at + INODE.goodOldSize + view.getUint16(at + INODE.i_extra_isize, true);
  if (header + 4 > end || view.getUint32(header, true) !== XATTR.magic) return undefined;
  const first = header + 4;
  for (let entry = first; entry + XATTR.entrySize <= end && view.getUint32(entry, true) !== 0; ) {
    const length = view.getUint8(entry);
    const isData =
      view.getUint8(entry + 1) === XATTR.indexSystem &&
      length === 4 &&
      entry + XATTR.entrySize + 4 <= end &&
      view.getUint32(entry + XATTR.entrySize, true) === 0x61746164; // 'data'
    if (isData) {
      const start = first + view.getUint16(entry + 2, true);
      const size = view.getUint32(entry + 8, true);
      if (view.getUint32(entry + 4, true) !== 0 || start + size > end) return undefined;
      return [start, start + size];
    }
    entry += (XATTR.entrySize + length + 3) & ~3;
  }
  return undefined;
}

/** Inodes in use, by slot. */
export class InodeColumns {
  count = 0;
  number: Uint32Array<ArrayBuffer>;
  mode: Uint16Array<ArrayBuffer>;
  links: Uint16Array<ArrayBuffer>;
  traits: Uint8Array<ArrayBuffer>;
  uid: Uint32Array<ArrayBuffer>;
  gid: Uint32Array<ArrayBuffer>;
  size: Float64Array<ArrayBuffer>;
  allocated: Float64Array<ArrayBuffer>;
  modified: Float64Array<ArrayBuffer>;
  /** The table entry of the primary link; -1 while there is none. For directories: where children hang. */
  entry: Int32Array<ArrayBuffer>;
  private readonly geometry: Geometry;
  private readonly chunks: (Int32Array | undefined)[] = [];

  constructor(geometry: Geometry) {
    this.geometry = geometry;
    // As many as the superblock counts, so that nothing is copied while growing; it is a hint, and bounded.
    const capacity = Math.min(MAX_INITIAL, Math.max(1024, geometry.inodes - geometry.freeInodes));
    this.number = new Uint32Array(capacity);
    this.mode = new Uint16Array(capacity);
    this.links = new Uint16Array(capacity);
    this.traits = new Uint8Array(capacity);
    this.uid = new Uint32Array(capacity);
    this.gid = new Uint32Array(capacity);
    this.size = new Float64Array(capacity);
    this.allocated = new Float64Array(capacity);
    this.modified = new Float64Array(capacity);
    this.entry = new Int32Array(capacity);
  }

  numberOf(slot: number): number {
    return this.number[slot]!;
  }

  /** Slot of an inode, or -1 when it is not in use (or was not read). */
  slotOf(inode: number): number {
    const chunk = this.chunks[inode >>> CHUNK_BITS];
    return chunk === undefined ? -1 : chunk[inode & (CHUNK - 1)]! - 1;
  }

  /**
   * Takes over the inode at `at` when it is in use.
   * @returns its slot, or -1
   */
  take(inode: number, view: DataView, at: number): number {
    const mode = view.getUint16(at + INODE.i_mode, true);
    const links = view.getUint16(at + INODE.i_links_count, true);
    // Deleted inodes keep their mode; a link count of 0 is a file that is gone, or open and unlinked at a crash.
    if (mode === 0 || links === 0) return -1;
    const { geometry } = this;
    const { seed } = geometry;
    let traits = 0;
    if (seed !== undefined && !inodeIsIntact(seed, inode, view, at, geometry.inodeSize))
      traits |= TRAIT.badChecksum;
    const flags = view.getUint32(at + INODE.i_flags, true);
    if (flags & INODE_FLAG.encrypted) traits |= TRAIT.encrypted;
    if (flags & INODE_FLAG.eaInode) traits |= TRAIT.eaInode;
    if (this.count === this.number.length) this.grow();
    const slot = this.count++;
    this.number[slot] = inode;
    this.mode[slot] = mode;
    this.links[slot] = links;
    this.traits[slot] = traits;
    this.uid[slot] =
      view.getUint16(at + INODE.i_uid, true) | (view.getUint16(at + INODE.l_i_uid_high, true) << 16);
    this.gid[slot] =
      view.getUint16(at + INODE.i_gid, true) | (view.getUint16(at + INODE.l_i_gid_high, true) << 16);
    this.size[slot] = inodeSizeOf(geometry, view, at, mode);
    this.allocated[slot] = allocatedBytes(geometry, view, at);
    this.modified[slot] = modifiedOf(geometry, view, at);
    this.entry[slot] = -1;
    let chunk = this.chunks[inode >>> CHUNK_BITS];
    if (chunk === undefined) {
      chunk = new Int32Array(CHUNK);
      this.chunks[inode >>> CHUNK_BITS] = chunk;
    }
    chunk[inode & (CHUNK - 1)] = slot + 1;
    return slot;
  }

  private grow(): void {
    this.number = doubled(this.number);
    this.mode = doubled(this.mode);
    this.links = doubled(this.links);
    this.traits = doubled(this.traits);
    this.uid = doubled(this.uid);
    this.gid = doubled(this.gid);
    this.size = doubled(this.size);
    this.allocated = doubled(this.allocated);
    this.modified = doubled(this.modified);
    this.entry = doubled(this.entry);
  }
}
