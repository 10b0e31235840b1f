/** A stretch of another source, as a source: a partition of a disk. Closing it leaves the other open. */
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import type { ByteRange } from '../core/extents.ts';
import { assertInside } from './file.ts';

/** `start` and `size` in bytes; they must lie inside `source`. */
export function sliceSource(source: BlockSource, start: number, size: number): BlockSource {
  assertInside(size, start, source.size, 'slice');
  return {
    size,
    granularity: start % source.granularity === 0 ? source.granularity : 1,
    read(target, offset) {
      assertInside(target.length, offset, size, 'volume');
      return source.read(target, start + offset);
    },
    extents(range: ByteRange = { start: 0, end: size }) {
      return shifted(source.extents({ start: range.start + start, end: range.end + start }), -start);
    },
    async close() {},
  };
}

async function* shifted(
  batches: AsyncIterable<readonly BlockExtent[]>,
  by: number,
): AsyncGenerator<readonly BlockExtent[]> {
  for await (const batch of batches) {
    yield batch.map((extent) => ({ ...extent, start: extent.start + by, end: extent.end + by }));
  }
}
