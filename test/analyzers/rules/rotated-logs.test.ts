import { expect, it } from 'vitest';
import { rotatedLogs } from '../../../src/analyzers/rules/rotated-logs.ts';
import { blocks, suggestions } from './support.ts';

it('finds numbered, compressed and dated ones', async () => {
  const [found, ...more] = await suggestions(rotatedLogs, {
    '/var/log/syslog.1': 500000,
    '/var/log/apt/history.log.2.gz': 3000,
    '/var/log/messages-20240101': 70000,
    '/var/log/syslog': 900000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(500000, 3000, 70000));
});

it('leaves logs in use alone', async () => {
  expect(
    await suggestions(rotatedLogs, {
      '/var/log/syslog': 900000,
      '/var/log/Xorg.0.log': 100,
      '/srv/backup.1': 100,
    }),
  ).toEqual([]);
});
