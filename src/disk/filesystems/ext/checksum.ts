/**
 * Checksums of metadata: crc32c with metadata_csum, seeded by the filesystem's UUID (or s_checksum_seed) and
 * chained over what identifies a structure; the older uninit_bg seals group descriptors alone, with crc16.
 * The rules are those of e2fsprogs lib/ext2fs/csum.c and the kernel's fs/ext4.
 */
import { crc32cUpdate } from '../../../core/crc32c.ts';
import { viewOf } from '../../../core/record.ts';
import { DIRENT, EXTENT, GROUP, INODE } from './layout.ts';

const ALL_ONES = 0xffffffff;
const scratch = new DataView(new ArrayBuffer(8));
const zeros = new DataView(new ArrayBuffer(8));

/** crc16 of lib/ext2fs/crc16.c: polynomial x^16 + x^15 + x^2 + 1, reflected. */
export function crc16(crc: number, view: DataView, start: number, end: number): number {
  let state = crc;
  for (let at = start; at < end; at++) {
    state ^= view.getUint8(at);
    for (let bit = 0; bit < 8; bit++) state = (state >>> 1) ^ (state & 1 ? 0xa001 : 0);
  }
  return state;
}

/** Seed of every metadata checksum when the superblock does not store it. */
export function seedOfUuid(uuid: Uint8Array): number {
  return crc32cUpdate(ALL_ONES, viewOf(uuid), 0, 16);
}

/** Of the superblock's 1024 bytes, without its last four. */
export function superblockChecksum(bytes: Uint8Array): number {
  return crc32cUpdate(ALL_ONES, viewOf(bytes), 0, 0x3fc);
}

/** Of a group descriptor with metadata_csum: its low 16 bits are stored in bg_checksum. */
export function groupChecksum(seed: number, group: number, view: DataView, at: number, size: number): number {
  scratch.setUint32(0, group, true);
  let crc = crc32cUpdate(seed, scratch, 0, 4);
  crc = crc32cUpdate(crc, view, at, at + GROUP.bg_checksum);
  crc = crc32cUpdate(crc, zeros, 0, 2);
  crc = crc32cUpdate(crc, view, at + GROUP.bg_checksum + 2, at + size);
  return crc & 0xffff;
}

/** Of a group descriptor with uninit_bg (gdt_csum). */
export function groupChecksum16(
  uuid: Uint8Array,
  group: number,
  view: DataView,
  at: number,
  size: number,
): number {
  scratch.setUint32(0, group, true);
  let crc = crc16(0xffff, viewOf(uuid), 0, 16);
  crc = crc16(crc, scratch, 0, 4);
  crc = crc16(crc, view, at, at + GROUP.bg_checksum);
  // The kernel skips the field itself and goes on only with 64-byte descriptors.
  return size > GROUP.bg_checksum + 2 ? crc16(crc, view, at + GROUP.bg_checksum + 2, at + size) : crc;
}

/** Seed of everything that belongs to an inode: extent blocks, directory blocks, the inode itself. */
export function inodeSeed(seed: number, inode: number, generation: number): number {
  scratch.setUint32(0, inode, true);
  scratch.setUint32(4, generation, true);
  return crc32cUpdate(seed, scratch, 0, 8);
}

/** Whether the inode at `at` matches its checksum. */
export function inodeIsIntact(
  seed: number,
  inode: number,
  view: DataView,
  at: number,
  size: number,
): boolean {
  const own = inodeSeed(seed, inode, view.getUint32(at + INODE.i_generation, true));
  let crc = crc32cUpdate(own, view, at, at + INODE.l_i_checksum_lo);
  crc = crc32cUpdate(crc, zeros, 0, 2);
  crc = crc32cUpdate(crc, view, at + INODE.l_i_checksum_lo + 2, at + INODE.goodOldSize);
  const low = view.getUint16(at + INODE.l_i_checksum_lo, true);
  if (size === INODE.goodOldSize) return (crc & 0xffff) === low;
  // EXT4_INODE_CSUM_HI_EXTRA_END: the high half exists when i_extra_isize covers it.
  if (view.getUint16(at + INODE.i_extra_isize, true) >= 4) {
    crc = crc32cUpdate(crc, view, at + INODE.i_extra_isize, at + INODE.i_checksum_hi);
    crc = crc32cUpdate(crc, zeros, 0, 2);
    crc = crc32cUpdate(crc, view, at + INODE.i_checksum_hi + 2, at + size);
    return crc === ((view.getUint16(at + INODE.i_checksum_hi, true) << 16) | low) >>> 0;
  }
  return (crc32cUpdate(crc, view, at + INODE.goodOldSize, at + size) & 0xffff) === low;
}

/** Whether an extent block matches its checksum; `capacity` is its eh_max, checked by the caller. */
export function extentBlockIsIntact(own: number, view: DataView, at: number, capacity: number): boolean {
  const tail = at + EXTENT.headerSize + EXTENT.entrySize * capacity;
  return crc32cUpdate(own, view, at, tail) === view.getUint32(tail, true);
}

/** Whether a bitmap matches; `stored` has only its low 16 bits where descriptors are of 32 bytes. */
export function bitmapChecksum(seed: number, view: DataView, at: number, length: number): number {
  return crc32cUpdate(seed, view, at, at + length);
}

/** rec_len as stored; blocks of 64 KiB and more need two more bits (ext4_rec_len_from_disk). */
export function recordLength(stored: number, blockSize: number): number {
  if (blockSize < 65536) return stored;
  return stored === 65535 || stored === 0 ? blockSize : (stored & 65532) | ((stored & 3) << 16);
}

/**
 * Whether a directory block matches its checksum: leaves keep it in a fake entry at their end, interior nodes
 * of the hash tree after their last possible entry. A block with room for neither does not match.
 */
export function directoryBlockIsIntact(own: number, view: DataView, at: number, blockSize: number): boolean {
  const tail = at + blockSize - DIRENT.tailSize;
  const first = recordLength(view.getUint16(at + 4, true), blockSize);
  let countAt = 0;
  if (first === blockSize && view.getUint32(at, true) === 0) countAt = 8;
  else if (first === 12 && recordLength(view.getUint16(at + 16, true), blockSize) === blockSize - 12) {
    // dx_root: reserved_zero, and info_length is 8.
    if (view.getUint32(at + 24, true) === 0 && view.getUint8(at + 29) === 8) countAt = 32;
  }
  if (countAt === 0) {
    const isTail =
      view.getUint32(tail, true) === 0 &&
      view.getUint16(tail + 4, true) === DIRENT.tailSize &&
      view.getUint8(tail + 6) === 0 &&
      view.getUint8(tail + 7) === DIRENT.tailType;
    return isTail && crc32cUpdate(own, view, at, tail) === view.getUint32(tail + 8, true);
  }
  const limit = view.getUint16(at + countAt, true);
  const count = view.getUint16(at + countAt + 2, true);
  const dxTail = at + countAt + limit * 8;
  if (dxTail + 8 > at + blockSize || count > limit) return false;
  let crc = crc32cUpdate(own, view, at, at + countAt + count * 8);
  crc = crc32cUpdate(crc, view, dxTail, dxTail + 4);
  crc = crc32cUpdate(crc, zeros, 0, 4);
  return crc === view.getUint32(dxTail + 4, true);
}
