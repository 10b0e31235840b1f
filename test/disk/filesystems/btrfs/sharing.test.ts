/** What goes with a file and with several subvolumes, against the kernel's FIEMAP and against sums worked out by hand. */
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../../src/sources/memory.ts';
import { BTRFS_IMAGES, openBtrfs } from '../../../support/btrfs.ts';
import { fixtureBytes } from '../../../support/fixtures.ts';

const image = BTRFS_IMAGES['subvolumes']!;
const opened = openBtrfs(memorySource(fixtureBytes('btrfs/subvolumes.img')));

describe('files', () => {
  it('free what FIEMAP does not call shared, and leave the rest', async () => {
    const { filesystem, table } = await opened;
    const ours: Record<string, unknown> = {};
    const theirs: Record<string, unknown> = {};
    for (let entry = 0; entry < table.count; entry++) {
      const path = table.path(entry).slice(1);
      const extents = image.extents[path];
      if (extents === undefined || extents[0]![3].includes('inline')) continue;
      const { freed, kept } = filesystem.removing!(table.inode[entry]!);
      ours[path] = { freed, isKept: kept > 0 };
      const shared = extents.filter(([, , , flags]) => flags.includes('shared'));
      theirs[path] = {
        freed: extents.reduce((sum, [, , length, flags]) => sum + (flags.includes('shared') ? 0 : length), 0),
        isKept: shared.length > 0,
      };
    }
    expect(ours).toEqual(theirs);
    expect(Object.keys(ours)).toHaveLength(20);
    const freed = Object.values(theirs).filter((one) => (one as { freed: number }).freed > 0);
    expect(freed.length).toBeGreaterThan(3);
  });

  it('with little content are in leaves, which a snapshot shares until one of both changes', async () => {
    const { filesystem, table } = await opened;
    const at = (path: string) => {
      let entry = 0;
      for (const part of path.split('/')) entry = table.child(entry, part);
      return filesystem.removing!(table.inode[entry]!);
    };
    // Everything was written to after the last snapshot of it, so that no leaf is shared any more.
    const { size } = image.entries.find(({ path }) => path === '@/etc/passwd')!;
    expect(at('@/etc/passwd')).toEqual({ freed: size, kept: 0 });
    expect(filesystem.removing!(2 ** 50)).toEqual({ freed: 0, kept: 0 });
  });
});

describe('subvolumes together', () => {
  const ids = { top: 5, root: 256, first: 261, second: 262, again: 263 };

  it.each([
    ['none', [], 0],
    // By quota groups, as each alone.
    ['one', [ids.again], image.quotas![ids.again]!.exclusive],
    // Only `first` and its copy still hold the file that @ lost after the first: 131072 bytes.
    ['a snapshot and its copy', [ids.first, ids.again], image.quotas![ids.again]!.exclusive + 131_072],
    [
      'all three',
      [ids.first, ids.again, ids.second],
      image.quotas![ids.again]!.exclusive + image.quotas![ids.second]!.exclusive + 131_072,
    ],
    ['one that is not there', [4711], 0],
  ])('%s', async (_, asked, bytes) => {
    const { filesystem } = await opened;
    expect(filesystem.exclusiveTo!(asked)).toBe(bytes);
  });

  it('all hold all of the data', async () => {
    const { filesystem } = await opened;
    const all = filesystem.subvolumes!().map(({ id }) => id);
    const data = /^Data, single: total=\d+, used=(\d+)$/m.exec(image.df.join('\n'))!;
    expect(filesystem.exclusiveTo!(all)).toBe(Number(data[1]));
  });
});
