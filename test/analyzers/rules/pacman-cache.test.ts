import { expect, it } from 'vitest';
import { pacmanCache } from '../../../src/analyzers/rules/pacman-cache.ts';
import { blocks, suggestions } from './support.ts';

it('finds packages and their signatures', async () => {
  const [found, ...more] = await suggestions(pacmanCache, {
    '/var/cache/pacman/pkg/linux-6.6.1.arch1-1-x86_64.pkg.tar.zst': 130000000,
    '/var/cache/pacman/pkg/linux-6.6.1.arch1-1-x86_64.pkg.tar.zst.sig': 300,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(130000000, 300));
});

it('leaves the local database alone', async () => {
  expect(
    await suggestions(pacmanCache, {
      '/var/cache/pacman/pkg': null,
      '/var/lib/pacman/local/linux-6.6.1.arch1-1/desc': 500,
    }),
  ).toEqual([]);
});
