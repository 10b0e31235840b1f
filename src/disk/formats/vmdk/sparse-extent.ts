/**
 * Reading of a sparse extent, plain or compressed.
 *
 * A read is planned table by table: grains that follow each other in the file become one host read straight
 * into the caller's buffer. Compressed grains that follow each other are fetched as one piece of up to a
 * megabyte and inflated side by side on libuv's threads; the decoder's output is bounded by the grain, so a bomb
 * costs no more than a grain, and the marker before the data must name the sector that we are looking for.
 * Grains that a read covers only in part are kept decoded, as small reads of a filesystem come back to them.
 */
import { inflate } from 'node:zlib';
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockExtent, BlockSource, StoredBytes, StoredPlace } from '../../../core/contracts/source.ts';
import { corrupt, type ImgoptError } from '../../../core/errors.ts';
import { MAX_READ_BYTES } from '../../../core/limits.ts';
import { allDone, inParallel } from '../../../core/parallel.ts';
import { readU64, viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import type { LoadCache } from './cache.ts';
import { ExtentList } from './extent-list.ts';
import { GrainPlaces } from './grain-places.ts';
import { GrainTables, type PointerBudget } from './grain-tables.ts';
import { GRAIN_MARKER_BYTES, GTE_ZEROED, SECTOR } from './layout.ts';
import type { ParentWindow } from './parent.ts';
import type { SparseHeader } from './sparse-header.ts';

/** Compressed grains fetched with one host read. */
const PIECE_BYTES = 1024 * 1024;
/** Host reads in flight per read of ours: enough to keep a disk and libuv's threads busy. */
const READS_IN_FLIGHT = 8;
/** More extents of one image cannot collide in the cache: a directory has at most 2^23 entries. */
const KEYS_PER_EXTENT = 2 ** 32;

/** What the extents of one image share. */
export interface SharedState {
  readonly tables: LoadCache<Uint32Array>;
  readonly grains: LoadCache<Uint8Array>;
  readonly budget: PointerBudget;
}

/** A stretch of grains of one state, as a read sees it. */
interface Run {
  readonly from: number;
  end: number;
  /** Sector of the file where the first grain begins; ABSENT or ZEROED. */
  readonly sector: number;
}

const ABSENT = 0;
const ZEROED = -1;

export class SparseExtent {
  readonly size: number;
  readonly granularity: number;
  readonly header: SparseHeader;
  private readonly file: BlockSource;
  private readonly context: Context;
  private readonly grainTables: GrainTables;
  private readonly grains: LoadCache<Uint8Array>;
  private readonly keyBase: number;
  private readonly below: ParentWindow | undefined;
  private readonly grainBytes: number;
  private readonly grainSectors: number;
  private readonly places: GrainPlaces;

  private constructor(
    header: SparseHeader,
    size: number,
    file: BlockSource,
    context: Context,
    grainTables: GrainTables,
    shared: SharedState,
    keyBase: number,
    below: ParentWindow | undefined,
  ) {
    this.header = header;
    this.size = size;
    this.file = file;
    this.context = context;
    this.grainTables = grainTables;
    this.grains = shared.grains;
    this.keyBase = keyBase;
    this.below = below;
    this.grainBytes = header.grainBytes;
    this.grainSectors = header.grainBytes / SECTOR;
    this.places = new GrainPlaces({
      header,
      grainTables,
      budget: shared.budget,
      signal: context.signal,
      sectorOf: (entry) => this.sectorOf(entry),
      sizeOf: (grain, sector) => this.readMarker(grain, sector),
    });
    this.granularity = header.isCompressed ? header.grainBytes : SECTOR;
  }

  /**
   * @param size bytes of the extent that belong to the disk, at most its capacity
   * @param number of the extent, to keep its entries in the shared caches apart
   * @param below what unwritten grains show
   */
  static async open(
    header: SparseHeader,
    size: number,
    file: BlockSource,
    context: Context,
    shared: SharedState,
    number: number,
    below: ParentWindow | undefined,
  ): Promise<SparseExtent> {
    const keyBase = number * KEYS_PER_EXTENT;
    const tables = await GrainTables.open(header, file, context, shared.tables, keyBase, shared.budget);
    return new SparseExtent(header, size, file, context, tables, shared, keyBase, below);
  }

  /** Fills `target` from `offset` of the extent on; the caller has checked that it lies inside. */
  async read(target: Uint8Array, offset: number): Promise<void> {
    const { tableSpan } = this.grainTables;
    const end = offset + target.length;
    for (let at = offset; at < end; ) {
      this.context.signal.throwIfAborted();
      const index = Math.floor(at / tableSpan);
      const stop = Math.min(end, (index + 1) * tableSpan);
      const piece = target.subarray(at - offset, stop - offset);
      if (this.grainTables.isAbsent(index)) await this.readAbsent(piece, at);
      else await this.readTable(await this.grainTables.get(index), index, piece, at);
      at = stop;
    }
  }

  /**
   * Cover of [start, end) of the extent, a batch per grain table.
   * @throws ImgoptError `corrupt` when more grains are mapped than the file can hold
   */
  async *extents(start: number, end: number): AsyncGenerator<readonly BlockExtent[]> {
    const { tableSpan } = this.grainTables;
    let stored = 0;
    for (let at = start; at < end; ) {
      this.context.signal.throwIfAborted();
      const index = Math.floor(at / tableSpan);
      if (this.grainTables.isAbsent(index)) {
        let next = index + 1;
        while (next * tableSpan < end && this.grainTables.isAbsent(next)) next++;
        const stop = Math.min(end, next * tableSpan);
        yield await this.mapAbsent(at, stop);
        at = stop;
        continue;
      }
      this.grainTables.fetchAhead(index, end, at === start);
      const stop = Math.min(end, (index + 1) * tableSpan);
      const batch = await this.mapTable(await this.grainTables.get(index), index, at, stop);
      for (const extent of batch) stored += extent.stored;
      if (stored > this.file.size) {
        throw corrupt('VMDK_GRAINS_OVERLAP', `more grains are mapped than fit into ${hex(this.file.size)}`, {
          where: [`grain table ${index}`],
          advice: 'the grain tables are damaged: copy the image again',
        });
      }
      yield batch;
      at = stop;
    }
  }

  /** Compressed grains that lie in the extent's file, with the length that their markers tell. */
  get storedBytes(): StoredBytes | undefined {
    if (!this.header.isCompressed) return undefined;
    return {
      places: () => this.storedGrains(),
      read: (target, offset) => this.file.read(target, offset),
    };
  }

  private async *storedGrains(): AsyncGenerator<readonly StoredPlace[]> {
    const { grainBytes, grainTables } = this;
    for (let index = 0; index < grainTables.count; index++) {
      this.context.signal.throwIfAborted();
      if (grainTables.isAbsent(index)) continue;
      const table = await grainTables.get(index);
      const places: StoredPlace[] = [];
      for (const [i, entry] of table.entries()) {
        const grain = index * table.length + i;
        const start = grain * grainBytes;
        const sector = this.sectorOf(entry);
        if (start >= this.size || sector === ABSENT || sector === ZEROED) continue;
        const length = await this.readMarker(grain, sector);
        const end = Math.min(this.size, start + grainBytes);
        places.push({ start, end, codec: 'zlib', offset: sector * SECTOR + GRAIN_MARKER_BYTES, length });
      }
      if (places.length > 0) yield places;
    }
  }

  private async readAbsent(target: Uint8Array, offset: number): Promise<void> {
    if (this.below === undefined) target.fill(0);
    else await this.below.read(target, offset);
  }

  /** The entry as a run sees it. */
  private sectorOf(entry: number): number {
    return entry === GTE_ZEROED && this.header.hasZeroedGrains ? ZEROED : entry;
  }

  private async readTable(
    table: Uint32Array,
    index: number,
    target: Uint8Array,
    offset: number,
  ): Promise<void> {
    const { grainBytes } = this;
    const end = offset + target.length;
    const firstGrain = index * this.header.entriesPerTable;
    const jobs: (() => Promise<void>)[] = [];
    const partOf = (from: number, to: number): Uint8Array => target.subarray(from - offset, to - offset);
    for (const run of this.runsOf(table, firstGrain, offset, end)) {
      const part = partOf(run.from, run.end);
      if (run.sector === ZEROED) part.fill(0);
      else if (run.sector === ABSENT) jobs.push(() => this.readAbsent(part, run.from));
      else if (!this.header.isCompressed) {
        const at = run.sector * SECTOR + (run.from % grainBytes);
        if (run.sector < 2 || at + part.length > this.file.size) throw this.outOfFile(run.sector, run.from);
        jobs.push(() => this.file.read(part, at));
      } else if (part.length < grainBytes && run.end < this.size) {
        jobs.push(() => this.readPartOfGrain(table, run, part));
      } else if (run.from % grainBytes !== 0) {
        jobs.push(() => this.readPartOfGrain(table, run, part));
      } else {
        jobs.push(() => this.readCompressed(table, run, part));
      }
    }
    await inParallel(jobs, READS_IN_FLIGHT);
  }

  /** Cuts [offset, end) where the state of the grains or their order in the file changes. */
  private runsOf(table: Uint32Array, firstGrain: number, offset: number, end: number): Run[] {
    const { grainBytes, grainSectors } = this;
    const { isCompressed } = this.header;
    const runs: Run[] = [];
    let run: Run | undefined;
    let lastSector = 0;
    for (let grain = Math.floor(offset / grainBytes); grain * grainBytes < end; grain++) {
      const sector = this.sectorOf(table[grain - firstGrain]!);
      const from = Math.max(offset, grain * grainBytes);
      const stop = Math.min(end, (grain + 1) * grainBytes);
      let joined = false;
      if (run !== undefined) {
        if (sector <= 0) joined = run.sector === sector;
        else if (run.sector <= 0) joined = false;
        else if (isCompressed) {
          const gap = sector - lastSector;
          joined =
            gap > 0 &&
            gap <= grainSectors + 2 &&
            (sector - run.sector + grainSectors) * SECTOR <= PIECE_BYTES &&
            // Grains that are asked for in part go through the cache, alone.
            run.from % grainBytes === 0 &&
            (stop - from === grainBytes || stop === this.size);
        } else {
          joined = sector === lastSector + grainSectors && stop - run.from <= MAX_READ_BYTES;
        }
      }
      if (joined) run!.end = stop;
      else {
        run = { from, end: stop, sector };
        runs.push(run);
      }
      lastSector = sector;
    }
    return runs;
  }

  private async readPartOfGrain(table: Uint32Array, run: Run, target: Uint8Array): Promise<void> {
    const grain = Math.floor(run.from / this.grainBytes);
    const decoded = await this.grains.get(this.keyBase + grain, this.grainBytes + 128, async () => {
      const start = grain * this.grainBytes;
      const whole = new Uint8Array(Math.min(this.grainBytes, this.size - start));
      await this.readCompressed(table, { from: start, end: start + whole.length, sector: run.sector }, whole);
      return whole;
    });
    const from = run.from % this.grainBytes;
    target.set(decoded.subarray(from, from + target.length));
  }

  /** Fetches a run of whole compressed grains with one read and inflates them all at once. */
  private async readCompressed(table: Uint32Array, run: Run, target: Uint8Array): Promise<void> {
    const { grainBytes, grainSectors, file } = this;
    const first = run.from / grainBytes;
    const last = Math.ceil(run.end / grainBytes) - 1;
    const base = run.sector * SECTOR;
    const lastSector = table[last % this.header.entriesPerTable]!;
    // How long the last one is, only its marker tells: the next grain's place, or a grain's length, is a good guess.
    const next =
      last % this.header.entriesPerTable === table.length - 1 ? 0 : table[(last % table.length) + 1]!;
    const guess = next > lastSector ? Math.min(next - lastSector, grainSectors + 1) : grainSectors + 1;
    const length = Math.min((lastSector + guess) * SECTOR, file.size) - base;
    if (length < GRAIN_MARKER_BYTES) throw this.outOfFile(run.sector, run.from);
    const piece = new Uint8Array(length);
    await file.read(piece, base);
    const decoding: Promise<void>[] = [];
    for (let grain = first; grain <= last; grain++) {
      const sector = table[grain % this.header.entriesPerTable]!;
      const part = target.subarray((grain - first) * grainBytes, (grain - first + 1) * grainBytes);
      decoding.push(this.decode(grain, sector, piece, sector * SECTOR - base, part));
    }
    await allDone(decoding);
  }

  /** Inflates the grain whose marker lies at `at` of `piece` into `target`; a grain longer than the piece is read again. */
  private async decode(
    grain: number,
    sector: number,
    piece: Uint8Array,
    at: number,
    target: Uint8Array,
  ): Promise<void> {
    const size = this.checkMarker(grain, sector, piece, at);
    let data = piece.subarray(at + GRAIN_MARKER_BYTES, at + GRAIN_MARKER_BYTES + size);
    if (data.length < size) {
      data = new Uint8Array(size);
      await this.file.read(data, sector * SECTOR + GRAIN_MARKER_BYTES);
    }
    const decoded = await inflateGrain(data, this.grainBytes).catch((cause: NodeJS.ErrnoException) => {
      const tooLarge = cause.code === 'ERR_BUFFER_TOO_LARGE';
      const reason = tooLarge
        ? `inflates to more than ${this.grainBytes} bytes`
        : `cannot be inflated: ${cause.message}`;
      throw this.damaged(grain, sector, reason);
    });
    if (decoded.length < target.length) {
      throw this.damaged(grain, sector, `holds ${decoded.length} bytes instead of ${target.length}`);
    }
    target.set(decoded.length === target.length ? decoded : decoded.subarray(0, target.length));
  }

  private async readMarker(grain: number, sector: number): Promise<number> {
    const marker = new Uint8Array(GRAIN_MARKER_BYTES);
    if (sector * SECTOR + marker.length > this.file.size)
      throw this.outOfFile(sector, grain * this.grainBytes);
    await this.file.read(marker, sector * SECTOR);
    return this.checkMarker(grain, sector, marker, 0);
  }

  /** Length of the compressed data. Spec: a grain marker has the grain's sector and its compressed size. */
  private checkMarker(grain: number, sector: number, piece: Uint8Array, at: number): number {
    if (sector < 2 || at + GRAIN_MARKER_BYTES > piece.length)
      throw this.outOfFile(sector, grain * this.grainBytes);
    const view = viewOf(piece);
    const lba = readU64(view, at, true);
    const size = view.getUint32(at + 8, true);
    if (lba !== grain * this.grainSectors) {
      throw this.damaged(grain, sector, `is marked as sector ${lba} instead of ${grain * this.grainSectors}`);
    }
    // As qemu: what does not compress grows a little, never to twice its size.
    if (size === 0 || size > 2 * this.grainBytes) {
      throw this.damaged(grain, sector, `is marked as ${size} compressed bytes`);
    }
    if (sector * SECTOR + GRAIN_MARKER_BYTES + size > this.file.size)
      throw this.outOfFile(sector, grain * this.grainBytes);
    return size;
  }

  private async mapAbsent(start: number, end: number): Promise<BlockExtent[]> {
    if (this.below !== undefined) return this.below.extents(start, end);
    return [{ start, end, kind: 'hole', stored: 0 }];
  }

  private async mapTable(
    table: Uint32Array,
    index: number,
    start: number,
    end: number,
  ): Promise<readonly BlockExtent[]> {
    const { grainBytes, file } = this;
    const { isCompressed } = this.header;
    const firstGrain = index * this.header.entriesPerTable;
    const below = this.below === undefined ? undefined : await this.below.extents(start, end);
    const occupied = isCompressed ? await this.places.occupiedBy(table, index, start, end) : undefined;
    const list = new ExtentList();
    let next = 0;
    for (let grain = Math.floor(start / grainBytes); grain * grainBytes < end; grain++) {
      const from = Math.max(start, grain * grainBytes);
      const stop = Math.min(end, (grain + 1) * grainBytes);
      const sector = this.sectorOf(table[grain - firstGrain]!);
      if (sector === ZEROED) list.add({ start: from, end: stop, kind: 'zero', stored: 0 });
      else if (sector !== ABSENT) {
        if (occupied !== undefined) {
          // A part of a grain gets its share, so that the parts of a cover add up.
          const all = occupied[grain - firstGrain]!;
          const length = Math.min(grainBytes, this.size - grain * grainBytes);
          const stored = stop - from === length ? all : Math.round((all * (stop - from)) / length);
          list.add({ start: from, end: stop, kind: 'data', stored, compressed: true });
        } else {
          if (sector < 2 || sector * SECTOR + (stop - grain * grainBytes) > file.size)
            throw this.outOfFile(sector, from);
          list.add({ start: from, end: stop, kind: 'data', stored: stop - from });
        }
      } else if (below === undefined) list.add({ start: from, end: stop, kind: 'hole', stored: 0 });
      else {
        while (below[next]!.end <= from) next++;
        for (let i = next; i < below.length && below[i]!.start < stop; i++) {
          const extent = below[i]!;
          list.add({ ...extent, start: Math.max(from, extent.start), end: Math.min(stop, extent.end) });
        }
      }
    }
    return list.finish();
  }

  private outOfFile(sector: number, diskOffset: number): ImgoptError {
    const where = [`grain ${Math.floor(diskOffset / this.grainBytes)}`];
    const place = hex(sector * SECTOR);
    if (sector < 2) {
      return corrupt('VMDK_GRAIN_IN_HEADER', `the grain is said to lie at ${place}, inside the header`, {
        where,
        advice: 'the grain table is damaged: copy the image again',
      });
    }
    return corrupt(
      'VMDK_GRAIN_OUT_OF_FILE',
      `the grain at ${place} does not lie inside the file (${hex(this.file.size)})`,
      { where, advice: 'the file is truncated or damaged: copy it again' },
    );
  }

  private damaged(grain: number, sector: number, what: string): ImgoptError {
    return corrupt('VMDK_GRAIN_DAMAGED', `the compressed grain at ${hex(sector * SECTOR)} ${what}`, {
      where: [`grain ${grain}`],
      advice: 'the file is damaged: copy it again',
    });
  }
}

/** RFC 1950 data of at most `limit` bytes; zlib checks the Adler-32 at its end. */
function inflateGrain(data: Uint8Array, limit: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // One buffer that holds all and a little more: zlib then stops without asking for a second one.
    inflate(data, { maxOutputLength: limit, chunkSize: limit + 64 }, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}
