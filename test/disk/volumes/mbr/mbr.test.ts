import { describe, expect, test } from 'vitest';
import { gptVolumes } from '../../../../src/disk/volumes/gpt/gpt.ts';
import { mbrVolumes } from '../../../../src/disk/volumes/mbr/mbr.ts';
import type { Partition } from '../../../../src/sources/partition.ts';
import { fixtureBytes, fixtureExpected } from '../../../support/fixtures.ts';
import { readVolumes } from '../../../support/volumes.ts';

interface ExpectedTable {
  name: string;
  label: string;
  'label-id': string;
  'sector-size': number;
  partitions: { index: number; start: string; size: string; type: string; bootable: boolean }[];
}

const tables = fixtureExpected<ExpectedTable[]>('partitions').filter(({ label }) => label === 'dos');
const disk = (name = 'mbr'): Uint8Array => new Uint8Array(fixtureBytes(`partitions/${name}.img`));

/** Writes record `index` (0 to 3) of the table in the sector at `at`. */
function put(
  bytes: Uint8Array,
  at: number,
  index: number,
  type: number,
  start: number,
  count: number,
  boot = 0,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at + 446 + index * 16, 16);
  view.setUint8(0, boot);
  view.setUint8(4, type);
  view.setUint32(8, start, true);
  view.setUint32(12, count, true);
  bytes.set([0x55, 0xaa], at + 510);
}

const MiB = 1 << 20;

describe.each(tables)('$name', (expected) => {
  test('reads what sfdisk reads', async () => {
    const { layout, codes } = await readVolumes(mbrVolumes, disk(expected.name));
    const unit = expected['sector-size'];
    const id = expected['label-id'].slice(2);
    expect(codes).toEqual([]);
    expect(layout?.sectorSize).toBe(unit);
    expect(layout?.uuid).toBe(id);
    expect(
      layout?.volumes.map((volume) => ({
        index: volume.index,
        start: volume.start,
        size: volume.size,
        type: volume.type,
        uuid: volume.uuid,
        attributes: (volume as Partition).attributes,
        isContainer: volume.isContainer,
      })),
    ).toEqual(
      expected.partitions.map(({ index, start, size, type, bootable }) => ({
        index,
        start: Number(start) * unit,
        size: Number(size) * unit,
        type: `0x${type.padStart(2, '0')}`,
        uuid: `${id}-${index.toString(16).padStart(2, '0')}`,
        attributes: bootable ? ['bootable'] : [],
        isContainer: ['5', 'f', '85'].includes(type),
      })),
    );
    expect((await readVolumes(gptVolumes, disk(expected.name))).probed).toBeUndefined();
  });
});

