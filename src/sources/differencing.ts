/**
 * A differencing disk in blocks: some sectors of a block are its own, the rest is the parent's. Which are, the
 * format says (VHD's and VHDX's bitmaps); the runs of a block are worked out once and kept for the blocks used last,
 * and a read then walks runs, not bits.
 */
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import type { ByteRange } from '../core/extents.ts';
import { RecentlyUsed } from '../core/recently-used.ts';
import { assertInside } from './file.ts';

export interface DifferencingParts {
  /** For messages: `vhd`. */
  readonly name: string;
  readonly size: number;
  readonly blockBytes: number;
  /** Where in the file a block's data begins; not asked for blocks without runs of their own. */
  place(block: number): number;
  /** The runs of a block, in order and without gaps, `length` bytes in all. */
  runs(block: number, length: number): Promise<readonly Run[]>;
  readonly file: BlockSource;
  readonly parent: BlockSource;
  readonly signal: AbortSignal;
  close(): Promise<void>;
}

/** A stretch of a block: bytes from its beginning. */
export interface Run {
  readonly start: number;
  readonly end: number;
  readonly from: 'file' | 'parent' | 'zeros';
}

/**
 * The runs that a bitmap says: `file` where the bit of a sector is set, `parent` where it is not.
 * @param isSet whether the block's sector number `sector` is present
 */
export function runsOf(length: number, sectorBytes: number, isSet: (sector: number) => boolean): Run[] {
  const runs: Run[] = [];
  const sectors = Math.ceil(length / sectorBytes);
  for (let first = 0; first < sectors; ) {
    const own = isSet(first);
    let next = first + 1;
    while (next < sectors && isSet(next) === own) next++;
    const end = Math.min(length, next * sectorBytes);
    runs.push({ start: first * sectorBytes, end, from: own ? 'file' : 'parent' });
    first = next;
  }
  return runs;
}

/** Blocks whose runs are kept: 32 GiB of disk at 2 MiB a block is 16384; a walk needs a handful. */
const KEPT_BLOCKS = 256;

export class DifferencingSource implements BlockSource {
  readonly size: number;
  readonly granularity = 512;
  private readonly parts: DifferencingParts;
  private readonly kept = new RecentlyUsed<number, readonly Run[]>(KEPT_BLOCKS);

  constructor(parts: DifferencingParts) {
    this.parts = parts;
    this.size = parts.size;
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, this.parts.name);
    const { blockBytes, file, signal } = this.parts;
    const end = offset + target.length;
    for (let at = offset; at < end; ) {
      signal.throwIfAborted();
      const block = Math.floor(at / blockBytes);
      const base = block * blockBytes;
      const stop = Math.min(end, base + blockBytes);
      const pending: Promise<void>[] = [];
      for (const run of await this.runs(block)) {
        const from = Math.max(at, base + run.start);
        const to = Math.min(stop, base + run.end);
        if (to <= from) continue;
        const part = target.subarray(from - offset, to - offset);
        if (run.from === 'zeros') part.fill(0);
        else if (run.from === 'parent') pending.push(this.readParent(part, from));
        else pending.push(file.read(part, this.parts.place(block) + from - base));
      }
      for (const result of await Promise.allSettled(pending)) {
        if (result.status === 'rejected') throw result.reason;
      }
      at = stop;
    }
  }

  /** A parent may be shorter than its child. */
  private async readParent(part: Uint8Array, offset: number): Promise<void> {
    const { parent } = this.parts;
    const inside = Math.max(0, Math.min(part.length, parent.size - offset));
    part.fill(0, inside);
    if (inside > 0) await parent.read(part.subarray(0, inside), offset);
  }

  async *extents(range: ByteRange = { start: 0, end: this.size }): AsyncGenerator<readonly BlockExtent[]> {
    assertInside(range.end - range.start, range.start, this.size, this.parts.name);
    const { blockBytes, signal } = this.parts;
    let last: BlockExtent | undefined;
    let batch: BlockExtent[] = [];
    const add = (next: BlockExtent): void => {
      if (last !== undefined && joins(last, next)) {
        last = { ...last, end: next.end, stored: last.stored + next.stored };
        return;
      }
      if (last !== undefined) batch.push(last);
      last = next;
    };
    for (let at = range.start; at < range.end; ) {
      signal.throwIfAborted();
      const block = Math.floor(at / blockBytes);
      const base = block * blockBytes;
      const stop = Math.min(range.end, base + blockBytes);
      for (const run of await this.runs(block)) {
        const start = Math.max(at, base + run.start);
        const end = Math.min(stop, base + run.end);
        if (end <= start) continue;
        if (run.from === 'file') add({ start, end, kind: 'data', stored: end - start });
        else if (run.from === 'zeros') add({ start, end, kind: 'zero', stored: 0 });
        else for await (const extent of this.parentExtents(start, end)) add(extent);
      }
      at = stop;
      if (batch.length > 0) yield batch;
      batch = [];
    }
    if (last !== undefined) yield [last];
  }

  /** Of the parent's data, nothing is stored in our file. */
  private async *parentExtents(start: number, end: number): AsyncGenerator<BlockExtent> {
    const { parent } = this.parts;
    const inside = Math.max(start, Math.min(end, parent.size));
    if (inside > start) {
      for await (const batch of parent.extents({ start, end: inside })) {
        for (const { start: from, end: to, kind } of batch) yield { start: from, end: to, kind, stored: 0 };
      }
    }
    if (end > inside) yield { start: inside, end, kind: 'hole', stored: 0 };
  }

  private runs(block: number): Promise<readonly Run[]> {
    const { parts } = this;
    const { blockBytes } = parts;
    return this.kept.get(block, 1, () =>
      parts.runs(block, Math.min(blockBytes, this.size - block * blockBytes)),
    );
  }

  close(): Promise<void> {
    return this.parts.close();
  }
}

/** Data of the parent has no bytes in our file, and stays apart from data that has. */
function joins(a: BlockExtent, b: BlockExtent): boolean {
  return a.kind === b.kind && (a.stored === 0) === (b.stored === 0);
}
