/** VHD: fixtures of qemu-img, footers and their copy, differencing disks by hand, hostile tables, mutations. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { geometryOf } from '../../../src/disk/formats/vhd/layout.ts';
import { vhdFormat } from '../../../src/disk/formats/vhd/vhd.ts';
import { vhdWriter } from '../../../src/disk/formats/vhd/writer.ts';
import { memorySource } from '../../../src/sources/memory.ts';
import { readProbe } from '../../../src/sources/read.ts';
import { fixtureBytes, fixtureExpected } from '../../support/fixtures.ts';
import {
  answersDamage,
  failureOf,
  openImage,
  openImageBytes,
  positionCoded,
  readAll,
  readMap,
} from '../../support/image-context.ts';
import { streamImage, stretchesSource } from '../../support/image-output.ts';
import { temporaryFolder } from '../../support/temp.ts';
import { makeVhd, sealFooter, vhdFooter } from './vhd-made.ts';

const MiB = 1024 * 1024;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
type Expected = Record<string, { size: number; sha256: string; map: [number, number, string][] }>;

/** A fixture, with one of its structures changed and sealed again. */
function changed(at: number, write: (structure: Buffer) => void): Buffer {
  const bytes = Buffer.from(fixtureBytes('vhd-vdi/dynamic.vhd'));
  const header = bytes.subarray(512, 1536);
  if (at === 512) {
    write(header);
    header.writeUInt32BE(0, 36);
    header.writeUInt32BE((0xffff_ffff - header.reduce((sum, byte) => sum + byte, 0)) >>> 0, 36);
  } else {
    for (const footer of [bytes.subarray(0, 512), bytes.subarray(bytes.length - 512)]) {
      write(footer);
      sealFooter(footer);
    }
  }
  return bytes;
}

describe('fixtures', () => {
  const expected = fixtureExpected<Expected>('vhd-vdi');
  it.each(['dynamic', 'fixed'])('%s', async (subformat) => {
    const bytes = fixtureBytes(`vhd-vdi/${subformat}.vhd`);
    const { disk, diagnostics } = await openImageBytes(bytes, vhdFormat);
    const { size, sha256: hash, map } = expected[`${subformat}.vhd`]!;
    expect(disk.source.size).toBe(size);
    expect(sha256(await readAll(disk.source))).toBe(hash);
    expect((await readMap(disk.source)).map(({ start, end, kind }) => [start, end - start, kind])).toEqual(
      map,
    );
    expect(disk.details).toMatchObject({ subformat, creator: 'qem2', hostOs: 'Wi2k' });
    expect(diagnostics()).toEqual([]);
    expect(vhdFormat.probe(await readProbe(memorySource(bytes)))?.certainty).toBe('certain');
  });
});

