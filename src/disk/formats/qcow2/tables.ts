/**
 * L1 and L2 tables.
 *
 * The L1 table stays in memory (32 MiB at most). L2 tables stand in an LRU of bounded bytes, kept as they lie
 * on disk: decoding an entry takes two 32-bit reads, so an unpacked form would only cost memory. A table that
 * is being read is in the cache as a promise, so that concurrent readers of it hit the disk once; tables that
 * lie near each other in the file come with one host read, which matters most where clusters are small and an
 * L2 table of 512 bytes maps 32 KiB.
 */
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt } from '../../../core/errors.ts';
import { MAX_READ_BYTES } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { DAMAGED_ADVICE, type Header, TRUNCATED_ADVICE } from './header.ts';
import { L1_RESERVED_HIGH, L1_RESERVED_LOW, OFFSET_HIGH_MASK, OFFSET_LOW_MASK } from './layout.ts';

const TWO_32 = 2 ** 32;
/** Tables closer than this are read together: a further request costs more than these bytes. */
const MAX_GAP = 64 * 1024;
const MAX_JOINED_READ = 1024 * 1024;

/** One L2 table. */
export interface L2Table {
  /** Its index in the L1 table. */
  readonly index: number;
  readonly view: DataView;
}

/** Reads `length` bytes at `offset` in pieces that respect MAX_READ_BYTES. */
export async function readWhole(file: BlockSource, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += MAX_READ_BYTES) {
    await file.read(bytes.subarray(at, Math.min(length, at + MAX_READ_BYTES)), offset + at);
  }
  return bytes;
}

/** Cuts tables, sorted by offset, into runs that are worth one read each. */
export function* joinNeighbours<T extends { readonly offset: number }>(
  sorted: readonly T[],
  size: number,
): Generator<readonly T[]> {
  for (let i = 0; i < sorted.length; ) {
    const start = sorted[i]!.offset;
    let next = i + 1;
    while (
      next < sorted.length &&
      sorted[next]!.offset - (sorted[next - 1]!.offset + size) <= MAX_GAP &&
      sorted[next]!.offset + size - start <= MAX_JOINED_READ
    ) {
      next++;
    }
    yield sorted.slice(i, next);
    i = next;
  }
}

/** An L1 table: the active one, or a snapshot's. */
export class L1Table {
  readonly entries: number;
  private readonly view: DataView;
  private readonly header: Header;

  constructor(bytes: Uint8Array, header: Header) {
    this.view = viewOf(bytes);
    this.entries = bytes.length / 8;
    this.header = header;
  }

  /**
   * Where the L2 table of this index lies; 0 when there is none.
   * @throws ImgoptError `corrupt` when it is misaligned, has reserved bits set or leaves the file
   */
  offsetOf(index: number): number {
    const high = this.view.getUint32(index * 8);
    const low = this.view.getUint32(index * 8 + 4);
    if (high === 0 && low === 0) return 0;
    const { clusterSize, fileSize, l1Offset, l1Size } = this.header;
    if ((high & L1_RESERVED_HIGH) !== 0 || (low & L1_RESERVED_LOW) !== 0) {
      throw corrupt('QCOW2_L1_RESERVED_BITS', `L1 entry ${index} has reserved bits set`, {
        advice: DAMAGED_ADVICE,
      });
    }
    const offset = (high & OFFSET_HIGH_MASK) * TWO_32 + ((low & OFFSET_LOW_MASK) >>> 0);
    if (offset === 0) return 0;
    const say = `L2 table ${index} points to ${hex(offset)}`;
    if (offset % clusterSize !== 0) {
      throw corrupt('QCOW2_L2_MISALIGNED', `${say}, which is not aligned to a cluster`, {
        advice: DAMAGED_ADVICE,
      });
    }
    if (offset + clusterSize > fileSize) {
      throw corrupt('QCOW2_L2_OUT_OF_FILE', `${say}, past the end of the file (${hex(fileSize)})`, {
        advice: TRUNCATED_ADVICE,
      });
    }
    if (offset < l1Offset + l1Size * 8 && offset + clusterSize > l1Offset) {
      throw corrupt('QCOW2_L2_OVERLAP', `${say}, into the L1 table`, { advice: DAMAGED_ADVICE });
    }
    return offset;
  }
}

