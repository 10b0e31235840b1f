/** A file's content: runs of clusters of the volume, one behind the other, cut to the file's size. */
import type { BlockExtent, BlockSource } from '../../../core/contracts/source.ts';
import { corrupt } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { hex } from '../../../core/text.ts';
import { clusterOffset, type Geometry } from './geometry.ts';
import type { Runs } from './table.ts';

/** A stretch of the file: `start` and `end` in the file, `at` on the volume. */
interface Piece extends ByteRange {
  readonly at: number;
}

/** @param size the file's size; `runs` may cover less, then reads past them are `corrupt` */
export function fileContent(volume: BlockSource, geometry: Geometry, runs: Runs, size: number): BlockSource {
  const pieces: Piece[] = [];
  let covered = 0;
  for (let i = 0; i < runs.length && covered < size; i += 2) {
    const end = Math.min(size, covered + runs[i + 1]! * geometry.clusterSize);
    pieces.push({ start: covered, end, at: clusterOffset(geometry, runs[i]!) });
    covered = end;
  }

  function* within(range: ByteRange): Generator<Piece> {
    if (range.start < 0 || range.end > size)
      throw corrupt('READ_PAST_END', `${hex(range.end)} lies past the end of the file (${hex(size)})`);
    if (range.end > covered)
      throw corrupt(
        'FAT_CHAIN_SHORT',
        `the file is ${size} bytes long, its chain of clusters holds ${covered}`,
      );
    let low = 0;
    let high = pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (pieces[middle]!.end > range.start) high = middle;
      else low = middle + 1;
    }
    for (let i = low; i < pieces.length && pieces[i]!.start < range.end; i++) {
      const piece = pieces[i]!;
      const start = Math.max(piece.start, range.start);
      yield { start, end: Math.min(piece.end, range.end), at: piece.at + (start - piece.start) };
    }
  }

  return {
    size,
    granularity: Math.min(geometry.clusterSize, 4096),
    async read(target, offset) {
      const parts = [...within({ start: offset, end: offset + target.length })];
      await Promise.all(
        parts.map(({ start, end, at }) => volume.read(target.subarray(start - offset, end - offset), at)),
      );
    },
    async *extents(range = { start: 0, end: size }): AsyncGenerator<readonly BlockExtent[]> {
      for (const { start, end, at } of within(range)) {
        for await (const batch of volume.extents({ start: at, end: at + end - start })) {
          yield batch.map((extent) => ({
            ...extent,
            start: extent.start - at + start,
            end: extent.end - at + start,
          }));
        }
      }
    },
    async close() {},
  };
}
