import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ImgoptError } from '../../../src/core/errors.ts';
import { vmdkFormat } from '../../../src/disk/formats/vmdk/vmdk.ts';
import { fixtureBytes, fixtureExpected } from '../../support/fixtures.ts';
import { readAll } from '../../support/image-context.ts';
import {
  descriptorFile,
  descriptorText,
  GD,
  GT,
  type Made,
  type MadeStream,
  RGD,
  RGT,
  STREAM_GRAINS,
  sparse,
  sparseContent,
  stream,
} from './vmdk-made.ts';
import { type Folder, mapOf, merged, openVmdkBytes } from './vmdk-support.ts';

interface Expected {
  [image: string]: { size: number; sha256: string; map: [number, number, string][] };
}

const FIXTURES: Folder = Object.fromEntries(
  [
    ...['sparse.vmdk', 'qemu-stream.vmdk', 'stream.vmdk', 'split disk.vmdk', 'split disk-s001.vmdk'],
    ...['flat.vmdk', 'flat-flat.vmdk', 'delta.vmdk'],
  ].map((name) => [name, fixtureBytes(`vmdk/${name}`)]),
);

describe('fixtures made by qemu-img and by the specification', () => {
  for (const [name, expected] of Object.entries(fixtureExpected<Expected>('vmdk'))) {
    it(`${name} reads and maps as qemu-img says`, async () => {
      const { disk, codes, close } = await openVmdkBytes(FIXTURES, name);
      const all = await readAll(disk.source, 3_000_000);
      expect(all.length).toBe(expected.size);
      expect(createHash('sha256').update(all).digest('hex')).toBe(expected.sha256);
      const map = merged(await mapOf(disk.source));
      if (disk.mapIsExact) {
        expect(map).toEqual(
          expected.map.map(([start, length, kind]) => ({ start, end: start + length, kind })),
        );
      } else expect(map).toEqual([{ start: 0, end: expected.size, kind: 'data' }]);
      expect(codes()).toEqual([]);
      await close();
    });
  }

  it('tells what the descriptor says', async () => {
    const { disk } = await openVmdkBytes(FIXTURES, 'stream.vmdk');
    expect(disk.details).toMatchObject({
      subformat: 'streamOptimized',
      createType: 'streamOptimized',
      version: 3,
      grainSize: 65536,
      compressed: true,
      extents: 1,
      cid: '1234abcd',
      parentCid: null,
      adapterType: 'lsilogic',
      hardwareVersion: '19',
      toolsVersion: '2147483647',
      longContentId: '00112233445566778899aabb1234abcd',
    });
    const delta = await openVmdkBytes(FIXTURES, 'delta.vmdk');
    expect(delta.disk.details).toMatchObject({ parent: 'sparse.vmdk', subformat: 'monolithicSparse' });
    expect(delta.disk.files.map(({ path, role }) => [path, role])).toEqual([
      ['delta.vmdk', 'image'],
      ['sparse.vmdk', 'backing'],
    ]);
    const split = await openVmdkBytes(FIXTURES, 'split disk.vmdk');
    expect(split.disk.files.map(({ path, role }) => [path, role])).toEqual([
      ['split disk.vmdk', 'image'],
      ['split disk-s001.vmdk', 'extent'],
    ]);
  });

  it('a broken-off stream says that it is truncated, wherever it ends', async () => {
    const whole = FIXTURES['stream.vmdk']!;
    for (const share of [0, 0.001, 0.01, 0.1, 0.5, 0.9, 0.999]) {
      const bytes = whole.subarray(0, Math.floor(whole.length * share) + 4);
      const error = await failure({ 'disk.vmdk': bytes });
      expect(error.family).toBe('corrupt');
      expect(error.code).toMatch(/^IMGOPT_VMDK_(TRUNCATED|NO_FOOTER|DESCRIPTOR.*)$/);
      expect(error.advice).toMatch(/again/);
    }
  });
});

