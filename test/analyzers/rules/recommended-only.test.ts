import { expect, it } from 'vitest';
import { recommendedOnly } from '../../../src/analyzers/rules/recommended-only.ts';
import { blocks, suggestions } from './support.ts';

it('finds what only recommendations keep, with what only that requires', async () => {
  const [found, ...more] = await suggestions(
    recommendedOnly,
    {
      '/usr/bin/a': 5000,
      '/usr/lib/liba.so': 9000,
      '/usr/lib/libb.so': 7000,
    },
    [
      { name: 'app', recommends: ['a'], requires: ['libb'], paths: [] },
      { name: 'a', automatic: true, requires: ['liba'], paths: ['/usr/bin/a'] },
      { name: 'liba', automatic: true, paths: ['/usr/lib/liba.so'] },
      { name: 'libb', automatic: true, paths: ['/usr/lib/libb.so'] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(5000, 9000));
  expect(found!.packages).toEqual(['a', 'liba']);
});

it('leaves required packages alone', async () => {
  expect(
    await suggestions(
      recommendedOnly,
      {
        '/usr/lib/libb.so': 7000,
      },
      [
        { name: 'app', requires: ['libb'], paths: [] },
        { name: 'libb', automatic: true, paths: ['/usr/lib/libb.so'] },
      ],
    ),
  ).toEqual([]);
});
