import { expect, it } from 'vitest';
import { pacmanSync } from '../../../src/analyzers/rules/pacman-sync.ts';
import { blocks, suggestions } from './support.ts';

it('finds the databases', async () => {
  const [found, ...more] = await suggestions(pacmanSync, {
    '/var/lib/pacman/sync/core.db': 150000,
    '/var/lib/pacman/sync/extra.db': 8500000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(150000, 8500000));
});

it('leaves what is installed alone', async () => {
  expect(
    await suggestions(pacmanSync, {
      '/var/lib/pacman/local/linux-6.6.1.arch1-1/desc': 500,
      '/var/lib/pacman/sync': null,
    }),
  ).toEqual([]);
});
