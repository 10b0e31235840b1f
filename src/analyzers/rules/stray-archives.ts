/** Archives, installers and disk images that were downloaded, unpacked and forgotten. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { shellQuote } from '../remove-packages.ts';

const EXTENSIONS = [
  'deb',
  'rpm',
  'apk',
  'zip',
  'tar',
  'iso',
  'tgz',
  'gz',
  'xz',
  'bz2',
  'zst',
  '7z',
  'run',
  'qcow2',
  'vmdk',
  'ova',
  'whl',
];
const TAR = /\.(?:tar|tar\.\w+|iso|tgz|deb|rpm|apk|zip|7z|run|qcow2|vmdk|ova|whl)$/;
/** Where builders work. */
const PLACES =
  /^\/(?:root|home\/[^/]+|opt|usr\/local\/src|usr\/src|var\/www|srv)\/(?:[^/]+\/)?[^/]+$|^\/[^/]+$/;

export const strayArchives: RemovalRule = {
  id: 'stray-archives',
  title: 'Archives and packages left behind',
  safety: 'review',
  family: 'temporary files',
  description:
    'Archives, packages and disk images in home directories, /opt, /srv, /usr/src and /, at most one directory deep, that no package owns.',
  parameters: [
    {
      name: 'larger',
      description: 'only files of at least so many bytes',
      unit: 'bytes',
      default: 1024 * 1024,
    },
  ],
  evaluate({ files, inspection, number }) {
    const least = number('larger');
    const found = EXTENSIONS.flatMap((extension) => files.filesWithExtension(extension))
      .filter((entry) => inspection.table.allocated[entry]! >= least)
      .filter((entry) => TAR.test(files.name(entry)) && files.ownerOf(entry) < 0)
      .map((entry) => ({ entry, path: files.pathOf(entry) }))
      .filter(({ path }) => PLACES.test(path) && !path.startsWith('/var/'))
      .sort((a, b) => inspection.table.allocated[b.entry]! - inspection.table.allocated[a.entry]!);
    if (found.length === 0) return [];
    return [
      {
        entries: found.map(({ entry }) => entry),
        paths: found.map(({ path }) => path),
        commands: [`rm -f ${found.map(({ path }) => shellQuote(path)).join(' ')}`],
        reason:
          'downloaded for the build by the look of it; check that nothing installs from them at first boot',
      },
    ];
  },
};
