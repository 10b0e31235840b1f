import { expect, it } from 'vitest';
import { strayArchives } from '../../../src/analyzers/rules/stray-archives.ts';
import { blocks, suggestions } from './support.ts';

it('finds large ones where builders work', async () => {
  const [found, ...more] = await suggestions(
    strayArchives,
    {
      '/root/go1.22.linux-amd64.tar.gz': 68000000,
      '/opt/installer/big.run': 9000000,
      '/home/admin/a.deb': 2000000,
      '/home/admin/installer.iso': 1500000,
      '/srv/backup.tar': 1400000,
    },
    [],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(68000000, 9000000, 2000000, 1500000, 1400000));
  expect(found!.paths).toEqual([
    '/root/go1.22.linux-amd64.tar.gz',
    '/opt/installer/big.run',
    '/home/admin/a.deb',
    '/home/admin/installer.iso',
    '/srv/backup.tar',
  ]);
});

it('leaves small, packaged and deeper ones alone', async () => {
  expect(
    await suggestions(
      strayArchives,
      {
        '/root/x.tar.gz': 1000,
        '/usr/share/x.zip': 9000000,
        '/opt/app/data/deep/corpus.zip': 9000000,
        '/opt/vendor.deb': 3000000,
        '/var/lib/x.zip': 9000000,
      },
      [{ name: 'vendor', paths: ['/opt/vendor.deb'] }],
    ),
  ).toEqual([]);
});
