/**
 * Where compressed grains lie in the file, and what each occupies: what a map tells of a compressed extent.
 */
import { inParallel } from '../../../core/parallel.ts';
import type { GrainTables, PointerBudget } from './grain-tables.ts';
import { GRAIN_MARKER_BYTES, SECTOR } from './layout.ts';
import type { SparseHeader } from './sparse-header.ts';

/** Markers that are read side by side. */
const READS_IN_FLIGHT = 8;

export interface GrainPlacesParts {
  readonly header: SparseHeader;
  readonly grainTables: GrainTables;
  readonly budget: PointerBudget;
  readonly signal: AbortSignal;
  /** The sector of an entry; 0 or less when nothing is stored. */
  readonly sectorOf: (entry: number) => number;
  /** Compressed bytes of a grain by its marker, which is read. @throws ImgoptError `corrupt` */
  readonly sizeOf: (grain: number, sector: number) => Promise<number>;
}

export class GrainPlaces {
  private readonly parts: GrainPlacesParts;
  private places: Promise<Uint32Array | undefined> | undefined;

  constructor(parts: GrainPlacesParts) {
    this.parts = parts;
  }

  /**
   * Bytes of the file that each compressed grain of a table occupies, marker and padding to a sector included.
   * Writers put grains one behind the other, so the next one's place tells without a read. They need not come in
   * the disk's order, and grains of other tables may lie between (qemu-img convert -W), so it is the next one of
   * the whole file that counts. Where it is not of the same table (its grain table may be between), far away or
   * not known, the marker is read.
   */
  async occupiedBy(table: Uint32Array, index: number, start: number, end: number): Promise<Float64Array> {
    const { header } = this.parts;
    const { grainBytes } = header;
    const grainSectors = grainBytes / SECTOR;
    const firstGrain = index * header.entriesPerTable;
    const own = table.filter((entry) => this.parts.sectorOf(entry) > 0).sort();
    const all = await this.sortedPlaces();
    const occupied = new Float64Array(table.length);
    const unclear: number[] = [];
    const from = Math.floor(start / grainBytes) - firstGrain;
    const to = Math.ceil(end / grainBytes) - firstGrain;
    for (let i = from; i < to; i++) {
      const sector = this.parts.sectorOf(table[i]!);
      if (sector <= 0) continue;
      const next = nextAfter(own, sector);
      const isNext = all !== undefined && next === nextAfter(all, sector);
      // A grain and its marker need little more than a grain at the very most.
      if (isNext && next > sector && next - sector <= grainSectors + 2) {
        occupied[i] = (next - sector) * SECTOR;
      } else unclear.push(i);
    }
    await inParallel(
      unclear.map((i) => async () => {
        const sector = table[i]!;
        const size = await this.parts.sizeOf(firstGrain + i, sector);
        occupied[i] = Math.ceil((GRAIN_MARKER_BYTES + size) / SECTOR) * SECTOR;
      }),
      READS_IN_FLIGHT,
    );
    return occupied;
  }

  /** Sectors of all grains in the file, in its order; undefined when they are too many to keep. */
  private sortedPlaces(): Promise<Uint32Array | undefined> {
    this.places ??= this.collectPlaces().catch((error: unknown) => {
      this.places = undefined;
      throw error;
    });
    return this.places;
  }

  private async collectPlaces(): Promise<Uint32Array | undefined> {
    const { count } = this.parts.grainTables;
    const parts: Uint32Array[] = [];
    let total = 0;
    for (let index = 0; index < count; index++) {
      if (this.parts.grainTables.isAbsent(index)) continue;
      this.parts.signal.throwIfAborted();
      this.parts.grainTables.fetchAhead(
        index,
        this.parts.header.grainBytes * this.parts.header.entriesPerTable * count,
      );
      // A table that cannot be read fails when it is mapped itself.
      const table = await this.parts.grainTables.get(index).catch(() => undefined);
      const part = table?.filter((entry) => this.parts.sectorOf(entry) > 0) ?? new Uint32Array(0);
      if (!this.parts.budget.takeGrains(part.length)) return undefined;
      parts.push(part);
      total += part.length;
    }
    const all = new Uint32Array(total);
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all.sort();
  }
}

/** The smallest of `sorted` above `value`; 0 when there is none. */
function nextAfter(sorted: Uint32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return sorted[low] ?? 0;
}
