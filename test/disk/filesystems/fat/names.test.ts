import { describe, expect, test } from 'vitest';
import { dosTime, parseDirectory } from '../../../../src/disk/filesystems/fat/directory.ts';
import { shortName, shortNameChecksum } from '../../../../src/disk/filesystems/fat/names.ts';

const short = (text: string, nt = 0): string | undefined => shortName(Buffer.from(text, 'latin1'), 0, nt);

/** fatgen103, page 28: the checksum by its own words, one rotation to the right and an addition per byte. */
function checksum(name: string): number {
  return [...name].reduce(
    (sum, character) => (((sum >> 1) | ((sum & 1) << 7)) + character.charCodeAt(0)) & 0xff,
    0,
  );
}

/** Long-name entries and their short entry, by hand. */
function entries(units: readonly number[], name = 'SHORT~1 TXT'): Uint8Array {
  const padded = [...units];
  if (padded.length % 13 !== 0) padded.push(0);
  while (padded.length % 13 !== 0) padded.push(0xffff);
  const count = padded.length / 13;
  const bytes = Buffer.alloc((count + 1) * 32);
  for (let i = 0; i < count; i++) {
    const at = (count - 1 - i) * 32;
    bytes[at] = (i + 1) | (i === count - 1 ? 0x40 : 0);
    bytes[at + 11] = 0x0f;
    bytes[at + 13] = checksum(name);
    [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30].forEach((offset, k) => {
      bytes.writeUInt16LE(padded[i * 13 + k]!, at + offset);
    });
  }
  bytes.write(name, count * 32, 'latin1');
  bytes[count * 32 + 11] = 0x20;
  return bytes;
}

const units = (text: string): number[] => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
const names = (bytes: Uint8Array): string[] => parseDirectory(bytes, true).entries.map(({ name }) => name);

describe('short names', () => {
  test("base and extension, blanks cut, case by Windows NT's bits", () => {
    expect(short('README  TXT')).toBe('README.TXT');
    expect(short('README  TXT', 0x08)).toBe('readme.TXT');
    expect(short('README  TXT', 0x10)).toBe('README.txt');
    expect(short('NOEXT      ', 0x18)).toBe('noext');
  });

  test('code page 437, and 0x05 for 0xE5', () => {
    expect(short('\x9a\x81\xe1     \x8e  ')).toBe('Üüß.Ä');
    expect(short('\x05BC     TXT')).toBe('σBC.TXT');
  });

  test('control characters and nothing are no names', () => {
    expect(short('A\x01      TXT')).toBeUndefined();
    expect(short('           ')).toBeUndefined();
  });

  test("the checksum is the specification's", () => {
    for (const name of ['README  TXT', '\xff\xfe\x80     ABC', 'A          '])
      expect(shortNameChecksum(Buffer.from(name, 'latin1'), 0)).toBe(checksum(name));
  });
});

describe('long names', () => {
  test('of 1, 13, 14 and 255 characters', () => {
    for (const length of [1, 12, 13, 14, 26, 255]) {
      const name = 'abcdefghijklm'.repeat(20).slice(0, length);
      expect(names(entries(units(name)))).toEqual([name]);
    }
  });

  test('with a surrogate pair, whole and halved', () => {
    expect(names(entries(units('a😀b')))).toEqual(['a😀b']);
    expect(names(entries([0x61, 0xd83d, 0x62]))).toEqual(['a\ufffdb']);
  });

  test('out of order, with a wrong checksum or without their end leave the short name', () => {
    const good = entries(units('a name of more than thirteen characters'));
    const swapped = Buffer.from(good);
    swapped.set(good.subarray(0, 32), 32);
    swapped.set(good.subarray(32, 64), 0);
    expect(names(swapped)).toEqual(['SHORT~1.TXT']);
    const wrong = Buffer.from(good);
    wrong[32 + 13]! ^= 1;
    expect(names(wrong)).toEqual(['SHORT~1.TXT']);
    expect(names(good.subarray(32))).toEqual(['SHORT~1.TXT']);
    expect(parseDirectory(wrong, true).orphans).toBeGreaterThan(0);
  });

  test('a deleted entry between takes its long name with it', () => {
    const good = entries(units('gone'));
    good[32] = 0xe5;
    expect(names(Buffer.concat([good, entries(units('here'))]))).toEqual(['here']);
  });

  test('nothing counts behind the end mark', () => {
    expect(names(Buffer.concat([entries(units('a')), Buffer.alloc(32), entries(units('b'))]))).toEqual(['a']);
  });
});

test('times: by hand from the bit fields, two-second steps, no date is 0', () => {
  // 2024-02-29 12:34:56: (44 << 9 | 2 << 5 | 29), (12 << 11 | 34 << 5 | 28)
  expect(dosTime(22621, 25692)).toBe(Date.parse('2024-02-29T12:34:56Z') / 1000);
  expect(dosTime(0x21, 0)).toBe(Date.parse('1980-01-01T00:00:00Z') / 1000);
  expect(dosTime(0, 0)).toBe(0);
  expect(dosTime(0xffff, 0xffff)).toBe(0);
});