describe('footers', () => {
  const fixture = fixtureBytes('vhd-vdi/dynamic.vhd');

  it('takes the copy when the footer is damaged or cut off', async () => {
    const good = await readAll((await openImageBytes(fixture, vhdFormat)).disk.source);
    const damaged = Buffer.from(fixture);
    damaged[damaged.length - 500]! ^= 1;
    for (const bytes of [damaged, fixture.subarray(0, fixture.length - 512)]) {
      const { disk, diagnostics } = await openImageBytes(bytes, vhdFormat);
      expect(diagnostics().map(({ code }) => code)).toEqual(['IMGOPT_VHD_FOOTER_DAMAGED']);
      expect((await readAll(disk.source)).equals(good)).toBe(true);
      expect(vhdFormat.probe(await readProbe(memorySource(bytes)))?.certainty).toBe('certain');
    }
  });

  it('says when the copy is damaged', async () => {
    const bytes = Buffer.from(fixture);
    bytes[30]! ^= 1;
    const { diagnostics } = await openImageBytes(bytes, vhdFormat);
    expect(diagnostics().map(({ code }) => code)).toEqual(['IMGOPT_VHD_FOOTER_COPY']);
  });

  it('refuses when neither is sound', async () => {
    const bytes = Buffer.from(fixture);
    bytes[30]! ^= 1;
    bytes[bytes.length - 500]! ^= 1;
    expect(await failureOf(bytes, vhdFormat)).toBe('IMGOPT_VHD_FOOTER_CHECKSUM');
    const fixed = Buffer.from(fixtureBytes('vhd-vdi/fixed.vhd'));
    fixed[fixed.length - 500]! ^= 1;
    expect(await failureOf(fixed, vhdFormat)).toBe('IMGOPT_VHD_FOOTER_CHECKSUM');
  });

  it('reads the 511 bytes of old Virtual PC', async () => {
    const data = positionCoded(0, 8192, 'old');
    const bytes = Buffer.concat([data, vhdFooter(8192, 2).subarray(0, 511)]);
    expect(vhdFormat.probe(await readProbe(memorySource(bytes)))?.certainty).toBe('certain');
    const { disk } = await openImageBytes(bytes, vhdFormat);
    expect((await readAll(disk.source)).equals(data)).toBe(true);
  });

  it('takes the size from the geometry only where the creator means it', async () => {
    // 2 cylinders, 4 heads, 17 sectors: 69,632 bytes of the 70,144.
    const geometry = (2 << 16) | (4 << 8) | 17;
    for (const [creator, size] of [
      ['vpc ', 69_632],
      ['qemu', 69_632],
      ['win ', 70_144],
      ['vbox', 70_144],
    ] as const) {
      const bytes = Buffer.concat([Buffer.alloc(70_144), vhdFooter(70_144, 2, { creator, geometry })]);
      expect((await openImageBytes(bytes, vhdFormat)).disk.source.size).toBe(size);
    }
  });

  it('reads a fixed disk that begins with any bytes', async () => {
    for (const begin of ['conectix', 'QFI\xfb', '\xff'.repeat(64)]) {
      const data = Buffer.alloc(4096);
      data.write(begin, 0, 'latin1');
      const { disk } = await openImageBytes(Buffer.concat([data, vhdFooter(4096, 2)]), vhdFormat);
      expect((await readAll(disk.source)).equals(data)).toBe(true);
    }
  });

  it('is asked nothing by short or foreign files', () => {
    for (const length of [0, 1, 7, 511, 512, 4096]) {
      const bytes = new Uint8Array(length);
      expect(vhdFormat.probe({ head: bytes, tail: bytes, size: length })).toBeUndefined();
    }
  });
});

