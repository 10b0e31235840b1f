/**
 * Writing qcow2, version 3.
 *
 *   cluster 0        header, extensions, name of the backing file
 *   cluster 1 …      L1 table
 *   then             compressed clusters, packed to the byte; clusters that did not shrink, whole; each L2 table
 *                    as soon as the walk leaves its span
 *   at the end       refcount blocks, refcount table
 *
 * The walk is in the order of the disk, so the layout follows from content and options alone, and nothing but L1
 * and two bytes of refcount per host cluster stays in memory. Compressed clusters run on without a gap, across
 * host clusters, as qemu packs them: a host cluster's refcount is the number of compressed clusters that touch
 * it. Something whole in between would cut that run and waste the rest of a host cluster, so clusters that did not
 * shrink wait and are placed together.
 *
 * The header is written last: a file that was left half done is no qcow2.
 */

import {
  CLUSTER_PLAIN,
  CLUSTER_ZERO,
  type ClusterBatch,
  type ClusterCodec,
  compressClusters,
} from '../../../compressors/clusters.ts';
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockExtent, BlockSource } from '../../../core/contracts/source.ts';
import type { ImageOutput, ImageWriter, WriterOptions } from '../../../core/contracts/writer.ts';
import { usage } from '../../../core/errors.ts';
import { MAX_POINTER_TABLE_BYTES } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import {
  COMPATIBLE,
  COMPRESSED_SECTOR,
  COMPRESSION_TYPE_OFFSET,
  EXTENSION,
  HeaderV2,
  HeaderV3,
  INCOMPATIBLE,
  L2_COMPRESSED_HIGH,
  L2_COPIED_HIGH,
  L2_ZERO_LOW,
  MAGIC,
  MAX_BACKING_NAME,
  MAX_CLUSTER_BITS,
  MIN_CLUSTER_BITS,
} from './layout.ts';

const DEFAULT_CLUSTER_SIZE = 64 * 1024;
/** qemu's own window for zlib: its decoder allocates no more. */
const ZLIB_WINDOW_BITS = 12;
/** zstd's 2 takes four fifths of 3's time for 1.011 of the bytes, which is less than one per cent above qemu-img's. */
const LEVELS = { zlib: { min: 1, max: 9, standard: 6 }, zstd: { min: 1, max: 22, standard: 2 } } as const;
/** Clusters that did not shrink are placed together once they are this many bytes. */
const WAITING_BYTES = 16 * 1024 * 1024;
const REFCOUNT_ORDER = 4;
const REFCOUNT_BYTES = 2;
const HEADER_BYTES = 112;
const TWO_32 = 4294967296;

export const qcow2Writer: ImageWriter = {
  format: 'qcow2',
  subformats: [],
  compressions: ['zlib', 'zstd', 'none'],
  // The header and the L1 table come first and are known last.
  canStream: () => false,
  units: (options) => ({ unit: clusterSizeOf(options), codec: codecOf(options) }),
  async write(source, output, options, context) {
    const codec = codecOf(options);
    const writer = new Qcow2Writer(source, output, options);
    const clusterSize = clusterSizeOf(options);
    if (options.backing !== undefined) await writer.markZeros();
    const wants = options.backing === undefined ? undefined : (extent: BlockExtent) => writer.wants(extent);
    const batches = compressClusters(
      source,
      {
        clusterSize,
        codec,
        tally: options.tally,
        seals: options.seals,
        ...(wants === undefined ? {} : { wants }),
      },
      context,
    );
    for await (const batch of batches) await writer.add(batch);
    await writer.finish(context);
  },
};

function clusterSizeOf({ clusterSize = DEFAULT_CLUSTER_SIZE }: WriterOptions): number {
  const bits = Math.log2(clusterSize);
  if (!Number.isInteger(bits) || bits < MIN_CLUSTER_BITS || bits > MAX_CLUSTER_BITS) {
    throw usage('QCOW2_CLUSTER_SIZE', `clusters of ${clusterSize} bytes are not possible in qcow2`, {
      advice: 'choose a power of two from 512 to 2M',
    });
  }
  return clusterSize;
}

function codecOf({ compression, level }: WriterOptions): ClusterCodec | null {
  if (compression === 'none') return null;
  if (compression === 'gzip')
    throw usage('NO_COMPRESSION', "qcow2 has no compression 'gzip'; its 'zlib' is the same");
  const { min, max, standard } = LEVELS[compression];
  const chosen = level ?? standard;
  if (!Number.isInteger(chosen) || chosen < min || chosen > max) {
    throw usage('BAD_LEVEL', `${compression} has the levels ${min} to ${max}, not ${chosen}`);
  }
  return compression === 'zstd'
    ? { algorithm: 'zstd', level: chosen }
    : { algorithm: 'deflate-raw', level: chosen, windowBits: ZLIB_WINDOW_BITS };
}

