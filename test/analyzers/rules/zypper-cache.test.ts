import { expect, it } from 'vitest';
import { zypperCache } from '../../../src/analyzers/rules/zypper-cache.ts';
import { blocks, suggestions } from './support.ts';

it('finds metadata and packages', async () => {
  const [found, ...more] = await suggestions(zypperCache, {
    '/var/cache/zypp/raw/repo-oss/repodata/primary.xml.zst': 20000000,
    '/var/cache/zypp/solv/repo-oss/solv': 30000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(20000000, 30000000) + 5 * 4096);
});

it('leaves its configuration alone', async () => {
  expect(
    await suggestions(zypperCache, {
      '/var/cache/zypp': null,
      '/etc/zypp/zypp.conf': 1000,
      '/var/lib/zypp/AutoInstalled': 500,
    }),
  ).toEqual([]);
});