describe('hostile headers and tables', () => {
  it.each([
    ['VHD_TYPE', changed(0, (footer) => footer.writeUInt32BE(6, 60))],
    ['VHD_VERSION', changed(0, (footer) => footer.writeUInt32BE(0x20000, 12))],
    ['VHD_SIZE', changed(0, (footer) => footer.writeBigUInt64BE(0n, 48))],
    ['VHD_SIZE', changed(0, (footer) => footer.writeBigUInt64BE(1n << 50n, 48))],
    ['NUMBER_TOO_LARGE', changed(0, (footer) => footer.writeBigUInt64BE(1n << 63n, 48))],
    ['VHD_HEADER_OUT_OF_FILE', changed(0, (footer) => footer.writeBigUInt64BE(1n << 62n, 16))],
    ['VHD_HEADER_CHECKSUM', changed(0, (footer) => footer.writeBigUInt64BE(1024n, 16))],
    ['VHD_HEADER', changed(512, (header) => header.writeUInt32BE(3 << 20, 32))],
    ['VHD_HEADER', changed(512, (header) => header.writeUInt32BE(0, 32))],
    ['VHD_HEADER', changed(512, (header) => header.writeUInt32BE(1, 28))],
    ['VHD_HEADER', changed(512, (header) => header.writeUInt32BE(0xffff_ffff, 28))],
    ['VHD_TABLE_OUT_OF_FILE', changed(512, (header) => header.writeBigUInt64BE(1n << 40n, 16))],
    ['VHD_TABLE_OUT_OF_FILE', changed(512, (header) => header.writeBigUInt64BE(0n, 16))],
  ])('%s', async (code, bytes) => {
    expect(await failureOf(bytes, vhdFormat)).toBe(`IMGOPT_${code}`);
  });

  const table = (entry: number): Buffer => {
    const bytes = Buffer.from(fixtureBytes('vhd-vdi/dynamic.vhd'));
    bytes.writeUInt32BE(entry, 1536 + 4);
    return bytes;
  };

  it('refuses two blocks in one place, and blocks over the table', async () => {
    expect(await failureOf(table(fixtureBytes('vhd-vdi/dynamic.vhd').readUInt32BE(1536)), vhdFormat)).toBe(
      'IMGOPT_VHD_BLOCKS_OVERLAP',
    );
    expect(await failureOf(table(0), vhdFormat)).toBe('IMGOPT_VHD_BLOCK_IN_TABLE');
  });

  it('reads the rest when a block lies past the end', async () => {
    const { disk, diagnostics } = await openImageBytes(table(0x7fff_ffff), vhdFormat);
    expect(diagnostics().map(({ code, severity }) => [code, severity])).toEqual([
      ['IMGOPT_VHD_BLOCK_OUT_OF_FILE', 'error'],
    ]);
    await disk.source.read(new Uint8Array(2 * MiB), 0);
    await expect(disk.source.read(new Uint8Array(1), 2 * MiB)).rejects.toMatchObject({
      code: 'IMGOPT_VHD_BLOCK_OUT_OF_FILE',
    });
    await expect(readMap(disk.source)).rejects.toMatchObject({ code: 'IMGOPT_VHD_BLOCK_OUT_OF_FILE' });
  });

  it('fails when data are cut off', async () => {
    const fixed = fixtureBytes('vhd-vdi/fixed.vhd');
    const cut = Buffer.concat([fixed.subarray(0, 4096), fixed.subarray(fixed.length - 512)]);
    expect(await failureOf(cut, vhdFormat)).toBe('IMGOPT_VHD_TRUNCATED');
    expect(await failureOf(fixtureBytes('vhd-vdi/dynamic.vhd').subarray(0, 3 * MiB), vhdFormat, true)).toBe(
      'IMGOPT_VHD_BLOCK_OUT_OF_FILE',
    );
  });
});

