import { expect, it } from 'vitest';
import { dockerStore } from '../../../src/analyzers/rules/docker-store.ts';
import { blocks, suggestions } from './support.ts';

it('finds layers', async () => {
  const [found, ...more] = await suggestions(dockerStore, {
    '/var/lib/docker/overlay2/aa/diff/usr/bin/x': 9000000,
    '/var/lib/docker/engine-id': 36,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(9000000) + 5 * 4096);
});

it('leaves an engine that never ran anything alone', async () => {
  expect(
    await suggestions(dockerStore, {
      '/var/lib/docker/engine-id': 36,
      '/var/lib/docker/network/files/local-kv.db': 5000,
    }),
  ).toEqual([]);
});