/** An L2 table being filled. */
interface Table {
  /** Position in L1. */
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** A cluster that did not shrink, and where its L2 entry will be. */
interface Waiting {
  readonly bytes: Uint8Array;
  readonly table: Table;
  readonly entry: number;
}

class Qcow2Writer {
  private readonly source: BlockSource;
  private readonly output: ImageOutput;
  private readonly options: WriterOptions;
  private readonly clusterSize: number;
  private readonly clusterBits: number;
  private readonly entriesPerTable: number;
  private readonly l1: Uint8Array;
  private readonly l1View: DataView;
  private refcounts = new Uint16Array(1024);
  /** First host cluster that nothing has. */
  private free: number;
  /** Where the next compressed cluster goes, and where the host clusters that are its own end. */
  private cursor = 0;
  private cursorEnd = 0;
  private waiting: Waiting[] = [];
  private table: Table | undefined;
  /** With a backing file: clusters that must read as zeros rather than as what it holds; ascending runs. */
  private zeros: { start: number; end: number }[] = [];
  private nextZero = 0;

  constructor(source: BlockSource, output: ImageOutput, options: WriterOptions) {
    this.source = source;
    this.output = output;
    this.options = options;
    this.clusterSize = clusterSizeOf(options);
    this.clusterBits = Math.log2(this.clusterSize);
    this.entriesPerTable = this.clusterSize / 8;
    const tables = Math.ceil(source.size / (this.clusterSize * this.entriesPerTable));
    if (tables * 8 > MAX_POINTER_TABLE_BYTES) {
      throw usage('QCOW2_CLUSTER_SIZE', 'a disk of this size needs larger clusters', {
        advice: `choose --cluster-size 64K or more`,
      });
    }
    this.l1 = new Uint8Array(Math.max(1, tables) * 8);
    this.l1View = viewOf(this.l1);
    this.free = 0;
    this.allocate(1 + this.clustersFor(this.l1.length));
  }

  private clustersFor(bytes: number): number {
    return Math.ceil(bytes / this.clusterSize);
  }

  /** Takes `count` host clusters in a row, each with one user. Returns the first one's offset. */
  private allocate(count: number): number {
    const first = this.free;
    for (let i = 0; i < count; i++) this.use(first + i);
    this.free += count;
    return first * this.clusterSize;
  }

  private use(cluster: number): void {
    if (cluster >= this.refcounts.length) {
      const larger = new Uint16Array(Math.max(cluster + 1, this.refcounts.length * 2));
      larger.set(this.refcounts);
      this.refcounts = larger;
    }
    this.refcounts[cluster]!++;
  }

  /* ---------- a kept backing file ---------- */

  /**
   * Finds the clusters that hold nothing but zeros by decree. Where a cluster is shared between such zeros and
   * what the backing file holds, it is written out whole (`wants`).
   */
  async markZeros(): Promise<void> {
    const { clusterSize } = this;
    for await (const extents of this.source.extents()) {
      for (const extent of extents) {
        if (extent.kind !== 'zero') continue;
        const start = Math.ceil(extent.start / clusterSize);
        const isLast = extent.end === this.source.size;
        const end = isLast ? Math.ceil(extent.end / clusterSize) : Math.floor(extent.end / clusterSize);
        const last = this.zeros.at(-1);
        if (end <= start) continue;
        if (last !== undefined && last.end === start) last.end = end;
        else this.zeros.push({ start, end });
      }
    }
  }

  /** With a backing file: what our own file stores, and crumbs of zeros. */
  wants(extent: BlockExtent): boolean {
    if (extent.kind === 'data') return extent.stored > 0;
    if (extent.kind !== 'zero') return false;
    return extent.start % this.clusterSize !== 0 || extent.end % this.clusterSize !== 0;
  }

  private async placeZerosBefore(cluster: number): Promise<void> {
    while (this.nextZero < this.zeros.length) {
      const run = this.zeros[this.nextZero]!;
      for (; run.start < Math.min(run.end, cluster); run.start++) {
        const table = await this.tableOf(run.start);
        this.setEntry(table, run.start % this.entriesPerTable, 0, L2_ZERO_LOW);
      }
      if (run.start < run.end) return;
      this.nextZero++;
    }
  }

