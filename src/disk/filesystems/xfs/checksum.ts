/**
 * What v5 seals its metadata with: a CRC-32C over the whole structure with the checksum itself as zeros, stored
 * little-endian; and beside it where the structure belongs (its own address, its owner, its filesystem), so that a
 * block that is whole but misplaced is found out too. v4 has only magic numbers.
 */
import { crc32cUpdate } from '../../../core/crc32c.ts';
import type { Geometry } from './superblock.ts';

const zeros = new DataView(new ArrayBuffer(4));

/** The checksum of `size` bytes at `at` whose own four bytes stand `crcAt` behind `at`. */
export function checksumOf(view: DataView, at: number, size: number, crcAt: number): number {
  let crc = crc32cUpdate(0xffffffff, view, at, at + crcAt);
  crc = crc32cUpdate(crc, zeros, 0, 4);
  return ~crc32cUpdate(crc, view, at + crcAt + 4, at + size) >>> 0;
}

export function isIntact(view: DataView, at: number, size: number, crcAt: number): boolean {
  return checksumOf(view, at, size, crcAt) === view.getUint32(at + crcAt, true);
}

/** Whether the 16 bytes at `at` are the filesystem's own UUID for metadata. */
export function isOwnUuid(geometry: Geometry, view: DataView, at: number): boolean {
  const { metaUuid } = geometry;
  for (let i = 0; i < 16; i += 4) if (view.getUint32(at + i) !== metaUuid.getUint32(i)) return false;
  return true;
}

/** Whether the 64 bits at `at` are this number. */
export function is64(view: DataView, at: number, value: number): boolean {
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4) === value;
}

/** Offsets of what a sealed block says of itself. */
export interface Seal {
  readonly crc: number;
  readonly blkno: number;
  readonly uuid: number;
  readonly owner: number;
}

/**
 * What is wrong with a sealed block, or undefined.
 * @param block its number in the filesystem, from which its address in units of 512 bytes follows
 * @param owner inode or group; -1 when it is not known
 * @param ownerBytes width of the owner: 8 for inodes, 4 for groups
 */
export function sealProblem(
  geometry: Geometry,
  seal: Seal,
  view: DataView,
  at: number,
  size: number,
  block: number,
  owner: number,
  ownerBytes: 4 | 8 = 8,
): string | undefined {
  if (!isIntact(view, at, size, seal.crc)) return 'fails its checksum';
  if (!is64(view, at + seal.blkno, (block * geometry.blockSize) / 512)) {
    return `is block ${block}, but says that it stands elsewhere`;
  }
  if (!isOwnUuid(geometry, view, at + seal.uuid)) return "carries another filesystem's UUID";
  const isOwned =
    ownerBytes === 8 ? is64(view, at + seal.owner, owner) : view.getUint32(at + seal.owner) === owner;
  return isOwned ? undefined : 'belongs to another owner';
}
