/**
 * The superblock: read, checked, renamed. Everything that later code divides by, allocates from or adds to an
 * offset is bounded here: block, sector, inode and directory block sizes, the allocation groups, the log's place.
 *
 * XFS addresses in three ways, all of them converted here: a block within its group, a "filesystem block" whose
 * high bits are the group (fsblock), and ours, counted from the start of the volume without gaps (block). Inode
 * numbers are fsblocks with the inode's place in the block appended.
 */
import type { ProbeInput } from '../../../core/contracts/disk.ts';
import type { FilesystemProbe } from '../../../core/contracts/filesystem.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import { MAX_XFS_GROUPS } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { decodeField, formatUuid, hex } from '../../../core/text.ts';
import { isIntact } from './checksum.ts';
import { type FeatureBits, unreadableFeatures } from './features.ts';
import {
  DIR,
  FEATURES2,
  INCOMPAT,
  INODE,
  MAX_SECTOR_BYTES,
  PROBE,
  RO_COMPAT,
  SB_CRC,
  SUPERBLOCK_BYTES,
  superblockRecord,
  VERSION,
  XFS_SB_MAGIC,
} from './layout.ts';

/** What mkfs.xfs makes of a disk below 4 TiB when it is not told otherwise. */
const DEFAULT_GROUPS = 4;
const DEFAULT_BLOCK_SIZES: readonly number[] = [4096, 1024, 65536];

/** The superblock, checked; sizes in bytes, counts in blocks unless named otherwise. */
export interface Geometry {
  readonly features: FeatureBits;
  readonly label: string | null;
  readonly uuid: string | null;
  readonly uuidBytes: Uint8Array;
  /** The UUID that v5 metadata carries. */
  readonly metaUuid: DataView;
  /** Version 5: checksums and self-describing metadata. */
  readonly hasCrc: boolean;
  /** Directory entries state the type of what they name. */
  readonly hasFileType: boolean;
  readonly hasSparseInodes: boolean;
  readonly blockSize: number;
  readonly sectorSize: number;
  readonly blocks: number;
  readonly groups: number;
  readonly groupBlocks: number;
  /** Bits of a block within its group in an fsblock, and as a factor. */
  readonly groupSpan: number;
  readonly inodeSize: number;
  readonly inodesPerBlock: number;
  readonly rootInode: number;
  readonly directoryBlockSize: number;
  /** First block of the internal log, counted from the volume's start; -1 when the log is on another device. */
  readonly logBlock: number;
  readonly logBlocks: number;
  readonly freeBlocks: number;
  readonly inodes: number;
  /** Inodes of the filesystem itself: quotas, and the maps of a realtime section that is not there. */
  readonly systemInodes: readonly number[];
}

export const hasRoCompat = ({ features }: Geometry, bit: number): boolean => (features.roCompat & bit) !== 0;
export const hasIncompat = ({ features }: Geometry, bit: number): boolean => (features.incompat & bit) !== 0;

/** What stands at the beginning of a volume; no I/O, no throw. */
export function probeSuperblock({ head }: ProbeInput): FilesystemProbe | undefined {
  if (head.length < SUPERBLOCK_BYTES) return undefined;
  for (let i = 0; i < 4; i++) if (head[i] !== XFS_SB_MAGIC.charCodeAt(i)) return undefined;
  const uuid = head.subarray(PROBE.sb_uuid, PROBE.sb_uuid + 16);
  return {
    certainty: 'certain',
    description: 'xfs filesystem',
    type: 'xfs',
    usage: 'filesystem',
    label: decodeField(head.subarray(PROBE.sb_fname, PROBE.sb_fname + PROBE.fnameLength)) || null,
    uuid: uuid.every((byte) => byte === 0) ? null : formatUuid(uuid),
  };
}

function isPowerOfTwo(value: number, from: number, to: number): boolean {
  return value >= from && value <= to && (value & (value - 1)) === 0;
}

/** An inode number as quota inodes are stored: 0 and all ones mean that there is none. */
function inodeOrNone(bytes: Uint8Array): number[] {
  const value = viewOf(bytes).getBigUint64(0);
  return value === 0n || value > BigInt(Number.MAX_SAFE_INTEGER) ? [] : [Number(value)];
}

/**
 * Checks and renames a superblock.
 * @param bytes MAX_SECTOR_BYTES from where it stands, or fewer where the volume ends
 * @param isBackup one of another group: mkfs.xfs leaves their sb_inprogress set
 * @throws `unsupported` naming a feature or version; `corrupt` naming the field
 */