  /* ---------- clusters ---------- */

  async add({ clusters, lengths, packed, bytes }: ClusterBatch): Promise<void> {
    const { clusterSize, entriesPerTable, options } = this;
    let at = 0; // in `packed`
    let pieceStart = 0; // what of it is not written yet, and where it goes
    let pieceOffset = 0;
    const writePiece = async (): Promise<void> => {
      if (at > pieceStart) await this.output.write(packed.subarray(pieceStart, at), pieceOffset);
      pieceStart = at;
    };
    for (let i = 0; i < clusters.length; i++) {
      const cluster = clusters[i]!;
      const length = lengths[i]!;
      if (length === CLUSTER_ZERO && options.backing === undefined) continue;
      if (options.backing !== undefined) await this.placeZerosBefore(cluster);
      const table = await this.tableOf(cluster);
      const entry = cluster % entriesPerTable;
      if (length === CLUSTER_ZERO) {
        this.setEntry(table, entry, 0, L2_ZERO_LOW);
      } else if (length === CLUSTER_PLAIN) {
        this.waiting.push({ bytes: bytes.slice(i * clusterSize, (i + 1) * clusterSize), table, entry });
        if (this.waiting.length * clusterSize >= WAITING_BYTES) await this.placeWaiting();
      } else {
        const offset = this.pack(length);
        if (at === pieceStart) pieceOffset = offset;
        else if (offset !== pieceOffset + at - pieceStart) {
          await writePiece();
          pieceOffset = offset;
        }
        at += length;
        this.setCompressed(table, entry, offset, length);
      }
    }
    await writePiece();
  }

  /** The L2 table of a guest cluster; the one before is finished, for the walk does not come back. */
  private async tableOf(cluster: number): Promise<Table> {
    const index = Math.floor(cluster / this.entriesPerTable);
    if (this.table?.index !== index) {
      await this.finishTable();
      const bytes = new Uint8Array(this.clusterSize);
      this.table = { index, bytes, view: viewOf(bytes) };
    }
    return this.table!;
  }

  private async finishTable(): Promise<void> {
    const { table } = this;
    if (table === undefined) return;
    await this.placeWaiting();
    const offset = this.allocate(1);
    await this.output.write(table.bytes, offset);
    setU64(this.l1View, table.index * 8, L2_COPIED_HIGH, offset);
    this.table = undefined;
  }

  /** Gives the clusters that did not shrink their places, in a row. */
  private async placeWaiting(): Promise<void> {
    const { waiting, clusterSize } = this;
    if (waiting.length === 0) return;
    this.waiting = [];
    const start = this.allocate(waiting.length);
    const joined = new Uint8Array(waiting.length * clusterSize);
    for (const [i, { bytes, table, entry }] of waiting.entries()) {
      joined.set(bytes, i * clusterSize);
      this.setEntry(table, entry, L2_COPIED_HIGH, start + i * clusterSize);
    }
    await this.output.write(joined, start);
  }

  /** Room for `length` bytes right behind the last compressed cluster, or in new host clusters. */
  private pack(length: number): number {
    const { clusterSize } = this;
    if (this.cursor + length > this.cursorEnd) {
      const next = this.free * clusterSize;
      if (this.cursorEnd !== next) {
        this.cursor = next;
        this.cursorEnd = next;
      }
      while (this.cursor + length > this.cursorEnd) {
        this.free++;
        this.cursorEnd += clusterSize;
      }
    }
    const offset = this.cursor;
    this.cursor += length;
    const last = Math.floor((offset + length - 1) / clusterSize);
    for (let cluster = Math.floor(offset / clusterSize); cluster <= last; cluster++) this.use(cluster);
    return offset;
  }

  private setEntry({ view }: Table, entry: number, high: number, value: number): void {
    setU64(view, entry * 8, high, value);
  }

  /**
   * "Compressed Clusters Descriptor": with x = 62 - (cluster_bits - 8), bits 0 … x - 1 are the host offset and
   * bits x … 61 the number of sectors of 512 bytes beyond the one that it begins in.
   */
  private setCompressed(table: Table, entry: number, offset: number, length: number): void {
    const sectors =
      Math.floor((offset + length - 1) / COMPRESSED_SECTOR) - Math.floor(offset / COMPRESSED_SECTOR);
    const shift = 62 - (this.clusterBits - 8); // 49 … 61, so all of it is in the upper half
    const high = (L2_COMPRESSED_HIGH | (sectors << (shift - 32))) >>> 0;
    setU64(table.view, entry * 8, high, offset);
  }