/** The error that opening, reading all and mapping ends in. */
async function failure(folder: Folder, name?: string): Promise<ImgoptError> {
  try {
    const { disk } = await openVmdkBytes(folder, name);
    await mapOf(disk.source);
    await readAll(disk.source);
  } catch (error) {
    if (error instanceof ImgoptError) return error;
    throw error;
  }
  throw new Error('it was opened, mapped and read');
}

describe('hand-made images', () => {
  const images = { sparse: sparse(), stream: stream() };
  it.each(Object.entries(images))('%s is sound as it is', async (_, bytes) => {
    const { disk, codes } = await openVmdkBytes({ 'disk.vmdk': bytes });
    expect((await readAll(disk.source)).equals(sparseContent())).toBe(true);
    expect(merged(await mapOf(disk.source))).toEqual([
      { start: 0, end: 8192, kind: 'data' },
      { start: 8192, end: 17 * 4096, kind: 'hole' },
      { start: 17 * 4096, end: 18 * 4096, kind: 'data' },
      { start: 18 * 4096, end: 32 * 4096, kind: 'hole' },
    ]);
    expect(codes()).toEqual([]);
  });

  it('a stream stores a sector per grain', async () => {
    const { disk } = await openVmdkBytes({ 'disk.vmdk': images.stream });
    const data = (await mapOf(disk.source)).filter(({ kind }) => kind === 'data');
    expect(data.map(({ start, stored, compressed }) => [start, stored, compressed])).toEqual([
      [0, 512, true],
      [4096, 512, true],
      [17 * 4096, 512, true],
    ]);
  });

  it('a stream stores a sector per grain, also where grains of another table lie between', async () => {
    const { disk } = await openVmdkBytes({ 'disk.vmdk': stream({ interleaved: true }) });
    expect((await readAll(disk.source)).equals(sparseContent())).toBe(true);
    const data = (await mapOf(disk.source)).filter(({ kind }) => kind === 'data');
    expect(data.map(({ start, stored }) => [start, stored])).toEqual([
      [0, 512],
      [4096, 512],
      [17 * 4096, 512],
    ]);
  });

  it('decodes a grain once for reads that come back to it', async () => {
    const { disk } = await openVmdkBytes({ 'disk.vmdk': images.stream });
    const target = new Uint8Array(100);
    await Promise.all(
      [5, 6, 4100, 4000].map(async (offset) => {
        const piece = new Uint8Array(150);
        await disk.source.read(piece, offset);
        expect(Buffer.from(piece).equals(sparseContent().subarray(offset, offset + 150))).toBe(true);
      }),
    );
    await disk.source.read(target, 4096);
    expect(target.every((byte) => byte === 2)).toBe(true);
    await expect(disk.source.read(target, disk.source.size - 50)).rejects.toThrow('past the end');
  });

  it('a capacity that is no multiple of a grain ends inside its last one', async () => {
    const { disk } = await openVmdkBytes({
      'disk.vmdk': sparse({ capacity: 139n, length: (24 + 16 + 3) * 512 }),
    });
    expect(disk.source.size).toBe(139 * 512);
    expect((await readAll(disk.source)).equals(sparseContent().subarray(0, 139 * 512))).toBe(true);
    expect((await mapOf(disk.source)).at(-1)).toEqual({
      start: 17 * 4096,
      end: 139 * 512,
      kind: 'data',
      stored: 3 * 512,
    });
  });
});