export function parseSuperblock(bytes: Uint8Array, isBackup = false): Geometry {
  const s = superblockRecord.read(bytes);
  if (s.sb_magicnum !== XFS_SB_MAGIC) {
    throw corrupt('XFS_MAGIC', 'does not begin with the magic number XFSB');
  }
  const version = s.sb_versionnum & VERSION.numbits;
  if (version !== 4 && version !== 5) {
    throw unsupported('XFS_VERSION', `version ${version} of the filesystem is not known (4 and 5 are)`);
  }
  const hasCrc = version === 5;
  if (!isPowerOfTwo(s.sb_sectsize, 512, MAX_SECTOR_BYTES) || s.sb_sectsize > bytes.length) {
    throw corrupt('XFS_SECTOR_SIZE', `sb_sectsize is ${s.sb_sectsize}`);
  }
  if (hasCrc && !isIntact(viewOf(bytes), 0, s.sb_sectsize, SB_CRC)) {
    throw corrupt('XFS_SUPERBLOCK_CHECKSUM', 'the superblock fails its checksum');
  }
  const hasFeatures2 = (s.sb_versionnum & VERSION.morebits) !== 0;
  const features: FeatureBits = {
    version: s.sb_versionnum,
    features2: hasFeatures2 ? s.sb_features2 : 0,
    compat: hasCrc ? s.sb_features_compat : 0,
    roCompat: hasCrc ? s.sb_features_ro_compat : 0,
    incompat: hasCrc ? s.sb_features_incompat : 0,
  };
  refuseFeatures(features, s.sb_rblocks, hasCrc);
  if (s.sb_inprogress !== 0 && !isBackup) {
    throw corrupt('XFS_IN_PROGRESS', 'sb_inprogress is set: mkfs.xfs or xfs_copy did not finish', {
      advice: 'make the image again',
    });
  }

  const blockSize = s.sb_blocksize;
  if (
    !isPowerOfTwo(blockSize, hasCrc ? 1024 : 512, 65536) ||
    2 ** s.sb_blocklog !== blockSize ||
    blockSize < s.sb_sectsize
  ) {
    throw corrupt('XFS_BLOCK_SIZE', `sb_blocksize is ${blockSize}, sb_blocklog ${s.sb_blocklog}`);
  }
  const inodeSize = s.sb_inodesize;
  if (
    !isPowerOfTwo(inodeSize, hasCrc ? 512 : 256, Math.min(2048, blockSize / 2)) ||
    s.sb_inopblock !== blockSize / inodeSize ||
    2 ** s.sb_inopblog !== s.sb_inopblock
  ) {
    throw corrupt('XFS_INODE_SIZE', `sb_inodesize is ${inodeSize} with blocks of ${blockSize} bytes`);
  }
  const directoryBlockSize = blockSize * 2 ** s.sb_dirblklog;
  if (directoryBlockSize > DIR.maxBlockSize) {
    throw corrupt('XFS_DIRECTORY_BLOCK_SIZE', `directory blocks would be of ${directoryBlockSize} bytes`);
  }

  const blocks = s.sb_dblocks;
  const groups = s.sb_agcount;
  const groupBlocks = s.sb_agblocks;
  if (blocks === 0 || blocks * blockSize > Number.MAX_SAFE_INTEGER) {
    throw corrupt('XFS_BLOCKS_COUNT', `counts ${blocks} blocks`);
  }
  if (
    groupBlocks < 64 ||
    s.sb_agblklog > 31 ||
    2 ** s.sb_agblklog < groupBlocks ||
    2 ** s.sb_agblklog >= 2 * groupBlocks ||
    (groups - 1) * groupBlocks >= blocks ||
    groups * groupBlocks < blocks
  ) {
    throw corrupt('XFS_GROUPS', `${groups} groups of ${groupBlocks} blocks do not make ${blocks} blocks`);
  }
  if (groupBlocks * blockSize < 4 * s.sb_sectsize) {
    throw corrupt('XFS_GROUPS', `a group of ${groupBlocks} blocks does not hold its headers`);
  }
  if (groups > MAX_XFS_GROUPS) {
    throw unsupported('XFS_TOO_MANY_GROUPS', `${groups} allocation groups; ${MAX_XFS_GROUPS} is the most`);
  }
  const groupSpan = 2 ** s.sb_agblklog;
  const metaUuid = features.incompat & INCOMPAT.metaUuid ? s.sb_meta_uuid : s.sb_uuid;
  const partial = { blocks, groups, groupBlocks, groupSpan };
  const logBlock = s.sb_logstart === 0 ? -1 : blockOf(partial, s.sb_logstart, s.sb_logblocks);
  if (s.sb_logstart !== 0 && (logBlock < 0 || s.sb_logblocks === 0)) {
    throw corrupt('XFS_LOG_OUT_OF_RANGE', `the log at ${hex(s.sb_logstart)} is not inside of one group`);
  }
  return {
    ...partial,
    features,
    label: decodeField(s.sb_fname) || null,
    uuid: s.sb_uuid.every((byte) => byte === 0) ? null : formatUuid(s.sb_uuid),
    uuidBytes: s.sb_uuid,
    metaUuid: viewOf(metaUuid),
    hasCrc,
    hasFileType: (features.features2 & FEATURES2.ftype) !== 0 || (features.incompat & INCOMPAT.ftype) !== 0,
    hasSparseInodes: (features.incompat & INCOMPAT.spinodes) !== 0,
    blockSize,
    sectorSize: s.sb_sectsize,
    inodeSize,
    inodesPerBlock: s.sb_inopblock,
    rootInode: s.sb_rootino,
    directoryBlockSize,
    logBlock,
    logBlocks: s.sb_logblocks,
    freeBlocks: s.sb_fdblocks,
    inodes: Math.max(0, s.sb_icount - s.sb_ifree),
    systemInodes: [s.sb_rbmino, s.sb_rsumino, s.sb_uquotino, s.sb_gquotino, s.sb_pquotino].flatMap(
      inodeOrNone,
    ),
  };
}

