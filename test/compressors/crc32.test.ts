import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combineCrc32 } from '../../src/compressors/crc32.ts';

describe('CRC-32 of joined pieces', () => {
  it('is the CRC of the whole, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.nat(), (bytes, cut) => {
        const at = bytes.length === 0 ? 0 : cut % (bytes.length + 1);
        const rest = bytes.subarray(at);
        expect(combineCrc32(crc32(bytes.subarray(0, at)), crc32(rest), rest.length)).toBe(crc32(bytes));
      }),
    );
  });

  it('is associative over many pieces', () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 2654435761) >>> 13);
    let sum = 0;
    for (let at = 0; at < bytes.length; at += 777) {
      const piece = bytes.subarray(at, at + 777);
      sum = combineCrc32(sum, crc32(piece), piece.length);
    }
    expect(sum).toBe(crc32(bytes));
  });

  it('knows lengths above 4 GiB', () => {
    // The CRC of 2^33 zeros by squaring, against 2^33 = 8 × 2^30 zeros put together, each from 64 KiB pieces.
    const zeros = new Uint8Array(65536);
    let size = zeros.length;
    let sum = crc32(zeros);
    while (size < 2 ** 33) {
      sum = combineCrc32(sum, sum, size);
      size *= 2;
    }
    const piece = new Uint8Array(2 ** 20);
    let long = 0;
    const one = crc32(piece);
    for (let at = 0; at < 2 ** 33; at += piece.length) long = combineCrc32(long, one, piece.length);
    expect(sum).toBe(long);
    // `head -c 4294967296 /dev/zero | pigz -1 | tail -c 8`: what pigz stores for 4 GiB of zeros.
    let four = crc32(zeros);
    for (let at = zeros.length; at < 2 ** 32; at *= 2) four = combineCrc32(four, four, at);
    expect(four.toString(16)).toBe('d202ef8d');
  });
});
