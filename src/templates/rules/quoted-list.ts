import { allCommands, quotedSubstitution } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import { literal } from '../shell/script.ts';
import type { List } from '../shell/syntax.ts';

const MANAGERS = new Set([
  'apt-get',
  'apt',
  'aptitude',
  'dnf',
  'yum',
  'dnf5',
  'microdnf',
  'tdnf',
  'zypper',
  'apk',
  'pacman',
  'rpm',
  'dpkg',
  'apt-mark',
]);
/** Commands that print a line for each of many things. */
const LISTING = new Set([
  'repoquery',
  'rpm',
  'dpkg-query',
  'dpkg',
  'awk',
  'grep',
  'egrep',
  'sed',
  'ls',
  'cat',
  'apt-mark',
  'apt-cache',
  'package-cleanup',
  'comm',
  'sort',
  'uniq',
  'cut',
  'tr',
  'dnf',
  'yum',
  'pacman',
  'apk',
]);

export const quotedList: LintRule = {
  id: 'quoted-list',
  title: 'A quoted list is one argument',
  severity: 'error',
  why: 'In double quotes the whole output of a command is one argument, so the package manager looks for one package with all of these names in its name; without output it is an empty argument.',
  fix: 'Leave the quotes out (the names hold no blanks), or pipe the list into xargs -r.',
  example: {
    language: 'shell',
    bad: '#!/bin/sh -e\ndnf -y remove "$(dnf repoquery --installonly --latest-limit=-1 -q)"\n',
    good: '#!/bin/sh -e\ndnf repoquery --installonly --latest-limit=-1 -q | xargs -r dnf -y remove\n',
  },
  *check(project): Iterable<Found> {
    for (const one of allCommands(project)) {
      if (!MANAGERS.has(one.name)) continue;
      for (const word of one.command.words.slice(1)) {
        const [part] = word.parts;
        if (!quotedSubstitution(word) || part?.kind !== 'substitution' || !isListing(part.body)) continue;
        const place = one.script.place(word.start, word.end);
        if (place !== undefined)
          yield { place, message: `${one.name} gets all of these names as one argument` };
      }
    }
  },
};

/** The last command of the substitution prints many lines, and is not cut to one. */
function isListing(body: List): boolean {
  const last = body.at(-1)?.pipelines.at(-1)?.members.at(-1);
  if (last?.kind !== 'command') return false;
  const words = last.words.map((word) => literal(word) ?? '');
  const name = words[0] ?? '';
  if (name === 'dnf' || name === 'yum') return words.includes('repoquery') || words.includes('list');
  if (name === 'rpm') return words.some((word) => /^-q/.test(word)) && !words.includes('-E');
  // One line of one file is one name.
  if (name === 'grep' && words.some((word) => /^-[a-zA-Z]*m1?$/.test(word))) return false;
  return LISTING.has(name);
}
