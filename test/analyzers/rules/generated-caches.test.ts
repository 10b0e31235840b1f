import { expect, it } from 'vitest';
import { generatedCaches } from '../../../src/analyzers/rules/generated-caches.ts';
import { blocks, suggestions } from './support.ts';

it('finds them', async () => {
  const [found, ...more] = await suggestions(generatedCaches, {
    '/var/cache/man/index.db': 1500000,
    '/var/cache/ldconfig/aux-cache': 20000,
    '/var/cache/fontconfig/a.cache-7': 60000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(1500000, 20000, 60000));
});

it('leaves debconf’s database alone, which also stands in /var/cache', async () => {
  expect(
    await suggestions(generatedCaches, {
      '/var/cache/debconf/config.dat': 100000,
      '/var/cache/man': null,
      '/var/cache/private': null,
    }),
  ).toEqual([]);
});