describe('differencing disks', () => {
  const folder = temporaryFolder();
  const SIZE = 5 * MiB + 512;
  const UUID = 'ab'.repeat(16);
  const parentData = positionCoded(0, 2 * MiB, 'par');
  const own = positionCoded(0, 4096, 'own');
  const child = (parent: {
    name?: string;
    uuid?: string;
    timestamp?: number;
    locators?: [string, string][];
  }): Buffer =>
    makeVhd(
      SIZE,
      [
        {
          block: 0,
          sectors: [
            { first: 3, bytes: own },
            { first: 100, bytes: own.subarray(0, 512) },
          ],
        },
        { block: 2, sectors: [{ first: 2048, bytes: own.subarray(0, 512) }] },
      ],
      {
        parent: {
          ...{
            uuid: parent.uuid ?? UUID,
            timestamp: parent.timestamp ?? 77,
            name: parent.name ?? 'parent.vhd',
          },
          locators: parent.locators ?? [['W2ku', 'C:\\images\\parent.vhd']],
        },
      },
    );
  const content = Buffer.alloc(SIZE);
  parentData.copy(content);
  own.copy(content, 3 * 512);
  own.copy(content, 100 * 512, 0, 512);
  own.copy(content, 4 * MiB + 2048 * 512, 0, 512);
  writeFileSync(
    join(folder, 'parent.vhd'),
    makeVhd(SIZE, [{ block: 0, sectors: [{ first: 0, bytes: parentData }] }], { uuid: UUID }),
  );
  const open = async (bytes: Buffer): ReturnType<typeof openImage> => {
    writeFileSync(join(folder, 'child.vhd'), bytes);
    return openImage(join(folder, 'child.vhd'), [vhdFormat]);
  };

  it.each([
    ['a relative path', { locators: [['W2ru', '.\\parent.vhd']] }],
    ['an absolute path of Windows', { name: 'gone.vhd' }],
    [
      'a wrong path before the right one',
      {
        locators: [
          ['W2ru', '.\\gone.vhd'],
          ['W2ku', 'D:\\parent.vhd'],
        ],
      },
    ],
    ['a Mac URL', { name: '', locators: [['MacX', 'file://localhost/Disks/p%61rent.vhd']] }],
    ['its name alone', { locators: [] }],
  ] as [string, Parameters<typeof child>[0]][])(
    'reads through to a parent found by %s',
    async (_, parent) => {
      const { disk, diagnostics } = await open(child(parent));
      expect((await readAll(disk.source)).equals(content)).toBe(true);
      expect((await readAll(disk.source, 100_001)).equals(content)).toBe(true);
      expect(diagnostics()).toEqual([]);
      expect(disk.files.map(({ role }) => role)).toEqual(['image', 'backing']);
      await disk.close();
    },
  );

  it('maps its own sectors apart from the parent', async () => {
    const { disk } = await open(child({}));
    expect(
      (await readMap(disk.source)).map(({ start, end, kind, stored }) => [start, end, kind, stored]),
    ).toEqual([
      [0, 1536, 'data', 0],
      [1536, 5632, 'data', 4096],
      [5632, 51_200, 'data', 0],
      [51_200, 51_712, 'data', 512],
      [51_712, 2 * MiB, 'data', 0],
      [2 * MiB, 5 * MiB, 'hole', 0],
      [5 * MiB, 5 * MiB + 512, 'data', 512],
    ]);
    await disk.close();
  });

  it('warns of another or a changed parent, refuses a missing one and loops', async () => {
    const codes = async (bytes: Buffer): Promise<string[]> => {
      const { disk, diagnostics } = await open(bytes);
      await disk.close();
      return diagnostics().map(({ code }) => code);
    };
    expect(await codes(child({ uuid: 'cd'.repeat(16) }))).toEqual(['IMGOPT_VHD_PARENT_OTHER']);
    expect(await codes(child({ timestamp: 1 }))).toEqual(['IMGOPT_VHD_PARENT_CHANGED']);
    await expect(open(child({ name: 'gone.vhd', locators: [] }))).rejects.toMatchObject({
      code: 'IMGOPT_NOT_FOUND',
    });
    await expect(open(child({ name: '', locators: [] }))).rejects.toMatchObject({
      code: 'IMGOPT_VHD_PARENT_UNNAMED',
    });
    await expect(open(child({ name: 'child.vhd', locators: [] }))).rejects.toMatchObject({
      code: 'IMGOPT_BACKING_LOOP',
    });
  });
});

it('calculates the geometries of the specification', () => {
  // By hand: 131072 sectors / 17 = 7710 tracks, (7710 + 1023) / 1024 = 8 heads, 7710 / 8 = 963.
  expect(geometryOf(64 * MiB)).toEqual({ cylinders: 963, heads: 8, sectors: 17 });
  expect(geometryOf(2 ** 40)).toEqual({ cylinders: 65535, heads: 16, sectors: 255 });
  // What qemu-img create -f vpc writes for 64 MiB and 1 GiB, which it rounds up to whole cylinders.
  expect(geometryOf(964 * 8 * 17 * 512)).toEqual({ cylinders: 964, heads: 8, sectors: 17 });
  expect(geometryOf(2081 * 16 * 63 * 512)).toEqual({ cylinders: 2081, heads: 16, sectors: 63 });
});

it('refuses options that VHD does not have', async () => {
  const source = stretchesSource(MiB, []);
  for (const options of [
    { compression: 'zlib' },
    { subformat: 'differencing' },
    { clusterSize: 4096 },
    { subformat: 'dynamic' },
    { backing: { reference: 'a', format: 'raw' } },
  ] as const) {
    await expect(streamImage(vhdWriter, source, options)).rejects.toMatchObject({ family: 'usage' });
  }
  await expect(
    streamImage(vhdWriter, stretchesSource(2041 * 2 ** 30, []), { subformat: 'fixed' }),
  ).rejects.toMatchObject({ code: 'IMGOPT_VHD_TOO_LARGE' });
});

it.each(['dynamic', 'fixed'])('answers damage of %s with a disk or one of its errors', (name) => {
  const image = fixtureBytes(`vhd-vdi/${name}.vhd`);
  // The structures: everything else is the guest's data.
  return answersDamage(image, vhdFormat, (at) => at < 4096 || at >= image.length - 512);
});
