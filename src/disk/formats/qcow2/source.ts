/**
 * The guest's disk as a BlockSource.
 *
 * A read walks L2 entries to runs (entries.ts) and turns them into as few host reads as possible, each straight
 * into its part of the caller's buffer, all in flight together; compressed clusters go to clusters.ts. With its
 * L2 table cached, a read reaches the host without a single await in between.
 *
 * A map (`extents`) walks the same runs in batches; stretches that the overlay leaves to its backing file are
 * asked of that file's own map, in one pass per batch beside ours.
 */
import type {
  BlockExtent,
  BlockSource,
  StoredBytes,
  StoredCodec,
  StoredPlace,
} from '../../../core/contracts/source.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { IMAGE_CACHE_BYTES } from '../../../core/limits.ts';
import { assertInside } from '../../../sources/file.ts';
import { CompressedClusters, type Want } from './clusters.ts';
import { EntryReader, RUN, Runs } from './entries.ts';
import type { Header } from './header.ts';
import { type L1Table, type L2Table, L2Tables } from './tables.ts';

/** Guest clusters that one step of a walk looks at: bounds the runs in memory (times 32 with subclusters). */
const STEP_ENTRIES = 4096;
/** A batch of a map is handed on once it has this many runs. */
const BATCH_RUNS = 16 * 1024;
/** Host reads that one call keeps in flight. */
const MAX_PENDING = 256;

export interface Qcow2Parts {
  readonly header: Header;
  /** The image file: metadata, and guest data unless there is a data file. */
  readonly file: BlockSource;
  readonly l1: L1Table;
  /** The external data file. */
  readonly dataFile: BlockSource | null;
  readonly backing: BlockSource | null;
  readonly signal: AbortSignal;
  /** That may decode compressed clusters. */
  readonly threads: number;
  close(): Promise<void>;
}

export class Qcow2Source implements BlockSource {
  readonly size: number;
  readonly granularity: number;
  private readonly parts: Qcow2Parts;
  private readonly header: Header;
  private readonly data: BlockSource;
  private readonly tables: L2Tables;
  private readonly entries: EntryReader;
  private readonly clusters: CompressedClusters;
  /** Scratch of `read`: filled and used up without an await in between. */
  private readonly runs = new Runs();

