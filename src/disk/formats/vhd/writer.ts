/**
 * Writes VHD: `dynamic` (the default) and `fixed`.
 *
 * Dynamic: a copy of the footer, the dynamic header, the block allocation table, then every block with data
 * behind a bitmap that calls all of its sectors present, and the footer. Zeros inside a block are left unwritten,
 * so that the host's file stays sparse.
 *
 * Fixed: the disk itself, then the footer. Azure takes nothing else, and only disks of whole mebibytes, so the
 * size is rounded up to one, with zeros ('Prepare a Windows VHD to upload to Azure': 'virtual size aligned to
 * 1 MiB').
 *
 * Virtual PC and qemu believe the geometry rather than the size when certain applications claim to have made a
 * disk; the geometry cannot express most sizes. Hyper-V's name makes everybody use the size.
 */
import { CLUSTER_ZERO, compressClusters } from '../../../compressors/clusters.ts';
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import type { ImageOutput, ImageWriter, WriterOptions } from '../../../core/contracts/writer.ts';
import { unsupported, usage } from '../../../core/errors.ts';
import { contentUuid, parseUuid } from '../../../sources/identity.ts';
import { writeSparsely, writeZeros } from '../../../sources/output.ts';
import {
  BLOCK_ABSENT,
  checksumOf,
  DISK_TYPE,
  DYNAMIC_COOKIE,
  DYNAMIC_HEADER_BYTES,
  DynamicHeader,
  FEATURE_RESERVED,
  FOOTER_BYTES,
  FOOTER_COOKIE,
  FORMAT_VERSION,
  Footer,
  geometryOf,
  NO_OFFSET,
  SECTOR,
} from './layout.ts';

const MiB = 1024 * 1024;
/** Zeros of a sparse host file are left out in units of this. */
const HOST_UNIT = 32 * 1024;
const DEFAULT_BLOCK_BYTES = 2 * MiB;
/** Spec: 2 MiB; Hyper-V also reads 512 KiB. */
const BLOCK_SIZES = [512 * 1024, DEFAULT_BLOCK_BYTES];
/** 2040 GiB, as Microsoft's products and qemu: what 32-bit sector numbers of the table reach. */
const MAX_SIZE = 2040 * 1024 * MiB;

export const vhdWriter: ImageWriter = {
  format: 'vpc',
  subformats: ['dynamic', 'fixed'],
  compressions: ['none'],
  virtualSize: (size, options) => roundUp(size, subformatOf(options) === 'fixed' ? MiB : SECTOR),
  canStream: (options) => subformatOf(options) === 'fixed',
  units: (options) => ({
    unit: subformatOf(options) === 'fixed' ? HOST_UNIT : (options.clusterSize ?? DEFAULT_BLOCK_BYTES),
    codec: null,
  }),
  async write(source, output, options, context) {
    const subformat = subformatOf(options);
    if (options.compression !== 'none') {
      throw usage('VHD_COMPRESSION', `VHD cannot be compressed inside (${options.compression})`, {
        advice: 'leave --compress away, or choose qcow2 or vmdk',
      });
    }
    if (options.backing !== undefined) {
      throw usage('VHD_BACKING', 'differencing VHDs are not written', {
        advice: 'leave --keep-backing away',
      });
    }
    if (subformat === 'fixed') return writeFixed(source, output, options, context);
    if (subformat === 'dynamic') return writeDynamic(source, output, options, context);
    throw usage('VHD_SUBFORMAT', `VHD has no subformat ${subformat}`, { advice: 'dynamic and fixed exist' });
  },
};

/** What is asked for, or what a VHD source is. */
function subformatOf({ subformat, details }: WriterOptions): string {
  return subformat ?? (details.subformat === 'fixed' ? 'fixed' : 'dynamic');
}

function roundUp(size: number, unit: number): number {
  return Math.ceil(size / unit) * unit;
}

function checkSize(size: number): void {
  if (size <= MAX_SIZE) return;
  throw unsupported('VHD_TOO_LARGE', `a disk of ${size} bytes does not fit into a VHD (2040 GiB)`, {
    advice: 'choose qcow2, vmdk or raw',
  });
}

async function writeFixed(
  source: BlockSource,
  output: ImageOutput,
  options: WriterOptions,
  context: Context,
): Promise<void> {
  if (options.clusterSize !== undefined) {
    throw usage('VHD_BLOCK_SIZE', 'a fixed VHD has no blocks', { advice: 'leave --cluster-size away' });
  }
  const size = roundUp(source.size, MiB);
  checkSize(size);
  const footer = await makeFooter(source, size, DISK_TYPE.fixed, NO_OFFSET, options);
  const units = { clusterSize: MiB, codec: null, tally: options.tally };
  let at = 0;
  for await (const { clusters, bytes } of compressClusters(source, units, context)) {
    for (const [index, block] of clusters.entries()) {
      const content = bytes.subarray(index * MiB, (index + 1) * MiB);
      if (output.isSequential) await writeZeros(output, at, block * MiB);
      at = block * MiB;
      if (output.isSequential) await output.write(content, at);
      else await writeSparsely(output, content, at);
      at += MiB;
    }
  }
  if (output.isSequential) await writeZeros(output, at, size);
  await output.write(footer, size);
  await output.setSize(size + footer.length);
}

