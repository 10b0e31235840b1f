/** Logs are emptied rather than removed: daemons expect the files with their owners and SELinux labels. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { evidenceOf } from '../path-rule.ts';
import { isRotated } from './rotated-logs.ts';

export const logs: RemovalRule = {
  id: 'logs',
  title: 'Logs of the build',
  safety: 'safe',
  family: 'logs',
  description:
    'Files in /var/log, emptied in place: owners, modes and labels stay. The journal and rotated logs have rules ' +
    'of their own; lastlog and faillog are sparse, and break tools that copy them.',
  evaluate({ files, inspection }) {
    const folder = files.resolve('/var/log');
    if (folder < 0) return [];
    const journal = files.resolve('/var/log/journal');
    const inJournal = new Set(journal < 0 ? [] : files.tree(journal));
    const entries = files
      .tree(folder)
      .filter(
        (entry) =>
          files.isFile(entry) &&
          !inJournal.has(entry) &&
          files.ownerOf(entry) < 0 &&
          !isRotated(files.name(entry)) &&
          inspection.table.allocated[entry]! > 0,
      );
    if (entries.length === 0) return [];
    return [
      {
        entries,
        paths: ['/var/log'],
        commands: [
          'find /var/log -xdev -path /var/log/journal -prune -o -type f ! -name README -size +0 -exec truncate -s 0 {} +',
        ],
        reason: `they tell of the build, and a new machine begins its own (${evidenceOf(files, inspection.table, entries)})`,
      },
    ];
  },
};
