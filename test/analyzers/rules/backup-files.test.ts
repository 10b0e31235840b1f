import { expect, it } from 'vitest';
import { backupFiles } from '../../../src/analyzers/rules/backup-files.ts';
import { blocks, suggestions } from './support.ts';

it('finds what upgrades and editors set aside', async () => {
  const [found, ...more] = await suggestions(
    backupFiles,
    {
      '/etc/ssh/sshd_config.dpkg-old': 3000,
      '/etc/passwd~': 2000,
      '/etc/nginx/site.conf~': 700,
      '/root/x.conf.bak': 500,
      '/etc/nginx/nginx.conf.rpmsave': 900,
    },
    [],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(3000, 2000, 700, 500, 900));
});

it('leaves packages’ files and data alone', async () => {
  expect(
    await suggestions(
      backupFiles,
      {
        '/etc/x.orig': 10,
        '/usr/share/y.bak': 10,
        '/var/lib/z.bak': 10,
        '/etc/passwd-': 2000,
      },
      [{ name: 'x', paths: ['/etc/x.orig'] }],
    ),
  ).toEqual([]);
});
