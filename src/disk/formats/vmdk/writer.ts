/**
 * Writes VMDK: `streamOptimized` (the default) and `monolithicSparse`.
 *
 * streamOptimized is what OVF and OVA carry and ESXi, vSphere, AWS and Azure import: compressed grains, each
 * behind a marker that names its sector, then a grain table whenever a table's grains are done, the directory, a
 * footer that says where the directory is, and an end-of-stream marker. Everything refers backwards, so it is
 * written in one pass, to a pipe as well. The layout is VMware's own (header version 3, overhead of one grain,
 * grain tables beside their grains), not qemu's, which keeps all tables in front and that 7-Zip refuses.
 *
 * monolithicSparse is what VMware's desktop products grow: redundant and primary grain directory with all of
 * their tables, preallocated as the specification wants them, then plain grains.
 *
 * Grains of zeros are in neither. Grains are compressed by a pool of threads and come back in order, so that
 * bytes do not depend on the threads.
 *
 * Specification: VMware 'Virtual Disk Format 5.0', 'Stream-Optimized Compressed Sparse Extents'.
 */
import { CLUSTER_ZERO, type ClusterCodec, compressClusters } from '../../../compressors/clusters.ts';
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import type { ImageOutput, ImageWriter, WriterOptions } from '../../../core/contracts/writer.ts';
import { unsupported, usage } from '../../../core/errors.ts';
import { AppendingOutput } from '../../../sources/output.ts';
import {
  COMPRESSION_DEFLATE,
  COMPRESSION_NONE,
  END_LINE_CHARS,
  FLAG,
  GD_AT_END,
  GRAIN_MARKER_BYTES,
  MARKER_EOS,
  MARKER_FOOTER,
  MARKER_GRAIN_DIRECTORY,
  MARKER_GRAIN_TABLE,
  Marker,
  SECTOR,
  SPARSE_MAGIC,
  SparseExtentHeader,
} from './layout.ts';
import { DESCRIPTOR_BYTES, descriptorText } from './writer-descriptor.ts';

/** What every product writes, and importers expect. */
const GRAIN_BYTES = 64 * 1024;
const GRAIN_SECTORS = GRAIN_BYTES / SECTOR;
const TABLE_ENTRIES = 512;
const TABLE_BYTES = TABLE_ENTRIES * 4;
const TABLE_SECTORS = TABLE_BYTES / SECTOR;
const DESCRIPTOR_SECTOR = 1;
/** As everybody's; about half a per cent larger than with stock zlib. */
const DEFAULT_LEVEL = 6;

export const vmdkWriter: ImageWriter = {
  format: 'vmdk',
  subformats: ['streamOptimized', 'monolithicSparse'],
  compressions: ['zlib', 'none'],
  virtualSize: (size) => Math.ceil(size / SECTOR) * SECTOR,
  canStream: (options) => subformatOf(options) === 'streamOptimized',
  units: (options) => ({
    unit: GRAIN_BYTES,
    codec: subformatOf(options) === 'streamOptimized' ? codecOf(options) : null,
  }),
  async write(source, output, options, context) {
    const subformat = subformatOf(options);
    checkOptions(subformat, options);
    if (subformat === 'streamOptimized') return writeStream(source, output, options, context);
    if (!output.isSequential) return writeSparse(source, output, options, context);
    throw usage('VMDK_STREAM', 'a monolithicSparse VMDK cannot be streamed: its grain tables come first', {
      advice: "write to a file, or choose '--subformat streamOptimized'",
    });
  },
};

/** What is asked for; else compression decides. monolithicSparse has none, so there it is not looked at. */
function subformatOf({ subformat, compression }: WriterOptions): string {
  return subformat ?? (compression === 'none' ? 'monolithicSparse' : 'streamOptimized');
}

function checkOptions(subformat: string, { compression, backing, clusterSize, level }: WriterOptions): void {
  if (!vmdkWriter.subformats.includes(subformat)) {
    throw usage('VMDK_SUBFORMAT', `VMDK ${subformat} is not written`, {
      advice: `${vmdkWriter.subformats.join(' and ')} are possible`,
    });
  }
  if (subformat === 'streamOptimized' && compression !== 'zlib') {
    throw usage('VMDK_COMPRESSION', `a streamOptimized VMDK cannot be compressed with ${compression}`, {
      advice: 'its grains are always zlib: leave --compress away',
    });
  }
  if (compression !== 'zlib' && compression !== 'none') {
    throw usage('VMDK_COMPRESSION', `a VMDK cannot be compressed inside with ${compression}`, {
      advice: 'leave --compress away',
    });
  }
  if (level !== undefined && !(Number.isInteger(level) && level >= 1 && level <= 9)) {
    throw usage('VMDK_LEVEL', `zlib has no level ${level}`, { advice: '1 to 9 are possible' });
  }
  if (backing !== undefined) {
    throw usage('VMDK_BACKING', 'delta VMDKs are not written', { advice: 'leave --keep-backing away' });
  }
  if (clusterSize !== undefined && clusterSize !== GRAIN_BYTES) {
    throw usage('VMDK_GRAIN_SIZE', `grains of ${clusterSize} bytes are not written`, {
      advice: 'leave --cluster-size away: importers expect 64 KiB',
    });
  }
}

