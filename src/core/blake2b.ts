/**
 * BLAKE2b with 32 bytes of output and no key (RFC 7693): Node offers only the one with 64, and the length is part of
 * what is hashed. 64-bit words are pairs of 32-bit halves, the lower one first.
 */
import { viewOf } from './record.ts';

const BLOCK = 128;
const ROUNDS = 12;
const OUTPUT_BYTES = 32;

/** The fractional parts of the square roots of the first eight primes: SHA-512's. */
const IV = Int32Array.of(
  ...[0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a],
  ...[0xade682d1, 0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19],
);

const SIGMA: readonly (readonly number[])[] = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/** Words of the columns and diagonals that one round mixes. */
const MIXES: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
];

/** v[a] += v[b] (+ the message's word x) */
function addTo(v: Int32Array, a: number, low: number, high: number): void {
  const sum = (v[2 * a]! >>> 0) + (low >>> 0);
  v[2 * a] = sum;
  v[2 * a + 1] = v[2 * a + 1]! + high + (sum > 0xffffffff ? 1 : 0);
}

/** v[a] = (v[a] ^ v[b]) rotated to the right */
function xorRotate(v: Int32Array, a: number, b: number, by: number): void {
  const low = v[2 * a]! ^ v[2 * b]!;
  const high = v[2 * a + 1]! ^ v[2 * b + 1]!;
  if (by === 32) {
    v[2 * a] = high;
    v[2 * a + 1] = low;
  } else if (by < 32) {
    v[2 * a] = (low >>> by) | (high << (32 - by));
    v[2 * a + 1] = (high >>> by) | (low << (32 - by));
  } else {
    // 63: one to the left
    v[2 * a] = (low << 1) | (high >>> 31);
    v[2 * a + 1] = (high << 1) | (low >>> 31);
  }
}

function compress(h: Int32Array, m: Int32Array, count: number, isLast: boolean): void {
  const v = new Int32Array(32);
  v.set(h);
  v.set(IV, 16);
  v[24]! ^= count | 0; // less than 2^32
  if (isLast) {
    v[28] = ~v[28]!;
    v[29] = ~v[29]!;
  }
  for (let round = 0; round < ROUNDS; round++) {
    const sigma = SIGMA[round % 10]!;
    for (let i = 0; i < 8; i++) {
      const [a, b, c, d] = MIXES[i]!;
      const x = sigma[2 * i]!;
      const y = sigma[2 * i + 1]!;
      addTo(v, a, v[2 * b]!, v[2 * b + 1]!);
      addTo(v, a, m[2 * x]!, m[2 * x + 1]!);
      xorRotate(v, d, a, 32);
      addTo(v, c, v[2 * d]!, v[2 * d + 1]!);
      xorRotate(v, b, c, 24);
      addTo(v, a, v[2 * b]!, v[2 * b + 1]!);
      addTo(v, a, m[2 * y]!, m[2 * y + 1]!);
      xorRotate(v, d, a, 16);
      addTo(v, c, v[2 * d]!, v[2 * d + 1]!);
      xorRotate(v, b, c, 63);
    }
  }
  for (let i = 0; i < 16; i++) h[i]! ^= v[i]! ^ v[i + 16]!;
}

/** @param bytes fewer than 2^32 of them */
export function blake2b256(bytes: Uint8Array): Uint8Array {
  const h = Int32Array.from(IV);
  h[0]! ^= 0x01010000 ^ OUTPUT_BYTES;
  const m = new Int32Array(BLOCK / 4);
  const view = viewOf(bytes);
  let at = 0;
  for (; bytes.length - at > BLOCK; at += BLOCK) {
    for (let i = 0; i < m.length; i++) m[i] = view.getInt32(at + 4 * i, true);
    compress(h, m, at + BLOCK, false);
  }
  const last = new Uint8Array(BLOCK);
  last.set(bytes.subarray(at));
  const lastView = viewOf(last);
  for (let i = 0; i < m.length; i++) m[i] = lastView.getInt32(4 * i, true);
  compress(h, m, bytes.length, true);
  const output = new Uint8Array(OUTPUT_BYTES);
  const outputView = viewOf(output);
  for (let i = 0; i < OUTPUT_BYTES / 4; i++) outputView.setInt32(4 * i, h[i]!, true);
  return output;
}
