import { expect, it } from 'vitest';
import { languagePacks } from '../../../src/analyzers/rules/language-packs.ts';
import { blocks, suggestions } from './support.ts';

it('finds packs of other languages', async () => {
  const [found, ...more] = await suggestions(
    languagePacks,
    {
      '/usr/share/a': 5000000,
      '/usr/share/b': 100000,
      '/usr/share/c': 9000,
    },
    [
      { name: 'language-pack-de', paths: ['/usr/share/a'] },
      { name: 'glibc-langpack-fr', paths: ['/usr/share/b'] },
      { name: 'language-pack-en', paths: ['/usr/share/c'] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(5000000, 100000));
});

it('keeps wanted ones, and what glibc requires', async () => {
  expect(
    await suggestions(
      languagePacks,
      {
        '/usr/lib/locale/x': 200000,
      },
      [
        { name: 'glibc-all-langpacks', paths: ['/usr/lib/locale/x'] },
        { name: 'glibc', essential: true, requires: ['glibc-all-langpacks'], paths: [] },
      ],
    ),
  ).toEqual([]);
});
