import { expect, it } from 'vitest';
import { goCache } from '../../../src/analyzers/rules/go-cache.ts';
import { blocks, suggestions } from './support.ts';

it('finds build results and modules', async () => {
  const [found, ...more] = await suggestions(goCache, {
    '/root/.cache/go-build/00/00aa-d': 3000000,
    '/root/go/pkg/mod/cache/download/x.zip': 400000,
    '/root/go/bin/tool': 8000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(3000000, 400000) + 5 * 4096);
});

it('leaves programs alone', async () => {
  expect(
    await suggestions(goCache, {
      '/root/go/bin/tool': 8000000,
      '/usr/local/go/bin/go': 12000000,
    }),
  ).toEqual([]);
});