describe('damage that the redundant grain directory heals', () => {
  const DIRECTORY = 'IMGOPT_VMDK_DIRECTORY_DAMAGED';
  const TABLE = 'IMGOPT_VMDK_GRAIN_TABLE_DAMAGED';
  const cases: [string, Made, string][] = [
    ['directory past the end', { gdOffset: 0x7fff_ffffn }, DIRECTORY],
    ['directory past everything', { gdOffset: 0xffff_ffff_ffff_fff0n }, DIRECTORY],
    ['directory at zero', { gdOffset: 0n }, DIRECTORY],
    ['entry past the end', { words: { [GD]: 0x10000 } }, DIRECTORY],
    ['entries emptied', { words: { [GD]: 0, [GD + 4]: 0 } }, DIRECTORY],
    ['table with an entry past the end', { words: { [GT[0]! + 4]: 0xdeadbeef } }, TABLE],
    ['table emptied', { words: { [GT[1]! + 4]: 0 } }, TABLE],
  ];
  it.each(cases)('%s', async (_, made, code) => {
    const { disk, codes } = await openVmdkBytes({ 'disk.vmdk': sparse(made) });
    expect((await readAll(disk.source)).equals(sparseContent())).toBe(true);
    expect(codes()).toEqual([code]);
  });

  it('a redundant copy that is damaged itself does not matter', async () => {
    const made = { words: { [RGD]: 0xffffffff, [RGT[1]! + 4]: 0xffffffff } };
    const { disk, codes } = await openVmdkBytes({ 'disk.vmdk': sparse(made) });
    expect((await readAll(disk.source)).equals(sparseContent())).toBe(true);
    expect(codes()).toEqual([]);
  });

  it('two sound copies that differ are told, and the first is used', async () => {
    const { disk, codes } = await openVmdkBytes({ 'disk.vmdk': sparse({ words: { [RGT[0]! + 8]: 24 } }) });
    expect((await readAll(disk.source)).equals(sparseContent())).toBe(true);
    expect(codes()).toEqual(['IMGOPT_VMDK_GRAIN_TABLES_DIFFER']);
  });

  it('a grain that neither copy finds fails alone', async () => {
    const made = { words: { [GT[0]! + 4]: 0xdeadbeef, [RGT[0]! + 4]: 0xdeadbeef } };
    const { disk } = await openVmdkBytes({ 'disk.vmdk': sparse(made) });
    const grain = new Uint8Array(4096);
    await disk.source.read(grain, 0);
    expect(grain[0]).toBe(1);
    await expect(disk.source.read(grain, 4096)).rejects.toMatchObject({
      code: 'IMGOPT_VMDK_GRAIN_OUT_OF_FILE',
      where: ['grain 1'],
    });
  });

  it('an unclean shutdown is told', async () => {
    const { disk, codes } = await openVmdkBytes({ 'disk.vmdk': sparse({ uncleanShutdown: 1 }) });
    expect(codes()).toEqual(['IMGOPT_VMDK_UNCLEAN_SHUTDOWN']);
    expect(disk.details).toMatchObject({ uncleanShutdown: true });
  });
});

