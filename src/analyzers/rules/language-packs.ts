/** Packages of translations and dictionaries. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { someOf } from '../suggest-text.ts';

const PACK =
  /^(?:language-pack-(?:gnome-)?|glibc-langpack-|manpages-|task-|aspell-|hunspell-|myspell-|libreoffice-l10n-|firefox(?:-esr)?-l10n-|thunderbird-l10n-|wbritish|wamerican|w)?([a-z]{2,3})(?:-base|-dev)?$/;
const PREFIXED =
  /^(?:language-pack-|glibc-langpack-|manpages-[a-z]{2}|aspell-[a-z]{2}$|hunspell-[a-z]{2}|myspell-|libreoffice-l10n-|firefox(?:-esr)?-l10n-|thunderbird-l10n-)/;

export const languagePacks: RemovalRule = {
  id: 'language-packs',
  title: 'Packages of other languages',
  safety: 'review',
  family: 'documentation',
  description:
    'language-pack-*, glibc-langpack-*, glibc-all-langpacks, locales-all, manpages-<language>, dictionaries, of languages outside the wanted set.',
  parameters: [
    { name: 'keep', description: 'languages to keep, by their code', unit: 'words', default: ['en'] },
  ],
  evaluate({ graph, inspection, list }) {
    const keep = new Set(list('keep').map((one) => one.split(/[_.@]/)[0]!));
    const found = graph.matching(/./).filter((index) => {
      const { name } = inspection.packages[index]!;
      if (name === 'glibc-all-langpacks' || name === 'locales-all') return true;
      if (!PREFIXED.test(name) || name === 'manpages-dev') return false;
      const language = PACK.exec(name)?.[1];
      return language !== undefined && !keep.has(language);
    });
    if (found.length === 0) return [];
    return [
      {
        packages: found,
        paths: [],
        commands: [],
        reason: `${someOf(
          found.map((index) => inspection.packages[index]!.name),
          6,
        )}: the wanted languages are ${[...keep].join(', ')}`,
      },
    ];
  },
};
