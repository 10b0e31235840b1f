/**
 * Files by their maps: runs of blocks with their place in a file, as every extent-based filesystem keeps them, and
 * the content of a file as a source over such runs.
 */
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import { unsupported } from '../core/errors.ts';
import type { ByteRange } from '../core/extents.ts';
import { MAX_FILE_EXTENTS } from '../core/limits.ts';
import { inParallel } from '../core/parallel.ts';
import { ExtentBatch } from './extent-batch.ts';
import { assertInside } from './file.ts';
import { doubled, RunList } from './runs.ts';

/** Reads of one call that may be in flight; fragments beyond it wait their turn. */
const PIECES_IN_FLIGHT = 32;

/** Runs of blocks with their owner and place in it. */
export class MappedRuns extends RunList {
  owner: Uint32Array<ArrayBuffer> = new Uint32Array(64);
  logical: Float64Array<ArrayBuffer> = new Float64Array(64);
  /** 1: allocated but never written, reads as zeros. */
  unwritten: Uint8Array<ArrayBuffer> = new Uint8Array(64);

  /** Appends, or extends the last run when this continues it. */
  push(owner: number, logical: number, start: number, length: number, unwritten: number): void {
    const last = this.count - 1;
    if (
      last >= 0 &&
      this.owner[last] === owner &&
      this.start[last]! + this.length[last]! === start &&
      this.logical[last]! + this.length[last]! === logical &&
      this.unwritten[last] === unwritten
    ) {
      this.length[last]! += length;
      return;
    }
    if (this.count >= MAX_FILE_EXTENTS) {
      throw unsupported('TOO_MANY_EXTENTS', `more than ${MAX_FILE_EXTENTS} extents`);
    }
    const index = this.add(start, length);
    this.owner[index] = owner;
    this.logical[index] = logical;
    this.unwritten[index] = unwritten;
  }

  protected override grow(): void {
    super.grow();
    this.owner = doubled(this.owner);
    this.logical = doubled(this.logical);
    this.unwritten = doubled(this.unwritten);
  }

  /** Indices in order of owner and logical block. */
  byOwner(): Uint32Array {
    const { owner, logical } = this;
    const order = Uint32Array.from({ length: this.count }, (_, index) => index);
    return order.sort((a, b) => owner[a]! - owner[b]! || logical[a]! - logical[b]! || a - b);
  }
}

/**
 * The content of a file whose map is `runs`, all of one owner and none overlapping; what no run covers is a hole.
 * @param name for errors: `inode 12`
 * @param size bytes; runs beyond it do not count
 */
export function mappedSource(
  source: BlockSource,
  name: string,
  size: number,
  blockSize: number,
  runs: MappedRuns,
): BlockSource {
  const order = runs.byOwner();
  const from = new Float64Array(order.length);
  const to = new Float64Array(order.length);
  const disk = new Float64Array(order.length);
  const unwritten = new Uint8Array(order.length);
  let count = 0;
  for (const run of order) {
    const start = runs.logical[run]! * blockSize;
    const end = Math.min(start + runs.length[run]! * blockSize, size);
    if (start >= end) continue;
    const place = runs.start[run]! * blockSize;
    const last = count - 1;
    // Index blocks may stand between the data blocks that they map, so runs join only here.
    if (
      last >= 0 &&
      to[last] === start &&
      disk[last]! + start - from[last]! === place &&
      unwritten[last] === runs.unwritten[run]
    ) {
      to[last] = end;
      continue;
    }
    from[count] = start;
    to[count] = end;
    disk[count] = place;
    unwritten[count++] = runs.unwritten[run]!;
  }
  return new MappedFile(source, name, size, blockSize, { count, from, to, disk, unwritten });
}

/** Runs of a file in bytes: [from, to) of the file stands at `disk`; what no run covers is a hole. */
interface FileMap {
  readonly count: number;
  readonly from: Float64Array;
  readonly to: Float64Array;
  readonly disk: Float64Array;
  readonly unwritten: Uint8Array;
}

class MappedFile implements BlockSource {
  readonly size: number;
  readonly granularity: number;
  private readonly source: BlockSource;
  private readonly name: string;
  private readonly map: FileMap;

  constructor(source: BlockSource, name: string, size: number, granularity: number, map: FileMap) {
    this.source = source;
    this.name = name;
    this.size = size;
    this.granularity = granularity;
    this.map = map;
  }

  /** Index of the first run that ends after `offset`. */
  private firstAfter(offset: number): number {
    let low = 0;
    let high = this.map.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.map.to[middle]! > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, this.name);
    const { count, from, to, disk, unwritten } = this.map;
    const end = offset + target.length;
    let done = offset;
    const jobs: (() => Promise<void>)[] = [];
    for (let run = this.firstAfter(offset); run < count && from[run]! < end; run++) {
      const start = Math.max(offset, from[run]!);
      const stop = Math.min(end, to[run]!);
      if (start > done) target.fill(0, done - offset, start - offset);
      done = stop;
      if (unwritten[run] === 1) target.fill(0, start - offset, stop - offset);
      else {
        const part = target.subarray(start - offset, stop - offset);
        jobs.push(() => this.source.read(part, disk[run]! + start - from[run]!));
      }
    }
    if (done < end) target.fill(0, done - offset);
    await inParallel(jobs, PIECES_IN_FLIGHT);
  }

  async *extents(range: ByteRange = { start: 0, end: this.size }): AsyncGenerator<readonly BlockExtent[]> {
    const { count, from, to, unwritten } = this.map;
    const batch = new ExtentBatch();
    let done = range.start;
    const push = (end: number, kind: BlockExtent['kind']): void => {
      if (end <= done) return;
      // Neighbours in the file that lie apart on the disk are one extent of the file.
      batch.add({ start: done, end, kind, stored: kind === 'data' ? end - done : 0 });
      done = end;
    };
    for (let run = this.firstAfter(range.start); run < count && from[run]! < range.end; run++) {
      push(Math.min(from[run]!, range.end), 'hole');
      push(Math.min(to[run]!, range.end), unwritten[run] === 1 ? 'zero' : 'data');
      const full = batch.takeFull();
      if (full !== undefined) yield full;
    }
    push(range.end, 'hole');
    const rest = batch.takeRest();
    if (rest !== undefined) yield rest;
  }

  async close(): Promise<void> {}
}
