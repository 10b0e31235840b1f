/**
 * Filesystems that a Debian kernel filled: every entry, every content, subvolumes and what they share, what is used.
 * The expected values are find's, sha256sum's, btrfs-progs' and the quota groups'.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FILE_FLAG, type FileTable } from '../../../../src/core/file-table.ts';
import {
  BTRFS_IMAGES,
  type BtrfsEntry,
  btrfsVolume,
  type OpenedBtrfs,
  openBtrfs,
  typeLetter,
} from '../../../support/btrfs.ts';
import { contentOf } from '../../../support/volumes.ts';

const NAMES = Object.keys(BTRFS_IMAGES);
/** One at a time is kept: images are up to 400 MB unpacked. */
let kept: { name: string; opened: Promise<OpenedBtrfs> } | undefined;
function open(name: string): Promise<OpenedBtrfs> {
  if (kept?.name !== name) kept = { name, opened: btrfsVolume(name).then(openBtrfs) };
  return kept.opened;
}

function said(table: FileTable, entry: number) {
  return {
    path: table.path(entry).slice(1),
    type: typeLetter(table.type[entry]!),
    links: table.links[entry],
    mode: table.mode[entry],
    uid: table.uid[entry],
    gid: table.gid[entry],
    size: table.size[entry],
    blocks: table.allocated[entry]! / 512,
    modified: table.modified[entry],
  };
}

function wanted({ inode, target: _target, modified, ...rest }: BtrfsEntry) {
  // An empty directory in the place of a subvolume, dated when find looked.
  if (inode === 2) return { ...rest, modified: 0 };
  // find prints seconds and their fraction apart: -5.25 is a quarter after -5.
  return { ...rest, modified: Math.trunc(modified) };
}

const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : 1);

describe.each(NAMES)('%s', (name) => {
  const image = BTRFS_IMAGES[name]!;

  it('has every entry with its attributes', async () => {
    const { table, filesystem } = await open(name);
    const ours = Array.from({ length: table.count }, (_, entry) => said(table, entry));
    expect(ours.sort(byPath)).toEqual(image.entries.map(wanted).sort(byPath));
    expect(new Set(table.inode).size).toBe(new Set(image.entries.map(identity(image.subvolumes))).size);
    expect(filesystem.label ?? '').toBe(image.super['label']!.trim());
    expect(filesystem.uuid).toBe(image.super['fsid']);
  });

  it('has every content and every target', async () => {
    const { table, filesystem } = await open(name);
    const sums: Record<string, string> = {};
    for (let entry = 0; entry < table.count; entry++) {
      const path = table.path(entry).slice(1);
      const inode = table.inode[entry]!;
      if (typeLetter(table.type[entry]!) === 'f') {
        const content = await contentOf(await filesystem.open(inode));
        sums[path] = createHash('sha256').update(content).digest('hex');
      } else if (typeLetter(table.type[entry]!) === 'l') {
        const target = Buffer.from(await filesystem.readLink(inode)).toString();
        expect(target).toBe(image.entries.find((one) => one.path === path)!.target);
      }
    }
    expect(sums).toEqual(image.sums);
  });

  it('has its subvolumes', async () => {
    const { filesystem, table } = await open(name);
    const found = filesystem.subvolumes!();
    expect(found[0]).toMatchObject({ id: 5, path: '', entry: 0, isDefault: image.default === 5 });
    expect(
      found.slice(1).map(({ id, path, uuid, parentUuid, isReadOnly, isDefault }) => ({
        id,
        path,
        uuid,
        parentUuid,
        isReadOnly,
        isDefault,
      })),
    ).toEqual(
      image.subvolumes
        .map(({ id, path, uuid, parentUuid, isReadOnly }) => ({
          id,
          path,
          uuid,
          parentUuid,
          isReadOnly,
          isDefault: id === image.default,
        }))
        .sort((a, b) => a.id - b.id),
    );
    for (const { entry, path } of found) expect(table.path(entry)).toBe(`/${path}`);
  });

  it('counts what is used as btrfs filesystem usage does', async () => {
    const { filesystem } = await open(name);
    const size = image.usage['Device size']!;
    expect(filesystem.size).toBe(size);
    expect(filesystem.usage()).toEqual({ used: image.usage['Used'], unused: size - image.usage['Used']! });
  });
});

