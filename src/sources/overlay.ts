/**
 * A source with some extents dropped: they read as zeros and are holes in its map; everything else comes from
 * the source below, which is never changed. This is how unused blocks leave an image.
 */
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import type { ByteRange, ExtentSet } from '../core/extents.ts';
import { assertInside } from './file.ts';

/** `dropped` in the coordinates of `source`. Closing the overlay leaves `source` open. */
export function overlaySource(source: BlockSource, dropped: ExtentSet): BlockSource {
  const { size, granularity } = source;
  return {
    size,
    granularity,
    async read(target, offset) {
      assertInside(target.length, offset, size, 'overlay');
      const end = offset + target.length;
      let index = dropped.indexAfter(offset);
      if (index >= dropped.count || dropped.startOf(index) >= end) return source.read(target, offset);
      const reads: Promise<void>[] = [];
      let at = offset;
      for (; index < dropped.count && dropped.startOf(index) < end; index++) {
        const start = Math.max(at, dropped.startOf(index));
        if (start > at) reads.push(source.read(target.subarray(at - offset, start - offset), at));
        at = Math.min(end, dropped.endOf(index));
        target.fill(0, start - offset, at - offset);
      }
      if (at < end) reads.push(source.read(target.subarray(at - offset), at));
      await Promise.all(reads);
    },
    extents(range: ByteRange = { start: 0, end: size }) {
      return withHoles(source, dropped, range);
    },
    async close() {},
  };
}

async function* withHoles(
  source: BlockSource,
  dropped: ExtentSet,
  range: ByteRange,
): AsyncGenerator<readonly BlockExtent[]> {
  for await (const batch of source.extents(range)) {
    const result: BlockExtent[] = [];
    for (const extent of batch) {
      let at = extent.start;
      for (let i = dropped.indexAfter(at); i < dropped.count && dropped.startOf(i) < extent.end; i++) {
        const start = Math.max(at, dropped.startOf(i));
        if (start > at) result.push(part(extent, at, start));
        at = Math.min(extent.end, dropped.endOf(i));
        result.push({ start, end: at, kind: 'hole', stored: 0 });
      }
      if (at < extent.end) result.push(part(extent, at, extent.end));
    }
    yield result;
  }
}

function part(extent: BlockExtent, start: number, end: number): BlockExtent {
  if (start === extent.start && end === extent.end) return extent;
  const stored = Math.round((extent.stored * (end - start)) / (extent.end - extent.start));
  return { ...extent, start, end, stored };
}