  /* ---------- the end ---------- */

  async finish(context: Context): Promise<void> {
    if (this.options.backing !== undefined) await this.placeZerosBefore(Infinity);
    await this.finishTable();
    context.signal.throwIfAborted();
    const { clusterSize, output } = this;
    // Refcount blocks and table count themselves: try until it fits.
    const perBlock = clusterSize / REFCOUNT_BYTES;
    const used = this.free;
    let blocks = 0;
    let tableClusters = 0;
    for (;;) {
      const total = used + blocks + tableClusters;
      const blocksNeeded = Math.ceil(total / perBlock);
      const tableNeeded = this.clustersFor(blocksNeeded * 8);
      if (blocksNeeded === blocks && tableNeeded === tableClusters) break;
      blocks = Math.max(blocks, blocksNeeded);
      tableClusters = Math.max(tableClusters, tableNeeded);
    }
    const blocksOffset = this.allocate(blocks);
    const tableOffset = this.allocate(tableClusters);
    const table = new Uint8Array(tableClusters * clusterSize);
    const tableView = viewOf(table);
    for (let block = 0; block < blocks; block++) {
      const offset = blocksOffset + block * clusterSize;
      const bytes = new Uint8Array(clusterSize);
      const view = viewOf(bytes);
      const last = Math.min(this.free, (block + 1) * perBlock);
      for (let cluster = block * perBlock; cluster < last; cluster++) {
        view.setUint16((cluster % perBlock) * REFCOUNT_BYTES, this.refcounts[cluster]!);
      }
      await output.write(bytes, offset);
      setU64(tableView, block * 8, 0, offset);
    }
    await output.write(table, tableOffset);
    await output.write(this.l1, clusterSize);
    await output.setSize(this.free * clusterSize);
    await output.write(this.header(tableOffset, tableClusters), 0);
  }

  private header(refcountTableOffset: number, refcountTableClusters: number): Uint8Array {
    const { options, clusterSize, source } = this;
    const bytes = new Uint8Array(clusterSize);
    const view = viewOf(bytes);
    const { fields: v2 } = HeaderV2;
    const { fields: v3 } = HeaderV3;
    bytes.set(Buffer.from(MAGIC, 'latin1'), v2.magic.offset);
    view.setUint32(v2.version.offset, 3);
    view.setUint32(v2.cluster_bits.offset, this.clusterBits);
    setU64(view, v2.size.offset, 0, source.size);
    view.setUint32(v2.l1_size.offset, this.l1.length / 8);
    setU64(view, v2.l1_table_offset.offset, 0, clusterSize);
    setU64(view, v2.refcount_table_offset.offset, 0, refcountTableOffset);
    view.setUint32(v2.refcount_table_clusters.offset, refcountTableClusters);
    const isZstd = options.compression === 'zstd';
    view.setBigUint64(v3.incompatible_features.offset, isZstd ? INCOMPATIBLE.compressionType : 0n);
    const isLazy = options.details.lazyRefcounts === true;
    view.setBigUint64(v3.compatible_features.offset, isLazy ? COMPATIBLE.lazyRefcounts : 0n);
    view.setUint32(v3.refcount_order.offset, REFCOUNT_ORDER);
    view.setUint32(v3.header_length.offset, HEADER_BYTES);
    view.setUint8(COMPRESSION_TYPE_OFFSET, isZstd ? 1 : 0);
    let at = HEADER_BYTES;
    const { backing } = options;
    if (backing !== undefined) {
      const format = Buffer.from(backing.format);
      view.setUint32(at, EXTENSION.backingFormat);
      view.setUint32(at + 4, format.length);
      bytes.set(format, at + 8);
      at += 8 + Math.ceil(format.length / 8) * 8;
    }
    at += 8; // the end of the extensions is eight zeros
    if (backing !== undefined) {
      const name = Buffer.from(backing.reference);
      if (name.length > MAX_BACKING_NAME || at + name.length > clusterSize) {
        throw usage('QCOW2_BACKING_NAME', 'the name of the backing file is too long for the header');
      }
      bytes.set(name, at);
      setU64(view, v2.backing_file_offset.offset, 0, at);
      view.setUint32(v2.backing_file_size.offset, name.length);
    }
    return bytes;
  }
}

/** Big-endian: `value`, with the bits of `high` set in its upper half. */
function setU64(view: DataView, at: number, high: number, value: number): void {
  view.setUint32(at, (high | Math.floor(value / TWO_32)) >>> 0);
  view.setUint32(at + 4, value % TWO_32);
}
