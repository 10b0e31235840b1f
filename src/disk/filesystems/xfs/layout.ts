/**
 * On-disk structures of XFS, in the spelling of the XFS Algorithms & Data Structures document and of the kernel's
 * xfs_format.h. Everything is big-endian but checksums. What is read once is a record; what is read a million
 * times (inodes, extents, directory entries, btree records) is a table of offsets for a DataView.
 */
import { ascii, bytes, record, u8, u16be, u32be, u64be } from '../../../core/record.ts';

export const XFS_SB_MAGIC = 'XFSB';
/** The largest sector: what is read before the sector size is known. */
export const MAX_SECTOR_BYTES = 32768;
export const SUPERBLOCK_BYTES = 264;
export const SB_CRC = 224;

export const superblockRecord = record(
  'superblock',
  {
    sb_magicnum: ascii(0, 4),
    sb_blocksize: u32be(4),
    sb_dblocks: u64be(8),
    sb_rblocks: u64be(16),
    sb_uuid: bytes(32, 16),
    sb_logstart: u64be(48),
    sb_rootino: u64be(56),
    sb_agblocks: u32be(84),
    sb_agcount: u32be(88),
    sb_logblocks: u32be(96),
    sb_versionnum: u16be(100),
    sb_sectsize: u16be(102),
    sb_inodesize: u16be(104),
    sb_inopblock: u16be(106),
    sb_fname: bytes(108, 12),
    sb_blocklog: u8(120),
    sb_inopblog: u8(123),
    sb_agblklog: u8(124),
    sb_inprogress: u8(126),
    sb_icount: u64be(128),
    sb_ifree: u64be(136),
    sb_fdblocks: u64be(144),
    // Bytes, because "no inode" is written as 0 and as all ones.
    sb_rbmino: bytes(64, 8),
    sb_rsumino: bytes(72, 8),
    sb_uquotino: bytes(160, 8),
    sb_gquotino: bytes(168, 8),
    sb_dirblklog: u8(192),
    sb_features2: u32be(200),
    sb_features_compat: u32be(208),
    sb_features_ro_compat: u32be(212),
    sb_features_incompat: u32be(216),
    sb_features_log_incompat: u32be(220),
    sb_pquotino: bytes(232, 8),
    sb_meta_uuid: bytes(248, 16),
  },
  SUPERBLOCK_BYTES,
);

/** What a probe reads of it. */
export const PROBE = { sb_uuid: 32, sb_fname: 108, fnameLength: 12 } as const;

/** sb_versionnum: the version in the low four bits, features above. */
export const VERSION = {
  numbits: 0xf,
  nlink: 0x20,
  extflg: 0x1000,
  shared: 0x200,
  dirv2: 0x2000,
  morebits: 0x8000,
} as const;
export const FEATURES2 = { lazysbcount: 0x2, crc: 0x100, ftype: 0x200 } as const;
export const INCOMPAT = {
  ftype: 0x1,
  spinodes: 0x2,
  metaUuid: 0x4,
  bigtime: 0x8,
  needsRepair: 0x10,
  nrext64: 0x20,
  exchrange: 0x40,
  parent: 0x80,
} as const;
export const RO_COMPAT = { finobt: 0x1, rmapbt: 0x2, reflink: 0x4, inobtcnt: 0x8 } as const;

/** Sector 1 of every allocation group. */
export const XFS_AGF_MAGIC = 'XAGF';
export const AGF_CRC = 216;
export const agfRecord = record(
  'AGF',
  {
    agf_magicnum: ascii(0, 4),
    agf_versionnum: u32be(4),
    agf_seqno: u32be(8),
    agf_length: u32be(12),
    agf_bno_root: u32be(16),
    agf_cnt_root: u32be(20),
    agf_rmap_root: u32be(24),
    agf_bno_level: u32be(28),
    agf_cnt_level: u32be(32),
    agf_rmap_level: u32be(36),
    agf_flfirst: u32be(40),
    agf_fllast: u32be(44),
    agf_flcount: u32be(48),
    agf_freeblks: u32be(52),
    agf_longest: u32be(56),
    agf_btreeblks: u32be(60),
    agf_uuid: bytes(64, 16),
    agf_refcount_root: u32be(88),
    agf_refcount_level: u32be(92),
  },
  224,
);

/** Sector 2. */
export const XFS_AGI_MAGIC = 'XAGI';
export const AGI_CRC = 312;
export const agiRecord = record(
  'AGI',
  {
    agi_magicnum: ascii(0, 4),
    agi_versionnum: u32be(4),
    agi_seqno: u32be(8),
    agi_length: u32be(12),
    agi_count: u32be(16),
    agi_root: u32be(20),
    agi_level: u32be(24),
    agi_freecount: u32be(28),
    agi_unlinked: bytes(40, 256),
    agi_uuid: bytes(296, 16),
    agi_free_root: u32be(328),
    agi_free_level: u32be(332),
  },
  344,
);

