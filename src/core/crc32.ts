/** The CRC-32 of Ethernet and zip in the form that Linux's own structures use. */
import { crc32 } from 'node:zlib';

/**
 * The kernel's crc32_le: the same polynomial as zlib's, without inverting before and after.
 * @param seed the state to start from, any 32 bits
 */
export function rawCrc32(bytes: Uint8Array, seed: number): number {
  return ~crc32(bytes, ~seed >>> 0) >>> 0;
}
