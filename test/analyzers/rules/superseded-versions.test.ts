import { expect, it } from 'vitest';
import { supersededVersions } from '../../../src/analyzers/rules/superseded-versions.ts';
import { blocks, suggestions } from './support.ts';

it('finds the older runtime with what only it needs', async () => {
  const [found, ...more] = await suggestions(
    supersededVersions,
    {
      '/usr/bin/python3.9': 5000000,
      '/usr/lib/libpython3.9.so': 4000000,
      '/usr/bin/python3.11': 6000000,
    },
    [
      { name: 'python3.9', requires: ['libpython3.9'], paths: ['/usr/bin/python3.9'] },
      { name: 'libpython3.9', automatic: true, paths: ['/usr/lib/libpython3.9.so'] },
      { name: 'python3.11', paths: ['/usr/bin/python3.11'] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(5000000, 4000000));
});

it('keeps one that something requires', async () => {
  expect(
    await suggestions(
      supersededVersions,
      {
        '/usr/bin/python3.9': 5000000,
        '/usr/bin/python3.11': 6000000,
      },
      [
        { name: 'python3.9', automatic: true, paths: ['/usr/bin/python3.9'] },
        { name: 'python3.11', paths: ['/usr/bin/python3.11'] },
        { name: 'app', requires: ['python3.9'], paths: [] },
      ],
    ),
  ).toEqual([]);
});
