/** Logs that logrotate and others have set aside already. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { evidenceOf } from '../path-rule.ts';

const ROTATED = /\.(?:gz|xz|bz2|zst|old|[0-9])$|-\d{8}$/;

/** The same for find, whose regular expressions are GNU's own. */
const NAMES = ['*.gz', '*.xz', '*.bz2', '*.zst', '*.old', '*.[0-9]', `*-${'[0-9]'.repeat(8)}`];

/** `syslog.1`, `dpkg.log.2.gz`, `messages-20240101`. */
export function isRotated(name: string): boolean {
  return ROTATED.test(name);
}

export const rotatedLogs: RemovalRule = {
  id: 'rotated-logs',
  title: 'Rotated logs',
  safety: 'safe',
  family: 'logs',
  description: 'Compressed, numbered and dated logs in /var/log: what the build machine said before.',
  evaluate({ files, inspection }) {
    const folder = files.resolve('/var/log');
    const entries = files
      .tree(folder)
      .filter((entry) => files.isFile(entry) && isRotated(files.name(entry)) && files.ownerOf(entry) < 0);
    if (entries.length === 0) return [];
    return [
      {
        entries,
        paths: ['/var/log'],
        commands: [
          `find /var/log -xdev -type f \\( ${NAMES.map((name) => `-name '${name}'`).join(' -o ')} \\) -exec rm -f {} +`,
        ],
        reason: `set aside by log rotation during the build (${evidenceOf(files, inspection.table, entries)})`,
      },
    ];
  },
};
