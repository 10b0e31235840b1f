import { describe, expect, it } from 'vitest';
import { crc32c, crc32cUpdate } from '../../src/core/crc32c.ts';

describe('crc32c', () => {
  // RFC 3720, appendix B.4, and the check value of the CRC catalogue.
  it.each([
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['ascending', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['descending', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['digits', new TextEncoder().encode('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('%s', (_name, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  it('is the same bit by bit, at every length and alignment, whole or in parts', () => {
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => (i * 37 + 11) & 0xff);
    const slow = (from: number, to: number): number => {
      let crc = 0xffffffff;
      for (let at = from; at < to; at++) {
        crc ^= bytes[at]!;
        for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
      }
      return ~crc >>> 0;
    };
    for (let from = 0; from < 20; from++) {
      for (let to = from; to <= 100; to += 3) {
        const middle = (from + to) >> 1;
        expect(crc32c(bytes.subarray(from, to))).toBe(slow(from, to));
        expect(crc32c(bytes.subarray(middle, to), crc32c(bytes.subarray(from, middle)))).toBe(slow(from, to));
      }
    }
  });

  it('continues a bare state', () => {
    const view = new DataView(new TextEncoder().encode('123456789').buffer);
    expect(~crc32cUpdate(crc32cUpdate(0xffffffff, view, 0, 4), view, 4, 9) >>> 0).toBe(0xe3069283);
  });
});
