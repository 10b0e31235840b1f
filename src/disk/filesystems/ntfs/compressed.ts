/**
 * The content of a compressed file: units of (nearly always) sixteen clusters. One with all of its clusters is stored
 * as it is, one without any is zeros, one with some is LZNT1 in these and holes after them. Decoded units go through a
 * small cache, for readers that ask in pieces.
 */
import type { BlockExtent, BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { MAX_NTFS_COMPRESSION_UNIT_BYTES, MAX_NTFS_COMPRESSION_UNITS } from '../../../core/limits.ts';
import { inParallel } from '../../../core/parallel.ts';
import { RecentlyUsed } from '../../../core/recently-used.ts';
import { ExtentBatch } from '../../../sources/extent-batch.ts';
import { assertInside } from '../../../sources/file.ts';
import { mappedSource } from '../../../sources/mapped.ts';
import type { Stream } from './attributes.ts';
import { decodeLznt1 } from './lznt1.ts';

/** Units of one read that are decoded at once, and units kept. */
const IN_FLIGHT = 8;
const KEPT = 16;

export class CompressedFile implements BlockSource {
  readonly size: number;
  readonly granularity: number;
  private readonly initialized: number;
  private readonly unitBytes: number;
  private readonly clusterSize: number;
  private readonly stored: BlockSource;
  /** By unit: clusters that it has. */
  private readonly held: Uint16Array;
  private readonly kept = new RecentlyUsed<number, Uint8Array>(KEPT);

  /** @throws `corrupt` when a unit is too large, or has holes before its last cluster */
  constructor(source: BlockSource, name: string, clusterSize: number, stream: Stream) {
    const { size, initialized, unit, runs } = stream;
    this.size = size;
    this.initialized = initialized;
    this.clusterSize = clusterSize;
    this.unitBytes = unit * clusterSize;
    this.granularity = this.unitBytes;
    if (unit === 0 || this.unitBytes > MAX_NTFS_COMPRESSION_UNIT_BYTES)
      throw corrupt('NTFS_COMPRESSION_UNIT', `is compressed in units of ${unit} clusters`);
    const units = Math.ceil(size / this.unitBytes);
    if (units > MAX_NTFS_COMPRESSION_UNITS)
      throw unsupported(
        'NTFS_COMPRESSION_UNITS',
        `has ${units} compression units; imgopt reads ${MAX_NTFS_COMPRESSION_UNITS}`,
      );
    this.stored = mappedSource(source, name, units * this.unitBytes, clusterSize, runs);
    this.held = new Uint16Array(units);
    for (const run of runs.byOwner()) {
      let vcn = runs.logical[run]!;
      for (let left = runs.length[run]!; left > 0; ) {
        const index = Math.floor(vcn / unit);
        if (index >= units) break;
        const take = Math.min(left, (index + 1) * unit - vcn);
        if (vcn - index * unit !== this.held[index])
          throw corrupt('NTFS_COMPRESSION_UNIT', `has a hole inside of its compression unit ${index}`);
        this.held[index]! += take;
        vcn += take;
        left -= take;
      }
    }
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, 'file');
    const end = Math.min(offset + target.length, Math.max(offset, this.initialized));
    target.fill(0, end - offset);
    const jobs: (() => Promise<void>)[] = [];
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / this.unitBytes);
      const stop = Math.min(end, (index + 1) * this.unitBytes);
      const from = at - index * this.unitBytes;
      const part = target.subarray(at - offset, stop - offset);
      jobs.push(() => this.copy(index, from, part));
      at = stop;
    }
    await inParallel(jobs, IN_FLIGHT);
  }

  private async copy(index: number, from: number, target: Uint8Array): Promise<void> {
    const held = this.held[index]! * this.clusterSize;
    if (held === 0) target.fill(0);
    else if (held === this.unitBytes) await this.stored.read(target, index * this.unitBytes + from);
    else target.set((await this.unit(index)).subarray(from, from + target.length));
  }

  private unit(index: number): Promise<Uint8Array> {
    return this.kept.get(index, 1, () => this.decode(index));
  }

  private async decode(index: number): Promise<Uint8Array> {
    const packed = new Uint8Array(this.held[index]! * this.clusterSize);
    await this.stored.read(packed, index * this.unitBytes);
    const bytes = new Uint8Array(this.unitBytes);
    try {
      decodeLznt1(packed, bytes);
    } catch (error) {
      throw corrupt('NTFS_LZNT1', `its compression unit ${index} is damaged: ${(error as Error).message}`);
    }
    return bytes;
  }

  async *extents(range: ByteRange = { start: 0, end: this.size }): AsyncGenerator<readonly BlockExtent[]> {
    assertInside(range.end - range.start, range.start, this.size, 'file');
    const { unitBytes, clusterSize } = this;
    const batch = new ExtentBatch();
    for (let at = range.start; at < range.end; ) {
      const index = Math.floor(at / unitBytes);
      const end = Math.min(range.end, (index + 1) * unitBytes);
      const held = this.held[index]! * clusterSize;
      if (held > 0 && held < unitBytes) {
        const stored = Math.floor((held * (end - at)) / unitBytes);
        batch.add({ start: at, end, kind: 'data', stored, compressed: true });
      } else if (held === 0) batch.add({ start: at, end, kind: 'hole', stored: 0 });
      else batch.add({ start: at, end, kind: 'data', stored: end - at });
      at = end;
      const full = batch.takeFull();
      if (full !== undefined) yield full;
    }
    const rest = batch.takeRest();
    if (rest !== undefined) yield rest;
  }

  async close(): Promise<void> {}
}
