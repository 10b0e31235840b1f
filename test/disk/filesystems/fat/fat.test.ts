import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ImgoptError } from '../../../../src/core/errors.ts';
import { FILE_FLAG } from '../../../../src/core/file-table.ts';
import { fatDriver } from '../../../../src/disk/filesystems/fat/fat.ts';
import { memorySource } from '../../../../src/sources/memory.ts';
import { readProbe } from '../../../../src/sources/read.ts';
import { fixtureBytes, fixtureExpected } from '../../../support/fixtures.ts';
import { codesOf, contentOf, filesOf, scanFilesystem } from '../../../support/volumes.ts';

interface ExpectedVolume {
  name: string;
  label: string;
  uuid: string;
  usedClusters: number;
  clusters: number;
  entries: {
    path: string;
    folder: boolean;
    packed: number;
    size?: number;
    modified: string;
    sha256?: string;
  }[];
}

const volumes = fixtureExpected<ExpectedVolume[]>('fat');
const volume = (name: string): Uint8Array => new Uint8Array(fixtureBytes(`fat/${name}.img`));
const u16 = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8);

describe.each(volumes)('$name', (expected) => {
  test('lists what 7-Zip lists, and holds what mtype prints', async () => {
    const { filesystem, table, log } = await scanFilesystem(fatDriver, volume(expected.name));
    expect(codesOf(log)).toEqual([]);
    const files = filesOf(table);
    const found = [];
    for (const [path, entry] of files) {
      const content = await contentOf(await filesystem.open(table.inode[entry]!));
      found.push({
        path,
        size: table.size[entry],
        packed: table.allocated[entry],
        modified: table.modified[entry],
        sha256: createHash('sha256').update(content).digest('hex'),
      });
    }
    const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1);
    expect(found.sort(byPath)).toEqual(
      expected.entries
        .filter(({ folder }) => !folder)
        .map(({ path, size, packed, modified, sha256 }) => ({
          path,
          size,
          packed,
          modified: Date.parse(`${modified.replace(' ', 'T')}Z`) / 1000,
          sha256,
        }))
        .sort(byPath),
    );
    const folders = [];
    for (let i = 1; i < table.count; i++) if (table.isDirectory(i)) folders.push(table.path(i));
    expect(folders.sort()).toEqual(
      expected.entries
        .filter(({ folder }) => folder)
        .map(({ path }) => path)
        .sort(),
    );
    expect(new Set(table.inode).size).toBe(table.count);
  });

  test('has the label and serial that blkid prints, and the clusters that fsck.fat counts', async () => {
    const bytes = volume(expected.name);
    const probe = fatDriver.probe(await readProbe(memorySource(bytes)));
    expect(probe).toMatchObject({
      certainty: 'certain',
      type: 'vfat',
      usage: 'filesystem',
      uuid: expected.uuid,
    });
    const { filesystem } = await scanFilesystem(fatDriver, bytes);
    expect(filesystem).toMatchObject({ label: expected.label, uuid: expected.uuid, state: 'clean' });
    const { used, unused } = filesystem.usage();
    expect(unused).toBe((expected.clusters - expected.usedClusters) * filesystem.blockSize);
    expect(used + unused).toBe(filesystem.size);
    const [free, metadata] = [await filesystem.unusedExtents(), await filesystem.metadataExtents()];
    expect(free.total).toBe(unused);
    expect(free.intersect(metadata).isEmpty).toBe(true);
  });

  test('files, metadata and unused clusters together are the whole volume', async () => {
    const { filesystem, table } = await scanFilesystem(fatDriver, volume(expected.name));
    let files = 0;
    for (const entry of filesOf(table).values()) files += table.allocated[entry]!;
    const [free, metadata] = [await filesystem.unusedExtents(), await filesystem.metadataExtents()];
    expect(files + free.total + metadata.total).toBe(filesystem.size);
  });
});

