/** Nobody debugs them on a machine that was started from the image. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { readElf } from '../elf.ts';
import { judgeContent } from '../guest-content.ts';
import { evidenceOf, findPlaces } from '../path-rule.ts';
import { shellQuote } from '../remove-packages.ts';

const WHY = 'memory of programs that crashed during the build, with whatever secrets they held';
/** Where a kernel without a handler writes them: the program's working folder. */
const FOLDERS = ['/', '/root', '/tmp', '/var/tmp', '/home/*', '/opt/*', '/srv/*', '/var/lib/*'];
const NAME = /^(?:core|core\.\d+|.*\.core)$/;

export const coreDumps: RemovalRule = {
  id: 'core-dumps',
  title: 'Core dumps and crash reports',
  safety: 'safe',
  family: 'crash data',
  description:
    'systemd’s, apport’s, abrt’s and kdump’s, and core files in /, home directories, /opt, /srv and /tmp that are what ' +
    'their name says: memory of programs of the build, secrets included.',
  async evaluate({ files, inspection }) {
    const places = findPlaces(
      files,
      inspection.table,
      [
        {
          patterns: [
            '/var/lib/systemd/coredump/*',
            '/var/crash/*',
            '/var/spool/abrt/*',
            '/var/lib/apport/coredump/*',
            '/var/spool/kdump/*',
          ],
          command:
            'rm -rf /var/lib/systemd/coredump/* /var/crash/* /var/spool/abrt/* /var/lib/apport/coredump/* /var/spool/kdump/*',
        },
      ],
      WHY,
    );
    const cores: number[] = [];
    for (const entry of FOLDERS.flatMap((folder) => files.glob(folder)).flatMap((folder) =>
      files.children(folder),
    )) {
      if (!files.isFile(entry) || !NAME.test(files.name(entry)) || files.ownerOf(entry) >= 0) continue;
      if ((await judgeContent(inspection, entry, readElf))?.kind === 'core') cores.push(entry);
    }
    if (cores.length === 0) return places;
    const paths = cores.map((entry) => files.pathOf(entry)).sort();
    return [
      ...places,
      {
        title: 'Core files beside programs',
        entries: cores,
        paths,
        commands: [`rm -f ${paths.map(shellQuote).join(' ')}`],
        reason: `${WHY} (${evidenceOf(files, inspection.table, cores)})`,
      },
    ];
  },
};
