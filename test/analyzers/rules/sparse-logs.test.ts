import { expect, it } from 'vitest';
import { sparseLogs } from '../../../src/analyzers/rules/sparse-logs.ts';
import { suggestions } from './support.ts';

it('finds a lastlog of gigabytes that occupies one block', async () => {
  const [found, ...more] = await suggestions(sparseLogs, {
    '/var/log/lastlog': { size: 292_000_000_000, allocated: 4096 },
    '/var/log/faillog': { size: 32_000, allocated: 4096 },
  });
  expect(more).toEqual([]);
  expect(found).toMatchObject({ reclaimable: 0, safety: 'safe', paths: ['/var/log/lastlog'] });
  expect(found!.reason).toContain('/var/log/lastlog appears to be 272 GiB');
});

it('leaves those alone that are as large as they look', async () => {
  expect(
    await suggestions(sparseLogs, {
      '/var/log/lastlog': { size: 40_000_000, allocated: 40_001_536 },
      '/var/log/tallylog': 64_000,
    }),
  ).toEqual([]);
});
