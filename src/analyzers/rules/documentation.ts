/** Documentation of packages. Copyright files stay: most licences want them to come along. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { evidenceOf } from '../path-rule.ts';

export const documentation: RemovalRule = {
  id: 'documentation',
  title: 'Documentation of packages',
  safety: 'review',
  family: 'documentation',
  description:
    'Files below /usr/share/doc except `copyright`. To keep it away for good: dpkg’s path-exclude, rpm’s ' +
    '%_excludedocs, pacman’s NoExtract.',
  evaluate({ files, inspection }) {
    const folder = files.resolve('/usr/share/doc');
    const entries: number[] = [];
    /** Claims what can go below; true when nothing stays. */
    const visit = (directory: number): boolean => {
      let isEmpty = true;
      for (const entry of files.children(directory)) {
        if (files.isDirectory(entry)) {
          if (visit(entry)) entries.push(entry);
          else isEmpty = false;
        } else if (
          files.isFile(entry) &&
          !/^(?:copyright|LICEN[CS]E|COPYING|NOTICE)/i.test(files.name(entry))
        ) {
          entries.push(entry);
        } else {
          isEmpty = false;
        }
      }
      return isEmpty;
    };
    visit(folder);
    if (entries.every((entry) => files.isDirectory(entry))) return [];
    return [
      {
        entries,
        paths: ['/usr/share/doc'],
        commands: [
          "find /usr/share/doc -mindepth 1 -type f ! -iname 'copyright*' ! -iname 'licen[cs]e*' ! -iname 'copying*' ! -iname 'notice*' -exec rm -f {} +",
          // Only empty ones go; the others say no.
          'find /usr/share/doc -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null || true',
        ],
        reason: `nobody reads them on a started machine; copyright files stay (${evidenceOf(files, inspection.table, entries)})`,
      },
    ];
  },
};
