import { expect, it } from 'vitest';
import { dnfCache } from '../../../src/analyzers/rules/dnf-cache.ts';
import { blocks, suggestions } from './support.ts';

it('finds caches of both generations', async () => {
  const [found, ...more] = await suggestions(dnfCache, {
    '/var/cache/dnf/baseos-0f1e/repodata/primary.xml.gz': 3000000,
    '/var/cache/dnf/expired_repos.json': 2,
    '/var/cache/yum/x86_64/7/base/packages/a.rpm': 700000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(3000000, 2, 700000) + 6 * 4096);
});

it('leaves the history and empty caches alone', async () => {
  expect(
    await suggestions(dnfCache, {
      '/var/cache/dnf': null,
      '/var/lib/dnf/history.sqlite': 500000,
      '/etc/dnf/dnf.conf': '[main]',
    }),
  ).toEqual([]);
});
