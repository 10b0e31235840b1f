/** What is small enough to be worked by hand: run lists, LZNT1, boot sectors, names, the log's restart pages. */
import { describe, expect, it } from 'vitest';
import { type Geometry, parseBoot } from '../../../../src/disk/filesystems/ntfs/boot.ts';
import { decodeLznt1 } from '../../../../src/disk/filesystems/ntfs/lznt1.ts';
import { encodeName } from '../../../../src/disk/filesystems/ntfs/names.ts';
import { fixUp } from '../../../../src/disk/filesystems/ntfs/record.ts';
import { decodeRuns } from '../../../../src/disk/filesystems/ntfs/runlist.ts';
import { judgeLog } from '../../../../src/disk/filesystems/ntfs/state.ts';
import { ntfsImage } from '../../../support/ntfs.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

const geometry: Geometry = {
  sectorSize: 512,
  clusterSize: 4096,
  clusters: 0x400000,
  bytes: 0x400000 * 4096,
  mftCluster: 4,
  mirrorCluster: 8,
  recordSize: 1024,
  uuid: null,
};

describe('run lists', () => {
  /** Decodes runs behind the header of a non-resident attribute: [vcn, cluster, length]. */
  function runsOf(text: string, highest: bigint, lowest = 0n): [number, number, number][] {
    const runs = hex(text);
    const attribute = Buffer.alloc(64 + Math.ceil(runs.length / 8) * 8);
    attribute.writeUInt32LE(attribute.length, 4);
    attribute[8] = 1;
    attribute.writeBigInt64LE(lowest, 0x10);
    attribute.writeBigInt64LE(highest, 0x18);
    attribute.writeUInt16LE(64, 0x20);
    runs.copy(attribute, 64);
    const found: [number, number, number][] = [];
    decodeRuns(viewOf(attribute), 0, geometry, (vcn, cluster, length) => found.push([vcn, cluster, length]));
    return found;
  }

  it.each<[string, string, bigint, [number, number, number][]]>([
    // The Linux-NTFS documentation's own examples (concepts: data runs).
    ['one run', '21 18 34 56 00', 0x17n, [[0, 0x5634, 0x18]]],
    [
      'three fragments',
      '31 38 73 25 34 32 14 01 e5 11 02 31 42 aa 00 03 00',
      0x18dn,
      [
        [0, 0x342573, 0x38],
        [0x38, 0x363758, 0x114],
        [0x14c, 0x393802, 0x42],
      ],
    ],
    [
      'a step back',
      '11 30 60 21 10 00 01 11 20 e0 00',
      0x5fn,
      [
        [0, 0x60, 0x30],
        [0x30, 0x160, 0x10],
        [0x40, 0x140, 0x20],
      ],
    ],
    [
      'a hole',
      '11 30 20 01 60 11 10 30 00',
      0x9fn,
      [
        [0, 0x20, 0x30],
        [0x30, -1, 0x60],
        [0x90, 0x50, 0x10],
      ],
    ],
    ['eight bytes of length', '18 05 00 00 00 00 00 00 00 10 00', 4n, [[0, 0x10, 5]]],
    ['eight bytes of distance', '81 05 10 00 00 00 00 00 00 00 00', 4n, [[0, 0x10, 5]]],
    ['nothing', '00', -1n, []],
  ])('%s', (_name, text, highest, wanted) => {
    expect(runsOf(text, highest)).toEqual(wanted);
  });

  it.each<[string, string, bigint, RegExp]>([
    ['no end', '11 01 10 11 01 01 01 01', 0n, /has no end/],
    ['a run that is cut short', '11 01 10 11 01 01 11 01', 0n, /sizes of 1 and 1/],
    ['no length', '10 20 00', 0n, /sizes of 0 and 1/],
    ['a length of nothing', '11 00 20 00', -1n, /is 0 clusters long/],
    ['a negative length', '11 80 20 00', -1n, /is -128 clusters long/],
    ['nine bytes of length', '19 01 00 00 00 00 00 00 00 00 20 00', 0n, /sizes of 9/],
    ['before the volume', '11 05 f0 00', 4n, /lies at -16 to -12/],
    ['past the volume', '31 05 fe ff 3f 00', 4n, /lies at 4194302 to 4194306, the volume has 4194304/],
    ['a step back too far', '11 05 10 11 05 e0 00', 9n, /lies at -16/],
    ['2^63 clusters', '18 ff ff ff ff ff ff ff 7f 10 00', 0n, /clusters long/],
    ['2^52 clusters of hole', '07 00 00 00 00 00 00 10 00', 0n, /clusters long/],
    ['fewer clusters than the header says', '11 30 20 00', 0x30n, /end before cluster 48/],
  ])('refuses %s', (_name, text, highest, words) => {
    expect(() => runsOf(text, highest)).toThrow(words);
  });

  it('begin where the attribute’s piece does', () => {
    expect(runsOf('11 30 20 00', 0x12fn, 0x100n)).toEqual([[0x100, 0x20, 0x30]]);
    expect(() => runsOf('11 30 20 00', 0n, 1n << 60n)).toThrow(/beyond 2\^53/);
  });
});