  constructor(parts: Qcow2Parts) {
    const { header, file } = parts;
    this.parts = parts;
    this.header = header;
    this.size = header.virtualSize;
    this.granularity = header.clusterSize;
    this.data = parts.dataFile ?? file;
    this.tables = new L2Tables(file, header, parts.l1, IMAGE_CACHE_BYTES / 2);
    this.entries = new EntryReader(header, this.data.size);
    this.clusters = new CompressedClusters(file, header, IMAGE_CACHE_BYTES / 2, parts.threads);
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, 'qcow2');
    const end = offset + target.length;
    const pending = new Pending();
    try {
      for (let at = offset; at < end; ) {
        const { first, last } = this.group(at, end);
        const single = first === last ? this.tables.get(first) : null;
        if (single !== null && !(single instanceof Promise)) {
          at = await this.readTable(single, first, target, offset, at, end, pending);
          continue;
        }
        const tables = await this.tables.loadAll(first, last);
        for (let index = first; index <= last; index++) {
          at = await this.readTable(tables[index - first]!, index, target, offset, at, end, pending);
        }
      }
    } finally {
      await pending.settle();
    }
    pending.throwFirst();
  }

  /** L1 indices that one step of a walk over [at, end) takes together. */
  private group(at: number, end: number): { first: number; last: number } {
    const first = Math.floor(at / this.header.l2Span);
    const last = Math.floor((end - 1) / this.header.l2Span);
    return { first, last: Math.min(last, first + this.tables.groupSize - 1) };
  }

  /** Starts the reads for what `table` maps of [at, end); returns where it stopped. */
  private async readTable(
    table: L2Table | null,
    index: number,
    target: Uint8Array,
    offset: number,
    at: number,
    end: number,
    pending: Pending,
  ): Promise<number> {
    const tableEnd = Math.min(end, (index + 1) * this.header.l2Span);
    if (table === null) {
      this.readBacking(target.subarray(at - offset, tableEnd - offset), at, pending);
      return tableEnd;
    }
    let from = at;
    while (from < tableEnd) {
      const to = Math.min(tableEnd, from + STEP_ENTRIES * this.header.clusterSize);
      this.runs.count = 0;
      this.entries.collect(this.runs, table, from, to);
      this.startReads(this.runs, target, offset, pending);
      if (pending.count > MAX_PENDING) await pending.settle();
      from = to;
    }
    return tableEnd;
  }

  private startReads(runs: Runs, target: Uint8Array, offset: number, pending: Pending): void {
    let wants: Want[] | undefined;
    for (let i = 0; i < runs.count; i++) {
      const start = runs.start[i]!;
      const part = target.subarray(start - offset, runs.end[i]! - offset);
      const host = runs.host[i]!;
      switch (runs.kind[i]!) {
        case RUN.data: {
          const inside = Math.min(part.length, this.data.size - host);
          if (inside < part.length) part.fill(0, inside);
          pending.add(this.data.read(inside < part.length ? part.subarray(0, inside) : part, host));
          break;
        }
        case RUN.compressed:
          wants ??= [];
          wants.push({
            host,
            packed: runs.packed[i]!,
            from: start % this.header.clusterSize,
            target: part,
          });
          break;
        case RUN.zero:
          part.fill(0);
          break;
        default:
          this.readBacking(part, start, pending);
      }
    }
    if (wants !== undefined) pending.add(this.clusters.read(wants));
  }

  private readBacking(part: Uint8Array, start: number, pending: Pending): void {
    const { backing } = this.parts;
    const inside = backing === null ? 0 : Math.max(0, Math.min(part.length, backing.size - start));
    if (inside < part.length) part.fill(0, inside);
    if (inside > 0) pending.add(backing!.read(inside < part.length ? part.subarray(0, inside) : part, start));
  }

  async *extents(
    range: ByteRange = { start: 0, end: this.size },
  ): AsyncGenerator<readonly BlockExtent[], void, undefined> {
    assertInside(range.end - range.start, range.start, this.size, 'qcow2');
    const { l2Span, clusterSize } = this.header;
    const joiner = new Joiner();
    const runs = new Runs();
    let at = range.start;
    while (at < range.end) {
      this.parts.signal.throwIfAborted();
      const { first, last } = this.group(at, range.end);
      const tables = await this.tables.loadAll(first, last);
      for (let index = first; index <= last; index++) {
        const table = tables[index - first]!;
        const tableEnd = Math.min(range.end, (index + 1) * l2Span);
        while (at < tableEnd) {
          const to = table === null ? tableEnd : Math.min(tableEnd, at + STEP_ENTRIES * clusterSize);
          if (table === null) runs.add(RUN.unallocated, at, to, 0, 0);
          else this.entries.collect(runs, table, at, to);
          at = to;
          if (runs.count < BATCH_RUNS) continue;
          await this.describe(runs, joiner);
          runs.count = 0;
          const batch = joiner.take(false);
          if (batch.length > 0) yield batch;
        }
      }
    }
    await this.describe(runs, joiner);
    const batch = joiner.take(true);
    if (batch.length > 0) yield batch;
  }

  /** The clusters in the image file itself; none where data lies in a file of its own. */
  get storedBytes(): StoredBytes | undefined {
    if (this.parts.dataFile !== null) return undefined;
    return {
      places: () => this.places(),
      read: (target, offset) => this.parts.file.read(target, offset),
    };
  }

  private async *places(): AsyncGenerator<readonly StoredPlace[]> {
    const { l2Span, clusterSize, compressionType } = this.header;
    const codec = compressionType === 'zstd' ? 'zstd' : 'deflate-raw';
    const runs = new Runs();
    for (let at = 0; at < this.size; ) {
      this.parts.signal.throwIfAborted();
      const { first, last } = this.group(at, this.size);
      const tables = await this.tables.loadAll(first, last);
      for (const [i, table] of tables.entries()) {
        const tableEnd = Math.min(this.size, (first + i + 1) * l2Span);
        while (at < tableEnd) {
          const to = table === null ? tableEnd : Math.min(tableEnd, at + STEP_ENTRIES * clusterSize);
          runs.count = 0;
          if (table !== null) this.entries.collect(runs, table, at, to);
          at = to;
          if (runs.count > 0) yield placesOf(runs, codec);
        }
      }
    }
  }

  /** Turns runs into extents; what is unallocated is looked up in the backing file's map. */
  private async describe(runs: Runs, joiner: Joiner): Promise<void> {
    const { backing } = this.parts;
    const cursor = backing === null ? null : new BackingCursor(backing, lastUnallocated(runs));
    for (let i = 0; i < runs.count; i++) {
      const start = runs.start[i]!;
      const end = runs.end[i]!;
      switch (runs.kind[i]!) {
        case RUN.data:
          joiner.add('data', start, end, Math.min(end - start, this.data.size - runs.host[i]!));
          break;
        case RUN.zero:
          joiner.add('zero', start, end, 0);
          break;
        case RUN.compressed:
          joiner.addCompressed(start, end, this.packedShare(runs, i));
          break;
        default:
          if (cursor === null) joiner.add('hole', start, end, 0);
          else await cursor.describe(start, end, joiner);
      }
    }
  }

  /**
   * Bytes to charge to a compressed run. Its entry counts whole sectors, and the next cluster may begin in the
   * last of them, so it is charged up to there; a run that covers a part of its cluster gets its share, which is never 0:
   * that would say that a backing file holds it.
   */
  private packedShare(runs: Runs, i: number): number {
    let packed = runs.packed[i]!;
    if (i + 1 < runs.count && runs.kind[i + 1] === RUN.compressed) {
      const between = runs.host[i + 1]! - runs.host[i]!;
      if (between > 0 && between < packed) packed = between;
    }
    const { clusterSize } = this.header;
    const start = runs.start[i]!;
    const clusterStart = start - (start % clusterSize);
    const whole = Math.min(clusterSize, this.size - clusterStart);
    return Math.ceil((packed * (runs.end[i]! - start)) / whole);
  }

  close(): Promise<void> {
    this.clusters.close();
    return this.parts.close();
  }
}

