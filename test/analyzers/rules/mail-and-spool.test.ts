import { expect, it } from 'vitest';
import { mailAndSpool } from '../../../src/analyzers/rules/mail-and-spool.ts';
import { hygiene } from './support.ts';

it('finds mail and jobs', async () => {
  const found = await hygiene(mailAndSpool, {
    '/var/mail/root': 'From x',
    '/var/spool/cron/crontabs/root': '* * * * * x',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['warning', '/var/mail/root', '/var/spool/cron/crontabs/root'],
  ]);
});

it('leaves empty spools alone', async () => {
  expect(
    await hygiene(mailAndSpool, {
      '/var/mail': null,
      '/var/spool/mail/root': 0,
      '/etc/crontab': 'x',
    }),
  ).toEqual([]);
});
