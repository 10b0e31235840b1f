/** Volumes that ntfs-3g filled, against what it, ntfsinfo, ntfscat and blkid said of them. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FILE_FLAG, FILE_TYPE } from '../../../../src/core/file-table.ts';
import { typeOfMode } from '../../../../src/disk/filesystems/mode.ts';
import { ntfsBackupDriver, ntfsDriver } from '../../../../src/disk/filesystems/ntfs/ntfs.ts';
import { memorySource } from '../../../../src/sources/memory.ts';
import { readProbe } from '../../../../src/sources/read.ts';
import { CLEAN_NTFS, freeRanges, NTFS_IMAGES, ntfsImage, openNtfs } from '../../../support/ntfs.ts';
import { codesOf } from '../../../support/volumes.ts';
import { contentOf, latin1Path } from '../../../support/xfs.ts';

/** ntfs-3g shows reparse points that it does not know as links to nowhere. */
const REGULAR = new Set(['/overlay', '/deduplicated']);

describe('ntfs on fixtures', () => {
  it.each(CLEAN_NTFS)('reads %s as ntfs-3g does', async (name) => {
    const wanted = NTFS_IMAGES[name]!;
    const bytes = ntfsImage(name);
    const { filesystem, table, log } = await openNtfs(bytes);
    expect(log.list()).toEqual([]);
    const probe = ntfsDriver.probe(await readProbe(memorySource(bytes)))!;
    expect([probe.type, probe.uuid]).toEqual([wanted.tags.TYPE, wanted.tags.UUID]);
    expect([filesystem.label ?? '', filesystem.uuid]).toEqual([wanted.tags.LABEL, wanted.tags.UUID]);
    expect(filesystem.features).toEqual([wanted.version]);
    expect(filesystem.state).toBe('clean');
    expect(filesystem.size).toBe(wanted.bytes);
    expect(filesystem.usage().unused).toBe(wanted.freeClusters * wanted.clusterSize);

    const entries = new Map(
      Array.from({ length: table.count }, (_, entry) => [latin1Path(table, entry), entry]),
    );
    expect([...entries.keys()].sort()).toEqual(Object.keys(wanted.entries).sort());
    const links = new Map<number, number>();
    for (const { inode } of Object.values(wanted.entries)) links.set(inode, (links.get(inode) ?? 0) + 1);
    const seen = new Set<number>();
    let allocated = 0;
    for (const [path, entry] of entries) {
      const one = wanted.entries[path]!;
      const type = REGULAR.has(path) ? FILE_TYPE.file : typeOfMode(one.mode);
      expect({
        path,
        inode: table.inode[entry],
        type: table.type[entry],
        links: table.links[entry],
        allocated: table.allocated[entry],
        modified: table.modified[entry],
      }).toEqual({
        path,
        inode: one.inode,
        type,
        links: links.get(one.inode),
        allocated: one.allocated,
        modified: one.modified,
      });
      if (one.sha256 !== undefined)
        expect({ path, size: table.size[entry] }).toEqual({ path, size: one.size });
      if (seen.has(one.inode)) {
        expect(table.flags[entry]).toBe(FILE_FLAG.secondaryLink);
        continue;
      }
      seen.add(one.inode);
      if (type !== FILE_TYPE.directory) allocated += one.allocated;
      if (one.target !== undefined)
        expect(Buffer.from(await filesystem.readLink(one.inode)).toString('latin1')).toBe(one.target);
      if (one.sha256 !== undefined) {
        const found = createHash('sha256')
          .update(await contentOf(filesystem, one.inode))
          .digest('hex');
        expect({ path, found }).toEqual({ path, found: one.sha256 });
      }
    }

    const unused = await filesystem.unusedExtents();
    expect([...unused]).toEqual(freeRanges(wanted));
    const metadata = await filesystem.metadataExtents();
    expect(metadata.intersect(unused).isEmpty).toBe(true);
    // The books balance to the byte.
    expect(filesystem.size - unused.total - metadata.total).toBe(allocated);
  });

  it('shows links as Windows does, and tells what it cannot read', async () => {
    const { filesystem, table } = await openNtfs(ntfsImage('windows'));
    const entry = (path: string): number =>
      Array.from({ length: table.count }, (_, i) => i).find((i) => table.path(i) === path)!;
    const target = async (path: string): Promise<string> =>
      Buffer.from(await filesystem.readLink(table.inode[entry(path)]!)).toString();
    expect(await target('/windows-link')).toBe('C:\\Users\\target');
    expect(await target('/relative-link')).toBe('..\\other');
    expect(await target('/junction')).toBe('D:\\data');
    const overlay = entry('/overlay');
    expect([table.size[overlay], table.flags[overlay]]).toEqual([40_000, FILE_FLAG.compressed]);
    for (const [path, words] of [
      ['/overlay', /overlay filter \(CompactOS/],
      ['/deduplicated', /is deduplicated/],
    ] as const)
      await expect(filesystem.open(table.inode[entry(path)]!)).rejects.toThrow(words);
    await expect(filesystem.open(table.inode[entry('/names')]!)).rejects.toThrow(/neither a regular file/);
    await expect(filesystem.readLink(table.inode[entry('/big')]!)).rejects.toThrow(/no symbolic link/);
    expect(table.mode[entry('/read-only')]).toBe(0o444);
    expect(table.mode[entry('/big')]).toBe(0o644);
    expect(table.mode[entry('/names')]).toBe(0o755);
    expect(table.flags[entry('/compressed/text')]).toBe(FILE_FLAG.compressed);
  });

  it('tells how a file is stored', async () => {
    const { filesystem } = await openNtfs(ntfsImage('windows'));
    for (const [path, { inode, size, allocated }] of Object.entries(NTFS_IMAGES.windows!.entries)) {
      if (!/^\/(sparse|big|compressed\/.*)$/.test(path) || allocated === 0) continue;
      const source = await filesystem.open(inode);
      let at = 0;
      let stored = 0;
      for await (const batch of source.extents()) {
        for (const one of batch) {
          expect(one.start).toBe(at);
          at = one.end;
          stored += one.stored;
        }
      }
      expect(at).toBe(size);
      // What is stored ends with the file, what is allocated with a cluster; shares of units are rounded.
      expect({ path, isClose: Math.abs(allocated - stored) <= 65_536 }).toEqual({ path, isClose: true });
      expect(stored).toBeLessThanOrEqual(allocated);
    }
  });

  it('keeps all of a dirty volume, and of one whose Windows is hibernated', async () => {
    const dirty = await openNtfs(ntfsImage('dirty'));
    expect(NTFS_IMAGES.dirty!.flags).toBe('0x0001 DIRTY');
    expect(dirty.filesystem.state).toBe('needs-recovery');
    expect(dirty.filesystem.features).toEqual(['3.1', 'DIRTY']);
    expect(codesOf(dirty.log)).toEqual(['warning NTFS_NEEDS_RECOVERY']);
    await expect(dirty.filesystem.unusedExtents()).rejects.toThrow(/marked as dirty/);
    const asleep = await openNtfs(ntfsImage('hibernated'));
    expect(asleep.filesystem.state).toBe('needs-recovery');
    await expect(asleep.filesystem.unusedExtents()).rejects.toThrow(/Windows is hibernated/);
  });

  it.each(CLEAN_NTFS)('reads %s by the copies of its first sector and first records', async (name) => {
    const wanted = NTFS_IMAGES[name]!;
    const bytes = ntfsImage(name);
    const whole = await openNtfs(Buffer.from(bytes));
    const mft = bytes.readUInt32LE(0x30) * wanted.clusterSize;
    bytes.fill(0, 0, 512);
    bytes.fill(0xaa, mft, mft + 2 * wanted.recordSize);
    const input = await readProbe(memorySource(bytes));
    expect(ntfsDriver.probe(input)).toBeUndefined();
    // Records 2 and 3 are sound still, but only the first is a witness: the mirror must lie in what a probe sees.
    const probe = ntfsBackupDriver.probe(input);
    expect(probe === undefined || probe.uuid === wanted.tags.UUID).toBe(true);
    const { filesystem, table, log } = await openNtfs(bytes);
    expect(table.firstDifference(whole.table)).toBeUndefined();
    expect(new Set(codesOf(log))).toEqual(new Set(['error NTFS_BOOT_SECTOR', 'error NTFS_RECORD_DAMAGED']));
    expect(filesystem.state).toBe('needs-recovery');
    await expect(filesystem.unusedExtents()).rejects.toThrow(/boot sector is damaged/);
  });

  it('knows a volume without its first sector by the copy and a file record', async () => {
    const bytes = ntfsImage('small');
    bytes.fill(0, 0, 512);
    const probe = ntfsBackupDriver.probe(await readProbe(memorySource(bytes)));
    expect(probe).toMatchObject({ type: 'ntfs', label: 'small', uuid: NTFS_IMAGES.small!.tags.UUID });
    bytes.fill(0, 0, 1024 * 1024);
    expect(ntfsBackupDriver.probe(await readProbe(memorySource(bytes)))).toBeUndefined();
  });
});