describe('content', () => {
  test('reads of any piece are that piece, and extents cover the file', async () => {
    const { filesystem, table } = await scanFilesystem(fatDriver, volume('fat16'));
    const entry = filesOf(table).get('/EFI/BOOT/BOOTX64.EFI')!;
    const file = await filesystem.open(table.inode[entry]!);
    const whole = await contentOf(file);
    for (const [start, length] of [
      [0, 1],
      [2047, 2],
      [5000, 20000],
      [29999, 1],
      [30000, 0],
    ] as const) {
      const piece = new Uint8Array(length);
      await file.read(piece, start);
      expect(piece).toEqual(whole.subarray(start, start + length));
    }
    let covered = 0;
    for await (const batch of file.extents()) {
      for (const extent of batch) {
        expect(extent.start).toBe(covered);
        covered = extent.end;
      }
    }
    expect(covered).toBe(30000);
    await expect(file.read(new Uint8Array(2), 29999)).rejects.toMatchObject({ family: 'corrupt' });
  });
});

/** A FAT16 volume of 2048-byte clusters to damage: where its table and its root directory are. */
function damaged(
  change: (bytes: Uint8Array, at: { fat: number; root: number }) => void,
  both = true,
): Uint8Array {
  const bytes = volume('fat16');
  const fatSize = u16(bytes, 22) * 512;
  const fat = u16(bytes, 14) * 512;
  change(bytes, { fat, root: fat + 2 * fatSize });
  if (both) bytes.copyWithin(fat + fatSize, fat, fat + fatSize);
  return bytes;
}

/** The directory entry of a short name in the root. */
function entryOf(bytes: Uint8Array, root: number, name: string): number {
  for (let at = root; at < root + 16384; at += 32) {
    if (Buffer.from(bytes.subarray(at, at + 11)).toString('latin1') === name) return at;
  }
  throw new Error(`no ${name}`);
}

function setLink(bytes: Uint8Array, fat: number, cluster: number, value: number): void {
  bytes.set([value & 0xff, value >> 8], fat + 2 * cluster);
}

