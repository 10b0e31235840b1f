/** Large files that no package owns, outside of where data belongs: worth a look, whatever they are. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { FILE_TYPE } from '../../core/file-table.ts';
import { shellQuote } from '../remove-packages.ts';

/** Where files that no package owns are normal: data, generated files, software that was installed by hand. */
const EXPECTED =
  /^\/(?:home|root|tmp|opt|srv|var|boot|efi|mnt|media|usr\/local|snap|nix|gnu|run|proc|sys|dev|etc)(?:\/|$)|^\/usr\/lib\/(?:modules|locale|sysimage|udev\/hwdb\.bin)|^\/lib\/(?:modules|udev)|\.(?:pyc|cache)$/;

export const unpackagedFiles: RemovalRule = {
  id: 'unpackaged-files',
  title: 'Large files that no package owns',
  safety: 'risky',
  family: 'content',
  description:
    'Files of at least 5 MiB in no package, outside of /home, /root, /tmp, /opt, /srv, /usr/local, /var, /etc and /boot.',
  parameters: [
    {
      name: 'larger',
      description: 'only files of at least so many bytes',
      unit: 'bytes',
      default: 5 * 1024 * 1024,
    },
  ],
  evaluate({ files, inspection, number }) {
    const { table, packages } = inspection;
    // Without a package database nothing is owned.
    if (packages.length === 0 || files.resolve('/etc') < 0) return [];
    const least = number('larger');
    const found: { entry: number; path: string }[] = [];
    for (let entry = 0; entry < table.count; entry++) {
      if (table.allocated[entry]! < least || table.type[entry] !== FILE_TYPE.file) continue;
      if (!table.isCounted(entry) || files.ownerOf(entry) >= 0 || inspection.owner[entry]! >= 0) continue;
      const path = inspection.pathOf(entry);
      if (!EXPECTED.test(path) && files.lookup(path) === entry) found.push({ entry, path });
    }
    found.sort((a, b) => table.allocated[b.entry]! - table.allocated[a.entry]!);
    if (found.length === 0) return [];
    return [
      {
        entries: found.map(({ entry }) => entry),
        paths: found.map(({ path }) => path),
        commands: [`rm -f ${found.map(({ path }) => shellQuote(path)).join(' ')}`],
        reason: `${found.length} ${found.length === 1 ? 'file' : 'files'} that nobody installed; look what made them`,
      },
    ];
  },
};
