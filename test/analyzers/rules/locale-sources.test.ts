import { expect, it } from 'vitest';
import { localeSources } from '../../../src/analyzers/rules/locale-sources.ts';
import { blocks, suggestions } from './support.ts';

it('finds what only localedef reads', async () => {
  const [found, ...more] = await suggestions(localeSources, {
    '/usr/share/i18n/locales/de_DE': 78_000,
    '/usr/share/i18n/charmaps/UTF-8.gz': 400_000,
    '/usr/share/i18n/SUPPORTED': 15_000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(78_000, 400_000));
});

it('leaves compiled locales alone', async () => {
  expect(await suggestions(localeSources, { '/usr/lib/locale/C.utf8/LC_CTYPE': 350_000 })).toEqual([]);
});
