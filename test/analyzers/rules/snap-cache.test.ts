import { expect, it } from 'vitest';
import { snapCache } from '../../../src/analyzers/rules/snap-cache.ts';
import { blocks, suggestions } from './support.ts';

it('counts only what no installed snap links', async () => {
  const [found, ...more] = await suggestions(snapCache, {
    '/var/lib/snapd/cache/aa': { size: 70000000, inode: 9 },
    '/var/lib/snapd/snaps/core22_1.snap': { size: 70000000, inode: 9 },
    '/var/lib/snapd/cache/bb': 60000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(60000000));
});

it('says nothing of installed snaps', async () => {
  expect(
    await suggestions(snapCache, {
      '/var/lib/snapd/cache/aa': { size: 70000000, inode: 9 },
      '/var/lib/snapd/snaps/core22_1.snap': { size: 70000000, inode: 9 },
    }),
  ).toEqual([]);
});
