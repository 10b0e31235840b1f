import { expect, it } from 'vitest';
import { manuals } from '../../../src/analyzers/rules/manuals.ts';
import { blocks, suggestions } from './support.ts';

it('finds man and info', async () => {
  const [found, ...more] = await suggestions(manuals, {
    '/usr/share/man/man1/ls.1.gz': 3000,
    '/usr/share/man/de/man1/ls.1.gz': 3100,
    '/usr/share/info/bash.info.gz': 90000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(3000, 3100, 90000) + 3 * 4096);
});

it('leaves the empty folders alone', async () => {
  expect(
    await suggestions(manuals, {
      '/usr/share/man': null,
      '/usr/share/doc/x/y.1.gz': 50,
    }),
  ).toEqual([]);
});