/** Inode numbers are unique within a subvolume; the empty directories in place of subvolumes all have number 2. */
function identity(subvolumes: readonly { path: string }[]) {
  return ({ path, inode }: BtrfsEntry): string => {
    const within = subvolumes
      .map((one) => one.path)
      .filter((one) => path === one || path.startsWith(`${one}/`))
      .sort((a, b) => b.length - a.length);
    return inode === 2 ? path : `${within[0] ?? ''} ${inode}`;
  };
}

describe('sharing', () => {
  it('is what quota groups count, without nodes of trees', async () => {
    const { filesystem } = await open('subvolumes');
    const quotas = BTRFS_IMAGES['subvolumes']!.quotas!;
    const ours = filesystem.subvolumes!().map(({ id, referenced, exclusive }) => [
      id,
      { referenced, exclusive },
    ]);
    const theirs = Object.entries(quotas).map(([id, { referenced, exclusive }]) => [
      Number(id),
      { referenced, exclusive },
    ]);
    expect(ours).toEqual(theirs);
  });

  it('is what btrfs filesystem du counts where nothing is shared within and no extent is used in part', async () => {
    const { filesystem } = await open('subvolumes');
    const { du } = BTRFS_IMAGES['subvolumes']!;
    for (const path of ['@/var/log', '@/srv/größe', 'snapshots/first', 'snapshots/first-again']) {
      const { referenced, exclusive } = filesystem.subvolumes!().find((one) => one.path === path)!;
      expect({ path, referenced, exclusive }).toEqual({
        path,
        referenced: du[path]!.total,
        exclusive: du[path]!.exclusive,
      });
    }
  });
});

describe('what blocks are for', () => {
  it.each(NAMES.filter((name) => name !== 'log'))(
    '%s: metadata, content and unused make up all',
    async (name) => {
      const { filesystem, log } = await open(name);
      const unused = await filesystem.unusedExtents();
      const metadata = await filesystem.metadataExtents();
      expect(metadata.intersect(unused).isEmpty).toBe(true);
      // `btrfs filesystem df`: what is allocated in chunks of data. Mixed chunks do not tell it apart.
      const [, profile, used] =
        /^Data, (\w+): total=\d+, used=(\d+)$/m.exec(BTRFS_IMAGES[name]!.df.join('\n')) ?? [];
      const copies = profile === 'single' || profile === 'RAID0' ? 1 : 2;
      if (used === undefined) expect(name).toBe('blake2');
      else expect(filesystem.size - unused.total - metadata.total).toBe(Number(used) * copies);
      expect(log.list()).toEqual([]);
    },
  );

  it('keeps all of one whose log waits', async () => {
    const { filesystem, log } = await open('log');
    expect(filesystem.state).toBe('needs-recovery');
    expect(log.list().map(({ code, severity }) => `${severity} ${code}`)).toEqual([
      'warning IMGOPT_BTRFS_NEEDS_RECOVERY',
    ]);
    await expect(filesystem.unusedExtents()).rejects.toThrow('its log tree waits to be replayed');
  });
});

it('marks files that are compressed', async () => {
  const { table } = await open('content');
  const compressed = (path: string): boolean => {
    const entry = Array.from({ length: table.count }, (_, i) => i).find((i) => table.path(i) === path)!;
    return (table.flags[entry]! & FILE_FLAG.compressed) !== 0;
  };
  for (const folder of ['zlib', 'lzo', 'zstd']) {
    for (const name of ['big', 'odd', 'inline', 'changed']) {
      expect([folder, name, compressed(`/${folder}/${name}`)]).toEqual([folder, name, true]);
    }
  }
  for (const path of ['/plain/big', '/plain/inline', '/layout/bookend']) expect(compressed(path)).toBe(false);
});