describe('hostile and damaged headers', () => {
  const cases: [string, Made, 'corrupt' | 'unsupported' | 'unreadable', string][] = [
    ['text-mode transfer', { endLineChars: '\n \n\n' }, 'corrupt', 'TEXT_TRANSFER'],
    ['version 0', { version: 0 }, 'unsupported', 'VERSION'],
    ['version 4', { version: 4 }, 'unsupported', 'VERSION'],
    ['unknown incompatible flag', { flags: 3 | (1 << 20) }, 'unsupported', 'FLAGS'],
    ['highest flag', { flags: 3 | (1 << 31) }, 'unsupported', 'FLAGS'],
    ['unknown compression', { compressAlgorithm: 2 }, 'unsupported', 'COMPRESSION'],
    ['compressed by nothing', { flags: 0x10003 }, 'corrupt', 'COMPRESSION_CONTRADICTION'],
    ['compressed without markers', { compressAlgorithm: 1 }, 'unsupported', 'NO_MARKERS'],
    ['no capacity', { capacity: 0n, descriptorOffset: 0n }, 'unreadable', 'IS_EXTENT'],
    ['capacity over 64 TiB', { capacity: (1n << 37n) + 8n }, 'corrupt', 'CAPACITY'],
    ['capacity of 2^53 sectors', { capacity: (1n << 53n) - 1n }, 'corrupt', 'CAPACITY'],
    ['grain of nothing', { grainSize: 0n }, 'corrupt', 'GRAIN_SIZE'],
    ['grain of 4 sectors', { grainSize: 4n }, 'corrupt', 'GRAIN_SIZE'],
    ['grain of 24 sectors', { grainSize: 24n }, 'corrupt', 'GRAIN_SIZE'],
    ['grain over 1 GiB', { grainSize: 0x400000n }, 'corrupt', 'GRAIN_SIZE'],
    ['tables of nothing', { numGTEsPerGT: 0 }, 'corrupt', 'TABLE_SIZE'],
    ['tables of 513', { numGTEsPerGT: 513 }, 'corrupt', 'TABLE_SIZE'],
    ['directory of 32 MiB', { flags: 1, capacity: 1n << 30n }, 'corrupt', 'DIRECTORY_OUT_OF_FILE'],
    ['directory over 32 MiB', { capacity: 1n << 31n }, 'corrupt', 'DIRECTORY_TOO_LARGE'],
    [
      'both directories outside',
      { gdOffset: 0x9999n, rgdOffset: 0x9999n },
      'corrupt',
      'DIRECTORY_OUT_OF_FILE',
    ],
    ['only directory outside', { flags: 1, gdOffset: 0x9999n }, 'corrupt', 'DIRECTORY_OUT_OF_FILE'],
    ['table outside', { flags: 1, words: { [GD + 4]: 0x9999 } }, 'corrupt', 'TABLE_OUT_OF_FILE'],
    ['grain outside', { flags: 1, words: { [GT[0]!]: 0xffffffff } }, 'corrupt', 'GRAIN_OUT_OF_FILE'],
    ['grain cut', { flags: 1, length: (24 + 16 + 4) * 512 }, 'corrupt', 'GRAIN_OUT_OF_FILE'],
    ['zeroed grain without the flag', { flags: 1, words: { [GT[0]!]: 1 } }, 'corrupt', 'GRAIN_IN_HEADER'],
    ['cut in its header', { length: 300 }, 'corrupt', 'TRUNCATED'],
    ['cut before its first grain', { length: 20 * 512 }, 'corrupt', 'TRUNCATED'],
    ['descriptor outside', { descriptorOffset: 0x9999n }, 'corrupt', 'DESCRIPTOR_OUT_OF_FILE'],
    ['descriptor of a terabyte', { descriptorSize: 1n << 31n }, 'corrupt', 'DESCRIPTOR_TOO_LARGE'],
    ['descriptor of nothing', { descriptorSize: 0n }, 'corrupt', 'DESCRIPTOR'],
    ['descriptor of noise', { descriptor: '\x01\x02\x03' }, 'corrupt', 'DESCRIPTOR'],
    ['no descriptor', { descriptorOffset: 0n }, 'unreadable', 'IS_EXTENT'],
  ];
  it.each(cases)('%s', async (_, made, family, code) => {
    const error = await failure({ 'disk.vmdk': sparse(made) });
    expect([error.code, error.family]).toEqual([`IMGOPT_VMDK_${code}`, family]);
  });

  it('grains that add up to more than the file are no map', async () => {
    const words = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [GT[0]! + 4 * i, 24]));
    const error = await failure({ 'disk.vmdk': sparse({ flags: 1, words }) });
    expect(error.code).toBe('IMGOPT_VMDK_GRAINS_OVERLAP');
  });

  it('tables that do not fit into the file are a loop', async () => {
    const words = Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [GD + 4 * i, 14]));
    const made = { flags: 1, capacity: 4000n * 128n, length: 100_000, words: {} };
    const bytes = sparse(made);
    for (const [at, value] of Object.entries(words)) bytes.writeUInt32LE(value, Number(at));
    expect((await failure({ 'disk.vmdk': bytes })).code).toBe('IMGOPT_VMDK_TABLES_OVERLAP');
  });
});

