import { expect, it } from 'vitest';
import { logs } from '../../../src/analyzers/rules/logs.ts';
import { blocks, suggestions } from './support.ts';

it('finds logs at any depth, without the journal, rotated ones and what packages own', async () => {
  const [found, ...more] = await suggestions(
    logs,
    {
      '/var/log/syslog': 900000,
      '/var/log/apt/term.log': 70000,
      '/var/log/journal/0/system.journal': 8000000,
      '/var/log/syslog.1': 500000,
      '/var/log/README': 39,
      '/var/log/lastlog': { size: 292000000, allocated: 4096 },
    },
    [{ name: 'systemd', paths: ['/var/log/README'] }],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(900000, 70000, 4096));
});

it('leaves empty logs and other folders alone', async () => {
  expect(
    await suggestions(
      logs,
      {
        '/var/log/wtmp': 0,
        '/var/log/journal': null,
        '/srv/log/x.log': 500,
      },
      [],
    ),
  ).toEqual([]);
});
