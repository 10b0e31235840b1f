/**
 * From L2 entries to runs: what a stretch of guest addresses is made of and where it lies on the host.
 *
 * This is the one place that knows the bits of an L2 entry; reading, mapping and the space of snapshots all
 * walk runs. A run is as long as its kind allows: data as far as it is contiguous on the host (one host read),
 * zeros and unallocated stretches as far as they go, compressed data one cluster at a time. Runs are kept in
 * parallel arrays that are filled again and again, so that a walk over a million entries allocates nothing.
 *
 * Entries are judged when they are used, not when their table is loaded: one bad entry makes its own cluster
 * unreadable, not the 512 MiB of its table.
 *
 * The end of the file needs a decision. qemu ends a file inside its last cluster when the rest would be zeros
 * (`qemu-img convert` does), so a cluster that begins inside the file and ends past it reads zeros there. One
 * that begins past the end cannot come from a writer that finished: qemu reads silent zeros, we say truncated.
 */
import { corrupt, type ImgoptError } from '../../../core/errors.ts';
import { hex } from '../../../core/text.ts';
import { DAMAGED_ADVICE, type Header, TRUNCATED_ADVICE } from './header.ts';
import {
  COMPRESSED_SECTOR,
  L2_COMPRESSED_HIGH,
  L2_COPIED_HIGH,
  L2_RESERVED_HIGH,
  L2_RESERVED_LOW,
  L2_ZERO_LOW,
  OFFSET_HIGH_MASK,
  OFFSET_LOW_MASK,
} from './layout.ts';
import type { L2Table } from './tables.ts';

/** What a run is made of. */
export const RUN = { unallocated: 0, data: 1, zero: 2, compressed: 3 } as const;
export type RunKind = (typeof RUN)[keyof typeof RUN];

const TWO_32 = 2 ** 32;

/** Runs of guest addresses in ascending order; `count` of each array are valid. */
export class Runs {
  count = 0;
  readonly kind: RunKind[] = [];
  /** Guest bytes, half-open. */
  readonly start: number[] = [];
  readonly end: number[] = [];
  /** Host offset of `start` for data; of the whole cluster's compressed bytes for compressed. */
  readonly host: number[] = [];
  /** Bytes of compressed data, as its entry bounds them; 0 otherwise. */
  readonly packed: number[] = [];

  /** Appends, joining what belongs together. */
  add(kind: RunKind, start: number, end: number, host: number, packed: number): void {
    const last = this.count - 1;
    if (
      last >= 0 &&
      this.kind[last] === kind &&
      kind !== RUN.compressed &&
      (kind !== RUN.data || this.host[last]! + (start - this.start[last]!) === host)
    ) {
      this.end[last] = end;
      return;
    }
    this.kind[this.count] = kind;
    this.start[this.count] = start;
    this.end[this.count] = end;
    this.host[this.count] = host;
    this.packed[this.count] = packed;
    this.count++;
  }
}

/** Walks entries of one image. */
export class EntryReader {
  private readonly header: Header;
  /** End of the file that holds guest data: the image's own, or the external data file. */
  private readonly dataSize: number;
  /** Width of the offset field in a compressed descriptor: 62 - (cluster_bits - 8). */
  private readonly offsetBits: number;

  constructor(header: Header, dataSize: number) {
    this.header = header;
    this.dataSize = dataSize;
    this.offsetBits = 62 - (header.clusterBits - 8);
  }

  /**
   * Appends the runs of guest addresses [start, end), which must lie within what `table` maps.
   * @throws ImgoptError `corrupt` naming table and entry
   */
  collect(runs: Runs, table: L2Table, start: number, end: number): void {
    const { clusterSize, l2Span, l2EntrySize, extendedL2 } = this.header;
    const base = table.index * l2Span;
    const last = Math.floor((end - 1 - base) / clusterSize);
    for (let entry = Math.floor((start - base) / clusterSize); entry <= last; entry++) {
      const clusterStart = base + entry * clusterSize;
      const from = Math.max(start, clusterStart);
      const to = Math.min(end, clusterStart + clusterSize);
      const at = entry * l2EntrySize;
      const high = table.view.getUint32(at);
      const low = table.view.getUint32(at + 4);
      if ((high & L2_COMPRESSED_HIGH) !== 0) {
        const host = this.compressedOffset(high, low, table.index, entry);
        runs.add(RUN.compressed, from, to, host, this.compressedSize(high, host));
      } else if (extendedL2) {
        this.collectSubclusters(runs, table, entry, high, low, from, to);
      } else if (high === 0 && low === 0) {
        runs.add(RUN.unallocated, from, to, 0, 0);
      } else {
        this.collectStandard(runs, table.index, entry, high, low, from, to);
      }
    }
  }

  private collectStandard(
    runs: Runs,
    index: number,
    entry: number,
    high: number,
    low: number,
    from: number,
    to: number,
  ): void {
    const host = this.standardOffset(high, low, index, entry);
    if ((low & L2_ZERO_LOW) !== 0) {
      if (this.header.version < 3) {
        throw bad('ZERO_CLUSTER_V2', 'is a zero cluster, which version 2 does not have', index, entry);
      }
      runs.add(RUN.zero, from, to, 0, 0);
    } else if (this.isUnallocated(host, high)) {
      runs.add(RUN.unallocated, from, to, 0, 0);
    } else {
      const start = (index * this.header.l2Entries + entry) * this.header.clusterSize;
      this.addData(runs, host, start, from, to, index, entry);
    }
  }

