/**
 * Sets of half-open byte ranges, and their algebra.
 *
 * A set is kept normal: ascending, disjoint, never empty, never touching (touching ranges are one range), as
 * pairs in one flat array [start0, end0, start1, end1, …]. Bitmaps of a filesystem yield hundreds of thousands
 * of ranges; the flat form costs 16 bytes each and every operation is one merge pass.
 *
 * Rounding has a direction that matters: what will be dropped is aligned inward, what must be kept is aligned
 * outward. There is no third way to align.
 */

/** Half-open: `start` belongs to it, `end` does not. */
export interface ByteRange {
  start: number;
  end: number;
}

export class ExtentSet {
  /** Normal form; built by `ExtentBuilder` and the operations below. */
  private readonly bounds: readonly number[];
  /** Number of ranges. */
  readonly count: number;

  private constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.count = bounds.length / 2;
  }

  static readonly empty: ExtentSet = new ExtentSet([]);

  /** From ranges in any order, overlapping or not; empty ranges are dropped. */
  static from(ranges: Iterable<ByteRange>): ExtentSet {
    const sorted = [...ranges].filter((range) => range.end > range.start).sort((a, b) => a.start - b.start);
    const builder = new ExtentBuilder();
    for (const range of sorted) builder.add(range.start, range.end);
    return builder.build();
  }

  static of(start: number, end: number): ExtentSet {
    return end > start ? new ExtentSet([start, end]) : ExtentSet.empty;
  }

  /** For ExtentBuilder: trusts that `bounds` is normal. */
  static normal(bounds: readonly number[]): ExtentSet {
    return bounds.length === 0 ? ExtentSet.empty : new ExtentSet(bounds);
  }

  get isEmpty(): boolean {
    return this.bounds.length === 0;
  }

  /** Sum of lengths. */
  get total(): number {
    let sum = 0;
    for (let i = 0; i < this.bounds.length; i += 2) sum += this.bounds[i + 1]! - this.bounds[i]!;
    return sum;
  }

  startOf(index: number): number {
    return this.bounds[2 * index]!;
  }

  endOf(index: number): number {
    return this.bounds[2 * index + 1]!;
  }

  *[Symbol.iterator](): Generator<ByteRange> {
    for (let i = 0; i < this.bounds.length; i += 2)
      yield { start: this.bounds[i]!, end: this.bounds[i + 1]! };
  }

  /** Index of the first range that ends after `offset`; `count` when there is none. */
  indexAfter(offset: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.bounds[2 * middle + 1]! > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  contains(offset: number): boolean {
    const index = this.indexAfter(offset);
    return index < this.count && this.bounds[2 * index]! <= offset;
  }

  /** Bytes of [start, end) that are in the set. */
  overlap(start: number, end: number): number {
    let sum = 0;
    for (let i = this.indexAfter(start); i < this.count && this.bounds[2 * i]! < end; i++) {
      sum += Math.min(end, this.bounds[2 * i + 1]!) - Math.max(start, this.bounds[2 * i]!);
    }
    return sum;
  }

  union(other: ExtentSet): ExtentSet {
    const builder = new ExtentBuilder();
    let i = 0;
    let j = 0;
    while (i < this.count || j < other.count) {
      if (j >= other.count || (i < this.count && this.startOf(i) <= other.startOf(j))) {
        builder.add(this.startOf(i), this.endOf(i));
        i++;
      } else {
        builder.add(other.startOf(j), other.endOf(j));
        j++;
      }
    }
    return builder.build();
  }

  intersect(other: ExtentSet): ExtentSet {
    const builder = new ExtentBuilder();
    let i = 0;
    let j = 0;
    while (i < this.count && j < other.count) {
      const start = Math.max(this.startOf(i), other.startOf(j));
      const end = Math.min(this.endOf(i), other.endOf(j));
      if (end > start) builder.add(start, end);
      if (this.endOf(i) < other.endOf(j)) i++;
      else j++;
    }
    return builder.build();
  }

  subtract(other: ExtentSet): ExtentSet {
    const builder = new ExtentBuilder();
    let j = 0;
    for (let i = 0; i < this.count; i++) {
      let start = this.startOf(i);
      const end = this.endOf(i);
      while (j < other.count && other.endOf(j) <= start) j++;
      let k = j;
      while (k < other.count && other.startOf(k) < end) {
        if (other.startOf(k) > start) builder.add(start, other.startOf(k));
        start = Math.max(start, other.endOf(k));
        k++;
      }
      if (end > start) builder.add(start, end);
    }
    return builder.build();
  }

  /** What of [start, end) is not in the set. */
  complement(start: number, end: number): ExtentSet {
    return ExtentSet.of(start, end).subtract(this);
  }

  clip(start: number, end: number): ExtentSet {
    return this.intersect(ExtentSet.of(start, end));
  }

  shift(by: number): ExtentSet {
    return by === 0 ? this : new ExtentSet(this.bounds.map((bound) => bound + by));
  }

  /** Shrinks every range to whole units of `unit` bytes: for what will be dropped. */
  alignInward(unit: number): ExtentSet {
    const builder = new ExtentBuilder();
    for (let i = 0; i < this.count; i++) {
      builder.add(Math.ceil(this.startOf(i) / unit) * unit, Math.floor(this.endOf(i) / unit) * unit);
    }
    return builder.build();
  }

  /** Grows every range to whole units of `unit` bytes: for what must be kept. */
  alignOutward(unit: number): ExtentSet {
    const builder = new ExtentBuilder();
    for (let i = 0; i < this.count; i++) {
      builder.add(Math.floor(this.startOf(i) / unit) * unit, Math.ceil(this.endOf(i) / unit) * unit);
    }
    return builder.build();
  }
}

/** Builds a set from ranges that come in ascending order of start (they may touch or overlap). */
export class ExtentBuilder {
  private readonly bounds: number[] = [];

  /** Adds [start, end); an empty range is ignored. @throws RangeError when `start` goes backwards. */
  add(start: number, end: number): void {
    if (end <= start) return;
    const last = this.bounds.length - 1;
    if (last > 0) {
      if (start < this.bounds[last - 1]!) throw new RangeError(`extent at ${start} is out of order`);
      if (start <= this.bounds[last]!) {
        if (end > this.bounds[last]!) this.bounds[last] = end;
        return;
      }
    }
    this.bounds.push(start, end);
  }

  build(): ExtentSet {
    return ExtentSet.normal(this.bounds);
  }
}
