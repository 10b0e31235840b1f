import { expect, it } from 'vitest';
import { debugFiles } from '../../../src/analyzers/rules/debug-files.ts';
import { blocks, suggestions } from './support.ts';

it('finds symbols by build id', async () => {
  const [found, ...more] = await suggestions(debugFiles, {
    '/usr/lib/debug/.build-id/00/aa.debug': 9000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(9000000) + 2 * 4096);
});

it('leaves a system without them alone', async () => {
  expect(
    await suggestions(debugFiles, {
      '/usr/lib/x.so': 100,
      '/usr/share/gdb/x.py': 100,
    }),
  ).toEqual([]);
});
