import { expect, it } from 'vitest';
import { dnfHistory } from '../../../src/analyzers/rules/dnf-history.ts';
import { blocks, suggestions } from './support.ts';

it('finds the database with its write-ahead log', async () => {
  const [found, ...more] = await suggestions(dnfHistory, {
    '/var/lib/dnf/history.sqlite': 1200000,
    '/var/lib/dnf/history.sqlite-wal': 50000,
    '/var/lib/yum/history/2020-01-01/x.sqlite': 9000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(1200000, 50000, 9000) + 1 * 4096);
});

it('leaves other state of dnf alone', async () => {
  expect(
    await suggestions(dnfHistory, {
      '/var/lib/dnf/modulefailsafe/x.yaml': 500,
      '/var/lib/dnf/repos/x': 10,
    }),
  ).toEqual([]);
});
