import { expect, it } from 'vitest';
import { aptLists } from '../../../src/analyzers/rules/apt-lists.ts';
import { blocks, suggestions } from './support.ts';

it('finds indexes, also half-fetched ones', async () => {
  const [found] = await suggestions(aptLists, {
    '/var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages': 48_000_000,
    '/var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_InRelease': 151_000,
    '/var/lib/apt/lists/partial/deb.debian.org_x_Packages.xz': 5000,
    '/var/lib/apt/lists/lock': 0,
  });
  expect(found!.reclaimable).toBe(blocks(48_000_000, 151_000, 5000));
});

it('leaves emptied lists alone', async () => {
  expect(
    await suggestions(aptLists, {
      '/var/lib/apt/lists/lock': 0,
      '/var/lib/apt/lists/partial': null,
      '/var/lib/apt/extended_states': 4000,
    }),
  ).toEqual([]);
});
