/** The fixtures that other tools made, against what those tools say of them. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DiagnosticLog } from '../../../src/core/context.ts';
import { FILE_TYPE } from '../../../src/core/file-table.ts';
import { listing, open } from '../../support/archives.ts';
import { fixtureExpected, fixturePath } from '../../support/fixtures.ts';

type Hashes = Record<string, string | null>;
const expected = fixtureExpected<{ ova: Hashes; rootfs: Hashes; image: Hashes; initrd: Hashes }>(
  'containers',
);

async function hashes(name: string): Promise<Hashes> {
  const rows = await listing(fixturePath(`containers/${name}`));
  return Object.fromEntries(
    Object.entries(rows).map(([path, row]) => [path, row[0] === 'file' ? row[7] : null]),
  );
}

describe('container fixtures', () => {
  it.each([
    ['rootfs.tar', expected.rootfs],
    ['image.tar', expected.image],
    ['initrd.img', expected.initrd],
  ])('%s', async (name, wanted) => {
    expect(await hashes(name)).toEqual(wanted);
  });

  it('machine.ova: two disks, one tree', async () => {
    const log = new DiagnosticLog();
    const inspection = await open(fixturePath('containers/machine.ova'), log, { verify: true });
    try {
      expect(log.list()).toEqual([]);
      const { root, table, filesystems } = inspection;
      expect(filesystems.map(({ mountPoint }) => mountPoint)).toEqual(['/', '/data']);
      expect(filesystems.map(({ volume }) => volume)).toEqual(['disk1', 'disk2']);
      for (const [path, hash] of Object.entries(expected.ova)) {
        const bytes = await root!.read(path);
        expect(createHash('sha256').update(bytes!).digest('hex')).toBe(hash);
        const entry = root!.lookup(path);
        expect(inspection.pathOf(entry)).toBe(path);
        expect(table.type[entry]).toBe(FILE_TYPE.file);
      }
      // Disk by disk, the same bytes: a filesystem's place in the container leads to its own superblock.
      for (const one of filesystems) {
        const [place] = one.toDisk({ start: 1024, end: 2048 });
        const superblock = new Uint8Array(1024);
        await inspection.disk.source.read(superblock, place!.start);
        expect([superblock[56], superblock[57]]).toEqual([0x53, 0xef]);
      }
    } finally {
      await inspection.close();
    }
  });
});