/**
 * Where other copies of the superblock may stand, best first: in the last group and the middle one, the two that
 * mkfs.xfs tells of the root inode, as a damaged superblock counts groups, then as mkfs.xfs makes four by default.
 */
export function backupOffsets(damaged: Uint8Array, size: number): number[] {
  const s = superblockRecord.fields;
  const view = viewOf(damaged);
  const offsets: number[] = [];
  const add = (groups: number, groupBytes: number): void => {
    for (const group of [groups - 1, Math.floor(groups / 2)]) {
      const offset = group * groupBytes;
      if (group > 0 && offset > 0 && offset + SUPERBLOCK_BYTES <= size) offsets.push(offset);
    }
  };
  if (damaged.length >= SUPERBLOCK_BYTES) {
    const groupBlocks = s.sb_agblocks.read(view, s.sb_agblocks.offset);
    const blockSize = s.sb_blocksize.read(view, s.sb_blocksize.offset);
    add(s.sb_agcount.read(view, s.sb_agcount.offset), groupBlocks * blockSize);
  }
  for (const blockSize of DEFAULT_BLOCK_SIZES) {
    add(DEFAULT_GROUPS, Math.ceil(Math.floor(size / blockSize) / DEFAULT_GROUPS) * blockSize);
  }
  return [...new Set(offsets)];
}

function refuseFeatures(features: FeatureBits, realtimeBlocks: number, hasCrc: boolean): void {
  const unknown = unreadableFeatures(features);
  if (unknown.length > 0) {
    throw unsupported('XFS_FEATURE', `uses ${unknown.join(', ')}, which imgopt cannot read`);
  }
  if (realtimeBlocks > 0) {
    throw unsupported('XFS_REALTIME', 'has a realtime section on another device, which imgopt cannot read');
  }
  if (hasCrc) return;
  if ((features.version & VERSION.dirv2) === 0) {
    throw unsupported('XFS_FEATURE', 'has version 1 directories (no DIRV2), which imgopt cannot read');
  }
  if (features.version & VERSION.shared) {
    throw unsupported('XFS_FEATURE', 'uses SHARED, which imgopt cannot read');
  }
}

type Groups = Pick<Geometry, 'blocks' | 'groups' | 'groupBlocks' | 'groupSpan'>;

/** Blocks of a group: the last one may be shorter. */
export function blocksOfGroup({ blocks, groups, groupBlocks }: Groups, group: number): number {
  return group === groups - 1 ? blocks - group * groupBlocks : groupBlocks;
}

/** The block that an fsblock names, or -1 when `length` blocks from it on are not inside of one group. */
export function blockOf(groups: Groups, fsblock: number, length: number): number {
  const group = Math.floor(fsblock / groups.groupSpan);
  const inGroup = fsblock - group * groups.groupSpan;
  if (group >= groups.groups || inGroup + length > blocksOfGroup(groups, group)) return -1;
  return group * groups.groupBlocks + inGroup;
}

/** Block of an inode and its place there, or -1 when there can be no such inode. */
export function placeOfInode(geometry: Geometry, inode: number): { block: number; index: number } {
  const fsblock = Math.floor(inode / geometry.inodesPerBlock);
  return { block: blockOf(geometry, fsblock, 1), index: inode - fsblock * geometry.inodesPerBlock };
}

/** Number of an inode, given its group and its number within. */
export function inodeNumber(geometry: Geometry, group: number, inGroup: number): number {
  return group * geometry.groupSpan * geometry.inodesPerBlock + inGroup;
}

/** True for those kinds of btree that a filesystem may not have. */
export const hasReverseMap = (geometry: Geometry): boolean => hasRoCompat(geometry, RO_COMPAT.rmapbt);
export const hasReflink = (geometry: Geometry): boolean => hasRoCompat(geometry, RO_COMPAT.reflink);
export const hasFreeInodeTree = (geometry: Geometry): boolean => hasRoCompat(geometry, RO_COMPAT.finobt);

/** Bytes of an inode before its data fork. */
export const coreSize = (version: number): number => (version >= 3 ? INODE.sizeV3 : INODE.sizeV2);