/** Sector 3: block numbers; in v5 behind a header. */
export const AGFL = { magic: 0x5841464c, seqno: 4, uuid: 8, crc: 32, headerSize: 36 } as const;

/** Header of a btree block with short (in a group) and with long pointers; the second size is v5's. */
export const BTREE = {
  bb_level: 4,
  bb_numrecs: 6,
  short: { size: 16, sizeCrc: 56, blkno: 16, uuid: 32, owner: 48, crc: 52 },
  long: { size: 24, sizeCrc: 72, blkno: 24, uuid: 40, owner: 56, crc: 64 },
  /** XFS_BTREE_MAXLEVELS is 9; a reverse-map btree of tiny blocks may be taller. */
  maxLevels: 16,
} as const;

/** `BMAP` and `BMA3`: the btree of a fork. */
export const BMAP_MAGIC = { plain: 0x424d4150, crc: 0x424d4133 } as const;

export const INODE = {
  magic: 0x494e,
  di_mode: 2,
  di_version: 4,
  di_format: 5,
  di_onlink: 6,
  di_uid: 8,
  di_gid: 12,
  di_nlink: 16,
  /** 64 bits with NREXT64. */
  di_big_nextents: 24,
  di_mtime: 40,
  di_size: 56,
  di_nblocks: 64,
  di_nextents: 76,
  /** 16 bits, or 32 bits at di_nextents with NREXT64. */
  di_anextents: 80,
  di_forkoff: 82,
  di_aformat: 83,
  di_flags: 90,
  di_gen: 92,
  di_crc: 100,
  di_flags2: 120,
  di_ino: 152,
  di_uuid: 160,
  sizeV2: 100,
  sizeV3: 176,
} as const;

export const FORMAT = { dev: 0, local: 1, extents: 2, btree: 3 } as const;
/** XFS_DIFLAG_REALTIME */
export const DIFLAG = { realtime: 0x1 } as const;
/** Low half of di_flags2. */
export const DIFLAG2 = { reflink: 0x2, bigtime: 0x8, nrext64: 0x10 } as const;

/** xfs_bmbt_rec: 128 bits. */
export const EXTENT_BYTES = 16;
/** Root of a fork's btree: level, numrecs, keys, pointers. */
export const BMDR = { level: 0, numrecs: 2, headerSize: 4, entrySize: 16 } as const;

/** Inode chunks: 64 inodes each. */
export const INODES_PER_CHUNK = 64;
/** Bits of ir_holemask, and inodes that each stands for. */
export const HOLEMASK = { bits: 16, inodes: 4 } as const;

export const DIR = {
  blockMagic: { plain: 0x58443242, crc: 0x58444233 }, // XD2B, XDB3
  dataMagic: { plain: 0x58443244, crc: 0x58444433 }, // XD2D, XDD3
  headerSize: 16,
  headerSizeCrc: 64,
  crc: 4,
  blkno: 8,
  uuid: 24,
  owner: 40,
  freeTag: 0xffff,
  /** Smallest entry: 8 + 1 + 1 + 2, in units of 8. */
  align: 8,
  /** Count and stale count at the end of a block that holds its own leaf entries of 8 bytes. */
  tailSize: 8,
  leafEntrySize: 8,
  /** XFS_DIR2_LEAF_OFFSET: hash and free-space indexes stand from here on in a directory's own addresses. */
  leafOffset: 2 ** 35,
  maxBlockSize: 65536,
} as const;

/** Remote target of a symbolic link in v5. */
export const SYMLINK = {
  magic: 0x58534c4d,
  offset: 4,
  bytes: 8,
  crc: 12,
  uuid: 16,
  owner: 32,
  blkno: 40,
  headerSize: 56,
  /** XFS_SYMLINK_MAXLEN */
  maxLength: 1024,
} as const;

/** The log: records in basic blocks of 512 bytes. */
export const LOG = {
  blockSize: 512,
  magic: 0xfeedbabe,
  h_cycle: 4,
  h_version: 8,
  h_len: 12,
  h_lsn: 16,
  h_crc: 32,
  h_num_logops: 40,
  h_size: 320,
  h_fs_uuid: 304,
  /** sizeof(struct xlog_rec_header) on 64-bit and on i386 machines, as the checksum covers it. */
  headerSizes: [328, 324],
  /** Bytes of cycle data that one header block describes. */
  headerCycleBytes: 32768,
  /** Largest record: 256 KiB. */
  maxRecordBytes: 262144,
  /** struct xlog_op_header: oh_flags. */
  oh_flags: 9,
  unmountTransaction: 0x20,
} as const;
