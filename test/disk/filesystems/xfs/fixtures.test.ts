/** Images that a kernel filled, against what that kernel, xfs_db and blkid said of them. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FILE_FLAG, FILE_TYPE } from '../../../../src/core/file-table.ts';
import { typeOfMode } from '../../../../src/disk/filesystems/mode.ts';
import { xfsDriver } from '../../../../src/disk/filesystems/xfs/xfs.ts';
import { memorySource } from '../../../../src/sources/memory.ts';
import { readProbe } from '../../../../src/sources/read.ts';
import { fixtureBytes } from '../../../support/fixtures.ts';
import { contentOf, freeRecords, latin1Path, openXfs, rangesOf, XFS_IMAGES } from '../../../support/xfs.ts';

const image = (name: string): Buffer => fixtureBytes(`xfs/${name}.img`);
const clean = Object.entries(XFS_IMAGES).filter(([name]) => name !== 'dirty');

describe('xfs on fixtures', () => {
  it.each(clean)('reads %s as the kernel does', async (_name, wanted) => {
    const bytes = image(_name);
    const { filesystem, table, log } = await openXfs(memorySource(bytes));
    expect(log.list()).toEqual([]);
    const probe = xfsDriver.probe(await readProbe(memorySource(bytes)))!;
    expect([probe.type, probe.label ?? '', probe.uuid]).toEqual([
      wanted.tags.TYPE,
      wanted.tags.LABEL,
      wanted.tags.UUID,
    ]);
    expect([filesystem.label ?? '', filesystem.uuid]).toEqual([wanted.tags.LABEL, wanted.tags.UUID]);
    expect(filesystem.features.join()).toBe(wanted.version);
    expect(filesystem.state).toBe('clean');
    expect(filesystem.size).toBe(wanted.blocks * wanted.blockSize);
    // df leaves the log out of its blocks, and some in reserve out of its free ones.
    expect((wanted.blocks - wanted.logBlocks) * wanted.blockSize).toBe(
      wanted.statvfs.blocks * wanted.statvfs.blockSize,
    );
    expect(filesystem.usage()).toEqual({
      used: (wanted.blocks - wanted.freeBlocks) * wanted.blockSize,
      unused: wanted.freeBlocks * wanted.blockSize,
    });

    const entries = new Map(
      Array.from({ length: table.count }, (_, entry) => [latin1Path(table, entry), entry]),
    );
    expect([...entries.keys()].sort()).toEqual(Object.keys(wanted.entries).sort());
    const seen = new Set<number>();
    let allocated = 0;
    let shared = 0;
    for (const [path, entry] of entries) {
      const one = wanted.entries[path]!;
      expect({
        path,
        inode: table.inode[entry],
        type: table.type[entry],
        mode: table.mode[entry],
        uid: table.uid[entry],
        gid: table.gid[entry],
        links: table.links[entry],
        size: table.size[entry],
        allocated: table.allocated[entry],
        modified: table.modified[entry],
      }).toEqual({
        path,
        inode: one.inode,
        type: typeOfMode(one.mode),
        mode: one.mode & 0o7777,
        uid: one.uid,
        gid: one.gid,
        links: one.links,
        size: one.size,
        allocated: one.allocated,
        modified: one.modified,
      });
      if (seen.has(one.inode)) {
        expect(table.flags[entry]).toBe(FILE_FLAG.secondaryLink);
        continue;
      }
      seen.add(one.inode);
      if (table.type[entry] !== FILE_TYPE.directory) allocated += one.allocated;
      if (one.target !== undefined) {
        expect(Buffer.from(await filesystem.readLink(one.inode)).toString('latin1')).toBe(one.target);
      }
      if (one.sha256 !== undefined) {
        const sha256 = createHash('sha256')
          .update(await contentOf(filesystem, one.inode))
          .digest('hex');
        expect({ path, sha256 }).toEqual({ path, sha256: one.sha256 });
      }
      if (/^\/clone/.test(path)) shared += one.allocated;
    }

    const unused = await filesystem.unusedExtents();
    expect([...unused]).toEqual(rangesOf(freeRecords(wanted), wanted.agBlocks, wanted.blockSize));
    const metadata = await filesystem.metadataExtents();
    expect(metadata.intersect(unused).isEmpty).toBe(true);
    const content = filesystem.size - unused.total - metadata.total;
    // What clones share is on the disk once; what they changed is theirs.
    expect(content).toBeLessThanOrEqual(allocated);
    expect(content).toBeGreaterThanOrEqual(allocated - shared);
    if (shared === 0) expect(content).toBe(allocated);
    expect(log.list()).toEqual([]);
  });

  it('meets every form there is', () => {
    const forms = (...names: string[]): string[] =>
      names.flatMap((name) =>
        Object.values(XFS_IMAGES[name]!.entries).map(
          ({ form, format, attributes }) => `${form ?? 'file'} ${format}, attributes ${attributes}`,
        ),
      );
    for (const names of [['v4'], ['v5', 'small', 'sparse']]) {
      const text = forms(...names).join('\n');
      for (const directory of [
        'shortform local',
        'block extents',
        'leaf extents',
        'node extents',
        'node btree',
      ])
        expect(text).toContain(directory);
      for (const file of ['file local', 'file extents', 'file btree', 'file dev', 'attributes local'])
        expect(text).toContain(file);
    }
    expect(XFS_IMAGES['sparse']!.sparseChunks).toBeGreaterThan(0);
  });

  it('tells a log that waits to be replayed, reads the tree as it stands and drops nothing', async () => {
    const { filesystem, table, log } = await openXfs(memorySource(image('dirty')));
    expect(filesystem.state).toBe('needs-recovery');
    expect(log.list()).toMatchObject([
      { code: 'IMGOPT_XFS_NEEDS_RECOVERY', severity: 'warning', message: 'its log waits to be replayed' },
    ]);
    const paths = Array.from({ length: table.count }, (_, entry) => latin1Path(table, entry));
    expect(paths.sort()).toEqual(Object.keys(XFS_IMAGES['dirty']!.entries).sort());
    await expect(filesystem.unusedExtents()).rejects.toMatchObject({
      code: 'IMGOPT_XFS_NEEDS_RECOVERY',
      family: 'unsupported',
    });
  });
});
