/** Files with the same content, found by size and then by reading them side by side. Only --deep does. */
import type { Finding, RemovalRule } from '../../core/contracts/rule.ts';
import { FILE_TYPE } from '../../core/file-table.ts';
import { equalFiles } from '../equal-files.ts';
import { shellQuote } from '../remove-packages.ts';
import { someOf } from '../suggest-text.ts';

/** Where one copy may be changed without the other. */
const CHANGING = /^\/(?:etc|home|root|var|opt|srv|tmp|boot)\//;

export const duplicateFiles: RemovalRule = {
  id: 'duplicate-files',
  title: 'Files with the same content',
  safety: 'review',
  family: 'content',
  deep: true,
  description:
    'Regular files of one filesystem with equal content, owner and mode, that could be hard links of one. Not below /etc, /home, /root, /var and /opt, where one may be changed without the other.',
  parameters: [
    {
      name: 'larger',
      description: 'only files of at least so many bytes',
      unit: 'bytes',
      default: 1024 * 1024,
    },
  ],
  async evaluate({ inspection, files, number }) {
    const { table } = inspection;
    const least = number('larger');
    const groups = new Map<string, number[]>();
    for (let entry = 0; entry < table.count; entry++) {
      if (table.type[entry] !== FILE_TYPE.file || table.allocated[entry]! < least || !table.isCounted(entry))
        continue;
      const key = [
        // No hard link leaves its filesystem, nor its subvolume.
        table.rootOf(entry),
        table.size[entry],
        table.uid[entry],
        table.gid[entry],
        table.mode[entry],
      ].join(' ');
      groups.set(key, [...(groups.get(key) ?? []), entry]);
    }
    const likely = [...groups.values()]
      .map((group) =>
        group.filter((entry) => {
          const path = files.pathOf(entry);
          return !CHANGING.test(path) && files.lookup(path) === entry;
        }),
      )
      .filter((group) => group.length > 1);
    const found: Finding[] = [];
    for (const same of await equalFiles(inspection, likely)) {
      const paths = same.map((entry) => files.pathOf(entry)).sort();
      const [first, ...others] = paths;
      found.push({
        title: `${same.length} copies of ${first}`,
        entries: same.filter((entry) => files.pathOf(entry) !== first),
        paths,
        commands: others.map(
          (path) =>
            `if cmp -s ${shellQuote(first!)} ${shellQuote(path)}; then ln -f ${shellQuote(first!)} ${shellQuote(path)}; fi`,
        ),
        reason: `hard links would do: ${someOf(paths, 3)} are equal`,
      });
    }
    return found;
  },
};
