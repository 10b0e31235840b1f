import { expect, it } from 'vitest';
import { apkCache } from '../../../src/analyzers/rules/apk-cache.ts';
import { blocks, suggestions } from './support.ts';

it('finds indexes and packages', async () => {
  const [found, ...more] = await suggestions(apkCache, {
    '/var/cache/apk/APKINDEX.b53994b4.tar.gz': 600000,
    '/etc/apk/cache/musl-1.2.4-r2.0a1b.apk': 380000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(600000, 380000));
});

it('leaves world and keys alone', async () => {
  expect(
    await suggestions(apkCache, {
      '/etc/apk/world': 100,
      '/lib/apk/db/installed': 90000,
      '/var/cache/apk': null,
    }),
  ).toEqual([]);
});
