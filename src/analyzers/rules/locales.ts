/** Translations into languages that nobody wanted. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { evidenceOf } from '../path-rule.ts';
import { shellQuote } from '../remove-packages.ts';

/** `pt_BR.UTF-8@euro` → `pt`. */
function languageOf(locale: string): string {
  return locale.split(/[_.@]/)[0]!;
}

/** What is no language: files of gettext, and charsets. */
const NOT_LANGUAGES = /^(?:locale\.alias|C|POSIX|l10n|currency|all_languages|kf5_all_languages)/;

/** Languages as find tells them: two or three letters, and what a territory, charset or modifier begins. */
const LANGUAGE_NAMES =
  "\\( -name '[a-z][a-z]' -o -name '[a-z][a-z][a-z]' -o -name '[a-z][a-z][_@.]*' -o -name '[a-z][a-z][a-z][_@.]*' \\)";

export const locales: RemovalRule = {
  id: 'locales',
  title: 'Translations into other languages',
  safety: 'review',
  family: 'documentation',
  description:
    'Directories of /usr/share/locale and translated manuals of languages outside the wanted set. The guest’s own ' +
    'LANG counts as wanted.',
  parameters: [
    { name: 'keep', description: 'languages to keep, by their code', unit: 'words', default: ['en', 'C'] },
  ],
  async evaluate({ files, inspection, list }) {
    const wanted = new Set(list('keep').map(languageOf));
    for (const path of ['/etc/default/locale', '/etc/locale.conf', '/etc/sysconfig/i18n']) {
      for (const [, locale] of ((await files.read(path)) ?? '').matchAll(
        /^(?:LANG|LC_\w+|LANGUAGE)=["']?([^"'\n]+)/gm,
      )) {
        for (const one of locale!.split(':')) wanted.add(languageOf(one));
      }
    }
    const found: number[] = [];
    for (const folder of ['/usr/share/locale', '/usr/share/locale-langpack', '/usr/share/man']) {
      for (const entry of files.children(files.resolve(folder))) {
        const name = files.name(entry);
        const isManualSection = folder === '/usr/share/man' && /^man\w$/.test(name);
        if (!files.isDirectory(entry) || isManualSection || NOT_LANGUAGES.test(name)) continue;
        if (!/^[a-z]{2,3}(?:[_@.].*)?$/.test(name) || wanted.has(languageOf(name))) continue;
        found.push(entry);
      }
    }
    const entries = found.flatMap((entry) => files.tree(entry));
    if (entries.every((entry) => files.isDirectory(entry))) return [];
    const kept = [...wanted].sort();
    const spared = kept
      .flatMap((one) => ['! -name', shellQuote(one), '! -name', shellQuote(`${one}[_@.]*`)])
      .join(' ');
    return [
      {
        entries,
        paths: ['/usr/share/locale', '/usr/share/man'].filter((path) => files.resolve(path) >= 0),
        commands: [
          `for folder in /usr/share/locale /usr/share/locale-langpack /usr/share/man; do if [ -d "$folder" ]; then find "$folder" -mindepth 1 -maxdepth 1 -type d ${LANGUAGE_NAMES} ! -name 'all_languages*' ${spared} -exec rm -rf {} +; fi; done`,
        ],
        reason: `the wanted languages are ${kept.join(', ')} (${evidenceOf(files, inspection.table, entries)})`,
      },
    ];
  },
};
