import { crc32 } from 'node:zlib';
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
  partitions: {
    index: number;
    start: string;
    size: string;
    type: string;
    uuid: string;
    name?: string;
    attrs?: string;
  }[];
}

const tables = fixtureExpected<ExpectedTable[]>('partitions').filter(({ label }) => label === 'gpt');
const disk = (name = 'gpt-512'): Uint8Array => new Uint8Array(fixtureBytes(`partitions/${name}.img`));

/** Makes a header's checksums right again after a change: the header in sector `lba`, 512-byte sectors. */
function reseal(bytes: Uint8Array, lba = 1): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset + lba * 512, 512);
  const entries = Number(view.getBigUint64(72, true)) * 512;
  const length = view.getUint32(80, true) * view.getUint32(84, true);
  if (entries + length <= bytes.length && length <= 1 << 20)
    view.setUint32(88, crc32(bytes.subarray(entries, entries + length)), true);
  view.setUint32(16, 0, true);
  view.setUint32(16, crc32(bytes.subarray(lba * 512, lba * 512 + view.getUint32(12, true))), true);
  return bytes;
}

/** A changed primary table with right checksums. */
function changed(change: (header: DataView, entry: (index: number) => DataView) => void): Uint8Array {
  const bytes = disk();
  change(
    new DataView(bytes.buffer, 512, 512),
    (index) => new DataView(bytes.buffer, 1024 + (index - 1) * 128, 128),
  );
  return reseal(bytes);
}

describe.each(tables)('$name', (expected) => {
  test('reads what sfdisk reads', async () => {
    const { layout, codes } = await readVolumes(gptVolumes, disk(expected.name));
    const unit = expected['sector-size'];
    expect(layout?.sectorSize).toBe(unit);
    expect(layout?.uuid).toBe(expected['label-id'].toLowerCase());
    expect(
      layout?.volumes.map((volume) => ({
        index: volume.index,
        start: volume.start,
        size: volume.size,
        type: volume.type,
        uuid: volume.uuid,
        name: volume.name,
        attributes: (volume as Partition).attributes,
      })),
    ).toEqual(
      expected.partitions.map(({ index, start, size, type, uuid, name, attrs }) => ({
        index,
        start: Number(start) * unit,
        size: Number(size) * unit,
        type: type.toLowerCase(),
        uuid: uuid.toLowerCase(),
        name: name ?? null,
        // sfdisk writes GUID:60,63
        attributes:
          attrs?.split(' ').flatMap((word) => {
            const [first, ...rest] = word.split(',');
            return [first!, ...rest.map((bit) => `GUID:${bit}`)];
          }) ?? [],
      })),
    );
    expect(codes).toEqual(expected.name === 'gpt-hybrid' ? ['info GPT_HYBRID_MBR'] : []);
  });

  test('is not an MBR as well', async () => {
    expect((await readVolumes(mbrVolumes, disk(expected.name))).probed).toBeUndefined();
  });

  test('knows the sectors of both tables', async () => {
    const bytes = disk(expected.name);
    const { layout } = await readVolumes(gptVolumes, bytes);
    const unit = expected['sector-size'];
    // MBR, header, 16 KiB of entries; the same entries and a header at the end.
    expect(layout?.tables.at(-1)?.end).toBe(bytes.length);
    expect(layout?.tables.reduce((sum, { start, end }) => sum + end - start, 0)).toBe(3 * unit + 2 * 16384);
  });
});

