/**
 * The superblock: read, checked, renamed. Everything that later code divides by, allocates from or adds to an
 * offset is bounded here, so that it need not be asked again: block, cluster and inode sizes, group geometry,
 * descriptor size, and the size of the descriptor table itself.
 */
import type { ProbeInput } from '../../../core/contracts/disk.ts';
import type { FilesystemProbe } from '../../../core/contracts/filesystem.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import { MAX_POINTER_TABLE_BYTES } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { decodeUtf8, formatUuid, hex } from '../../../core/text.ts';
import { seedOfUuid, superblockChecksum } from './checksum.ts';
import { blkidType, type FeatureBits, unreadableFeatures } from './features.ts';
import {
  COMPAT,
  CRC32C_CHKSUM,
  EXT2_SUPER_MAGIC,
  GOOD_OLD_FIRST_INO,
  GROUP,
  INCOMPAT,
  INO,
  INODE,
  PROBE_FIELDS,
  RO_COMPAT,
  SUPERBLOCK_OFFSET,
  SUPERBLOCK_SIZE,
  superblockRecord,
} from './layout.ts';

const MAX_LOG_BLOCK_SIZE = 6; // 64 KiB: EXT4_MAX_BLOCK_LOG_SIZE
const MAX_LOG_CLUSTER_SIZE = 20; // 1 GiB: EXT4_MAX_CLUSTER_LOG_SIZE of 30, less 10

/** The superblock, checked; sizes in bytes, counts in blocks unless named otherwise. */
export interface Geometry {
  readonly features: FeatureBits;
  readonly type: string;
  readonly label: string | null;
  readonly uuid: string | null;
  readonly uuidBytes: Uint8Array;
  readonly blockSize: number;
  readonly blocks: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  /** Blocks of a cluster: 1 without bigalloc. */
  readonly clusterBlocks: number;
  readonly clustersPerGroup: number;
  readonly groups: number;
  readonly inodes: number;
  readonly inodesPerGroup: number;
  readonly inodeSize: number;
  /** Blocks of a group's inode table. */
  readonly tableBlocks: number;
  readonly firstInode: number;
  readonly descriptorSize: number;
  /** Blocks of the whole descriptor table. */
  readonly descriptorBlocks: number;
  readonly reservedDescriptorBlocks: number;
  readonly firstMetaGroup: number;
  readonly backupGroups: readonly [number, number];
  readonly freeBlocks: number;
  readonly freeInodes: number;
  readonly stateBits: number;
  readonly creatorOs: number;
  readonly lastOrphan: number;
  readonly journalInode: number;
  readonly quotaInodes: readonly number[];
  readonly orphanFileInode: number;
  readonly mmpBlock: number;
  /** Seed of metadata checksums; undefined without metadata_csum. */
  readonly seed: number | undefined;
}

export function hasCompat(geometry: Geometry, bit: number): boolean {
  return (geometry.features.compat & bit) !== 0;
}
export function hasIncompat(geometry: Geometry, bit: number): boolean {
  return (geometry.features.incompat & bit) !== 0;
}
export function hasRoCompat(geometry: Geometry, bit: number): boolean {
  return (geometry.features.roCompat & bit) !== 0;
}
/** Group descriptors are sealed, and BLOCK_UNINIT, INODE_UNINIT and bg_itable_unused mean something. */
export function hasGroupChecksums(geometry: Geometry): boolean {
  return hasRoCompat(geometry, RO_COMPAT.gdt_csum | RO_COMPAT.metadata_csum);
}

