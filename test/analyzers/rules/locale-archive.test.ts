import { expect, it } from 'vitest';
import { localeArchive } from '../../../src/analyzers/rules/locale-archive.ts';
import { blocks, suggestions } from './support.ts';

it('finds an archive of all locales', async () => {
  const [found, ...more] = await suggestions(localeArchive, {
    '/usr/lib/locale/locale-archive': 220000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(220000000));
});

it('leaves a small one alone, and C.UTF-8', async () => {
  expect(
    await suggestions(localeArchive, {
      '/usr/lib/locale/locale-archive': 3000000,
      '/usr/lib/locale/C.utf8/LC_CTYPE': 350000,
    }),
  ).toEqual([]);
});