describe('a damaged table', () => {
  const whole = async () =>
    (await readVolumes(gptVolumes, disk())).layout?.volumes.map(({ start, size }) => [start, size]);

  test.each([
    ['a bit of the header', (bytes: Uint8Array) => (bytes[512 + 60]! ^= 1)],
    ['its signature', (bytes: Uint8Array) => bytes.fill(0, 512, 520)],
    ['a bit of an entry', (bytes: Uint8Array) => (bytes[1024 + 33]! ^= 1)],
    ['everything but the protective MBR', (bytes: Uint8Array) => bytes.fill(0, 512, 1024 + 16384)],
    ['its place', (bytes: Uint8Array) => reseal(bytes.fill(2, 512 + 24, 512 + 25))],
  ])('falls back to the backup: %s', async (_, damage) => {
    const bytes = disk();
    damage(bytes);
    const { layout, codes } = await readVolumes(gptVolumes, bytes);
    expect(codes).toEqual(['error GPT_PRIMARY_DAMAGED']);
    expect(layout?.volumes.map(({ start, size }) => [start, size])).toEqual(await whole());
  });

  test('warns of a damaged, missing, misplaced or different backup', async () => {
    const last = disk().length - 512;
    const damaged = disk();
    damaged[last + 60]! ^= 1;
    expect((await readVolumes(gptVolumes, damaged)).codes).toEqual(['warning GPT_BACKUP_DAMAGED']);
    const missing = disk().fill(0, last);
    expect((await readVolumes(gptVolumes, missing)).codes).toEqual(['warning GPT_BACKUP_MISSING']);
    const enlarged = new Uint8Array(disk().length + 1048576);
    enlarged.set(disk());
    expect((await readVolumes(gptVolumes, enlarged)).codes).toEqual(['warning GPT_BACKUP_MISPLACED']);
    const different = changed((_, entry) => entry(1).setUint8(56, 0x41));
    expect((await readVolumes(gptVolumes, different)).codes).toEqual(['warning GPT_COPIES_DIFFER']);
  });

  test('cuts a partition that the image no longer holds, and drops one that lies past its end', async () => {
    const { layout, codes } = await readVolumes(gptVolumes, disk().subarray(0, 10000 * 512));
    expect(layout?.volumes.map(({ index, size }) => [index, size])).toEqual([
      [1, 2048 * 512],
      [2, (10000 - 4096) * 512],
    ]);
    expect(codes.sort()).toEqual([
      'error PARTITION_OUTSIDE_DISK',
      'error PARTITION_OUTSIDE_DISK',
      'error PARTITION_TRUNCATED',
      'warning GPT_DISK_TRUNCATED',
    ]);
  });

  test('is refused when neither copy holds', async () => {
    const bytes = disk();
    bytes[512 + 60]! ^= 1;
    bytes[bytes.length - 512 + 60]! ^= 1;
    await expect(readVolumes(gptVolumes, bytes)).rejects.toMatchObject({
      code: 'IMGOPT_GPT_DAMAGED',
      family: 'corrupt',
    });
  });

  test.each([
    ['entries of 64 bytes', (header: DataView) => header.setUint32(84, 64, true)],
    ['entries of 192 bytes', (header: DataView) => header.setUint32(84, 192, true)],
    ['four billion entries', (header: DataView) => header.setUint32(80, 0xffffffff, true)],
    ['entries past the end', (header: DataView) => header.setBigUint64(72, 1n << 60n, true)],
    ['a header of four gigabytes', (header: DataView) => header.setUint32(12, 0xffffffff, true)],
    ['a usable area that is none', (header: DataView) => header.setBigUint64(48, 5n, true)],
  ])('is not believed: %s', async (_, change) => {
    const bytes = disk();
    change(new DataView(bytes.buffer, 512, 512));
    const view = new DataView(bytes.buffer, 512, 512);
    view.setUint32(16, 0, true);
    view.setUint32(16, crc32(bytes.subarray(512, 512 + Math.min(512, view.getUint32(12, true)))), true);
    expect((await readVolumes(gptVolumes, bytes)).codes).toEqual(['error GPT_PRIMARY_DAMAGED']);
  });

  test.each<[string, string, (entry: DataView) => void]>([
    ['ends before it begins', 'error GPT_ENTRY_INVALID', (entry) => entry.setBigUint64(40, 1n, true)],
    ['covers the header', 'error GPT_ENTRY_INVALID', (entry) => entry.setBigUint64(32, 1n, true)],
    ['ends at 2^63', 'error GPT_ENTRY_INVALID', (entry) => entry.setBigUint64(40, 1n << 63n, true)],
    ['covers the entries', 'warning GPT_ENTRY_OUTSIDE_USABLE', (entry) => entry.setBigUint64(32, 20n, true)],
    ['lies inside another', 'error PARTITIONS_OVERLAP', (entry) => entry.setBigUint64(40, 5000n, true)],
  ])('names an entry that %s', async (_, code, change) => {
    const { layout, codes } = await readVolumes(
      gptVolumes,
      changed((__, entry) => change(entry(1))),
    );
    expect(codes).toContain(code);
    expect(layout?.volumes.some(({ index }) => index === 2)).toBe(true);
    expect(layout?.volumes.some(({ index }) => index === 1)).toBe(!code.includes('INVALID'));
  });
});

describe('what counts as GPT', () => {
  test('an empty first sector before a good header does, with a warning', async () => {
    expect((await readVolumes(gptVolumes, disk().fill(0, 0, 512))).codes).toEqual([
      'warning GPT_NO_PROTECTIVE_MBR',
    ]);
  });

  test('a stale GPT behind a new MBR does not', async () => {
    const bytes = disk();
    bytes[450] = 0x83;
    expect((await readVolumes(gptVolumes, bytes)).probed).toBeUndefined();
    expect((await readVolumes(mbrVolumes, bytes)).probed).toBe('certain');
  });

  test('a stale backup at the end of a disk does not', async () => {
    const bytes = disk().fill(0, 0, 40 * 512);
    bytes.set([0x53, 0xef], 1080);
    expect((await readVolumes(gptVolumes, bytes)).probed).not.toBe('certain');
  });

  test('short input is no reason to throw', () => {
    for (const size of [0, 1, 511, 512, 600, 1023, 1024, 4096, 8191]) {
      const bytes = disk().subarray(0, size);
      expect(() => gptVolumes.probe({ head: bytes, tail: bytes, size })).not.toThrow();
      expect(() => mbrVolumes.probe({ head: bytes, tail: bytes, size })).not.toThrow();
    }
  });

  test('a volume maps to the disk', async () => {
    const { layout } = await readVolumes(gptVolumes, disk());
    const volume = layout!.volumes[1]!;
    expect(volume.toDisk({ start: 10, end: 20 })).toEqual([
      { start: volume.start + 10, end: volume.start + 20 },
    ]);
    expect(() => volume.toDisk({ start: 0, end: volume.size + 1 })).toThrow(/not inside/);
  });
});