describe('LZNT1', () => {
  const decoded = (text: string, length: number): string => {
    const target = Buffer.alloc(length, 0xee);
    decodeLznt1(hex(text), target);
    return target.toString('latin1');
  };

  it('decodes the example of [MS-XCA] 3.3', () => {
    const packed =
      '38 b0 88 46 23 20 00 20 47 20 41 00 10 a2 47 01 a0 45 20 44 00 08 45 01 50 79 00 c0 45 20 05 24 13 88 05 b4 02 4a' +
      '44 ef 03 58 02 8c 09 16 01 48 45 00 be 00 9e 00 04 01 18 90 00';
    const wanted =
      'F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G' +
      ' A A G F# E D D E F# E D D';
    // With the NUL that ends it in C.
    expect(decoded(packed, wanted.length + 1)).toBe(`${wanted}\0`);
  });

  it('decodes literals, matches that overlap themselves, plain chunks, and fills with zeros', () => {
    // Three literals, then nine bytes from three back: (3 - 1) << 12 | 9 - 3.
    expect(decoded('05 b0 08 61 62 63 06 20 00 00', 14)).toBe('abcabcabcabc\0\0');
    expect(decoded('02 30 61 62 63', 5)).toBe('abc\0\0');
    // One chunk of less than 4096 bytes before another: the rest of it is zeros.
    const two = decoded('01 30 61 62 01 30 63 64', 8192);
    expect([two.slice(0, 3), two.slice(4096, 4099)]).toEqual(['ab\0', 'cd\0']);
    expect(decoded('00 00 ff ff', 4)).toBe('\0\0\0\0');
  });

  it('divides a word by how far into the chunk it stands', () => {
    // After 17 literals the distance has 5 bits: 17 back, 4 bytes: (17 - 1) << 11 | 1 = 0x8001.
    const literals = Buffer.from('abcdefghijklmnopq').toString('hex');
    const chunk = `00${literals.slice(0, 16)}00${literals.slice(16, 32)}02${literals.slice(32)}0180`;
    const bytes = hex(chunk);
    const header = Buffer.alloc(2);
    header.writeUInt16LE(0xb000 | (bytes.length - 1));
    expect(decoded(header.toString('hex') + chunk, 21)).toBe('abcdefghijklmnopqabcd');
  });

  it.each([
    ['a chunk that is cut short', '05 b0 08 61', /cut short/],
    ['a chunk without signature', '01 80 00 61', /no signature/],
    ['a match at the beginning', '02 b0 01 00 00', /before the beginning/],
    ['a match before the beginning', '03 b0 02 61 00 10', /before the beginning/],
    ['a match that is cut short', '02 b0 02 61 00', /cut short/],
    ['a match that is too long', '03 b0 02 61 ff 0f', /more than its 4096/],
  ])('refuses %s', (_name, text, words) => {
    expect(() => decoded(text, 4096)).toThrow(words);
  });
});

