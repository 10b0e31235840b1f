/** Files that store zeros where holes would do. Only --deep reads them. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { isArtifactError } from '../../core/errors.ts';
import { FILE_TYPE } from '../../core/file-table.ts';
import { evidenceOf } from '../path-rule.ts';
import { shellQuote } from '../remove-packages.ts';

const PIECE_BYTES = 2 * 1024 * 1024;
const BLOCK = 4096;
const ZEROS = Buffer.alloc(BLOCK);

export const zeroRuns: RemovalRule = {
  id: 'zero-runs',
  title: 'Zeros stored in files',
  safety: 'safe',
  family: 'content',
  deep: true,
  description:
    'Large files with blocks of zeros that occupy space: fallocate --dig-holes frees them and changes no content.',
  parameters: [
    {
      name: 'larger',
      description: 'only files of at least so many bytes',
      unit: 'bytes',
      default: 4 * 1024 * 1024,
    },
    {
      name: 'zeros',
      description: 'only files with at least so many bytes of zeros',
      unit: 'bytes',
      default: 1024 * 1024,
    },
  ],
  async evaluate({ inspection, files, number }) {
    const { table, filesystems } = inspection;
    const entries: number[] = [];
    const freed: number[] = [];
    const buffer = Buffer.alloc(PIECE_BYTES);
    for (let entry = 0; entry < table.count; entry++) {
      if (
        table.type[entry] !== FILE_TYPE.file ||
        table.allocated[entry]! < number('larger') ||
        !table.isCounted(entry)
      )
        continue;
      // Swap must have no holes; what packages own is checked against their sums, which stay the same.
      const path = files.pathOf(entry);
      if (/^\/(?:swap|boot\/)|\/swap(?:file|\.img)$/.test(path) || files.lookup(path) !== entry) continue;
      try {
        const source = await filesystems[inspection.filesystemOf(entry)]?.filesystem?.open(
          table.inode[entry]!,
        );
        if (source === undefined) continue;
        let zeros = 0;
        for await (const batch of source.extents()) {
          for (const extent of batch) {
            if (extent.kind !== 'data') continue;
            for (let at = extent.start; at < extent.end; at += PIECE_BYTES) {
              const piece = buffer.subarray(0, Math.min(PIECE_BYTES, extent.end - at));
              await source.read(piece, at);
              for (let i = 0; i + BLOCK <= piece.length; i += BLOCK) {
                if (piece.compare(ZEROS, 0, BLOCK, i, i + BLOCK) === 0) zeros += BLOCK;
              }
            }
          }
        }
        if (zeros >= number('zeros')) {
          entries.push(entry);
          freed.push(Math.min(zeros, table.allocated[entry]!));
        }
      } catch (error) {
        if (!isArtifactError(error)) throw error; // what cannot be read is reported by the scan
      }
    }
    if (entries.length === 0) return [];
    const paths = entries.map((entry) => files.pathOf(entry));
    return [
      {
        entries,
        freed,
        paths,
        commands: paths.map(
          // busybox has a fallocate that cannot.
          (path) =>
            `if [ -f ${shellQuote(path)} ]; then fallocate --dig-holes ${shellQuote(path)} || true; fi`,
        ),
        reason: `holes read as zeros too (${evidenceOf(files, table, entries)})`,
      },
    ];
  },
};
