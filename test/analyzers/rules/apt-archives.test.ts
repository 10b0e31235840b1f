import { expect, it } from 'vitest';
import { aptArchives } from '../../../src/analyzers/rules/apt-archives.ts';
import { blocks, suggestions } from './support.ts';

it('finds what apt downloaded', async () => {
  const [found, ...more] = await suggestions(aptArchives, {
    '/var/cache/apt/archives/bash_5.2.15-2+b7_amd64.deb': 1_490_000,
    '/var/cache/apt/archives/partial/curl_7.88.1_amd64.deb': 300_001,
    '/var/cache/apt/archives/lock': 0,
  });
  expect(more).toEqual([]);
  expect(found).toMatchObject({ rule: 'apt-archives', safety: 'safe', commands: ['apt-get clean'] });
  expect(found!.reclaimable).toBe(blocks(1_490_000, 300_001));
  expect(found!.reason).toContain('bash_5.2.15-2+b7_amd64.deb');
});

it('leaves an empty cache and packages elsewhere alone', async () => {
  expect(
    await suggestions(aptArchives, {
      '/var/cache/apt/archives/lock': 0,
      '/var/cache/apt/archives/partial': null,
      '/srv/repository/bash_5.2.15-2+b7_amd64.deb': 1_490_000,
    }),
  ).toEqual([]);
});