describe('damage', () => {
  const clusterOf = (bytes: Uint8Array, root: number, name: string): number =>
    u16(bytes, entryOf(bytes, root, name) + 26);

  test.each<[string, string, (bytes: Uint8Array, at: { fat: number; root: number }) => void]>([
    [
      'a circle',
      'FAT_CHAIN',
      (b, { fat, root }) =>
        setLink(b, fat, clusterOf(b, root, 'GAP2       ') + 1, clusterOf(b, root, 'GAP2       ')),
    ],
    [
      'a link past the end',
      'FAT_CHAIN',
      (b, { fat, root }) => setLink(b, fat, clusterOf(b, root, 'GAP2       '), 0xffef),
    ],
    [
      'a link to cluster 1',
      'FAT_CHAIN',
      (b, { fat, root }) => setLink(b, fat, clusterOf(b, root, 'GAP2       '), 1),
    ],
    [
      'a free cluster in a chain',
      'FAT_CHAIN',
      (b, { fat, root }) => setLink(b, fat, clusterOf(b, root, 'GAP2       '), 0),
    ],
    [
      'a bad cluster in a chain',
      'FAT_CHAIN',
      (b, { fat, root }) => setLink(b, fat, clusterOf(b, root, 'GAP2       '), 0xfff7),
    ],
    [
      'two files in one cluster',
      'FAT_CHAIN',
      (b, { fat, root }) =>
        setLink(b, fat, clusterOf(b, root, 'GAP2       '), clusterOf(b, root, 'GAP4       ')),
    ],
    [
      'a chain that ends early',
      'FAT_CHAIN_SHORT',
      (b, { fat, root }) => setLink(b, fat, clusterOf(b, root, 'GAP2       '), 0xffff),
    ],
    [
      'a size of 4 GiB',
      'FAT_CHAIN_SHORT',
      (b, { root }) =>
        b.fill(0xff, entryOf(b, root, 'GAP2       ') + 28, entryOf(b, root, 'GAP2       ') + 32),
    ],
    [
      'a first cluster of nowhere',
      'FAT_CHAIN',
      (b, { root }) => b.set([0xf0, 0xff], entryOf(b, root, 'GAP2       ') + 26),
    ],
    [
      'a directory without clusters',
      'FAT_CHAIN',
      (b, { root }) => b.set([0, 0], entryOf(b, root, 'EFI        ') + 26),
    ],
    [
      'a directory inside another file',
      'FAT_CHAIN',
      (b, { root }) =>
        b.set(
          b.subarray(entryOf(b, root, 'MANY       ') + 26, entryOf(b, root, 'MANY       ') + 28),
          entryOf(b, root, 'EFI        ') + 26,
        ),
    ],
    [
      'control characters for a name',
      'FAT_BAD_ENTRY',
      (b, { root }) => b.set([1, 2], entryOf(b, root, 'GAP2       ')),
    ],
    [
      'a slash in a name',
      'FAT_BAD_NAME',
      (b, { root }) => b.set([0x2f], entryOf(b, root, 'GAP2       ') + 1),
    ],
  ])('%s is named, the rest is read, and nothing is called unused', async (_, code, change) => {
    const { filesystem, table, log } = await scanFilesystem(fatDriver, damaged(change));
    expect(codesOf(log)).toContain(`error ${code}`);
    expect(filesOf(table).has('/exact')).toBe(true);
    await expect(filesystem.unusedExtents()).rejects.toMatchObject({
      code: 'IMGOPT_FAT_DAMAGED',
      family: 'corrupt',
    });
    for (const entry of filesOf(table).values()) {
      // Content or a named error, and never more than the volume has.
      const file = await filesystem.open(table.inode[entry]!);
      const target = new Uint8Array(Math.min(file.size, 1 << 16));
      await file.read(target, 0).catch((error: ImgoptError) => expect(error.family).toBe('corrupt'));
    }
  });

  test('a directory longer than the format allows is read to its limit', async () => {
    // All free clusters of FAT32's root in one chain: 36 MiB of directory, 2 MiB of which count.
    const bytes = volume('fat32');
    const fat = u16(bytes, 14) * 512;
    const fatSize = new DataView(bytes.buffer).getUint32(36, true) * 512;
    const view = new DataView(bytes.buffer, fat, fatSize);
    let last = 2;
    while (view.getUint32(4 * last, true) < 0x0ffffff8) last = view.getUint32(4 * last, true);
    for (let cluster = 3; cluster < 60000; cluster++) {
      if (view.getUint32(4 * cluster, true) !== 0) continue;
      view.setUint32(4 * last, cluster, true);
      last = cluster;
    }
    view.setUint32(4 * last, 0x0fffffff, true);
    bytes.copyWithin(fat + fatSize, fat, fat + fatSize);
    const { table, log } = await scanFilesystem(fatDriver, bytes);
    expect(codesOf(log)).toEqual(['error FAT_DIRECTORY_TOO_LONG']);
    expect(filesOf(table).has('/exact')).toBe(true);
  });

  test('a damaged file is flagged', async () => {
    const bytes = damaged((b, { fat, root }) => setLink(b, fat, clusterOf(b, root, 'GAP2       '), 1));
    const { table } = await scanFilesystem(fatDriver, bytes);
    expect(table.flags[filesOf(table).get('/gap2')!]! & FILE_FLAG.damaged).not.toBe(0);
  });

  test('copies of the FAT that differ are named, and nothing is called unused', async () => {
    const bytes = damaged((b, { fat }) => setLink(b, fat, 5000, 0xffff), false);
    const { filesystem, log } = await scanFilesystem(fatDriver, bytes);
    expect(codesOf(log)).toEqual(['error FAT_COPIES_DIFFER', 'warning FAT_LOST_CLUSTERS']);
    await expect(filesystem.unusedExtents()).rejects.toMatchObject({ code: 'IMGOPT_FAT_COPIES_DIFFER' });
  });

  test('clusters that no file has are warned of and kept', async () => {
    const { filesystem, log } = await scanFilesystem(
      fatDriver,
      damaged((b, { fat }) => setLink(b, fat, 5000, 0xffff)),
    );
    expect(codesOf(log)).toEqual(['warning FAT_LOST_CLUSTERS']);
    const whole = await scanFilesystem(fatDriver, volume('fat16'));
    expect((await filesystem.unusedExtents()).total).toBe(
      (await whole.filesystem.unusedExtents()).total - 2048,
    );
  });

  test('a bad cluster is neither unused nor content', async () => {
    const { filesystem, log } = await scanFilesystem(
      fatDriver,
      damaged((b, { fat }) => setLink(b, fat, 5000, 0xfff7)),
    );
    expect(codesOf(log)).toEqual([]);
    const [free, metadata] = [await filesystem.unusedExtents(), await filesystem.metadataExtents()];
    const whole = await scanFilesystem(fatDriver, volume('fat16'));
    expect(free.total).toBe((await whole.filesystem.unusedExtents()).total - 2048);
    expect(metadata.total).toBe((await whole.filesystem.metadataExtents()).total + 2048);
  });

  test('long-name entries without their short one leave the short name', async () => {
    // The checksum of the first piece of "Mixed.Txt" no longer fits.
    const bytes = damaged((b, { root }) => (b[entryOf(b, root, 'MIXED   TXT') - 32 + 13]! ^= 1));
    const { table } = await scanFilesystem(fatDriver, bytes);
    expect([...filesOf(table).keys()]).toContain('/MIXED.TXT');
    expect([...filesOf(table).keys()]).not.toContain('/Mixed.Txt');
  });

  test.each([
    ['FAT[1] on FAT16', 'fat16', (b: Uint8Array) => (b[u16(b, 14) * 512 + 3]! &= 0x7f)],
    ['the boot sector on FAT16', 'fat16', (b: Uint8Array) => (b[37] = 1)],
    ['FAT[1] on FAT32', 'fat32', (b: Uint8Array) => (b[u16(b, 14) * 512 + 7]! &= 0xf7)],
    ['the boot sector on FAT32', 'fat32', (b: Uint8Array) => (b[65] = 1)],
  ])('a dirty bit in %s means needs-recovery', async (_, name, change) => {
    const bytes = volume(name);
    change(bytes);
    expect((await scanFilesystem(fatDriver, bytes)).filesystem.state).toBe('needs-recovery');
  });

  test.each<[string, number, number[], string]>([
    ['FAT32 version 1', 42, [0, 1], 'unsupported'],
    ['clusters of 3 sectors', 13, [3], 'corrupt'],
    ['sectors of 0 bytes', 11, [0, 0], 'corrupt'],
    ['no FAT', 16, [0], 'corrupt'],
    ['a FAT of 2 TiB', 36, [0xff, 0xff, 0xff, 0xff], 'corrupt'],
    ['an active FAT that is none', 40, [0x8f, 0], 'corrupt'],
    ['a root directory nowhere', 44, [0xff, 0xff, 0xff, 0x0f], 'corrupt'],
    ['a root directory at cluster 0', 44, [0, 0, 0, 0], 'corrupt'],
  ])('%s is refused (%#)', async (_, at, values, family) => {
    const bytes = volume('fat32');
    bytes.set(values, at);
    await expect(scanFilesystem(fatDriver, bytes)).rejects.toMatchObject({ family });
  });

  test('a volume of 2 TiB in a file of 36 MiB costs no memory', async () => {
    const bytes = volume('fat32');
    bytes[13] = 16; // sectors per cluster
    bytes.set([0xff, 0xff, 0xff, 0xff], 32); // sectors
    bytes.set([0, 0, 0x80, 0], 36); // sectors of one FAT: 4 GiB
    await expect(scanFilesystem(fatDriver, bytes)).rejects.toMatchObject({ code: 'IMGOPT_FAT_OUTSIDE' });
  });

  test('a volume cut short is read as far as it goes', async () => {
    const bytes = volume('fat16');
    const { filesystem, table, log } = await scanFilesystem(fatDriver, bytes.subarray(0, bytes.length / 2));
    expect(codesOf(log)).toEqual(['error FAT_TRUNCATED']);
    expect(table.count).toBeGreaterThan(90);
    expect((await filesystem.unusedExtents()).complement(0, bytes.length / 2).total).toBeGreaterThan(0);
    expect(filesystem.size).toBe(bytes.length / 2);
  });
});
