import { expect, it } from 'vitest';
import { snapd } from '../../../src/analyzers/rules/snapd.ts';
import { blocks, suggestions } from './support.ts';

it('finds it where only bases are installed', async () => {
  const [found, ...more] = await suggestions(
    snapd,
    {
      '/usr/lib/snapd/snapd': 58000000,
      '/var/lib/snapd/snaps/core22_1.snap': 70000000,
    },
    [{ name: 'snapd', paths: ['/usr/lib/snapd', '/usr/lib/snapd/snapd'] }],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(58000000) + 1 * 4096);
});

it('keeps it for an application', async () => {
  expect(
    await suggestions(
      snapd,
      {
        '/usr/lib/snapd/snapd': 58000000,
        '/var/lib/snapd/snaps/core22_1.snap': 70000000,
        '/var/lib/snapd/snaps/microk8s_1.snap': 200000000,
      },
      [{ name: 'snapd', paths: ['/usr/lib/snapd', '/usr/lib/snapd/snapd'] }],
    ),
  ).toEqual([]);
});
