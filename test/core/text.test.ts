import { describe, expect, it } from 'vitest';
import { ImgoptError } from '../../src/core/errors.ts';
import { maskBits, record, u16be, u32le, u64le, viewOf } from '../../src/core/record.ts';
import { formatShare, formatSize, parseSize } from '../../src/core/size.ts';
import { escapeName, formatGuid, formatUuid } from '../../src/core/text.ts';

describe('parseSize', () => {
  it.each([
    ['512MiB', 512 * 2 ** 20],
    ['2GB', 2e9],
    ['1.5G', 1.5 * 2 ** 30],
    ['4096', 4096],
    ['1k', 1024],
    ['1kB', 1000],
    [' 3 TiB ', 3 * 2 ** 40],
  ])('reads %s', (input, bytes) => expect(parseSize(input)).toBe(bytes));
  it.each(['', '-1G', 'ten', '1X', '1..5G', 'GiB', '99999999P'])('refuses %j', (input) => {
    expect(() => parseSize(input)).toThrow(ImgoptError);
  });
});

describe('formatSize', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1048575, '1.0 MiB'],
    [1024 ** 3 * 1.4, '1.4 GiB'],
    [155 * 1024 ** 2, '155 MiB'],
    [-2048, '-2.0 KiB'],
  ])('%d is %s', (bytes, text) => expect(formatSize(bytes)).toBe(text));
  it('names small shares', () => {
    expect([
      formatShare(0, 5),
      formatShare(1, 100000),
      formatShare(1, 3),
      formatShare(3, 3),
      formatShare(1, 0),
    ]).toEqual(['0 %', '<0.1 %', '33.3 %', '100 %', '0 %']);
  });
});

describe('escapeName', () => {
  it('shows what would drive a terminal', () => {
    expect(escapeName('a\u001b[31mb\nc\td\u0007')).toBe('a\\x1b[31mb\\nc\\td\\x07');
    expect(escapeName('inv\u202eexe.txt\u200b')).toBe('inv\\u{202e}exe.txt\\u{200b}');
    expect(escapeName('\u009b31m\u2066\ufeff\u{e0041}')).toBe('\\x9b31m\\u{2066}\\u{feff}\\u{e0041}');
  });
  it('leaves ordinary names alone', () => expect(escapeName('größe 日本.txt')).toBe('größe 日本.txt'));
});

describe('record', () => {
  const sample = record('sample', { magic: u16be(0), length: u32le(2), offset: u64le(6) });
  it('reads each field at its offset and order', () => {
    const bytes = Uint8Array.from([0, 0x53, 0xef, 1, 2, 3, 4, 5, 0, 0, 0, 1, 0, 0, 0]);
    expect(sample.read(bytes, 1)).toEqual({ magic: 0x53ef, length: 0x04030201, offset: 0x0100000005 });
  });
  it('calls a short buffer and a number above 2^53 - 1 corrupt', () => {
    expect(() => sample.read(new Uint8Array(13))).toThrow(/14 bytes/);
    expect(() => sample.read(new Uint8Array(14).fill(0xff))).toThrow(ImgoptError);
  });
  it('masks 64-bit values as BigInt does', () => {
    const view = viewOf(Uint8Array.from([0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0]));
    const whole = view.getBigUint64(0);
    const [top, bottom] = [view.getUint32(0), view.getUint32(4)];
    for (let low = 0; low <= 52; low++) {
      for (let high = low + 1; high <= 53; high++) {
        const mask = ((1n << BigInt(high)) - 1n) ^ ((1n << BigInt(low)) - 1n);
        expect(maskBits(top, bottom, low, high)).toBe(Number(whole & mask));
      }
    }
  });
});

describe('identifiers', () => {
  const bytes = Uint8Array.from({ length: 16 }, (_, i) => i);
  it('prints a UUID in order and a GUID with its first fields swapped', () => {
    expect(formatUuid(bytes)).toBe('00010203-0405-0607-0809-0a0b0c0d0e0f');
    expect(formatGuid(bytes)).toBe('03020100-0504-0706-0809-0a0b0c0d0e0f');
  });
});
