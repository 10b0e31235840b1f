import { expect, it } from 'vitest';
import { installerLogs } from '../../../src/analyzers/rules/installer-logs.ts';
import { blocks, suggestions } from './support.ts';

it('finds those of subiquity and anaconda', async () => {
  const [found, ...more] = await suggestions(installerLogs, {
    '/var/log/installer/subiquity-server-debug.log': 3000000,
    '/root/anaconda-ks.cfg': 2000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(3000000, 2000) + 1 * 4096);
});

it('leaves other logs and files alone', async () => {
  expect(
    await suggestions(installerLogs, {
      '/var/log/syslog': 1000,
      '/root/ks.txt': 100,
    }),
  ).toEqual([]);
});
