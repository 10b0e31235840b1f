import { expect, it } from 'vitest';
import { oldSnaps } from '../../../src/analyzers/rules/old-snaps.ts';
import { blocks, suggestions } from './support.ts';

it('finds the disabled revision by the link of the current one', async () => {
  const [found, ...more] = await suggestions(oldSnaps, {
    '/var/lib/snapd/snaps/lxd_24322.snap': 90000000,
    '/var/lib/snapd/snaps/lxd_27037.snap': 91000000,
    '/snap/lxd/24322': null,
    '/snap/lxd/current': { link: '24322' },
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(91000000));
});

it('leaves single revisions alone', async () => {
  expect(
    await suggestions(oldSnaps, {
      '/var/lib/snapd/snaps/lxd_24322.snap': 90000000,
      '/var/lib/snapd/snaps/core22_1.snap': 70000000,
      '/snap/lxd/24322': null,
    }),
  ).toEqual([]);
});

it('takes the highest revision for the current one where no link tells', async () => {
  const [found] = await suggestions(oldSnaps, {
    '/var/lib/snapd/snaps/lxd_9.snap': 4096,
    '/var/lib/snapd/snaps/lxd_10.snap': 8192,
  });
  expect(found!.paths).toEqual(['/var/lib/snapd/snaps/lxd_9.snap']);
});
