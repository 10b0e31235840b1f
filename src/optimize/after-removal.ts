/**
 * How large would the image be without these files? What `imgopt optimize` would write of it now is sampled
 * (predict.ts), and so is the content that goes, as one run of bytes in the table's order: files that stand beside
 * each other share clusters, as on disk. The difference is the answer; errors of independent samples add up as
 * squares do.
 */
import type { Taken } from '../analyzers/claims.ts';
import type { Context } from '../core/contracts/context.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type { PredictionSection } from '../core/contracts/report.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import type { WriterUnits } from '../core/contracts/writer.ts';
import { FILE_TYPE } from '../core/file-table.ts';
import { overlaySource } from '../sources/overlay.ts';
import { planDrops } from './plan.ts';
import { predictSize } from './predict.ts';

/**
 * @param taken what goes, each entry once
 * @param units of the format that the image would be written in
 * @throws ImgoptError of the artifact's families where the image cannot be optimized or read
 */
export async function predictAfter(
  inspection: Inspection,
  taken: readonly Taken[],
  units: WriterUnits,
  context: Context,
): Promise<PredictionSection> {
  const plan = planDrops(inspection, { keepUnused: [], dropSwap: true, dropSnapshots: true });
  const now = await predictSize(overlaySource(inspection.disk.source, plan.dropped), units, context);
  const content = contentOf(inspection, taken);
  const gone = await predictSize(content, units, context);
  const uncompressed = now.units * units.unit;
  // Directories and what only shrinks have no content to sample, but their blocks go.
  const freed = taken.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    before: { uncompressed, compressed: now.bytes },
    after: {
      uncompressed: Math.max(0, uncompressed - freed),
      compressed: Math.max(0, now.bytes - gone.bytes),
    },
    error: Math.round(Math.hypot(now.error, gone.error)),
    sampled: now.sampled + gone.sampled,
  };
}

/** The files that go, one after the other. */
function contentOf({ table, filesystems, filesystemOf }: Inspection, taken: readonly Taken[]): BlockSource {
  const files = taken
    .filter(({ entry, bytes }) => bytes > 0 && table.type[entry] === FILE_TYPE.file)
    .sort((a, b) => a.entry - b.entry);
  const starts = new Float64Array(files.length + 1);
  files.forEach(({ bytes }, index) => {
    starts[index + 1] = starts[index]! + bytes;
  });
  const size = starts[files.length]!;
  return {
    size,
    granularity: 1,
    async read(target, offset) {
      target.fill(0);
      let low = 0;
      let high = files.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (starts[middle]! <= offset) low = middle;
        else high = middle - 1;
      }
      for (let index = low; index < files.length && starts[index]! < offset + target.length; index++) {
        const { entry } = files[index]!;
        const source = await filesystems[filesystemOf(entry)]?.filesystem?.open(table.inode[entry]!);
        if (source === undefined) continue;
        const from = Math.max(0, offset - starts[index]!);
        const at = Math.max(0, starts[index]! - offset);
        // What a last block holds behind the file's end is zeros.
        const length = Math.min(
          target.length - at,
          starts[index + 1]! - starts[index]! - from,
          source.size - from,
        );
        if (length > 0) await source.read(target.subarray(at, at + length), from);
      }
    },
    async *extents() {
      if (size > 0) yield [{ start: 0, end: size, kind: 'data' as const, stored: size }];
    },
    async close() {},
  };
}