function isNil(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function labelOf(bytes: Uint8Array): string | null {
  const end = bytes.indexOf(0);
  return decodeUtf8(end < 0 ? bytes : bytes.subarray(0, end)).trimEnd() || null;
}

/** What stands at byte 1024 of a volume; no I/O, no throw. */
export function probeSuperblock(input: ProbeInput): FilesystemProbe | undefined {
  const { head } = input;
  if (head.length < SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE) return undefined;
  const view = viewOf(head);
  const value = <K extends keyof typeof PROBE_FIELDS>(key: K): ReturnType<(typeof PROBE_FIELDS)[K]['read']> =>
    PROBE_FIELDS[key].read(view, SUPERBLOCK_OFFSET + PROBE_FIELDS[key].offset) as never;
  if (value('s_magic') !== EXT2_SUPER_MAGIC) return undefined;
  // The magic is two bytes: other fields must not be absurd together, or this is somebody else's sector.
  if (value('s_log_block_size') > 64 && value('s_rev_level') > 16) return undefined;
  const dynamic = value('s_rev_level') > 0;
  const features: FeatureBits = {
    compat: dynamic ? value('s_feature_compat') : 0,
    incompat: dynamic ? value('s_feature_incompat') : 0,
    roCompat: dynamic ? value('s_feature_ro_compat') : 0,
  };
  const type = blkidType(features, value('s_flags'));
  const uuid = value('s_uuid');
  return {
    certainty: 'certain',
    description: type === 'jbd' ? 'external journal of an ext3 or ext4 filesystem' : `${type} filesystem`,
    type,
    usage: 'filesystem',
    label: labelOf(value('s_volume_name')),
    uuid: isNil(uuid) ? null : formatUuid(uuid),
  };
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}

/**
 * Checks and renames a superblock.
 * @param bytes its 1024 bytes
 * @throws `unsupported` naming a feature, revision or checksum type; `corrupt` naming the field
 */
export function parseSuperblock(bytes: Uint8Array): Geometry {
  const s = superblockRecord.read(bytes);
  if (s.s_magic !== EXT2_SUPER_MAGIC) {
    throw corrupt('EXT_MAGIC', `magic number is ${hex(s.s_magic)}, not ${hex(EXT2_SUPER_MAGIC)}`);
  }
  if (s.s_rev_level > 1) {
    throw unsupported(
      'EXT_REVISION',
      `revision ${s.s_rev_level} of the filesystem is not known (0 and 1 are)`,
    );
  }
  const dynamic = s.s_rev_level === 1;
  const features: FeatureBits = {
    compat: dynamic ? s.s_feature_compat : 0,
    incompat: dynamic ? s.s_feature_incompat : 0,
    roCompat: dynamic ? s.s_feature_ro_compat : 0,
  };
  if (features.incompat & INCOMPAT.journal_dev) {
    throw unsupported('EXT_JOURNAL_DEVICE', 'is an external journal (journal_dev), which holds no files');
  }
  const checksummed = (features.roCompat & RO_COMPAT.metadata_csum) !== 0;
  if (checksummed && s.s_checksum_type === CRC32C_CHKSUM && superblockChecksum(bytes) !== s.s_checksum) {
    throw corrupt(
      'EXT_SUPERBLOCK_CHECKSUM',
      `checksum is ${hex(s.s_checksum)}, not ${hex(superblockChecksum(bytes))}`,
    );
  }
  const unknown = unreadableFeatures(features);
  if (unknown.length > 0) {
    throw unsupported('EXT_FEATURE', `uses ${unknown.join(', ')}, which imgopt cannot read`);
  }
  if (checksummed && s.s_checksum_type !== CRC32C_CHKSUM) {
    throw unsupported(
      'EXT_CHECKSUM_TYPE',
      `metadata checksum type ${s.s_checksum_type} is not known (1 is crc32c)`,
    );
  }

  if (s.s_log_block_size > MAX_LOG_BLOCK_SIZE) {
    throw corrupt('EXT_BLOCK_SIZE', `s_log_block_size is ${s.s_log_block_size}; blocks are of 1 to 64 KiB`);
  }
  const blockSize = 1024 << s.s_log_block_size;
  const wide = (features.incompat & INCOMPAT['64bit']) !== 0;
  const blocks = s.s_blocks_count_lo + (wide ? s.s_blocks_count_hi * 2 ** 32 : 0);
  if (blocks === 0 || blocks * blockSize > Number.MAX_SAFE_INTEGER) {
    throw corrupt('EXT_BLOCKS_COUNT', `counts ${blocks} blocks`);
  }

  const bigalloc = (features.roCompat & RO_COMPAT.bigalloc) !== 0;
  if (
    bigalloc &&
    (s.s_log_cluster_size < s.s_log_block_size || s.s_log_cluster_size > MAX_LOG_CLUSTER_SIZE)
  ) {
    throw corrupt('EXT_CLUSTER_SIZE', `s_log_cluster_size is ${s.s_log_cluster_size}`);
  }
  const clusterBlocks = bigalloc ? 2 ** (s.s_log_cluster_size - s.s_log_block_size) : 1;
  const bitmapBits = 8 * blockSize;
  const clustersPerGroup = bigalloc ? s.s_clusters_per_group : s.s_blocks_per_group;
  if (
    clustersPerGroup === 0 ||
    clustersPerGroup % 8 !== 0 ||
    clustersPerGroup > bitmapBits ||
    s.s_blocks_per_group !== clustersPerGroup * clusterBlocks
  ) {
    throw corrupt(
      'EXT_BLOCKS_PER_GROUP',
      `${s.s_blocks_per_group} blocks per group do not fit a bitmap of ${blockSize} bytes`,
    );
  }
  const firstDataBlock = s.s_first_data_block;
  if (firstDataBlock !== (blockSize === 1024 && !bigalloc ? 1 : 0) || firstDataBlock >= blocks) {
    throw corrupt(
      'EXT_FIRST_DATA_BLOCK',
      `s_first_data_block is ${firstDataBlock} with blocks of ${blockSize} bytes`,
    );
  }

  const inodeSize = dynamic ? s.s_inode_size : INODE.goodOldSize;
  if (!isPowerOfTwo(inodeSize) || inodeSize < INODE.goodOldSize || inodeSize > blockSize) {
    throw corrupt('EXT_INODE_SIZE', `s_inode_size is ${inodeSize} with blocks of ${blockSize} bytes`);
  }
  const inodesPerGroup = s.s_inodes_per_group;
  if (inodesPerGroup === 0 || inodesPerGroup > bitmapBits || inodesPerGroup < blockSize / inodeSize) {
    throw corrupt(
      'EXT_INODES_PER_GROUP',
      `${inodesPerGroup} inodes per group do not fit a bitmap of ${blockSize} bytes`,
    );
  }
  const tableBlocks = Math.ceil((inodesPerGroup * inodeSize) / blockSize);
  if (tableBlocks > s.s_blocks_per_group) {
    throw corrupt('EXT_INODES_PER_GROUP', `an inode table of ${tableBlocks} blocks is larger than its group`);
  }
  const groups = Math.ceil((blocks - firstDataBlock) / s.s_blocks_per_group);
  if (groups * inodesPerGroup !== s.s_inodes_count) {
    throw corrupt(
      'EXT_INODES_COUNT',
      `${s.s_inodes_count} inodes are counted, ${groups} groups of ${inodesPerGroup} make ${groups * inodesPerGroup}`,
    );
  }

  const descriptorSize = wide ? s.s_desc_size : GROUP.size;
  if (wide && (!isPowerOfTwo(descriptorSize) || descriptorSize < GROUP.size64 || descriptorSize > 1024)) {
    throw corrupt('EXT_DESC_SIZE', `s_desc_size is ${descriptorSize}; 64bit needs 64 to 1024`);
  }
  if (groups * descriptorSize > MAX_POINTER_TABLE_BYTES) {
    throw unsupported(
      'EXT_TOO_MANY_GROUPS',
      `${groups} block groups need more memory than imgopt gives them`,
    );
  }
  const descriptorBlocks = Math.ceil(groups / (blockSize / descriptorSize));
  if (s.s_reserved_gdt_blocks > blockSize / 4) {
    throw corrupt(
      'EXT_RESERVED_GDT',
      `${s.s_reserved_gdt_blocks} reserved descriptor blocks; ${blockSize / 4} are possible`,
    );
  }
  const metaGroups = (features.incompat & INCOMPAT.meta_bg) !== 0;
  if (metaGroups && s.s_first_meta_bg > descriptorBlocks) {
    throw corrupt('EXT_FIRST_META_BG', `s_first_meta_bg is ${s.s_first_meta_bg} of ${descriptorBlocks}`);
  }

  const seed = !checksummed
    ? undefined
    : features.incompat & INCOMPAT.csum_seed
      ? s.s_checksum_seed
      : seedOfUuid(s.s_uuid);
  const hasJournal = (features.compat & COMPAT.has_journal) !== 0;
  const hasQuota = (features.roCompat & RO_COMPAT.quota) !== 0;
  const hasProject = (features.roCompat & RO_COMPAT.project) !== 0;
  return {
    features,
    type: blkidType(features, s.s_flags),
    label: labelOf(s.s_volume_name),
    uuid: isNil(s.s_uuid) ? null : formatUuid(s.s_uuid),
    uuidBytes: s.s_uuid,
    blockSize,
    blocks,
    firstDataBlock,
    blocksPerGroup: s.s_blocks_per_group,
    clusterBlocks,
    clustersPerGroup,
    groups,
    inodes: s.s_inodes_count,
    inodesPerGroup,
    inodeSize,
    tableBlocks,
    firstInode: dynamic ? Math.max(s.s_first_ino, GOOD_OLD_FIRST_INO) : GOOD_OLD_FIRST_INO,
    descriptorSize,
    descriptorBlocks,
    reservedDescriptorBlocks: s.s_reserved_gdt_blocks,
    firstMetaGroup: metaGroups ? s.s_first_meta_bg : descriptorBlocks,
    backupGroups: [s.s_backup_bgs_0, s.s_backup_bgs_1],
    freeBlocks: s.s_free_blocks_count_lo + (wide ? s.s_free_blocks_count_hi * 2 ** 32 : 0),
    freeInodes: s.s_free_inodes_count,
    stateBits: s.s_state,
    creatorOs: s.s_creator_os,
    lastOrphan: s.s_last_orphan,
    journalInode: hasJournal ? s.s_journal_inum : 0,
    quotaInodes: hasQuota
      ? [s.s_usr_quota_inum, s.s_grp_quota_inum, ...(hasProject ? [s.s_prj_quota_inum] : [])].filter(
          (ino) => ino > 0,
        )
      : [],
    orphanFileInode: (features.compat & COMPAT.orphan_file) !== 0 ? s.s_orphan_file_inum : 0,
    mmpBlock: (features.incompat & INCOMPAT.mmp) !== 0 ? s.s_mmp_block_lo + s.s_mmp_block_hi * 2 ** 32 : 0,
    seed,
  };
}

/** Inodes that belong to the filesystem itself: in no directory, their blocks are metadata. */
export function systemInodes(geometry: Geometry): number[] {
  const list = [INO.bad, INO.userQuota, INO.groupQuota, INO.resize, INO.journal, geometry.journalInode];
  list.push(...geometry.quotaInodes, geometry.orphanFileInode);
  return [...new Set(list)].filter((ino) => ino > 0 && ino <= geometry.inodes).sort((a, b) => a - b);
}
