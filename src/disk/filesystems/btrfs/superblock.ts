/** The superblock: recognised, checked, renamed, and found again in its copies. */
import { BLOCK_CHECKSUMS, type BlockChecksum, hasChecksum } from '../../../core/block-checksum.ts';
import type { ProbeInput } from '../../../core/contracts/disk.ts';
import type { FilesystemProbe } from '../../../core/contracts/filesystem.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import { viewOf } from '../../../core/record.ts';
import { decodeField, formatUuid } from '../../../core/text.ts';
import { unreadableFeatures } from './features.ts';
import {
  BTRFS_MAGIC,
  CHECKSUM_BYTES,
  INCOMPAT,
  NODE,
  PROBE,
  SUPERBLOCK_BYTES,
  SUPERBLOCK_OFFSETS,
  superblockRecord,
} from './layout.ts';

/** The superblock, checked; sizes in bytes. */
export interface Superblock {
  readonly label: string | null;
  readonly uuid: string;
  /** The UUID that nodes carry. */
  readonly metadataUuid: DataView;
  readonly checksum: BlockChecksum;
  readonly incompat: bigint;
  readonly compatRo: bigint;
  readonly generation: number;
  readonly sectorSize: number;
  readonly nodeSize: number;
  readonly totalBytes: number;
  readonly usedBytes: number;
  readonly root: number;
  readonly rootLevel: number;
  readonly chunkRoot: number;
  readonly chunkRootLevel: number;
  readonly chunkRootGeneration: number;
  /** A log tree waits to be replayed. */
  readonly hasLog: boolean;
  readonly deviceCount: number;
  /** Number and size of the device that it was read from. */
  readonly device: number;
  readonly deviceBytes: number;
  /** Chunks of the system, by which the others are found. */
  readonly systemChunks: Uint8Array;
}

/** What stands at the beginning of a volume; no I/O, no throw. */
export function probeSuperblock({ head }: ProbeInput): FilesystemProbe | undefined {
  const [start] = SUPERBLOCK_OFFSETS;
  if (head.length < start + SUPERBLOCK_BYTES) return undefined;
  for (let i = 0; i < BTRFS_MAGIC.length; i++) {
    if (head[start + PROBE.magic + i] !== BTRFS_MAGIC.charCodeAt(i)) return undefined;
  }
  const at = (offset: number, length: number): Uint8Array =>
    head.subarray(start + offset, start + offset + length);
  return {
    certainty: 'certain',
    description: 'btrfs filesystem',
    type: 'btrfs',
    usage: 'filesystem',
    label: decodeField(at(PROBE.label, PROBE.labelBytes)) || null,
    uuid: formatUuid(at(PROBE.fsid, 16)),
  };
}

function isPowerOfTwo(value: number, from: number, to: number): boolean {
  return value >= from && value <= to && (value & (value - 1)) === 0;
}

/**
 * Checks and renames a superblock.
 * @param bytes SUPERBLOCK_BYTES of them
 * @param place where it stands on its device
 * @throws `unsupported` naming a feature; `corrupt` naming the field
 */
export function parseSuperblock(bytes: Uint8Array, place: number): Superblock {
  const magic = Buffer.from(bytes.buffer, bytes.byteOffset + PROBE.magic, BTRFS_MAGIC.length);
  if (magic.toString('latin1') !== BTRFS_MAGIC) {
    throw corrupt('BTRFS_MAGIC', 'the magic number _BHRfS_M is missing');
  }
  const type = viewOf(bytes).getUint16(superblockRecord.fields.csum_type.offset, true);
  const checksum = BLOCK_CHECKSUMS[type];
  if (checksum === undefined) {
    throw unsupported('BTRFS_CHECKSUM_TYPE', `is sealed with checksums of type ${type}, which is not known`);
  }
  if (!hasChecksum(checksum, bytes, CHECKSUM_BYTES, SUPERBLOCK_BYTES, viewOf(bytes), 0)) {
    throw corrupt('BTRFS_SUPERBLOCK_CHECKSUM', 'the superblock fails its checksum');
  }
  const s = superblockRecord.read(bytes);
  const unreadable = unreadableFeatures(s.incompat_flags, s.flags);
  if (unreadable.length > 0) {
    throw unsupported('BTRFS_FEATURE', `uses ${unreadable.join(', ')}, which imgopt cannot read`);
  }
  if (s.bytenr !== place)
    throw corrupt('BTRFS_SUPERBLOCK', `the superblock says that it stands at ${s.bytenr}`);
  if (!isPowerOfTwo(s.sectorsize, 4096, 65536)) {
    throw corrupt('BTRFS_SECTOR_SIZE', `sectorsize is ${s.sectorsize}`);
  }
  if (!isPowerOfTwo(s.nodesize, s.sectorsize, 65536)) {
    throw corrupt('BTRFS_NODE_SIZE', `nodesize is ${s.nodesize} with sectors of ${s.sectorsize} bytes`);
  }
  if (s.root_level >= NODE.maxLevel || s.chunk_root_level >= NODE.maxLevel) {
    throw corrupt('BTRFS_LEVEL', `a tree claims ${Math.max(s.root_level, s.chunk_root_level) + 1} levels`);
  }
  if (s.sys_chunk_array_size > s.sys_chunk_array.length) {
    throw corrupt('BTRFS_SYSTEM_CHUNKS', `sys_chunk_array_size is ${s.sys_chunk_array_size}`);
  }
  if (s.num_devices === 0 || s.dev_item_total_bytes === 0 || s.dev_item_total_bytes > s.total_bytes) {
    throw corrupt(
      'BTRFS_DEVICES',
      `${s.num_devices} devices of ${s.total_bytes} bytes, this one of ${s.dev_item_total_bytes}`,
    );
  }
  const hasMetadataUuid = (s.incompat_flags & INCOMPAT.metadataUuid) !== 0n;
  return {
    label: decodeField(s.label) || null,
    uuid: formatUuid(s.fsid),
    metadataUuid: viewOf(hasMetadataUuid ? s.metadata_uuid : s.fsid),
    checksum,
    incompat: s.incompat_flags,
    compatRo: s.compat_ro_flags,
    generation: s.generation,
    sectorSize: s.sectorsize,
    nodeSize: s.nodesize,
    totalBytes: s.total_bytes,
    usedBytes: s.bytes_used,
    root: s.root,
    rootLevel: s.root_level,
    chunkRoot: s.chunk_root,
    chunkRootLevel: s.chunk_root_level,
    chunkRootGeneration: s.chunk_root_generation,
    hasLog: s.log_root !== 0,
    deviceCount: s.num_devices,
    device: s.dev_item_devid,
    deviceBytes: s.dev_item_total_bytes,
    systemChunks: s.sys_chunk_array.subarray(0, s.sys_chunk_array_size),
  };
}
