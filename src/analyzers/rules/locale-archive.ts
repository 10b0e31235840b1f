/** glibc's archive of compiled locales: up to 220 MB when all of them were generated. */
import type { RemovalRule } from '../../core/contracts/rule.ts';

export const localeArchive: RemovalRule = {
  id: 'locale-archive',
  title: 'Compiled locales',
  safety: 'review',
  family: 'documentation',
  description:
    '/usr/lib/locale/locale-archive above 16 MiB: more locales than a machine uses. C.UTF-8 is built into newer glibc; others are generated again from the wanted list.',
  parameters: [
    {
      name: 'larger',
      description: 'only an archive of at least so many bytes',
      unit: 'bytes',
      default: 16 * 1024 * 1024,
    },
  ],
  evaluate({ files, inspection, number }) {
    const path = '/usr/lib/locale/locale-archive';
    const entry = files.lookup(path);
    if (
      !files.isFile(entry) ||
      inspection.table.allocated[entry]! < number('larger') ||
      files.ownerOf(entry) >= 0
    )
      return [];
    return [
      {
        entries: [entry],
        paths: [path],
        commands: [
          `if [ -x /usr/sbin/locale-gen ]; then rm -f ${path}; locale-gen --purge en_US.UTF-8; elif command -v localedef >/dev/null 2>&1; then localedef --list-archive | grep -viE '^(en_US|C)' | xargs -r localedef --delete-from-archive || true; fi`,
        ],
        reason: `${path} holds more than the locales that a machine uses; en_US.UTF-8 is generated again`,
      },
    ];
  },
};
