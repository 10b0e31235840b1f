import { expect, it } from 'vitest';
import { goDistribution } from '../../../src/analyzers/rules/go-distribution.ts';
import { blocks, suggestions } from './support.ts';

it('finds the test suite', async () => {
  const [found, ...more] = await suggestions(goDistribution, {
    '/usr/local/go/test/fixedbugs/a.go': 5000,
    '/usr/local/go/api/go1.txt': 2000000,
    '/usr/local/go/bin/go': 12000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(5000, 2000000) + 3 * 4096);
});

it('leaves a distribution without them alone', async () => {
  expect(
    await suggestions(goDistribution, {
      '/usr/local/go/bin/go': 12000000,
      '/srv/go/test/a.go': 100,
    }),
  ).toEqual([]);
});