describe('hostile and damaged streams', () => {
  const bomb = deflateSync(Buffer.alloc(100 * 1024 * 1024));
  const sizeOf = (grain: number): number => STREAM_GRAINS[grain]! + 8;
  const cases: [string, MadeStream, string, RegExp][] = [
    ['no footer', { length: 4096 }, 'NO_FOOTER', /incomplete/],
    ['footer that points to a footer', { footer: { gdOffset: (1n << 64n) - 1n } }, 'NO_FOOTER', /incomplete/],
    ['footer of another magic', { footer: { magic: 'KDMW' } }, 'NO_FOOTER', /incomplete/],
    ['footer with a directory outside', { footer: { gdOffset: 99n } }, 'DIRECTORY_OUT_OF_FILE', /directory/],
    ['footer of another version', { footer: { version: 9 } }, 'VERSION', /version 9/],
    ['compressed grains of 8 MiB', { footer: { grainSize: 16384n } }, 'GRAIN_SIZE', /16384/],
    [
      'marker of another sector',
      { words: { [STREAM_GRAINS[1]]: 16 } },
      'GRAIN_DAMAGED',
      /sector 16 instead of 8/,
    ],
    ['marker of no bytes', { words: { [sizeOf(1)]: 0 } }, 'GRAIN_DAMAGED', /0 compressed bytes/],
    ['marker of too many bytes', { words: { [sizeOf(1)]: 8193 } }, 'GRAIN_DAMAGED', /8193 compressed bytes/],
    [
      'marker that reaches past the end',
      { words: { [sizeOf(2)]: 8192 } },
      'GRAIN_OUT_OF_FILE',
      /outside|inside/,
    ],
    ['damaged data', { words: { [STREAM_GRAINS[1] + 14]: 0x55555555 } }, 'GRAIN_DAMAGED', /inflated/],
    [
      'short grain',
      { grain0: deflateSync(Buffer.alloc(4095)) },
      'GRAIN_DAMAGED',
      /4095 bytes instead of 4096/,
    ],
    ['long grain', { grain0: deflateSync(Buffer.alloc(4097)) }, 'GRAIN_DAMAGED', /more than 4096/],
    ['a bomb', { grain0: bomb.subarray(0, 8000) }, 'GRAIN_DAMAGED', /more than 4096/],
  ];
  it.each(cases)('%s', async (_, made, code, message) => {
    const error = await failure({ 'disk.vmdk': stream(made) });
    expect(error.code).toBe(`IMGOPT_VMDK_${code}`);
    expect(error.message).toMatch(message);
  });
});

