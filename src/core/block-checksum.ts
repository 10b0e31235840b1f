/** The checksums that btrfs may seal its blocks with, as it stores them: little-endian, up to 32 bytes. */
import { createHash } from 'node:crypto';
import { blake2b256 } from './blake2b.ts';
import { crc32cUpdate } from './crc32c.ts';
import { viewOf } from './record.ts';
import { xxhash64 } from './xxhash64.ts';

/** By btrfs's number for it; names as `btrfs inspect-internal dump-super` prints them. */
export const BLOCK_CHECKSUMS = [
  { name: 'crc32c', bytes: 4 },
  { name: 'xxhash64', bytes: 8 },
  { name: 'sha256', bytes: 32 },
  { name: 'blake2', bytes: 32 },
] as const;

export type BlockChecksum = (typeof BLOCK_CHECKSUMS)[number];

/** Whether the checksum of [start, end) stands at byte `at` of `stored`. */
export function hasChecksum(
  kind: BlockChecksum,
  bytes: Uint8Array,
  start: number,
  end: number,
  stored: DataView,
  at: number,
): boolean {
  if (kind.name === 'crc32c') {
    return ~crc32cUpdate(0xffffffff, viewOf(bytes), start, end) >>> 0 === stored.getUint32(at, true);
  }
  const content = bytes.subarray(start, end);
  if (kind.name === 'xxhash64') {
    const { high, low } = xxhash64(content);
    return stored.getUint32(at, true) === low && stored.getUint32(at + 4, true) === high;
  }
  const digest = kind.name === 'sha256' ? createHash('sha256').update(content).digest() : blake2b256(content);
  return digest.every((byte, i) => stored.getUint8(at + i) === byte);
}
