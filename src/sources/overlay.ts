/**
 * A source with some extents dropped: they read as zeros and are holes in its map; everything else comes from
 * the source below, which is never changed. This is how unused blocks leave an image.
 */
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import type { ByteRange, ExtentSet } from '../core/extents.ts';
import { allDone } from '../core/parallel.ts';
import { assertInside } from './file.ts';

/** Dropped crumbs of up to this size are read over rather than around: a call costs more than the bytes. */
const BRIDGE_BYTES = 64 * 1024;

/**
 * `dropped` in the coordinates of `source`. Closing the overlay leaves `source` open.
 * @param kind what its map calls them: `zero` where a backing file would shine through a hole
 */
export function overlaySource(
  source: BlockSource,
  dropped: ExtentSet,
  kind: 'hole' | 'zero' = 'hole',
): BlockSource {
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
      const crumbs: number[] = [];
      let from = offset; // what is not yet asked for
      for (; index < dropped.count && dropped.startOf(index) < end; index++) {
        const start = Math.max(offset, dropped.startOf(index)) - offset;
        const stop = Math.min(end, dropped.endOf(index)) - offset;
        if (stop - start <= BRIDGE_BYTES && start + offset > from && stop + offset < end) {
          crumbs.push(start, stop);
          continue;
        }
        if (start + offset > from) reads.push(source.read(target.subarray(from - offset, start), from));
        from = stop + offset;
        target.fill(0, start, stop);
      }
      if (from < end) reads.push(source.read(target.subarray(from - offset), from));
      // All of them have ended before the caller gets its buffer back, even when one fails.
      await allDone(reads);
      for (let i = 0; i < crumbs.length; i += 2) target.fill(0, crumbs[i]!, crumbs[i + 1]!);
    },
    extents(range: ByteRange = { start: 0, end: size }) {
      return withDropped(source, dropped, range, kind);
    },
    async close() {},
  };
}

async function* withDropped(
  source: BlockSource,
  dropped: ExtentSet,
  range: ByteRange,
  kind: 'hole' | 'zero',
): AsyncGenerator<readonly BlockExtent[]> {
  for await (const batch of source.extents(range)) {
    const result: BlockExtent[] = [];
    for (const extent of batch) {
      let at = extent.start;
      for (let i = dropped.indexAfter(at); i < dropped.count && dropped.startOf(i) < extent.end; i++) {
        const start = Math.max(at, dropped.startOf(i));
        if (start > at) result.push(part(extent, at, start));
        at = Math.min(extent.end, dropped.endOf(i));
        result.push({ start, end: at, kind, stored: 0 });
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