describe('descriptors', () => {
  const flat = Buffer.alloc(256 * 512, 7);
  const open = (extents: string, more: Folder = {}, options = {}) =>
    openVmdkBytes({
      'disk.vmdk': descriptorFile({ createType: 'custom', extents, ...options }),
      'flat.bin': flat,
      ...more,
    });

  it('puts extents of all kinds in a row', async () => {
    const { disk } = await open(
      'RW 8 FLAT "flat.bin" 248\nRW 100 ZERO\nRW 200 SPARSE "x.vmdk"\nRDONLY 2 FLAT "flat.bin" 0',
      {
        'x.vmdk': sparse({ descriptorOffset: 0n }),
      },
    );
    const expected = Buffer.concat([
      flat.subarray(0, 4096),
      Buffer.alloc(51200),
      sparseContent().subarray(0, 102400),
      flat.subarray(0, 1024),
    ]);
    expect((await readAll(disk.source, 777)).equals(expected)).toBe(true);
    expect(disk.mapIsExact).toBe(true);
    const map = await mapOf(disk.source);
    expect(map.slice(0, 3)).toEqual([
      { start: 0, end: 4096, kind: 'data', stored: 4096 },
      { start: 4096, end: 55296, kind: 'zero', stored: 0 },
      { start: 55296, end: 55296 + 8192, kind: 'data', stored: 8192 },
    ]);
    // A file that two lines name is one file.
    expect(disk.files.map(({ path, format }) => [path, format])).toEqual([
      ['disk.vmdk', 'vmdk'],
      ['flat.bin', 'raw'],
      ['x.vmdk', 'vmdk'],
    ]);
  });

  it.each(['a b  c.bin', 'the "old" disk.bin', "it's.bin", 'größe.bin', '#1.bin'])(
    'takes the name %s',
    async (name) => {
      const { disk } = await open(`RW 256 FLAT "${name}" 0`, { [name]: flat });
      expect(disk.files[1]!.path).toBe(name);
      expect((await readAll(disk.source)).equals(flat)).toBe(true);
    },
  );

  it('reads names in the encoding that it declares, and Windows line ends', async () => {
    const text = descriptorText({
      createType: 'monolithicFlat',
      extra: 'encoding="windows-1252"',
      extents: 'RW 256 FLAT "größe.bin" 0',
    });
    const bytes = Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1');
    const { disk } = await openVmdkBytes({ 'disk.vmdk': bytes, 'größe.bin': flat });
    expect(disk.files[1]!.path).toBe('größe.bin');
    expect(disk.details).toMatchObject({ encoding: 'windows-1252', adapterType: 'ide' });
  });

  const cases: [string, string, object, string, string][] = [
    ['leaves its folder', 'RW 8 FLAT "../../etc/passwd" 0', {}, 'unreadable', 'OUTSIDE'],
    ['names a path', 'RW 8 FLAT "/etc/passwd" 0', {}, 'unreadable', 'OUTSIDE'],
    ['names a device', 'RW 8 FLAT "/dev/sda" 0', {}, 'unsupported', 'VMDK_DEVICE_EXTENT'],
    [
      'names a Windows device',
      'RW 8 FLAT "\\\\.\\PhysicalDrive0" 0',
      {},
      'unsupported',
      'VMDK_DEVICE_EXTENT',
    ],
    ['names no file that is there', 'RW 8 FLAT "gone.bin" 0', {}, 'unreadable', 'NOT_FOUND'],
    ['names itself', 'RW 8 SPARSE "disk.vmdk"', {}, 'corrupt', 'VMDK_EXTENT_MAGIC'],
    ['wants more than the file', 'RW 257 FLAT "flat.bin" 0', {}, 'corrupt', 'VMDK_EXTENT_TRUNCATED'],
    ['begins behind the file', 'RW 1 FLAT "flat.bin" 99999999999', {}, 'corrupt', 'VMDK_EXTENT_TRUNCATED'],
    ['wants more than the sparse extent', 'RW 257 SPARSE "x.vmdk"', {}, 'corrupt', 'VMDK_EXTENT_SIZE'],
    ['has no offset', 'RW 8 FLAT "flat.bin"', {}, 'corrupt', 'VMDK_EXTENT_LINE'],
    ['has a negative offset', 'RW 8 FLAT "flat.bin" -1', {}, 'corrupt', 'VMDK_EXTENT_LINE'],
    ['has an open quote', 'RW 8 FLAT "flat.bin 0', {}, 'corrupt', 'VMDK_EXTENT_LINE'],
    ['has no size', 'RW FLAT "flat.bin" 0', {}, 'corrupt', 'VMDK_EXTENT_LINE'],
    ['has the size 0', 'RW 0 FLAT "flat.bin" 0', {}, 'corrupt', 'VMDK_EXTENT_LINE'],
    ['has an absurd size', `RW ${'9'.repeat(400)} ZERO`, {}, 'corrupt', 'VMDK_EXTENT_LINE'],
    ['adds up to too much', 'RW 137438953472 ZERO\nRW 8 ZERO', {}, 'corrupt', 'VMDK_TOO_LARGE'],
    ['has too many extents', 'RW 1 ZERO\n'.repeat(4097), {}, 'corrupt', 'VMDK_TOO_MANY_EXTENTS'],
    ['has no extents', '', {}, 'corrupt', 'VMDK_NO_EXTENTS'],
    ['has no access', 'NOACCESS 8 FLAT "flat.bin" 0', {}, 'unsupported', 'VMDK_NO_ACCESS'],
    ['is VMFS', 'RW 8 VMFS "flat.bin"', {}, 'unsupported', 'VMDK_EXTENT_TYPE'],
    ['is VMFSSPARSE', 'RW 8 VMFSSPARSE "flat.bin"', {}, 'unsupported', 'VMDK_EXTENT_TYPE'],
    ['is SESPARSE', 'RW 8 SESPARSE "flat.bin"', {}, 'unsupported', 'VMDK_EXTENT_TYPE'],
    ['is VMFSRDM', 'RW 8 VMFSRDM "flat.bin"', {}, 'unsupported', 'VMDK_EXTENT_TYPE'],
    ['is of an unknown type', 'RW 8 NEWTYPE "flat.bin"', {}, 'unsupported', 'VMDK_EXTENT_TYPE'],
    ...[
      'vmfs',
      'vmfsSparse',
      'seSparse',
      'vmfsRaw',
      'vmfsRDM',
      'vmfsRawDeviceMap',
      'fullDevice',
      'partitionedDevice',
    ].map((createType): [string, string, object, string, string] => [
      `is ${createType}`,
      'RW 8 FLAT "flat.bin" 0',
      { createType },
      'unsupported',
      'VMDK_CREATE_TYPE',
    ]),
    [
      'is of an unknown createType',
      'RW 8 ZERO',
      { createType: 'constructor' },
      'unsupported',
      'VMDK_CREATE_TYPE',
    ],
    [
      'is encrypted',
      'RW 8 ZERO',
      { extra: 'encryption.keySafe = "vmware:key/…"' },
      'unsupported',
      'VMDK_ENCRYPTED',
    ],
    ['has a bad CID', 'RW 8 ZERO', { cid: 'hello' }, 'corrupt', 'VMDK_DESCRIPTOR'],
    ['does not name its parent', 'RW 8 ZERO', { parentCid: '1' }, 'corrupt', 'VMDK_PARENT_UNNAMED'],
    [
      'has a parent elsewhere',
      'RW 8 ZERO',
      { parentCid: '1', extra: 'parentFileNameHint="../base.vmdk"' },
      'unreadable',
      'OUTSIDE',
    ],
  ];
  it.each(cases)('one that %s', async (_, extents, options, family, code) => {
    const bytes = descriptorFile({ createType: 'custom', extents, ...options });
    const error = await failure({ 'disk.vmdk': bytes, 'flat.bin': flat, 'x.vmdk': sparse() });
    expect([error.code, error.family]).toEqual([`IMGOPT_${code}`, family]);
  });

  it.each([
    ['blanks', ' ', ''],
    ['line ends', '\n', ''],
    ['a value of blanks', ' ', 'key='],
    ['a name of quotes', '"', 'RW 8 FLAT "'],
    ['an extent line of blanks', ' ', 'RW'],
    ['keys', 'k\n', ''],
  ])('takes little time over a megabyte of %s', async (_, filling, start) => {
    const extra = `${start}${filling.repeat(1_000_000 / filling.length)}x`;
    const before = performance.now();
    const bytes = descriptorFile({ createType: 'custom', extents: 'RW 8 ZERO', extra });
    await openVmdkBytes({ 'disk.vmdk': bytes }).catch((error) => expect(error).toBeInstanceOf(ImgoptError));
    vmdkFormat.probe({ head: bytes, tail: bytes, size: bytes.length });
    expect(performance.now() - before).toBeLessThan(2000);
  });

  it('names the extent that failed', async () => {
    const error = await failure({
      'disk.vmdk': descriptorFile({ createType: 'custom', extents: 'RW 8 FLAT "a\u202eb" 0' }),
    });
    expect(error.where[0]).toBe('a\\u{202e}b');
  });

  it('a parentless disk that names a parent is told', async () => {
    const { codes } = await open('RW 8 ZERO', {}, { extra: 'parentFileNameHint="base.vmdk"' });
    expect(codes()).toEqual(['IMGOPT_VMDK_PARENT_IGNORED']);
  });

  it('a delta of another parent is told, and read', async () => {
    const descriptor = descriptorText({ parentCid: 'abcdef01', extra: 'parentFileNameHint="base.vmdk"' });
    const { disk, codes } = await openVmdkBytes({
      'disk.vmdk': sparse({ descriptor, words: { [GT[0]! + 4]: 0, [RGT[0]! + 4]: 0 } }),
      'base.vmdk': sparse({ descriptor: descriptorText({ cid: 'abcdef02' }) }),
    });
    expect(codes()).toEqual(['IMGOPT_VMDK_PARENT_CHANGED']);
    expect((await readAll(disk.source)).equals(sparseContent())).toBe(true);
    expect((await mapOf(disk.source)).slice(0, 2)).toEqual([
      { start: 0, end: 4096, kind: 'data', stored: 4096 },
      { start: 4096, end: 8192, kind: 'data', stored: 0 },
    ]);
  });
});

