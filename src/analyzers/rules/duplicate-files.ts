/** Files with the same content, found by size and then by hash. Only --deep reads them. */
import type { Finding, RemovalRule } from '../../core/contracts/rule.ts';
import { isArtifactError } from '../../core/errors.ts';
import { FILE_TYPE } from '../../core/file-table.ts';
import { shellQuote } from '../remove-packages.ts';
import { someOf } from '../suggest-text.ts';

const PIECE_BYTES = 2 * 1024 * 1024;

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
    const { table, filesystems } = inspection;
    const least = number('larger');
    const groups = new Map<string, number[]>();
    for (let entry = 0; entry < table.count; entry++) {
      if (table.type[entry] !== FILE_TYPE.file || table.allocated[entry]! < least || !table.isCounted(entry))
        continue;
      const key = [
        inspection.filesystemOf(entry),
        table.size[entry],
        table.uid[entry],
        table.gid[entry],
        table.mode[entry],
      ].join(' ');
      groups.set(key, [...(groups.get(key) ?? []), entry]);
    }
    const found: Finding[] = [];
    for (const group of groups.values()) {
      const likely = group.filter(
        (entry) => !/^\/(?:etc|home|root|var|opt|srv|tmp|boot)\//.test(files.pathOf(entry)),
      );
      if (likely.length < 2) continue;
      const byHash = new Map<string, number[]>();
      for (const entry of likely.sort((a, b) => table.inode[a]! - table.inode[b]!)) {
        const filesystem = filesystems[inspection.filesystemOf(entry)]?.filesystem;
        try {
          const source = await filesystem?.open(table.inode[entry]!);
          if (source === undefined) continue;
          const hash = process.getBuiltinModule('node:crypto').createHash('sha256');
          const buffer = new Uint8Array(Math.min(PIECE_BYTES, source.size));
          for (let at = 0; at < source.size; at += PIECE_BYTES) {
            const piece = buffer.subarray(0, Math.min(PIECE_BYTES, source.size - at));
            await source.read(piece, at);
            hash.update(piece);
          }
          const digest = hash.digest('hex');
          byHash.set(digest, [...(byHash.get(digest) ?? []), entry]);
        } catch (error) {
          if (!isArtifactError(error)) throw error; // a file that cannot be read is no duplicate
        }
      }
      for (const same of byHash.values()) {
        if (same.length < 2) continue;
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
          reason: `${someOf(paths, 3)} are equal: hard links would do`,
        });
      }
    }
    return found;
  },
};
