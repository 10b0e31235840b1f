/** Records by user number: one account with a high number makes lastlog a file of gigabytes that holds nothing. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { formatSize } from '../../core/size.ts';

const PATHS = ['/var/log/lastlog', '/var/log/faillog', '/var/log/tallylog'];

export const sparseLogs: RemovalRule = {
  id: 'sparse-logs',
  title: 'Sparse records of logins',
  safety: 'safe',
  family: 'logs',
  description:
    'lastlog, faillog and tallylog that appear far larger than they are. They occupy next to nothing, but tar, scp and ' +
    'image tools that do not know holes copy all of it.',
  parameters: [
    {
      name: 'larger',
      description: 'only files that appear to be at least this large',
      unit: 'bytes',
      default: 16 * 1024 * 1024,
    },
  ],
  evaluate({ files, inspection, number }) {
    const { table } = inspection;
    const found = PATHS.map((path) => ({ path, entry: files.resolve(path) })).filter(
      ({ entry }) =>
        files.isFile(entry) &&
        table.size[entry]! >= number('larger') &&
        table.allocated[entry]! < table.size[entry]! / 4,
    );
    if (found.length === 0) return [];
    const sizes = found.map(({ path, entry }) => `${path} appears to be ${formatSize(table.size[entry]!)}`);
    return [
      {
        bytes: 0,
        paths: found.map(({ path }) => path),
        commands: found.map(({ path }) => `if [ -f ${path} ]; then truncate -s 0 ${path}; fi`),
        reason: `${sizes.join(', ')}: almost all holes, which tar and scp copy as zeros`,
      },
    ];
  },
};
