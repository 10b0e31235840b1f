import { expect, it } from 'vitest';
import { pipCache } from '../../../src/analyzers/rules/pip-cache.ts';
import { blocks, suggestions } from './support.ts';

it('finds it in every home', async () => {
  const [found, ...more] = await suggestions(pipCache, {
    '/root/.cache/pip/http-v2/a/b': 5000000,
    '/home/admin/.cache/pip/wheels/x.whl': 70000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(5000000, 70000) + 5 * 4096);
});

it('leaves installed packages alone', async () => {
  expect(
    await suggestions(pipCache, {
      '/root/.local/lib/python3.11/site-packages/x.py': 5000,
      '/srv/.cache/pip/x': 500,
    }),
  ).toEqual([]);
});
