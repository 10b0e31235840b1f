import { expect, it } from 'vitest';
import { dpkgOld } from '../../../src/analyzers/rules/dpkg-old.ts';
import { blocks, suggestions } from './support.ts';

it('finds the generation before the last', async () => {
  const [found] = await suggestions(dpkgOld, {
    '/var/lib/dpkg/status': 400_000,
    '/var/lib/dpkg/status-old': 399_000,
    '/var/cache/debconf/templates.dat': 1_000_000,
    '/var/cache/debconf/templates.dat-old': 990_000,
  });
  expect(found!.reclaimable).toBe(blocks(399_000, 990_000));
});

it('leaves the databases themselves alone', async () => {
  expect(
    await suggestions(dpkgOld, {
      '/var/lib/dpkg/status': 400_000,
      '/var/cache/debconf/config.dat': 100_000,
      '/var/cache/debconf/templates.dat': 1_000_000,
    }),
  ).toEqual([]);
});