  private collectSubclusters(
    runs: Runs,
    table: L2Table,
    entry: number,
    high: number,
    low: number,
    from: number,
    to: number,
  ): void {
    const { index } = table;
    const at = entry * 16;
    const zeros = table.view.getUint32(at + 8);
    const allocated = table.view.getUint32(at + 12);
    if ((low & L2_ZERO_LOW) !== 0) {
      throw bad('ENTRY_RESERVED_BITS', 'has its zero bit set beside subclusters', index, entry);
    }
    const host = this.standardOffset(high, low, index, entry);
    if ((zeros & allocated) !== 0 || (allocated !== 0 && this.isUnallocated(host, high))) {
      throw bad('SUBCLUSTER_BITMAP', 'has a subcluster bitmap that contradicts itself', index, entry);
    }
    const { subclusterSize, l2Entries, clusterSize } = this.header;
    const start = (index * l2Entries + entry) * clusterSize;
    const last = Math.floor((to - 1 - start) / subclusterSize);
    for (let sub = Math.floor((from - start) / subclusterSize); sub <= last; sub++) {
      const subFrom = Math.max(from, start + sub * subclusterSize);
      const subTo = Math.min(to, start + (sub + 1) * subclusterSize);
      if ((allocated >>> sub) & 1) this.addData(runs, host, start, subFrom, subTo, index, entry);
      else runs.add((zeros >>> sub) & 1 ? RUN.zero : RUN.unallocated, subFrom, subTo, 0, 0);
    }
  }

  /** Offset 0 means unallocated; only an external data file has a guest cluster at 0, marked by bit 63. */
  private isUnallocated(host: number, high: number): boolean {
    return host === 0 && !(this.header.hasDataFile && (high & L2_COPIED_HIGH) !== 0);
  }

  private addData(
    runs: Runs,
    host: number,
    clusterStart: number,
    from: number,
    to: number,
    index: number,
    entry: number,
  ): void {
    const { hasDataFile, subclusterSize } = this.header;
    // "The offset field in the Standard Cluster Descriptor must match the guest offset."
    if (hasDataFile && host !== clusterStart) {
      throw bad(
        'DATA_FILE_OFFSET',
        `points to ${hex(host)} of the data file, not to its own place`,
        index,
        entry,
      );
    }
    const at = host + (from - clusterStart);
    // Judged by the start of the cluster or subcluster, whatever part of it is asked for.
    if (at - (at % subclusterSize) >= this.dataSize) {
      throw corrupt(
        'QCOW2_CLUSTER_OUT_OF_FILE',
        `points to ${hex(host)}, past the end of the ${hasDataFile ? 'data file' : 'file'} (${hex(this.dataSize)})`,
        { where: place(index, entry), advice: TRUNCATED_ADVICE },
      );
    }
    runs.add(RUN.data, from, to, at, 0);
  }

  private standardOffset(high: number, low: number, index: number, entry: number): number {
    if ((high & L2_RESERVED_HIGH) !== 0 || (low & L2_RESERVED_LOW) !== 0) {
      throw bad('ENTRY_RESERVED_BITS', 'has reserved bits set', index, entry);
    }
    const host = (high & OFFSET_HIGH_MASK) * TWO_32 + ((low & OFFSET_LOW_MASK) >>> 0);
    if (host % this.header.clusterSize !== 0) {
      throw bad(
        'CLUSTER_MISALIGNED',
        `points to ${hex(host)}, which is not aligned to a cluster`,
        index,
        entry,
      );
    }
    return host;
  }

  private compressedOffset(high: number, low: number, index: number, entry: number): number {
    if (this.header.hasDataFile) {
      throw bad('COMPRESSED_WITH_DATA_FILE', 'is compressed in an image with a data file', index, entry);
    }
    const host = (high % 2 ** (this.offsetBits - 32)) * TWO_32 + low;
    if (host >= 2 ** 56 || host >= this.dataSize) {
      throw corrupt(
        'QCOW2_CLUSTER_OUT_OF_FILE',
        `has its compressed data at ${hex(host)}, past the end of the file (${hex(this.dataSize)})`,
        { where: place(index, entry), advice: TRUNCATED_ADVICE },
      );
    }
    return host;
  }

  /** From the offset to the end of the last 512-byte sector, as far as the file goes. */
  private compressedSize(high: number, host: number): number {
    // Bits 62 and 63 are flags; the count of additional sectors stands between them and the offset.
    const sectors = (high & 0x3fffffff) >>> (this.offsetBits - 32);
    const end = host - (host % COMPRESSED_SECTOR) + (sectors + 1) * COMPRESSED_SECTOR;
    return Math.min(end, this.dataSize) - host;
  }

  /**
   * Host clusters that entry `entry` holds, as [offset, length]; null when it holds none. Unlike `collect` it
   * counts preallocated zero clusters: this is about space, not about content.
   * @throws ImgoptError `corrupt` naming table and entry
   */
  space(table: L2Table, entry: number): readonly [number, number] | null {
    const at = entry * this.header.l2EntrySize;
    const high = table.view.getUint32(at);
    const low = table.view.getUint32(at + 4);
    if (high === 0 && low === 0) return null;
    if ((high & L2_COMPRESSED_HIGH) !== 0) {
      const host = this.compressedOffset(high, low, table.index, entry);
      return [host, this.compressedSize(high, host)];
    }
    const host = this.standardOffset(high, low, table.index, entry);
    return host === 0 ? null : [host, this.header.clusterSize];
  }
}

function place(index: number, entry: number): readonly string[] {
  return [`L2 table ${index}`, `entry ${entry}`];
}

function bad(code: string, message: string, index: number, entry: number): ImgoptError {
  return corrupt(`QCOW2_${code}`, message, { where: place(index, entry), advice: DAMAGED_ADVICE });
}
