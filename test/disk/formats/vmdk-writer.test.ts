/** What a streamOptimized VMDK consists of, walked by VMware's 'Virtual Disk Format 5.0'; small and empty disks. */
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { vmdkFormat } from '../../../src/disk/formats/vmdk/vmdk.ts';
import { vmdkWriter } from '../../../src/disk/formats/vmdk/writer.ts';
import { openImageBytes, positionCoded, readAll } from '../../support/image-context.ts';
import { streamImage, stretchesSource } from '../../support/image-output.ts';

const MiB = 1024 * 1024;

describe('streamOptimized', () => {
  // 70 MiB and a sector: grains of the first and the third grain table, none of the second.
  const SIZE = 70 * MiB + 512;
  const parts = [
    { start: 65536, bytes: positionCoded(65536, 65536, 'one') },
    { start: SIZE - 512, bytes: positionCoded(SIZE - 512, 512, 'end') },
  ];

  it('is header, descriptor, grains, tables, directory, footer, end', async () => {
    const image = await streamImage(vmdkWriter, stretchesSource(SIZE, parts));
    const header = image.subarray(0, 512);
    const fields = (sector: Buffer): unknown[] => [
      sector.toString('latin1', 0, 4),
      sector.readUInt32LE(4),
      sector.readUInt32LE(8),
      ...[12, 20, 28, 36].map((at) => Number(sector.readBigUInt64LE(at))),
      sector.readUInt32LE(44),
      sector.readBigUInt64LE(48),
      Number(sector.readBigUInt64LE(64)),
      sector.readUInt8(72),
      sector.toString('latin1', 73, 77),
      sector.readUInt16LE(77),
    ];
    const capacity = SIZE / 512;
    const expected = ['KDMV', 3, 0x30001, capacity, 128, 1, 20, 512, 0n, 128, 0, '\n \r\n', 1];
    expect(fields(header)).toEqual(expected);
    expect(header.readBigUInt64LE(56)).toBe(0xffff_ffff_ffff_ffffn);
    const descriptor = image.toString('latin1', 512, image.indexOf(0, 512));
    expect(descriptor).toMatch(/^# Disk DescriptorFile\nversion=1\n/);
    expect(descriptor).toContain('\ncreateType="streamOptimized"\n');
    expect(descriptor).toContain(`\nRW ${capacity} SPARSE "`);

    let at = 128 * 512;
    const found: string[] = [];
    const grains = new Map<number, number>();
    const tables: number[] = [];
    let directory = 0;
    for (;;) {
      const value = Number(image.readBigUInt64LE(at));
      const size = image.readUInt32LE(at + 8);
      if (size > 0) {
        expect(inflateSync(image.subarray(at + 12, at + 12 + size)).length).toBe(65536);
        grains.set(value / 128, at / 512);
        found.push('grain');
        at += Math.ceil((12 + size) / 512) * 512;
        continue;
      }
      const type = image.readUInt32LE(at + 12);
      at += 512;
      if (type === 0) break;
      found.push(['', 'table', 'directory', 'footer'][type]!);
      if (type === 1) tables.push(at);
      if (type === 2) directory = at;
      if (type === 3) {
        const footer = image.subarray(at, at + 512);
        expect(fields(footer)).toEqual(expected);
        expect(Number(footer.readBigUInt64LE(56))).toBe(directory / 512);
      }
      at += value * 512;
    }
    expect(at).toBe(image.length);
    expect(found).toEqual(['grain', 'table', 'grain', 'table', 'directory', 'footer']);
    expect([0, 1, 2].map((index) => image.readUInt32LE(directory + index * 4) * 512)).toEqual([
      tables[0],
      0,
      tables[1],
    ]);
    expect(image.readUInt32LE(tables[0]! + 4)).toBe(grains.get(1));
    expect(image.readUInt32LE(tables[1]! + 4 * (1120 % 512))).toBe(grains.get(1120));
  });

  it.each([1, 512, 1000, 65536, 65537])('holds a disk of %d bytes', async (size) => {
    const bytes = positionCoded(0, size + 16, 'tiny').subarray(0, size);
    const image = await streamImage(vmdkWriter, stretchesSource(size, [{ start: 0, bytes }]));
    const { disk } = await openImageBytes(image, vmdkFormat);
    const content = await readAll(disk.source);
    expect(content.length).toBe(Math.ceil(size / 512) * 512);
    expect(content.subarray(0, size).equals(bytes)).toBe(true);
    expect(content.subarray(size).every((byte) => byte === 0)).toBe(true);
  });

  it('holds a disk of nothing', async () => {
    const image = await streamImage(vmdkWriter, stretchesSource(SIZE, []));
    // Directory and footer with a marker each, and the end.
    expect(image.length).toBe((128 + 5) * 512);
    const { disk } = await openImageBytes(image, vmdkFormat);
    expect((await readAll(disk.source)).every((byte) => byte === 0)).toBe(true);
  });

  it('gives other disks other content IDs, and the same disk the same', async () => {
    const id = async (seed: string): Promise<unknown> => {
      const source = stretchesSource(MiB, [{ start: 0, bytes: positionCoded(0, 4096, seed) }]);
      return (await openImageBytes(await streamImage(vmdkWriter, source), vmdkFormat)).disk.details.cid;
    };
    expect(await id('a')).toBe(await id('a'));
    expect(await id('a')).not.toBe(await id('b'));
  });
});

it('refuses options that VMDK does not have', async () => {
  const source = stretchesSource(MiB, []);
  for (const options of [
    { compression: 'zstd' },
    { subformat: 'streamOptimized', compression: 'none' },
    { subformat: 'twoGbMaxExtentFlat' },
    { subformat: 'monolithicSparse' },
    { clusterSize: 4096 },
    { level: 10 },
    { backing: { reference: 'a', format: 'raw' } },
  ] as const) {
    await expect(streamImage(vmdkWriter, source, options)).rejects.toMatchObject({ family: 'usage' });
  }
});

it('counts what it stores', async () => {
  const tally = { zero: 0, plain: 0, compressed: 0, packed: 0 };
  const parts = [
    { start: 0, bytes: positionCoded(0, 65536, 'one') },
    { start: MiB, bytes: Buffer.alloc(65536) },
  ];
  await streamImage(vmdkWriter, stretchesSource(2 * MiB, parts), { tally });
  expect(tally).toMatchObject({ zero: 65536, plain: 0, compressed: 65536 });
  expect(tally.packed).toBeGreaterThan(0);
  expect(tally.packed).toBeLessThan(65536);
});