describe('boot sectors', () => {
  function boot(change: (sector: Buffer) => void = () => {}): Geometry | string {
    const sector = ntfsImage('windows').subarray(0, 512);
    change(sector);
    return parseBoot(sector);
  }

  it.each<[string, number, number, number, number, number, number]>([
    // Byte 13, bytes 11, byte 64 → cluster, record.
    ['4 KiB clusters, 1 KiB records', 8, 512, 0xf6, 4096, 1024, 8],
    ['clusters of 64 KiB', 0x80, 512, 0xf6, 65_536, 1024, 0x80],
    ['clusters of 128 KiB, as a negative power of two', 0xf8, 512, 0xf6, 131_072, 1024, 256],
    ['clusters of 2 MiB', 0xf4, 512, 0xf6, 2_097_152, 1024, 4096],
    ['clusters of 2 MiB of 4 KiB sectors', 0xf7, 4096, 0xf4, 2_097_152, 4096, 512],
    ['records of one cluster', 1, 4096, 1, 4096, 4096, 1],
    ['records of eight clusters', 1, 512, 8, 512, 4096, 1],
  ])('%s', (_name, perCluster, sector, record, clusterSize, recordSize, ratio) => {
    const found = boot((bytes) => {
      bytes[13] = perCluster;
      bytes.writeUInt16LE(sector, 11);
      bytes[64] = record;
      bytes.writeBigUInt64LE(1_000_003n * BigInt(ratio) + 5n, 0x28);
      bytes.writeBigUInt64LE(786_432n, 0x30);
      bytes.writeBigUInt64LE(2n, 0x38);
      bytes.writeBigUInt64LE(0x00ab_cdef_0123_4567n, 0x48);
    });
    const clusters = 1_000_003 + Math.floor(5 / ratio);
    expect(found).toMatchObject({ clusterSize, recordSize, clusters, mftCluster: 786_432, mirrorCluster: 2 });
    expect((found as Geometry).uuid).toBe('00ABCDEF01234567');
  });

  it.each<[string, (bytes: Buffer) => void, RegExp]>([
    ['another name', (b) => b.write('EXFAT   ', 3), /does not name NTFS/],
    ['no end marker', (b) => b.writeUInt16LE(0, 510), /end marker/],
    ['sectors of 513 bytes', (b) => b.writeUInt16LE(513, 11), /sectors are 513/],
    ['sectors of 256 bytes', (b) => b.writeUInt16LE(256, 11), /sectors are 256/],
    ['clusters of no sector', (b) => b.writeUInt8(0, 13), /clusters are 0/],
    ['clusters of three sectors', (b) => b.writeUInt8(3, 13), /clusters are 3/],
    ['clusters of 4 MiB', (b) => b.writeUInt8(0xf3, 13), /clusters are 8192/],
    ['reserved sectors', (b) => b.writeUInt16LE(1, 14), /FAT’s alone/],
    ['records of 256 bytes', (b) => b.writeUInt8(0xf8, 64), /records are 256/],
    ['records of 128 KiB', (b) => b.writeUInt8(32, 64), /records are 131072/],
    ['records of three clusters', (b) => b.writeUInt8(3, 64), /records are 12288/],
    ['no sectors', (b) => b.writeBigUInt64LE(7n, 0x28), /counts 7 sectors/],
    ['2^64 sectors', (b) => b.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, 0x28), /sectors/],
    ['the MFT outside', (b) => b.writeBigUInt64LE(4095n, 0x30), /MFT is at cluster 4095 of 4095/],
    ['the MFT in the boot sector', (b) => b.writeBigUInt64LE(0n, 0x30), /MFT is at cluster 0/],
    ['the mirror outside', (b) => b.writeBigUInt64LE(1n << 60n, 0x38), /copy of the MFT/],
  ])('refuses %s', (_name, change, words) => {
    expect(boot(change)).toMatch(words);
  });
});

describe('names', () => {
  const encoded = (text: string, isPath = false): [string, boolean] => {
    const units = Buffer.from(text, 'utf16le');
    const target = Buffer.alloc(3 * text.length);
    const end = encodeName(viewOf(units), 0, text.length, target, 0, isPath);
    return [target.subarray(0, end < 0 ? ~end : end).toString('hex'), end >= 0];
  };

  it('are UTF-8, with halves of surrogate pairs for themselves', () => {
    for (const text of ['a', 'grüße', '☃', '😀', '\u{10ffff}\u{10000}', '\ud7ff\ue000'])
      expect(encoded(text)).toEqual([Buffer.from(text).toString('hex'), true]);
    expect(encoded('\ud83d')).toEqual(['eda0bd', true]);
    expect(encoded('\ude00\ud83d')).toEqual(['edb880eda0bd', true]);
    expect(encoded('\ud83dx')).toEqual(['eda0bd78', true]);
  });

  it('hold neither slash nor NUL', () => {
    expect(encoded('a/b\0c')).toEqual([Buffer.from('a?b?c').toString('hex'), false]);
    expect(encoded('a/b', true)).toEqual([Buffer.from('a/b').toString('hex'), true]);
  });
});

