/** LZ4 blocks, worked by hand from lz4_Block_format.md. */
import { describe, expect, it } from 'vitest';
import { decodeLz4, decodeLz4Prefix } from '../../../src/disk/filesystems/lz4.ts';

describe('an LZ4 block', () => {
  it('is decoded', () => {
    const decoded = (...bytes: number[]): string =>
      Buffer.from(decodeLz4(Uint8Array.from(bytes), 64)).toString();
    // 3 literals 'abc', a match of 4 + 2 at offset 3, then the literal 'd' alone.
    expect(decoded(0x32, 0x61, 0x62, 0x63, 3, 0, 0x10, 0x64)).toBe('abcabcabcd');
    // Literals of 15 + 1; nothing behind them.
    expect(decoded(0xf0, 1, ...Buffer.from('0123456789abcdef'))).toBe('0123456789abcdef');
  });

  it('is decoded up to a length', () => {
    const prefix = (length: number): string =>
      Buffer.from(
        decodeLz4Prefix(Uint8Array.of(0x32, 0x61, 0x62, 0x63, 3, 0, 0x10, 0x64, 0xff), length),
      ).toString();
    // Inside of the literals, inside of the match, behind it; what stands behind the block is not looked at.
    expect([2, 3, 7, 9, 10].map(prefix)).toEqual(['ab', 'abc', 'abcabca', 'abcabcabc', 'abcabcabcd']);
    expect(() => prefix(11)).toThrow();
  });

  it.each([
    [[0x10], 'literals are cut short'],
    [[0xf0, 255], 'a length is cut short'],
    [[0x10, 0x61, 2, 0, 0x00], 'before the beginning'],
    [[0x10, 0x61, 0, 0, 0x00], 'before the beginning'],
    [[0x10, 0x61, 1], 'an offset is cut short'],
    [[0x10, 0x61, 1, 0], 'without its last literals'],
    [[], 'without its last literals'],
  ])('that lies is refused: %j', (bytes, message) => {
    expect(() => decodeLz4(Uint8Array.from(bytes), 64)).toThrow(message);
  });
});
