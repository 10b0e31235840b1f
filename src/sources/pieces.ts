/** A source put together from stretches of others, and nothing in between: disks end to end, a sparse file's data. */
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import type { ByteRange } from '../core/extents.ts';
import { allDone } from '../core/parallel.ts';
import { assertInside } from './file.ts';

/** `length` bytes of `source` from `offset` on, seen at `start`. */
export interface SourcePiece {
  readonly start: number;
  readonly source: BlockSource;
  readonly offset: number;
  readonly length: number;
}

/** Extents of one batch of a map. */
const BATCH_EXTENTS = 16 * 1024;

/**
 * `pieces` ascend and do not overlap; what none of them covers is a hole. Closing it leaves their sources open.
 * @param name for messages
 */
export function piecedSource(pieces: readonly SourcePiece[], size: number, name: string): BlockSource {
  const isEven = pieces.every(
    ({ start, offset, source }) => start % 512 === 0 && offset % 512 === 0 && source.granularity <= 512,
  );
  /** The first piece that ends after `offset`. */
  const pieceAfter = (offset: number): number => {
    let low = 0;
    let high = pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (pieces[middle]!.start + pieces[middle]!.length > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  return {
    size,
    granularity: isEven ? 512 : 1,
    async read(target, offset) {
      assertInside(target.length, offset, size, name);
      const end = offset + target.length;
      const reads: Promise<void>[] = [];
      let at = offset;
      for (let index = pieceAfter(offset); index < pieces.length; index++) {
        const piece = pieces[index]!;
        if (piece.start >= end) break;
        const start = Math.max(offset, piece.start);
        const stop = Math.min(end, piece.start + piece.length);
        if (start > at) target.fill(0, at - offset, start - offset);
        const part = target.subarray(start - offset, stop - offset);
        reads.push(piece.source.read(part, piece.offset + (start - piece.start)));
        at = stop;
      }
      if (at < end) target.fill(0, at - offset);
      // All of them have ended before the caller gets its buffer back, even when one fails.
      await allDone(reads);
    },
    extents(range: ByteRange = { start: 0, end: size }) {
      assertInside(range.end - range.start, range.start, size, name);
      return piecedExtents(pieces, pieceAfter(range.start), range);
    },
    async close() {},
  };
}

async function* piecedExtents(
  pieces: readonly SourcePiece[],
  first: number,
  range: ByteRange,
): AsyncGenerator<readonly BlockExtent[]> {
  let batch: BlockExtent[] = [];
  let at = range.start;
  for (let index = first; index < pieces.length && at < range.end; index++) {
    const { start, source, offset, length } = pieces[index]!;
    if (start >= range.end) break;
    if (start > at) batch.push({ start: at, end: start, kind: 'hole', stored: 0 });
    at = Math.max(at, start);
    const stop = Math.min(range.end, start + length);
    const shift = start - offset;
    if (stop > at) {
      for await (const extents of source.extents({ start: at - shift, end: stop - shift })) {
        for (const one of extents) batch.push({ ...one, start: one.start + shift, end: one.end + shift });
        if (batch.length < BATCH_EXTENTS) continue;
        yield batch;
        batch = [];
      }
    }
    at = Math.max(at, stop);
  }
  if (at < range.end) batch.push({ start: at, end: range.end, kind: 'hole', stored: 0 });
  if (batch.length > 0) yield batch;
}

/** Sources one after another, as one. */
export function joinedSource(sources: readonly BlockSource[], name: string): BlockSource {
  let at = 0;
  const pieces = sources.map((source): SourcePiece => {
    const piece = { start: at, source, offset: 0, length: source.size };
    at += source.size;
    return piece;
  });
  return piecedSource(
    pieces.filter(({ length }) => length > 0),
    at,
    name,
  );
}