async function writeDynamic(
  source: BlockSource,
  output: ImageOutput,
  options: WriterOptions,
  context: Context,
): Promise<void> {
  if (output.isSequential) {
    throw usage('VHD_STREAM', 'a dynamic VHD cannot be streamed: its block table comes first', {
      advice: "write to a file, or choose '--subformat fixed'",
    });
  }
  const blockBytes = options.clusterSize ?? DEFAULT_BLOCK_BYTES;
  if (!BLOCK_SIZES.includes(blockBytes)) {
    throw usage('VHD_BLOCK_SIZE', `a VHD cannot have blocks of ${blockBytes} bytes`, {
      advice: '512KiB and 2MiB are possible',
    });
  }
  const size = roundUp(source.size, SECTOR);
  checkSize(size);
  const footer = await makeFooter(source, size, DISK_TYPE.dynamic, BigInt(FOOTER_BYTES), options);
  const tableOffset = FOOTER_BYTES + DYNAMIC_HEADER_BYTES;
  const entries = Math.ceil(size / blockBytes);
  const table = Buffer.alloc(Math.ceil((entries * 4) / SECTOR) * SECTOR, 0xff);
  // One bit per sector, in whole sectors.
  const bitmap = new Uint8Array(Math.ceil(blockBytes / SECTOR / 8 / SECTOR) * SECTOR).fill(0xff);

  const units = { clusterSize: blockBytes, codec: null, tally: options.tally };
  let at = tableOffset + table.length;
  for await (const { clusters, bytes, lengths } of compressClusters(source, units, context)) {
    for (const [index, block] of clusters.entries()) {
      if (lengths[index] === CLUSTER_ZERO) continue;
      if (at / SECTOR >= BLOCK_ABSENT) checkSize(Number.POSITIVE_INFINITY);
      table.writeUInt32BE(at / SECTOR, block * 4);
      await output.write(bitmap, at);
      const content = bytes.subarray(index * blockBytes, (index + 1) * blockBytes);
      await writeSparsely(output, content, at + bitmap.length);
      at += bitmap.length + blockBytes;
    }
  }
  await output.write(table, tableOffset);
  await output.write(Buffer.concat([footer, makeDynamicHeader(tableOffset, entries, blockBytes)]), 0);
  await output.write(footer, at);
  await output.setSize(at + footer.length);
}

async function makeFooter(
  source: BlockSource,
  size: number,
  diskType: number,
  dataOffset: bigint,
  { details }: WriterOptions,
): Promise<Buffer> {
  const { fields } = Footer;
  const footer = Buffer.alloc(FOOTER_BYTES);
  const geometry = geometryOf(size);
  footer.write(FOOTER_COOKIE, fields.Cookie.offset, 'latin1');
  footer.writeUInt32BE(FEATURE_RESERVED, fields.Features.offset);
  footer.writeUInt32BE(FORMAT_VERSION, fields.FileFormatVersion.offset);
  footer.writeBigUInt64BE(dataOffset, fields.DataOffset.offset);
  const created = details.timestamp;
  const timestamp = typeof created === 'number' && Number.isInteger(created) ? created : 0;
  footer.writeUInt32BE(timestamp >= 0 && timestamp <= 0xffff_ffff ? timestamp : 0, fields.TimeStamp.offset);
  footer.write('win ', fields.CreatorApplication.offset, 'latin1');
  footer.writeUInt32BE(0x000a_0000, fields.CreatorVersion.offset);
  footer.write('Wi2k', fields.CreatorHostOS.offset, 'latin1');
  footer.writeBigUInt64BE(BigInt(size), fields.OriginalSize.offset);
  footer.writeBigUInt64BE(BigInt(size), fields.CurrentSize.offset);
  footer.writeUInt16BE(geometry.cylinders, fields.Cylinder.offset);
  footer[fields.Heads.offset] = geometry.heads;
  footer[fields.SectorsPerTrack.offset] = geometry.sectors;
  footer.writeUInt32BE(diskType, fields.DiskType.offset);
  footer.set(parseUuid(details.uuid) ?? (await contentUuid(source, 'vhd')), fields.UniqueId.offset);
  footer.writeUInt32BE(checksumOf(footer, fields.Checksum.offset), fields.Checksum.offset);
  return footer;
}

function makeDynamicHeader(tableOffset: number, entries: number, blockBytes: number): Buffer {
  const { fields } = DynamicHeader;
  const header = Buffer.alloc(DYNAMIC_HEADER_BYTES);
  header.write(DYNAMIC_COOKIE, fields.Cookie.offset, 'latin1');
  header.writeBigUInt64BE(NO_OFFSET, fields.DataOffset.offset);
  header.writeBigUInt64BE(BigInt(tableOffset), fields.TableOffset.offset);
  header.writeUInt32BE(FORMAT_VERSION, fields.HeaderVersion.offset);
  header.writeUInt32BE(entries, fields.MaxTableEntries.offset);
  header.writeUInt32BE(blockBytes, fields.BlockSize.offset);
  header.writeUInt32BE(checksumOf(header, fields.Checksum.offset), fields.Checksum.offset);
  return header;
}
