import { expect, it } from 'vitest';
import { containerdStore } from '../../../src/analyzers/rules/containerd-store.ts';
import { blocks, suggestions } from './support.ts';

it('finds blobs and snapshots', async () => {
  const [found, ...more] = await suggestions(containerdStore, {
    '/var/lib/containerd/io.containerd.content.v1.content/blobs/sha256/aa': 30000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(30000000) + 3 * 4096);
});

it('leaves an empty installation alone', async () => {
  expect(
    await suggestions(containerdStore, {
      '/etc/containerd/config.toml': 100,
      '/var/lib/containerd/tmpmounts': null,
    }),
  ).toEqual([]);
});
