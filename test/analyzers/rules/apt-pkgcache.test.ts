import { expect, it } from 'vitest';
import { aptPkgcache } from '../../../src/analyzers/rules/apt-pkgcache.ts';
import { blocks, suggestions } from './support.ts';

it('finds both caches', async () => {
  const [found] = await suggestions(aptPkgcache, {
    '/var/cache/apt/pkgcache.bin': 46_137_344,
    '/var/cache/apt/srcpkgcache.bin': 45_000_000,
  });
  expect(found!.reclaimable).toBe(blocks(46_137_344, 45_000_000));
  expect(found!.paths).toEqual(['/var/cache/apt/pkgcache.bin', '/var/cache/apt/srcpkgcache.bin']);
});

it('leaves other files of apt alone', async () => {
  expect(
    await suggestions(aptPkgcache, { '/var/cache/apt/archives/lock': 0, '/opt/pkgcache.bin': 9000 }),
  ).toEqual([]);
});
