/**
 * Writes VDI: `dynamic` (the default) and `static`.
 *
 * A header, the map of blocks, the blocks. Dynamic images store the blocks that are not zero, in order; static
 * ones store all of them, which makes the map known beforehand: they stream. Blocks have 1 MiB, the only size
 * that qemu reads.
 */

import { CLUSTER_ZERO, compressClusters } from '../../../compressors/clusters.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import type { ImageWriter, WriterOptions } from '../../../core/contracts/writer.ts';
import { unsupported, usage } from '../../../core/errors.ts';
import { MAX_POINTER_TABLE_BYTES } from '../../../core/limits.ts';
import { contentUuid, guidBytes, parseUuid } from '../../../sources/identity.ts';
import { writeSparsely, writeZeros } from '../../../sources/output.ts';
import {
  HEADER_1PLUS_BYTES,
  HEADER_BYTES,
  Header,
  IMAGE_TYPE,
  SECTOR,
  SIGNATURE,
  VERSION_1_1,
} from './layout.ts';

const BLOCK_BYTES = 1024 * 1024;
const MAX_BLOCKS = MAX_POINTER_TABLE_BYTES / 4;
/** Blocks begin on a page of the host. */
const DATA_ALIGNMENT = 4096;

export const vdiWriter: ImageWriter = {
  format: 'vdi',
  subformats: ['dynamic', 'static'],
  compressions: ['none'],
  virtualSize: (size) => Math.ceil(size / SECTOR) * SECTOR,
  canStream: (options) => subformatOf(options) === 'static',
  units: () => ({ unit: BLOCK_BYTES, codec: null }),
  async write(source, output, options, context) {
    const subformat = subformatOf(options);
    checkOptions(subformat, options);
    const isStatic = subformat === 'static';
    if (output.isSequential && !isStatic) {
      throw usage('VDI_STREAM', 'a dynamic VDI cannot be streamed: its block map comes first', {
        advice: "write to a file, or choose '--subformat static'",
      });
    }
    const size = Math.ceil(source.size / SECTOR) * SECTOR;
    const blockCount = Math.ceil(size / BLOCK_BYTES);
    if (blockCount > MAX_BLOCKS) {
      throw unsupported('VDI_TOO_LARGE', `a disk of ${size} bytes does not fit into a VDI of ours (8 TiB)`, {
        advice: 'choose qcow2, vmdk or raw',
      });
    }
    const map = Buffer.alloc(blockCount * 4, 0xff);
    const dataOffset = Math.ceil((HEADER_BYTES + map.length) / DATA_ALIGNMENT) * DATA_ALIGNMENT;
    const writeHead = async (allocated: number): Promise<void> => {
      const head = Buffer.alloc(dataOffset);
      const type = isStatic ? IMAGE_TYPE.static : IMAGE_TYPE.dynamic;
      (await makeHeader(source, size, type, dataOffset, allocated, options)).copy(head);
      map.copy(head, HEADER_BYTES);
      await output.write(head, 0);
    };
    if (isStatic) {
      for (let block = 0; block < blockCount; block++) map.writeUInt32LE(block, block * 4);
      await writeHead(blockCount);
    }

    const units = { clusterSize: BLOCK_BYTES, codec: null, tally: options.tally };
    let next = 0;
    for await (const { clusters, bytes, lengths } of compressClusters(source, units, context)) {
      for (const [index, block] of clusters.entries()) {
        const content = bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES);
        if (output.isSequential) {
          await writeZeros(output, dataOffset + next * BLOCK_BYTES, dataOffset + block * BLOCK_BYTES);
          await output.write(content, dataOffset + block * BLOCK_BYTES);
          next = block + 1;
        } else if (isStatic) {
          await writeSparsely(output, content, dataOffset + block * BLOCK_BYTES);
        } else if (lengths[index] !== CLUSTER_ZERO) {
          map.writeUInt32LE(next, block * 4);
          await writeSparsely(output, content, dataOffset + next * BLOCK_BYTES);
          next++;
        }
      }
    }
    const stored = isStatic ? blockCount : next;
    const end = dataOffset + stored * BLOCK_BYTES;
    if (output.isSequential) await writeZeros(output, dataOffset + next * BLOCK_BYTES, end);
    if (!isStatic) await writeHead(stored);
    await output.setSize(end);
  },
};

/** What is asked for, or what a VDI source is. */
function subformatOf({ subformat, details }: WriterOptions): string {
  return subformat ?? (details.subformat === 'static' ? 'static' : 'dynamic');
}

function checkOptions(subformat: string, { compression, backing, clusterSize }: WriterOptions): void {
  if (!vdiWriter.subformats.includes(subformat)) {
    throw usage('VDI_SUBFORMAT', `VDI has no subformat ${subformat}`, { advice: 'dynamic and static exist' });
  }
  if (compression !== 'none') {
    throw usage('VDI_COMPRESSION', `VDI cannot be compressed inside (${compression})`, {
      advice: 'leave --compress away, or choose qcow2 or vmdk',
    });
  }
  if (backing !== undefined) {
    throw usage('VDI_BACKING', 'differencing VDIs are not written', { advice: 'leave --keep-backing away' });
  }
  if (clusterSize !== undefined && clusterSize !== BLOCK_BYTES) {
    throw usage('VDI_BLOCK_SIZE', `blocks of ${clusterSize} bytes are not written`, {
      advice: 'leave --cluster-size away: qemu reads no others than 1 MiB',
    });
  }
}

async function makeHeader(
  source: BlockSource,
  size: number,
  type: number,
  dataOffset: number,
  allocated: number,
  { details }: WriterOptions,
): Promise<Buffer> {
  const { fields } = Header;
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('<<< imgopt Virtual Disk Image >>>\n', fields.szFileInfo.offset, 'latin1');
  header.writeUInt32LE(SIGNATURE, fields.u32Signature.offset);
  header.writeUInt32LE(VERSION_1_1, fields.u32Version.offset);
  header.writeUInt32LE(HEADER_1PLUS_BYTES, fields.cbHeader.offset);
  header.writeUInt32LE(type, fields.u32Type.offset);
  header.writeUInt32LE(HEADER_BYTES, fields.offBlocks.offset);
  header.writeUInt32LE(dataOffset, fields.offData.offset);
  // Without a geometry, VirtualBox works one out from the partition table, or from the size.
  header.writeUInt32LE(SECTOR, fields.cbSector.offset);
  header.writeBigUInt64LE(BigInt(size), fields.cbDisk.offset);
  header.writeUInt32LE(BLOCK_BYTES, fields.cbBlock.offset);
  header.writeUInt32LE(Math.ceil(size / BLOCK_BYTES), fields.cBlocks.offset);
  header.writeUInt32LE(allocated, fields.cBlocksAllocated.offset);
  header.set(
    guidBytes(parseUuid(details.uuid) ?? (await contentUuid(source, 'vdi'))),
    fields.uuidCreate.offset,
  );
  header.set(
    guidBytes(parseUuid(details.modificationUuid) ?? (await contentUuid(source, 'vdi modified'))),
    fields.uuidModify.offset,
  );
  return header;
}