/* ---------- streamOptimized ---------- */

async function writeStream(
  source: BlockSource,
  output: ImageOutput,
  options: WriterOptions,
  context: Context,
): Promise<void> {
  const header: HeaderFields = {
    version: 3,
    flags: FLAG.validNewLineDetection | FLAG.compressed | FLAG.markers,
    capacity: Math.ceil(source.size / SECTOR),
    rgdOffset: 0n,
    gdOffset: GD_AT_END,
    overHead: GRAIN_SECTORS,
    compressAlgorithm: COMPRESSION_DEFLATE,
  };
  const stream = new GrainStream(new AppendingOutput(output), tableCount(header.capacity));
  const { out } = stream;
  await out.append(makeHeader(header));
  await out.append(await descriptorText(source, 'streamOptimized', options.details));
  await out.pad(GRAIN_BYTES);

  const { tally, seals } = options;
  const units = { clusterSize: GRAIN_BYTES, codec: codecOf(options), tally, seals };
  for await (const { clusters, lengths, packed } of compressClusters(source, units, context)) {
    let at = 0;
    for (const [index, grain] of clusters.entries()) {
      const length = lengths[index]!;
      if (length === CLUSTER_ZERO) continue;
      await stream.grain(grain, packed.subarray(at, at + length));
      at += length;
    }
  }
  await stream.finish(header);
  await output.setSize(out.position);
}

/** The part of a stream behind the header: grains in ascending order, each table behind its grains. */
class GrainStream {
  readonly out: AppendingOutput;
  private readonly directory: Buffer;
  private readonly table = Buffer.alloc(TABLE_BYTES);
  private readonly marker = Buffer.alloc(GRAIN_MARKER_BYTES);
  /** Index of the table that is being filled; -1 before the first grain. */
  private current = -1;

  constructor(out: AppendingOutput, tables: number) {
    this.out = out;
    this.directory = Buffer.alloc(tables * 4);
  }

  async grain(grain: number, packed: Uint8Array): Promise<void> {
    const table = Math.floor(grain / TABLE_ENTRIES);
    if (table !== this.current) {
      await this.endTable();
      this.current = table;
    }
    this.table.writeUInt32LE(sectorOf(this.out.position), (grain % TABLE_ENTRIES) * 4);
    this.marker.writeBigUInt64LE(BigInt(grain * GRAIN_SECTORS), Marker.fields.val.offset);
    this.marker.writeUInt32LE(packed.length, Marker.fields.size.offset);
    await this.out.append(this.marker);
    await this.out.append(packed);
    await this.out.pad(SECTOR);
  }

  /** What follows the last grain; `header` becomes the footer. */
  async finish(header: HeaderFields): Promise<void> {
    const { out, directory } = this;
    await this.endTable();
    await this.mark(MARKER_GRAIN_DIRECTORY, Math.ceil(directory.length / SECTOR));
    const gdOffset = BigInt(sectorOf(out.position));
    await out.append(directory);
    await out.pad(SECTOR);
    await this.mark(MARKER_FOOTER, 1);
    await out.append(makeHeader({ ...header, gdOffset }));
    await this.mark(MARKER_EOS, 0);
    await out.finish();
  }

  private async endTable(): Promise<void> {
    if (this.current < 0) return;
    await this.mark(MARKER_GRAIN_TABLE, TABLE_SECTORS);
    this.directory.writeUInt32LE(sectorOf(this.out.position), this.current * 4);
    await this.out.append(this.table);
    this.table.fill(0);
  }

  /** A sector that says what the next `sectors` hold. */
  private async mark(type: number, sectors: number): Promise<void> {
    const marker = Buffer.alloc(SECTOR);
    marker.writeBigUInt64LE(BigInt(sectors), Marker.fields.val.offset);
    marker.writeUInt32LE(type, Marker.fields.type.offset);
    await this.out.append(marker);
  }
}

/* ---------- monolithicSparse ---------- */