/** The L2 tables of the active L1 table, through a cache. */
export class L2Tables {
  readonly l1: L1Table;
  private readonly file: BlockSource;
  private readonly clusterSize: number;
  private readonly capacity: number;
  /** By L1 index, least recently used first. */
  private readonly cache = new Map<number, L2Table | Promise<L2Table>>();

  /** `cacheBytes` bounds what is kept; one table is always kept. */
  constructor(file: BlockSource, header: Header, l1: L1Table, cacheBytes: number) {
    this.file = file;
    this.l1 = l1;
    this.clusterSize = header.clusterSize;
    this.capacity = Math.max(1, Math.floor(cacheBytes / header.clusterSize));
  }

  /** Tables that `loadAll` may be asked for at once, so that they all fit and one read stays of modest size. */
  get groupSize(): number {
    return Math.max(1, Math.min(this.capacity, Math.floor(MAX_JOINED_READ / this.clusterSize)));
  }

  /**
   * The table of an L1 index: null when it is not allocated; a promise only when it must be read.
   * @throws ImgoptError `corrupt` when the L1 entry is bad
   */
  get(index: number): L2Table | null | Promise<L2Table> {
    const known = this.cache.get(index);
    if (known !== undefined) {
      this.cache.delete(index);
      this.cache.set(index, known);
      return known;
    }
    const offset = this.l1.offsetOf(index);
    if (offset === 0) return null;
    this.readRun([index], offset, offset + this.clusterSize, [offset]);
    return this.cache.get(index)!;
  }

  /**
   * Tables `first` … `last`, those near each other in the file read together.
   * @throws ImgoptError `corrupt` when one of their L1 entries is bad
   */
  async loadAll(first: number, last: number): Promise<(L2Table | null)[]> {
    const missing: { index: number; offset: number }[] = [];
    for (let index = first; index <= last; index++) {
      if (this.cache.has(index)) continue;
      const offset = this.l1.offsetOf(index);
      if (offset !== 0) missing.push({ index, offset });
    }
    missing.sort((a, b) => a.offset - b.offset);
    for (const run of joinNeighbours(missing, this.clusterSize)) {
      const start = run[0]!.offset;
      this.readRun(
        run.map((table) => table.index),
        start,
        run.at(-1)!.offset + this.clusterSize,
        run.map((table) => table.offset),
      );
    }
    const tables: (L2Table | null | Promise<L2Table>)[] = [];
    for (let index = first; index <= last; index++) tables.push(this.get(index));
    return Promise.all(tables);
  }

  /** Starts one read of [start, end) and files the tables in it, first as promises. */
  private readRun(indices: readonly number[], start: number, end: number, offsets: readonly number[]): void {
    const bytes = new Uint8Array(end - start);
    const reading = this.file.read(bytes, start);
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i]!;
      const at = offsets[i]! - start;
      const promise = reading.then(
        () => {
          // A copy where the read held more: a view would keep all of it alive after eviction of the others.
          const part =
            indices.length === 1 && bytes.length === this.clusterSize
              ? bytes
              : bytes.slice(at, at + this.clusterSize);
          const table = { index, view: viewOf(part) };
          if (this.cache.get(index) === promise) this.cache.set(index, table);
          return table;
        },
        (error: unknown) => {
          if (this.cache.get(index) === promise) this.cache.delete(index);
          throw error;
        },
      );
      promise.catch(() => {}); // whoever waits for it sees the failure; nobody waiting is no bug
      this.cache.set(index, promise);
    }
    for (const key of this.cache.keys()) {
      if (this.cache.size <= this.capacity) break;
      this.cache.delete(key);
    }
  }
}