function placesOf({ count, kind, start, end, host, packed }: Runs, codec: StoredCodec): StoredPlace[] {
  const places: StoredPlace[] = [];
  for (let i = 0; i < count; i++) {
    const range = { start: start[i]!, end: end[i]!, offset: host[i]! };
    if (kind[i] === RUN.compressed) places.push({ ...range, codec, length: packed[i]! });
    else if (kind[i] === RUN.data) places.push({ ...range, codec: 'none', length: range.end - range.start });
  }
  return places;
}

function lastUnallocated(runs: Runs): number {
  for (let i = runs.count - 1; i >= 0; i--) if (runs.kind[i] === RUN.unallocated) return runs.end[i]!;
  return 0;
}

/** Reads in flight. All of them have ended before the caller gets its buffer back, even when one fails. */
class Pending {
  private tasks: Promise<void>[] = [];
  private failed = false;
  private failure: unknown;

  get count(): number {
    return this.tasks.length;
  }

  add(task: Promise<void>): void {
    this.tasks.push(
      task.then(undefined, (error: unknown) => {
        if (!this.failed) this.failure = error;
        this.failed = true;
      }),
    );
  }

  async settle(): Promise<void> {
    const { tasks } = this;
    if (tasks.length === 0) return;
    this.tasks = [];
    if (tasks.length === 1) await tasks[0];
    else await Promise.all(tasks);
  }

  throwFirst(): void {
    if (this.failed) throw this.failure;
  }
}

/** Collects extents, joining neighbours of a kind that are stored alike (in our files, or not). */
class Joiner {
  private extents: (Omit<BlockExtent, 'end' | 'stored'> & { end: number; stored: number })[] = [];

  add(kind: BlockExtent['kind'], start: number, end: number, stored: number): void {
    const last = this.extents.at(-1);
    if (
      last !== undefined &&
      last.kind === kind &&
      last.compressed === undefined &&
      last.stored > 0 === stored > 0
    ) {
      last.end = end;
      last.stored += stored;
      return;
    }
    this.extents.push({ start, end, kind, stored });
  }

  addCompressed(start: number, end: number, stored: number): void {
    this.extents.push({ start, end, kind: 'data', stored, compressed: true });
  }

  /** What is complete: all, or all but the last, which the next batch may continue. */
  take(all: boolean): readonly BlockExtent[] {
    const { extents } = this;
    this.extents = all ? [] : extents.splice(-1);
    return extents;
  }
}

/** Walks the map of a backing file beside ours; its data is not stored in our files. */
class BackingCursor {
  private readonly backing: BlockSource;
  private readonly end: number;
  private batches: AsyncIterator<readonly BlockExtent[]> | undefined;
  private batch: readonly BlockExtent[] = [];
  private next = 0;

  /** `end`: nothing behind it will be asked for. */
  constructor(backing: BlockSource, end: number) {
    this.backing = backing;
    this.end = Math.min(end, backing.size);
  }

  async describe(start: number, end: number, joiner: Joiner): Promise<void> {
    const inside = Math.min(end, this.backing.size);
    let at = start;
    while (at < inside) {
      const extent = this.batch[this.next];
      if (extent === undefined) {
        await this.fetch(at);
      } else if (extent.end <= at) {
        this.next++;
      } else {
        const to = Math.min(extent.end, inside);
        joiner.add(extent.kind, at, to, 0);
        at = to;
      }
    }
    // As qemu-img map: what the backing file is too short for is stored nowhere.
    if (end > Math.max(start, this.backing.size)) {
      joiner.add('hole', Math.max(start, this.backing.size), end, 0);
    }
  }

  private async fetch(at: number): Promise<void> {
    this.batches ??= this.backing.extents({ start: at, end: this.end })[Symbol.asyncIterator]();
    const { done, value } = await this.batches.next();
    if (done === true) throw new RangeError(`the map of the backing file ends before ${at}`);
    this.batch = value;
    this.next = 0;
  }
}
