/** Files that editors, package managers and people set aside. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { shellQuote } from '../remove-packages.ts';
import { someOf } from '../suggest-text.ts';

const EXTENSIONS = [
  '~',
  'bak',
  'orig',
  'rej',
  'swp',
  'dpkg-old',
  'dpkg-dist',
  'dpkg-bak',
  'dpkg-new',
  'ucf-old',
  'ucf-dist',
  'rpmsave',
  'rpmorig',
  'rpmnew',
  'pacnew',
  'pacsave',
  'apk-new',
];
/** As virt-sysprep's backup-files: where configuration and people's files are. */
const PLACES = /^\/(?:etc|root|srv|home|opt|usr\/local)\//;

export const backupFiles: RemovalRule = {
  id: 'backup-files',
  title: 'Backup files',
  safety: 'review',
  family: 'backups',
  description:
    '*~, *.bak, *.orig, *.dpkg-old, *.rpmsave, *.pacnew and the like in /etc, /root, /home, /srv, /opt and /usr/local that no package owns.',
  evaluate({ files }) {
    const found = EXTENSIONS.flatMap((extension) => files.filesWithExtension(extension))
      .map((entry) => ({ entry, path: files.pathOf(entry) }))
      .filter(({ entry, path }) => PLACES.test(path) && files.ownerOf(entry) < 0);
    if (found.length === 0) return [];
    const paths = found.map(({ path }) => path).sort();
    return [
      {
        entries: found.map(({ entry }) => entry),
        paths,
        commands: [`rm -f ${paths.map(shellQuote).join(' ')}`],
        reason: `${someOf(paths, 3)}: what an upgrade or an editor set aside, which may hold old secrets`,
      },
    ];
  },
};
