import { expect, it } from 'vitest';
import { removedPackages } from '../../../src/analyzers/rules/removed-packages.ts';
import { blocks, suggestions } from './support.ts';

it('finds configuration and records', async () => {
  const [found, ...more] = await suggestions(
    removedPackages,
    {
      '/etc/old.conf': 3000,
      '/var/lib/dpkg/info/old.list': 100,
      '/var/lib/dpkg/info/old.postrm': 900,
      '/etc/kept.conf': 500,
    },
    [
      { name: 'old', state: 'config-files', paths: ['/etc/old.conf'] },
      { name: 'kept', paths: ['/etc/kept.conf'] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(3000, 100, 900));
});

it('leaves installed packages alone', async () => {
  expect(
    await suggestions(
      removedPackages,
      {
        '/etc/kept.conf': 500,
        '/var/lib/dpkg/info/kept.list': 100,
      },
      [{ name: 'kept', paths: ['/etc/kept.conf'] }],
    ),
  ).toEqual([]);
});
