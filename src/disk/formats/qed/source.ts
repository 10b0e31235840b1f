/**
 * A QED disk's content. The L1 table is in memory; L2 tables are read when they are needed, and the last ones used are
 * kept. Within the range of one L2 table, neighbouring clusters of a kind are joined before anything is read.
 */
import type { BlockExtent, BlockSource } from '../../../core/contracts/source.ts';
import { corrupt } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { IMAGE_CACHE_BYTES } from '../../../core/limits.ts';
import { allDone } from '../../../core/parallel.ts';
import { RecentlyUsed } from '../../../core/recently-used.ts';
import { readU64, viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { assertInside } from '../../../sources/file.ts';
import { UNALLOCATED, ZERO_CLUSTER } from './layout.ts';

export interface QedParts {
  readonly file: BlockSource;
  /** Bytes of the disk. */
  readonly size: number;
  readonly clusterBytes: number;
  readonly tableBytes: number;
  /** Bytes that the header takes: no cluster lies in them. */
  readonly headerBytes: number;
  /** Places of L2 tables, 0 where there is none. */
  readonly l1: Float64Array;
  readonly backing: BlockSource | null;
  readonly signal: AbortSignal;
  close(): Promise<void>;
}

/** A stretch of the disk; `place` is where the file has it. */
interface Piece extends ByteRange {
  readonly from: 'file' | 'zeros' | 'unallocated';
  readonly place: number;
}

/** Reads in flight per call. */
const MAX_PENDING = 64;

export class QedSource implements BlockSource {
  readonly size: number;
  readonly granularity = 512;
  private readonly parts: QedParts;
  /** By index in the L1 table, the longest unused first. */
  private readonly tables = new RecentlyUsed<number, DataView>(IMAGE_CACHE_BYTES);

  constructor(parts: QedParts) {
    this.parts = parts;
    this.size = parts.size;
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, 'qed');
    const { file, signal } = this.parts;
    let pending: Promise<void>[] = [];
    try {
      for await (const pieces of this.pieces(offset, offset + target.length)) {
        signal.throwIfAborted();
        for (const { start, end, from, place } of pieces) {
          const part = target.subarray(start - offset, end - offset);
          if (from === 'zeros') part.fill(0);
          else pending.push(from === 'file' ? file.read(part, place) : this.readBacking(part, start));
          if (pending.length < MAX_PENDING) continue;
          const batch = pending;
          pending = [];
          await allDone(batch);
        }
      }
    } finally {
      // Also when something failed: nothing writes to the caller's buffer after we have returned.
      await Promise.allSettled(pending);
    }
    await allDone(pending);
  }

  /** A backing file may be shorter than the disk. */
  private async readBacking(part: Uint8Array, offset: number): Promise<void> {
    const { backing } = this.parts;
    const inside = backing === null ? 0 : Math.max(0, Math.min(part.length, backing.size - offset));
    part.fill(0, inside);
    if (inside > 0) await backing!.read(part.subarray(0, inside), offset);
  }

  async *extents(range: ByteRange = { start: 0, end: this.size }): AsyncGenerator<readonly BlockExtent[]> {
    assertInside(range.end - range.start, range.start, this.size, 'qed');
    let open: BlockExtent | undefined;
    for await (const pieces of this.pieces(range.start, range.end)) {
      this.parts.signal.throwIfAborted();
      const batch: BlockExtent[] = [];
      const add = (next: BlockExtent): void => {
        // The backing file's data has no bytes in our file, and stays apart from data that has.
        if (open !== undefined && open.kind === next.kind && (open.stored === 0) === (next.stored === 0)) {
          open = { ...open, end: next.end, stored: open.stored + next.stored };
          return;
        }
        if (open !== undefined) batch.push(open);
        open = next;
      };
      for (const { start, end, from } of pieces) {
        if (from === 'file') add({ start, end, kind: 'data', stored: end - start });
        else if (from === 'zeros') add({ start, end, kind: 'zero', stored: 0 });
        else for await (const extent of this.backingExtents(start, end)) add(extent);
      }
      if (batch.length > 0) yield batch;
    }
    if (open !== undefined) yield [open];
  }

  private async *backingExtents(start: number, end: number): AsyncGenerator<BlockExtent> {
    const { backing } = this.parts;
    const inside = backing === null ? start : Math.max(start, Math.min(end, backing.size));
    if (backing !== null && inside > start) {
      for await (const batch of backing.extents({ start, end: inside }))
        for (const extent of batch)
          yield { start: extent.start, end: extent.end, kind: extent.kind, stored: 0 };
    }
    if (end > inside) yield { start: inside, end, kind: 'hole', stored: 0 };
  }

  /** The pieces of a range, in order and without gaps, a batch for each L2 table. */
  private async *pieces(start: number, end: number): AsyncGenerator<readonly Piece[]> {
    const { clusterBytes, tableBytes, l1 } = this.parts;
    const covered = (tableBytes / 8) * clusterBytes;
    for (let at = start; at < end; ) {
      const index = Math.floor(at / covered);
      const stop = Math.min(end, (index + 1) * covered);
      if (l1[index] === UNALLOCATED) yield [{ start: at, end: stop, from: 'unallocated', place: 0 }];
      else yield this.piecesOf(await this.table(index), index * covered, at, stop);
      at = stop;
    }
  }

  /** @param base where on the disk the table's range begins */
  private piecesOf(table: DataView, base: number, start: number, end: number): Piece[] {
    const { clusterBytes } = this.parts;
    const pieces: Piece[] = [];
    for (let at = start; at < end; ) {
      const cluster = Math.floor((at - base) / clusterBytes);
      const stop = Math.min(end, base + (cluster + 1) * clusterBytes);
      const entry = readU64(table, cluster * 8, true);
      const last = pieces.at(-1);
      if (entry === UNALLOCATED || entry === ZERO_CLUSTER) {
        const from = entry === ZERO_CLUSTER ? 'zeros' : 'unallocated';
        if (last?.from === from) pieces[pieces.length - 1] = { ...last, end: stop };
        else pieces.push({ start: at, end: stop, from, place: 0 });
      } else {
        const place = this.checked(entry, base + cluster * clusterBytes) + ((at - base) % clusterBytes);
        if (last?.from === 'file' && last.place + last.end - last.start === place)
          pieces[pieces.length - 1] = { ...last, end: stop };
        else pieces.push({ start: at, end: stop, from: 'file', place });
      }
      at = stop;
    }
    return pieces;
  }

  private checked(place: number, offset: number): number {
    const { clusterBytes, headerBytes, file, size } = this.parts;
    const needed = Math.min(clusterBytes, size - offset);
    if (place % clusterBytes !== 0 || place < headerBytes || place + needed > file.size) {
      throw corrupt(
        'QED_CLUSTER_OUT_OF_FILE',
        `the cluster of ${hex(offset)} at ${hex(place)} is not aligned or does not lie inside the file (${hex(file.size)})`,
        { advice: 'the file is truncated or damaged: copy it again' },
      );
    }
    return place;
  }

  private table(index: number): Promise<DataView> {
    return this.tables.get(index, this.parts.tableBytes, () => this.load(index));
  }

  private async load(index: number): Promise<DataView> {
    const { file, l1, tableBytes } = this.parts;
    const bytes = new Uint8Array(tableBytes);
    await file.read(bytes, l1[index]!);
    return viewOf(bytes);
  }

  close(): Promise<void> {
    return this.parts.close();
  }
}
