/**
 * A volume put together from stretches of several sources: what LVM's segments and RAID's arrays say. A segment
 * lies in one stretch, or in several of the same length that take turns in stripes (device-mapper's `linear` and
 * `striped` targets). Reads and maps go piece by piece; a range that covers whole rows of stripes is mapped to one
 * range per stripe, so that a large volume in small stripes stays a handful of ranges.
 */
import type { MemberRange } from '../core/contracts/disk.ts';
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import type { ByteRange } from '../core/extents.ts';
import { assertInside } from './file.ts';

/** Where one stripe begins. */
export interface Stripe {
  readonly member: number;
  readonly start: number;
}

export interface SpanSegment {
  /** Of the volume. */
  readonly start: number;
  readonly end: number;
  /** One for a linear segment. */
  readonly stripes: readonly Stripe[];
  /** Bytes that one stripe takes before the next has its turn; the segment is whole rows of them. */
  readonly stripeBytes: number;
}

/** A piece of the volume with its place. */
interface Piece extends MemberRange {
  /** Its offset in the volume. */
  readonly at: number;
}

/** Reads in flight per call. */
const MAX_PENDING = 64;
const BATCH_EXTENTS = 4096;

export interface SpannedSource extends BlockSource {
  toMembers(range: ByteRange): MemberRange[];
}

/**
 * @param name for messages
 * @param segments ascending, gapless from 0, none empty
 * @param members by position; those that segments mention must be there
 */
export function spannedSource(
  name: string,
  segments: readonly SpanSegment[],
  members: readonly (BlockSource | null)[],
): SpannedSource {
  const size = segments.at(-1)?.end ?? 0;
  return {
    size,
    granularity: 512,
    async read(target, offset) {
      assertInside(target.length, offset, size, name);
      let pending: Promise<void>[] = [];
      try {
        for (const { member, start, end, at } of piecesOf(segments, {
          start: offset,
          end: offset + target.length,
        })) {
          pending.push(members[member]!.read(target.subarray(at - offset, at - offset + end - start), start));
          if (pending.length >= MAX_PENDING) {
            await Promise.all(pending);
            pending = [];
          }
        }
        await Promise.all(pending);
      } finally {
        // Also when something failed: nothing writes to the caller's buffer after we have returned.
        await Promise.allSettled(pending);
      }
    },
    async *extents(range: ByteRange = { start: 0, end: size }) {
      assertInside(range.end - range.start, range.start, size, name);
      const merged = new Merger();
      for (const { member, start, end, at } of piecesOf(segments, range)) {
        for await (const batch of members[member]!.extents({ start, end })) {
          for (const extent of batch) merged.add(extent, at - start);
        }
        if (merged.length > BATCH_EXTENTS) yield merged.take();
      }
      yield merged.take(true);
    },
    toMembers(range) {
      assertInside(range.end - range.start, range.start, size, name);
      const ranges: MemberRange[] = [];
      for (const { start, end, segment } of cut(segments, range)) addRanges(ranges, segment, start, end);
      return ranges;
    },
    async close() {},
  };
}

/** Joins neighbours of a kind, as a map demands; the last one stays open until it is asked for. */
class Merger {
  private done: BlockExtent[] = [];

  get length(): number {
    return this.done.length;
  }

  add(extent: BlockExtent, by: number): void {
    const moved = { ...extent, start: extent.start + by, end: extent.end + by };
    const last = this.done.at(-1);
    if (last !== undefined && last.kind === moved.kind && !last.compressed && !moved.compressed) {
      this.done[this.done.length - 1] = { ...last, end: moved.end, stored: last.stored + moved.stored };
    } else this.done.push(moved);
  }

  take(all = false): BlockExtent[] {
    const taken = this.done;
    this.done = all ? [] : taken.splice(-1);
    return taken;
  }
}

/** The parts of segments that a range covers, in order. */
function* cut(
  segments: readonly SpanSegment[],
  range: ByteRange,
): Generator<ByteRange & { segment: SpanSegment }> {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (segments[middle]!.end > range.start) high = middle;
    else low = middle + 1;
  }
  for (let i = low; i < segments.length && segments[i]!.start < range.end; i++) {
    const segment = segments[i]!;
    const start = Math.max(segment.start, range.start);
    const end = Math.min(segment.end, range.end);
    if (end > start) yield { start, end, segment };
  }
}

function* piecesOf(segments: readonly SpanSegment[], range: ByteRange): Generator<Piece> {
  for (const { start, end, segment } of cut(segments, range)) yield* piecesIn(segment, start, end);
}

/** In order; each within one stripe's turn. */
function* piecesIn(
  { start: origin, stripes, stripeBytes }: SpanSegment,
  from: number,
  to: number,
): Generator<Piece> {
  if (stripes.length === 1) {
    const { member, start } = stripes[0]!;
    yield { member, start: start + (from - origin), end: start + (to - origin), at: from };
    return;
  }
  for (let at = from; at < to; ) {
    const turn = Math.floor((at - origin) / stripeBytes);
    const within = at - origin - turn * stripeBytes;
    const { member, start } = stripes[turn % stripes.length]!;
    const place = start + Math.floor(turn / stripes.length) * stripeBytes + within;
    const length = Math.min(to - at, stripeBytes - within);
    yield { member, start: place, end: place + length, at };
    at += length;
  }
}

function addRanges(ranges: MemberRange[], segment: SpanSegment, from: number, to: number): void {
  const { start: origin, stripes, stripeBytes } = segment;
  const row = stripeBytes * stripes.length;
  const firstRow = Math.ceil((from - origin) / row);
  const lastRow = Math.floor((to - origin) / row);
  const isWhole = stripes.length > 1 && lastRow > firstRow;
  const head = isWhole ? origin + firstRow * row : to;
  for (const { member, start, end } of piecesIn(segment, from, head)) ranges.push({ member, start, end });
  if (!isWhole) return;
  for (const { member, start } of stripes)
    ranges.push({ member, start: start + firstRow * stripeBytes, end: start + lastRow * stripeBytes });
  for (const { member, start, end } of piecesIn(segment, origin + lastRow * row, to))
    ranges.push({ member, start, end });
}