describe('probe', () => {
  const probe = (bytes: Uint8Array) => vmdkFormat.probe({ head: bytes, tail: bytes, size: bytes.length });
  const sesparse = Buffer.alloc(512);
  sesparse.writeBigUInt64LE(0xcafebaben);
  sesparse.writeBigUInt64LE(0x2_0000_0001n, 8);
  const cases: [string, Uint8Array, 'certain' | 'resembles' | undefined][] = [
    ['a sparse extent', sparse(), 'certain'],
    ['its first four bytes', sparse().subarray(0, 4), 'certain'],
    ['a COWD redo log', Buffer.from('COWD\x01\0\0\0'), 'certain'],
    ['an seSparse snapshot', sesparse, 'certain'],
    ['a descriptor', descriptorFile(), 'certain'],
    ['a descriptor with a byte order mark', Buffer.from(`\ufeff${descriptorText()}`), 'certain'],
    ['a descriptor that lacks its title', Buffer.from('# hi\r\n\r\nversion=1\r\nCID=1\r\n'), 'certain'],
    ['a damaged magic number', sparse({ magic: 'KDMw', numGTEsPerGT: 512, descriptor: '' }), 'resembles'],
    ['a descriptor without its beginning', descriptorFile().subarray(15), 'resembles'],
    ['nothing', new Uint8Array(0), undefined],
    ['three bytes', Buffer.from('KDM'), undefined],
    ['zeros', new Uint8Array(4096), undefined],
    ['some other settings', Buffer.from('version=1\nname=x\n'), undefined],
    [
      'a damaged magic number and more',
      sparse({ magic: 'KDMw', numGTEsPerGT: 512, grainSize: 7n, descriptor: '' }),
      undefined,
    ],
  ];
  it.each(cases)('%s', (_, bytes, certainty) => {
    expect(probe(bytes)?.certainty).toBe(certainty);
  });

  it('refuses what it knows but cannot read, by name', async () => {
    const cowd = await failure({ 'disk.vmdk': Buffer.concat([Buffer.from('COWD'), Buffer.alloc(600)]) });
    expect([cowd.code, cowd.family]).toEqual(['IMGOPT_VMDK_COWD', 'unsupported']);
    const se = await failure({ 'disk.vmdk': sesparse });
    expect([se.code, se.family]).toEqual(['IMGOPT_VMDK_SESPARSE', 'unsupported']);
  });

  it('never throws, whatever the length', () => {
    const bytes = sparse();
    for (let length = 0; length < 700; length++) probe(bytes.subarray(0, length));
    expect(probe(bytes.subarray(0, 100))?.certainty).toBe('certain');
  });
});
