import { expect, it } from 'vitest';
import { locales } from '../../../src/analyzers/rules/locales.ts';
import { blocks, suggestions } from './support.ts';

it('keeps English, C and the guest’s own language', async () => {
  const [found, ...more] = await suggestions(locales, {
    '/usr/share/locale/de/LC_MESSAGES/x.mo': 9000,
    '/usr/share/locale/pt_BR/LC_MESSAGES/x.mo': 8000,
    '/usr/share/locale/en_GB/LC_MESSAGES/x.mo': 7000,
    '/usr/share/locale/fr/LC_MESSAGES/x.mo': 6000,
    '/usr/share/locale/locale.alias': 3000,
    '/usr/share/man/ja/man1/ls.1.gz': 3000,
    '/usr/share/man/man1/ls.1.gz': 3000,
    '/etc/default/locale': 'LANG="fr_FR.UTF-8"\n',
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(9000, 8000, 3000) + 6 * 4096);
});

it('leaves wanted ones alone', async () => {
  expect(
    await suggestions(locales, {
      '/usr/share/locale/en/LC_MESSAGES/x.mo': 7000,
      '/usr/share/locale/C/x': 1,
      '/usr/share/man/man8/x.8.gz': 3000,
    }),
  ).toEqual([]);
});

it('keeps what the configuration wants', async () => {
  const tree = { '/usr/share/locale/de/LC_MESSAGES/x.mo': 9000 };
  const parameters = { locales: { keep: ['de'] } };
  expect(await suggestions(locales, tree, [], { parameters })).toEqual([]);
});