async function writeSparse(
  source: BlockSource,
  output: ImageOutput,
  options: WriterOptions,
  context: Context,
): Promise<void> {
  const capacity = Math.ceil(source.size / SECTOR);
  const tables = tableCount(capacity);
  const directorySectors = Math.ceil((tables * 4) / SECTOR);
  const rgdSector = DESCRIPTOR_SECTOR + DESCRIPTOR_BYTES / SECTOR;
  const redundantTables = rgdSector + directorySectors;
  const gdSector = redundantTables + tables * TABLE_SECTORS;
  const primaryTables = gdSector + directorySectors;
  const overHead = Math.ceil((primaryTables + tables * TABLE_SECTORS) / GRAIN_SECTORS) * GRAIN_SECTORS;

  const head = new AppendingOutput(output);
  const flags = FLAG.validNewLineDetection | FLAG.redundantGrainTable;
  await head.append(
    makeHeader({
      ...{ version: 1, flags, capacity, overHead, compressAlgorithm: COMPRESSION_NONE },
      ...{ rgdOffset: BigInt(rgdSector), gdOffset: BigInt(gdSector) },
    }),
  );
  await head.append(await descriptorText(source, 'monolithicSparse', options.details));
  await head.finish();
  for (const [directory, first] of [
    [rgdSector, redundantTables],
    [gdSector, primaryTables],
  ] as const) {
    const out = new AppendingOutput(output, directory * SECTOR);
    const entry = Buffer.alloc(4);
    for (let table = 0; table < tables; table++) {
      entry.writeUInt32LE(sectorOf((first + table * TABLE_SECTORS) * SECTOR));
      await out.append(entry);
    }
    await out.finish();
  }

  const table = Buffer.alloc(TABLE_BYTES);
  let current = -1;
  const endTable = async (): Promise<void> => {
    if (current < 0) return;
    for (const first of [redundantTables, primaryTables]) {
      await output.write(table, (first + current * TABLE_SECTORS) * SECTOR);
    }
    table.fill(0);
  };
  let at = overHead * SECTOR;
  const units = { clusterSize: GRAIN_BYTES, codec: null, tally: options.tally };
  for await (const { clusters, bytes, lengths } of compressClusters(source, units, context)) {
    // Grains that follow each other in the batch do so in the file: one write per stretch without zeros.
    let start = 0;
    for (const [index, grain] of clusters.entries()) {
      if (lengths[index] === CLUSTER_ZERO) {
        at += await writeGrains(output, bytes, start, index, at);
        start = index + 1;
        continue;
      }
      const next = Math.floor(grain / TABLE_ENTRIES);
      if (next !== current) {
        await endTable();
        current = next;
      }
      table.writeUInt32LE(sectorOf(at + (index - start) * GRAIN_BYTES), (grain % TABLE_ENTRIES) * 4);
    }
    at += await writeGrains(output, bytes, start, clusters.length, at);
  }
  await endTable();
  await output.setSize(at);
}

/** Writes grains [from, to) of a batch; returns their bytes. */
async function writeGrains(
  output: ImageOutput,
  batch: Uint8Array,
  from: number,
  to: number,
  offset: number,
): Promise<number> {
  if (to > from) await output.write(batch.subarray(from * GRAIN_BYTES, to * GRAIN_BYTES), offset);
  return (to - from) * GRAIN_BYTES;
}

/* ---------- both ---------- */

function codecOf({ level }: WriterOptions): ClusterCodec {
  // Every grain of a stream is a zlib stream, if only one of stored blocks.
  return { algorithm: 'zlib', level: level ?? DEFAULT_LEVEL, storesAll: true };
}

function tableCount(capacity: number): number {
  return Math.ceil(capacity / (GRAIN_SECTORS * TABLE_ENTRIES));
}

/** @throws ImgoptError `unsupported` behind 2 TiB: tables hold 32-bit sector numbers */
function sectorOf(offset: number): number {
  const sector = offset / SECTOR;
  if (sector <= 0xffff_ffff) return sector;
  throw unsupported('VMDK_TOO_LARGE', 'more than 2 TiB of data do not fit into one VMDK', {
    advice: 'choose qcow2 or raw',
  });
}

interface HeaderFields {
  readonly version: number;
  readonly flags: number;
  /** Sectors, as the offsets are. */
  readonly capacity: number;
  readonly rgdOffset: bigint;
  readonly gdOffset: bigint;
  readonly overHead: number;
  readonly compressAlgorithm: number;
}

function makeHeader(header: HeaderFields): Buffer {
  const { fields } = SparseExtentHeader;
  const sector = Buffer.alloc(SECTOR);
  sector.write(SPARSE_MAGIC, fields.magicNumber.offset, 'latin1');
  sector.writeUInt32LE(header.version, fields.version.offset);
  sector.writeUInt32LE(header.flags, fields.flags.offset);
  sector.writeBigUInt64LE(BigInt(header.capacity), fields.capacity.offset);
  sector.writeBigUInt64LE(BigInt(GRAIN_SECTORS), fields.grainSize.offset);
  sector.writeBigUInt64LE(BigInt(DESCRIPTOR_SECTOR), fields.descriptorOffset.offset);
  sector.writeBigUInt64LE(BigInt(DESCRIPTOR_BYTES / SECTOR), fields.descriptorSize.offset);
  sector.writeUInt32LE(TABLE_ENTRIES, fields.numGTEsPerGT.offset);
  sector.writeBigUInt64LE(header.rgdOffset, fields.rgdOffset.offset);
  sector.writeBigUInt64LE(header.gdOffset, fields.gdOffset.offset);
  sector.writeBigUInt64LE(BigInt(header.overHead), fields.overHead.offset);
  sector.write(END_LINE_CHARS, fields.endLineChars.offset, 'latin1');
  sector.writeUInt16LE(header.compressAlgorithm, fields.compressAlgorithm.offset);
  return sector;
}
