import { expect, it } from 'vitest';
import { lostAndFound } from '../../../src/analyzers/rules/lost-and-found.ts';
import { blocks, suggestions } from './support.ts';

it('finds recovered files', async () => {
  const [found, ...more] = await suggestions(lostAndFound, {
    '/lost+found/#12345': 90000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(90000));
});

it('leaves the empty folder alone', async () => {
  expect(
    await suggestions(lostAndFound, {
      '/lost+found': null,
    }),
  ).toEqual([]);
});
