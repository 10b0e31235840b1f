import { expect, it } from 'vitest';
import { podmanStore } from '../../../src/analyzers/rules/podman-store.ts';
import { blocks, suggestions } from './support.ts';

it('finds layers', async () => {
  const [found, ...more] = await suggestions(podmanStore, {
    '/var/lib/containers/storage/overlay/aa/diff/x': 7000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(7000000) + 4 * 4096);
});

it('leaves its settings alone', async () => {
  expect(
    await suggestions(podmanStore, {
      '/etc/containers/storage.conf': 100,
    }),
  ).toEqual([]);
});
