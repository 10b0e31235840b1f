import { expect, it } from 'vitest';
import { homeCaches } from '../../../src/analyzers/rules/home-caches.ts';
import { blocks, suggestions } from './support.ts';

it('finds caches of any program', async () => {
  const [found, ...more] = await suggestions(homeCaches, {
    '/root/.cache/fontconfig/x.cache-7': 300000,
    '/home/admin/.cache/motd.legal-displayed': 0,
    '/home/admin/.cache/mozilla/y': 70000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(300000, 70000) + 2 * 4096);
});

it('leaves other hidden files alone', async () => {
  expect(
    await suggestions(homeCaches, {
      '/root/.config/x': 100,
      '/root/.bashrc': 500,
      '/root/.cache': null,
    }),
  ).toEqual([]);
});
