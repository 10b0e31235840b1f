/** LZO1X streams written by hand from the kernel's Documentation/staging/lzo.rst, and btrfs's frame around them. */
import { describe, expect, it } from 'vitest';
import { decodeBtrfsLzo, decodeLzo1x } from '../../../../src/disk/filesystems/btrfs/lzo.ts';

const ascii = (text: string): number[] => [...Buffer.from(text, 'latin1')];
const END = [0x11, 0, 0];

function decoded(stream: readonly number[], room = 65_536): string {
  const output = new Uint8Array(room);
  const length = decodeLzo1x(Uint8Array.from(stream), output);
  return Buffer.from(output.subarray(0, length)).toString('latin1');
}

describe('a stream', () => {
  it.each<[string, number[], string]>([
    ['nothing', END, ''],
    ['a first byte of 18 and more: so many literals and 17', [17 + 4, ...ascii('abcd'), ...END], 'abcd'],
    // 0000LLLL: 3 and L literals; L of 0: 15 and what follows.
    ['a run of literals', [2, ...ascii('abcde'), ...END], 'abcde'],
    ['a longer run', [0, 2, ...ascii('abcdefghijklmnopqrst'), ...END], 'abcdefghijklmnopqrst'],
    // 01LDDDSS H: length 3 + L, distance (H << 3) + D + 1; here 4 from 4 before.
    ['a short match', [21, ...ascii('abcd'), 0x40 | 0x20 | (3 << 2), 0, ...END], 'abcdabcd'],
    // 1LLDDDSS H: length 5 + L; here 8, over itself, and two literals behind.
    [
      'a match of up to 8',
      [21, ...ascii('abcd'), 0xe0 | (3 << 2) | 2, 0, ...ascii('xy'), ...END],
      'abcdabcdabcdxy',
    ],
    // 001LLLLL, then 16 bits: distance - 1 and SS; L of 0: 31 and what follows.
    [
      'a match over itself',
      [21, ...ascii('abca'), 0x20, 61, 0, 0, ...END],
      `abc${'a'.repeat(1 + 2 + 31 + 61)}`,
    ],
    [
      'a zero in a length stands for 255',
      [21, ...ascii('zzzz'), 0x20, 0, 1, 0, 0, ...END],
      'z'.repeat(4 + 2 + 31 + 256),
    ],
    // 0000DDSS H behind 1 to 3 literals: 2 bytes from (H << 2) + D + 1 before.
    [
      'a tiny match',
      [21, ...ascii('abcd'), 0x40 | (3 << 2) | 1, 0, ...ascii('x'), 3 << 2, 0, ...END],
      'abcdabcxab',
    ],
  ])('%s', (_name, stream, expected) => {
    expect(decoded(stream)).toBe(expected);
  });

  const counted = (length: number): string =>
    Array.from({ length }, (_, i) => String.fromCharCode(33 + (i % 89))).join('');

  it('reaches 2 KiB back behind a run of literals', () => {
    // The run is of 3 + 15 + 8 * 255 + 42; then 3 bytes from (H << 2) + D + 2049 before.
    const text = counted(2100);
    const stream = [0, ...Array<number>(8).fill(0), 42, ...ascii(text), 1 << 2, 0, ...END];
    expect(decoded(stream)).toBe(text + text.slice(2100 - 2050, 2100 - 2047));
  });

  it('reaches beyond 16 KiB back', () => {
    // 0001HLLL, then 16 bits: 2 + L bytes from 16384 + (H << 14) + D before.
    const text = counted(17_000);
    const stream = [
      0,
      ...Array<number>(66).fill(0),
      152,
      ...ascii(text),
      0x13,
      (100 << 2) & 0xff,
      100 >> 6,
      ...END,
    ];
    expect(decoded(stream)).toBe(text + text.slice(17_000 - 16_484, 17_000 - 16_479));
  });

  it.each<[string, number[], number, string]>([
    ['nothing at all', [], 10, 'cut short'],
    ['literals that are cut', [21, 97, 98], 10, 'literals are cut short'],
    ['no end', [21, ...ascii('abcd')], 10, 'cut short'],
    [
      'a match before the beginning',
      [21, ...ascii('abcd'), 0x40 | (4 << 2), 0, ...END],
      10,
      'before the beginning',
    ],
    ['more literals than there is room', [21, ...ascii('abcd'), ...END], 3, 'more than its sector'],
    [
      'a match longer than there is room',
      [21, ...ascii('abcd'), 0x20, 61, 0, 0, ...END],
      50,
      'more than its sector',
    ],
    [
      'a length without end',
      [21, ...ascii('abcd'), 0x20, ...Array<number>(400).fill(0)],
      100,
      'length is larger',
    ],
    ['an end of another length', [21, ...ascii('abcd'), 0x12, 0, 0], 10, 'end is damaged'],
  ])('is refused with %s', (_name, stream, room, message) => {
    expect(() => decoded(stream, room)).toThrow(message);
  });
});

describe('the frame', () => {
  const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  /** Literals alone, 22 to 238 of them at a time. */
  const literal = (text: string): Buffer => {
    const run = [
      0,
      ...Array<number>(Math.floor((text.length - 19) / 255)).fill(0),
      ((text.length - 19) % 255) + 1,
    ];
    return Buffer.from([...run, ...ascii(text), ...END]);
  };

  it('puts sectors together, and no length across the edge of one', () => {
    // 4 + 4 + 4085 bytes end 3 bytes before the edge of the first sector, so that the next length stands behind it.
    const first = literal('a'.repeat(4065));
    expect(4 + 4 + first.length).toBe(4093);
    const second = literal('b'.repeat(1000));
    const end = 4096 + 4 + second.length;
    const packed = Buffer.concat([
      u32(end),
      u32(first.length),
      first,
      Buffer.alloc(3),
      u32(second.length),
      second,
    ]);
    expect(packed.length).toBe(end);
    const output = decodeBtrfsLzo(Buffer.concat([packed, Buffer.alloc(500)]), 8192, 4096);
    expect(Buffer.from(output).toString()).toBe('a'.repeat(4065) + 'b'.repeat(1000));
  });

  it.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(3), 'cut short'],
    ['a length beyond its end', Buffer.concat([u32(100), u32(3), Buffer.from(END)]), 'claims 100 of 11'],
    ['an empty segment', Buffer.concat([u32(12), u32(0), u32(0)]), 'a segment claims 0'],
    ['a segment beyond its end', Buffer.concat([u32(11), u32(40), Buffer.from(END)]), 'a segment claims 40'],
  ])('is refused with %s', (_name, packed, message) => {
    expect(() => decodeBtrfsLzo(packed, 4096, 4096)).toThrow(message);
  });
});
