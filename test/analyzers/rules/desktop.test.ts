import { expect, it } from 'vitest';
import { desktop } from '../../../src/analyzers/rules/desktop.ts';
import { blocks, suggestions } from './support.ts';

it('finds a shell with its libraries', async () => {
  const [found, ...more] = await suggestions(
    desktop,
    {
      '/usr/bin/gnome-shell': 900000,
      '/usr/lib/libmutter.so': 2000000,
    },
    [
      { name: 'gnome-shell', requires: ['libmutter'], paths: ['/usr/bin/gnome-shell'] },
      { name: 'libmutter', automatic: true, paths: ['/usr/lib/libmutter.so'] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(900000, 2000000));
});

it('says nothing of a server', async () => {
  expect(
    await suggestions(
      desktop,
      {
        '/usr/bin/gnome-shell': 900000,
        '/usr/lib/libmutter.so': 2000000,
      },
      [{ name: 'openssh-server', paths: [] }],
    ),
  ).toEqual([]);
});
