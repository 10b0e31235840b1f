import { expect, it } from 'vitest';
import { debugPackages } from '../../../src/analyzers/rules/debug-packages.ts';
import { blocks, suggestions } from './support.ts';

it('finds symbols', async () => {
  const [found, ...more] = await suggestions(
    debugPackages,
    {
      '/usr/lib/debug/.build-id/aa/bb.debug': 9000000,
      '/lib/libc.so.6': 1900000,
    },
    [
      {
        name: 'libc6-dbg',
        requires: ['libc6'],
        paths: [
          '/usr/lib',
          '/usr/lib/debug',
          '/usr/lib/debug/.build-id',
          '/usr/lib/debug/.build-id/aa',
          '/usr/lib/debug/.build-id/aa/bb.debug',
        ],
      },
      { name: 'libc6', paths: ['/lib/libc.so.6'] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(9000000) + 4 * 4096);
  expect(found!.packages).toEqual(['libc6-dbg']);
});

it('leaves libraries alone', async () => {
  expect(
    await suggestions(
      debugPackages,
      {
        '/usr/lib/debug/.build-id/aa/bb.debug': 9000000,
        '/lib/libc.so.6': 1900000,
      },
      [{ name: 'libc6', paths: ['/lib/libc.so.6'] }],
    ),
  ).toEqual([]);
});