describe('the log', () => {
  /** A restart page of 4096 bytes with its update sequence, as RESTART_PAGE_HEADER and RESTART_AREA say. */
  function page(lsn: number, { client = 0xffff, flags = 0, major = 1, magic = 'RSTR' } = {}): Buffer {
    const bytes = Buffer.alloc(4096);
    bytes.write(magic, 0, 'latin1');
    bytes.writeUInt16LE(0x1e, 4); // update sequence: its place, and one value for each 512 bytes beside it
    bytes.writeUInt16LE(9, 6);
    bytes.writeUInt32LE(4096, 0x10);
    bytes.writeUInt32LE(4096, 0x14);
    bytes.writeUInt16LE(0x30, 0x18);
    bytes.writeUInt16LE(1, 0x1a);
    bytes.writeUInt16LE(major, 0x1c);
    bytes.writeBigInt64LE(BigInt(lsn), 0x30);
    bytes.writeUInt16LE(client, 0x3c);
    bytes.writeUInt16LE(flags, 0x3e);
    bytes.writeUInt16LE(7, 0x1e);
    for (let end = 510; end < 4096; end += 512) bytes.writeUInt16LE(7, end);
    return bytes;
  }
  const log = (...pages: Buffer[]): Buffer => Buffer.concat([...pages, Buffer.alloc(131_072)], 131_072);

  it('is clean when it is empty, when no client has it open, or when it says so', () => {
    expect(judgeLog(Buffer.alloc(131_072, 0xff))).toBeUndefined();
    expect(judgeLog(log(page(5), page(4)))).toBeUndefined();
    expect(judgeLog(log(page(5, { client: 0, flags: 2 }), page(4, { client: 0 })))).toBeUndefined();
    expect(judgeLog(log(page(5, { magic: 'CHKD' }), page(5)))).toBeUndefined();
  });

  it('is judged by the newer of two pages, and by the other when one is damaged', () => {
    expect(judgeLog(log(page(4), page(5, { client: 0 })))).toMatch(/was not closed/);
    expect(judgeLog(log(page(5, { client: 0 }), page(4)))).toMatch(/was not closed/);
    const torn = page(9);
    torn.writeUInt16LE(6, 1022);
    expect(judgeLog(log(torn, page(4, { client: 0 })))).toMatch(/was not closed/);
    expect(judgeLog(log(torn, page(4)))).toBeUndefined();
  });

  it('needs replay when it is of version 2, or nothing to know', () => {
    expect(judgeLog(log(page(5, { major: 2 }), page(4)))).toMatch(/version 2.0/);
    expect(judgeLog(log())).toMatch(/no restart page/);
  });
});

describe('update sequences', () => {
  it('put back what belongs at the end of every 512 bytes', () => {
    const bytes = Buffer.alloc(1024);
    bytes.writeUInt16LE(0x30, 4);
    bytes.writeUInt16LE(3, 6);
    bytes.writeUInt16LE(0x1234, 0x30);
    bytes.writeUInt16LE(0xaaaa, 0x32);
    bytes.writeUInt16LE(0xbbbb, 0x34);
    bytes.writeUInt16LE(0x1234, 510);
    bytes.writeUInt16LE(0x1234, 1022);
    const torn = Buffer.from(bytes);
    expect(fixUp(viewOf(bytes), 0, 1024)).toBeUndefined();
    expect([bytes.readUInt16LE(510), bytes.readUInt16LE(1022)]).toEqual([0xaaaa, 0xbbbb]);
    torn.writeUInt16LE(0x1233, 1022);
    const before = Buffer.from(torn);
    expect(fixUp(viewOf(torn), 0, 1024)).toMatch(/sector 1 is of another time/);
    expect(torn.equals(before)).toBe(true);
    for (const [at, value] of [
      [4, 0x31],
      [4, 509],
      [4, 0],
      [6, 4],
      [6, 0],
    ] as const) {
      const bad = Buffer.from(before);
      bad.writeUInt16LE(value, at);
      expect(fixUp(viewOf(bad), 0, 1024)).toMatch(/does not fit/);
    }
  });
});
