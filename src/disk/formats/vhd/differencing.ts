/**
 * A differencing disk: sectors that a block's bitmap calls present are its own, the rest is the parent's.
 *
 * A bit is set for a sector that was written, the most significant bit of a byte first. The runs of a block are
 * worked out once and kept for the blocks used last; a read then walks runs, not bits.
 */
import type { BlockExtent, BlockSource } from '../../../core/contracts/source.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { assertInside } from '../../../sources/file.ts';
import { SECTOR } from './layout.ts';

export interface DifferencingParts {
  readonly size: number;
  readonly blockBytes: number;
  readonly bitmapBytes: number;
  /** Where a block's data begins, behind its bitmap; negative when the block is absent. */
  place(block: number): number;
  outside(block: number, place: number): Error;
  readonly file: BlockSource;
  readonly parent: BlockSource;
  readonly signal: AbortSignal;
  close(): Promise<void>;
}

/** A stretch of a block: bytes from its beginning. */
interface Run {
  readonly start: number;
  readonly end: number;
  readonly own: boolean;
}

/** Blocks whose runs are kept: 32 GiB of disk at 2 MiB a block is 16384; a walk needs a handful. */
const KEPT_BLOCKS = 256;

export class DifferencingSource implements BlockSource {
  readonly size: number;
  readonly granularity = SECTOR;
  private readonly parts: DifferencingParts;
  private readonly kept = new Map<number, Promise<readonly Run[]>>();

  constructor(parts: DifferencingParts) {
    this.parts = parts;
    this.size = parts.size;
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, 'vhd');
    const { blockBytes, file, signal } = this.parts;
    const end = offset + target.length;
    for (let at = offset; at < end; ) {
      signal.throwIfAborted();
      const block = Math.floor(at / blockBytes);
      const base = block * blockBytes;
      const stop = Math.min(end, base + blockBytes);
      const place = this.parts.place(block);
      const pending: Promise<void>[] = [];
      for (const run of await this.runs(block)) {
        const from = Math.max(at, base + run.start);
        const to = Math.min(stop, base + run.end);
        if (to <= from) continue;
        const part = target.subarray(from - offset, to - offset);
        pending.push(run.own ? file.read(part, place + from - base) : this.readParent(part, from));
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
    assertInside(range.end - range.start, range.start, this.size, 'vhd');
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
        if (run.own) add({ start, end, kind: 'data', stored: end - start });
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
    const known = this.kept.get(block);
    if (known !== undefined) return known;
    const loading = this.loadRuns(block);
    loading.catch(() => this.kept.delete(block));
    this.kept.set(block, loading);
    if (this.kept.size > KEPT_BLOCKS) this.kept.delete(this.kept.keys().next().value!);
    return loading;
  }

  private async loadRuns(block: number): Promise<readonly Run[]> {
    const { blockBytes, bitmapBytes, file } = this.parts;
    const length = Math.min(blockBytes, this.size - block * blockBytes);
    const place = this.parts.place(block);
    if (place < 0) return [{ start: 0, end: length, own: false }];
    if (place + length > file.size) throw this.parts.outside(block, place);
    const bitmap = new Uint8Array(bitmapBytes);
    await file.read(bitmap, place - bitmapBytes);
    const runs: Run[] = [];
    const sectors = Math.ceil(length / SECTOR);
    for (let first = 0; first < sectors; ) {
      const own = isSet(bitmap, first);
      let next = first + 1;
      while (next < sectors && isSet(bitmap, next) === own) next++;
      runs.push({ start: first * SECTOR, end: Math.min(length, next * SECTOR), own });
      first = next;
    }
    return runs;
  }

  close(): Promise<void> {
    return this.parts.close();
  }
}

function isSet(bitmap: Uint8Array, sector: number): boolean {
  return (bitmap[sector >> 3]! & (0x80 >> (sector & 7))) !== 0;
}

/** Data of the parent has no bytes in our file, and stays apart from data that has. */
function joins(a: BlockExtent, b: BlockExtent): boolean {
  return a.kind === b.kind && (a.stored === 0) === (b.stored === 0);
}