describe('extended partitions', () => {
  /** Extended partition at sector 2048 of 16384 sectors, in a disk of 16 MiB. */
  function chain(...links: { at: number; data?: [number, number]; next?: number }[]): Uint8Array {
    const bytes = new Uint8Array(16 * MiB);
    put(bytes, 0, 0, 0x05, 2048, 16384);
    for (const { at, data, next } of links) {
      if (data !== undefined) put(bytes, at * 512, 0, 0x83, data[0], data[1]);
      if (next !== undefined) put(bytes, at * 512, 1, 0x05, next - 2048, 4096);
      bytes.set([0x55, 0xaa], at * 512 + 510);
    }
    return bytes;
  }
  const starts = async (bytes: Uint8Array) => {
    const { layout, codes } = await readVolumes(mbrVolumes, bytes);
    return { logical: layout!.volumes.slice(1).map((volume) => [volume.index, volume.start / 512]), codes };
  };

  test('links are relative to the extended partition, data to its link', async () => {
    const bytes = chain({ at: 2048, data: [8, 100], next: 6144 }, { at: 6144, data: [16, 100] });
    expect(await starts(bytes)).toEqual({
      logical: [
        [5, 2056],
        [6, 6160],
      ],
      codes: [],
    });
  });

  test('a link without data does not take a number', async () => {
    const bytes = chain({ at: 2048, next: 6144 }, { at: 6144, data: [16, 100] });
    expect(await starts(bytes)).toEqual({ logical: [[5, 6160]], codes: [] });
  });

  test('a circle ends with a diagnostic', async () => {
    const bytes = chain({ at: 2048, data: [8, 100], next: 6144 }, { at: 6144, data: [16, 100], next: 2048 });
    expect(await starts(bytes)).toEqual({
      logical: [
        [5, 2056],
        [6, 6160],
      ],
      codes: ['error MBR_CHAIN_LOOP'],
    });
  });

  test('a link to a sector that is none of the chain ends it', async () => {
    const bytes = chain({ at: 2048, data: [8, 100], next: 6144 });
    expect(await starts(bytes)).toEqual({ logical: [[5, 2056]], codes: ['error MBR_CHAIN_BROKEN'] });
  });

  test('a link out of the extended partition ends it', async () => {
    const bytes = chain({ at: 2048, data: [8, 100], next: 30000 });
    expect(await starts(bytes)).toEqual({ logical: [[5, 2056]], codes: ['error MBR_CHAIN_OUTSIDE'] });
  });

  test('a logical partition that leaves it is kept and named', async () => {
    const bytes = chain({ at: 2048, data: [8, 20000] });
    expect(await starts(bytes)).toEqual({ logical: [[5, 2056]], codes: ['warning MBR_LOGICAL_OUTSIDE'] });
  });

  test('a chain of 300 links is cut at 256', async () => {
    const links = Array.from({ length: 300 }, (_, i) => ({
      at: 2048 + i * 8,
      data: [1, 1] as [number, number],
      next: 2048 + (i + 1) * 8,
    }));
    const { logical, codes } = await starts(chain(...links));
    expect(logical).toHaveLength(256);
    expect(codes).toEqual(['error MBR_CHAIN_TOO_LONG']);
  });

  test('a disk cut inside the chain keeps what is there', async () => {
    const bytes = chain({ at: 2048, data: [8, 100], next: 6144 }).subarray(0, 5000 * 512);
    expect(await starts(bytes)).toEqual({
      logical: [[5, 2056]],
      codes: ['error MBR_CHAIN_OUTSIDE', 'error PARTITION_TRUNCATED'].sort(),
    });
  });
});

describe('what counts as an MBR', () => {
  const empty = (): Uint8Array => new Uint8Array(4 * MiB);
  const probed = async (bytes: Uint8Array) => (await readVolumes(mbrVolumes, bytes)).probed;

  test('records with rubbish for boot indicators do not', async () => {
    const bytes = empty();
    put(bytes, 0, 0, 0x83, 2048, 100, 0x7f);
    expect(await probed(bytes)).toBeUndefined();
  });

  test('boot sectors of FAT and NTFS do not', async () => {
    for (const name of [
      'fat/fat12.img',
      'fat/fat16.img',
      'fat/fat32.img',
      'recognised/ntfs.probe',
      'recognised/exfat.probe',
    ]) {
      expect(await probed(new Uint8Array(fixtureBytes(name)))).toBeUndefined();
    }
  });

  test('a boot block before ext does not', async () => {
    const bytes = empty();
    bytes.set([0x55, 0xaa], 510);
    bytes.set([0x53, 0xef], 1080);
    expect(await probed(bytes)).toBeUndefined();
  });

  test('a hybrid ISO image does not, a disk with a stale ISO before its partitions does', async () => {
    const bytes = empty();
    bytes.set(Buffer.from('\x01CD001'), 0x8000);
    put(bytes, 0, 0, 0x83, 2048, 100);
    expect(await probed(bytes)).toBe('certain');
    put(bytes, 0, 1, 0x17, 0, 8192);
    expect(await probed(bytes)).toBeUndefined();
  });

  test('partitions that all lie past the end do not', async () => {
    const bytes = empty();
    put(bytes, 0, 0, 0x83, 0x20202020, 0x20202020);
    expect(await probed(bytes)).toBe('resembles');
  });

  test('overlapping partitions are named, those past the end dropped', async () => {
    const bytes = empty();
    put(bytes, 0, 0, 0x83, 2048, 2048);
    put(bytes, 0, 1, 0x83, 3000, 1000);
    put(bytes, 0, 2, 0x83, 8192, 1000);
    put(bytes, 0, 3, 0x83, 4096, 8192);
    const { layout, codes } = await readVolumes(mbrVolumes, bytes);
    expect(layout?.volumes.map(({ index, size }) => [index, size / 512])).toEqual([
      [1, 2048],
      [2, 1000],
      [4, 4096],
    ]);
    expect(layout?.volumes[0]?.uuid).toBeNull();
    expect(codes).toEqual([
      'error PARTITIONS_OVERLAP',
      'error PARTITION_OUTSIDE_DISK',
      'error PARTITION_TRUNCATED',
    ]);
  });
});
