/**
 * On-disk structures of ext2, ext3 and ext4, with the kernel's spelling (fs/ext4/ext4.h, e2fsprogs
 * lib/ext2fs/ext2_fs.h, Documentation/filesystems/ext4). All fields are little-endian.
 *
 * Superblock and group descriptors are read as records; inodes, extents and directory entries are read in hot
 * loops, so they appear as offsets.
 */
import { ascii, bytes, record, u8, u16le, u32le } from '../../../core/record.ts';

export const SUPERBLOCK_OFFSET = 1024;
export const SUPERBLOCK_SIZE = 1024;
export const EXT2_SUPER_MAGIC = 0xef53;

export const superblockRecord = record(
  'ext superblock',
  {
    s_inodes_count: u32le(0x00),
    s_blocks_count_lo: u32le(0x04),
    s_free_blocks_count_lo: u32le(0x0c),
    s_free_inodes_count: u32le(0x10),
    s_first_data_block: u32le(0x14),
    s_log_block_size: u32le(0x18),
    s_log_cluster_size: u32le(0x1c),
    s_blocks_per_group: u32le(0x20),
    s_clusters_per_group: u32le(0x24),
    s_inodes_per_group: u32le(0x28),
    s_magic: u16le(0x38),
    s_state: u16le(0x3a),
    s_creator_os: u32le(0x48),
    s_rev_level: u32le(0x4c),
    s_first_ino: u32le(0x54),
    s_inode_size: u16le(0x58),
    s_feature_compat: u32le(0x5c),
    s_feature_incompat: u32le(0x60),
    s_feature_ro_compat: u32le(0x64),
    s_uuid: bytes(0x68, 16),
    s_volume_name: bytes(0x78, 16),
    s_reserved_gdt_blocks: u16le(0xce),
    s_journal_inum: u32le(0xe0),
    s_last_orphan: u32le(0xe8),
    s_desc_size: u16le(0xfe),
    s_first_meta_bg: u32le(0x104),
    s_blocks_count_hi: u32le(0x150),
    s_free_blocks_count_hi: u32le(0x158),
    s_flags: u32le(0x160),
    s_mmp_block_lo: u32le(0x168),
    s_mmp_block_hi: u32le(0x16c),
    s_checksum_type: u8(0x175),
    s_usr_quota_inum: u32le(0x240),
    s_grp_quota_inum: u32le(0x244),
    s_backup_bgs_0: u32le(0x24c),
    s_backup_bgs_1: u32le(0x250),
    s_prj_quota_inum: u32le(0x26c),
    s_checksum_seed: u32le(0x270),
    s_orphan_file_inum: u32le(0x280),
    s_checksum: u32le(0x3fc),
  },
  SUPERBLOCK_SIZE,
);

/** What a probe looks at: it must neither throw nor read past a short head. */
export const PROBE_FIELDS = {
  s_blocks_count_lo: u32le(0x04),
  s_log_block_size: u32le(0x18),
  s_magic: u16le(0x38),
  s_rev_level: u32le(0x4c),
  s_feature_compat: u32le(0x5c),
  s_feature_incompat: u32le(0x60),
  s_feature_ro_compat: u32le(0x64),
  s_uuid: bytes(0x68, 16),
  s_volume_name: bytes(0x78, 16),
  s_flags: u32le(0x160),
} as const;

/** Journal superblock (jbd2): only its magic, to tell a journal device from noise. */
export const journalMagic = ascii(0, 4);

export const STATE = { valid: 1, error: 2, orphans: 4, fastCommitReplay: 0x20 } as const;
/** s_flags: made for ext4dev. */
export const FLAGS_TEST_FILESYS = 0x0004;
export const OS_HURD = 1;
export const CRC32C_CHKSUM = 1;

export const COMPAT = {
  has_journal: 0x0004,
  resize_inode: 0x0010,
  sparse_super2: 0x0200,
  orphan_file: 0x1000,
} as const;

export const INCOMPAT = {
  compression: 0x0001,
  filetype: 0x0002,
  recover: 0x0004,
  journal_dev: 0x0008,
  meta_bg: 0x0010,
  extents: 0x0040,
  '64bit': 0x0080,
  mmp: 0x0100,
  flex_bg: 0x0200,
  ea_inode: 0x0400,
  csum_seed: 0x2000,
  largedir: 0x4000,
  inline_data: 0x8000,
  encrypt: 0x10000,
  casefold: 0x20000,
} as const;

export const RO_COMPAT = {
  sparse_super: 0x0001,
  large_file: 0x0002,
  huge_file: 0x0008,
  gdt_csum: 0x0010,
  quota: 0x0100,
  bigalloc: 0x0200,
  metadata_csum: 0x0400,
  project: 0x2000,
  shared_blocks: 0x4000,
  orphan_present: 0x10000,
} as const;

/** Group descriptor: offsets; the second half exists with 64bit and s_desc_size of at least 64. */
export const GROUP = {
  size: 32,
  size64: 64,
  bg_block_bitmap_lo: 0x00,
  bg_inode_bitmap_lo: 0x04,
  bg_inode_table_lo: 0x08,
  bg_free_blocks_count_lo: 0x0c,
  bg_free_inodes_count_lo: 0x0e,
  bg_flags: 0x12,
  bg_block_bitmap_csum_lo: 0x18,
  bg_inode_bitmap_csum_lo: 0x1a,
  bg_itable_unused_lo: 0x1c,
  bg_checksum: 0x1e,
  bg_block_bitmap_hi: 0x20,
  bg_inode_bitmap_hi: 0x24,
  bg_inode_table_hi: 0x28,
  bg_free_blocks_count_hi: 0x2c,
  bg_free_inodes_count_hi: 0x2e,
  bg_itable_unused_hi: 0x32,
  bg_block_bitmap_csum_hi: 0x38,
  bg_inode_bitmap_csum_hi: 0x3a,
} as const;

export const BG = { inodeUninit: 1, blockUninit: 2 } as const;

/** Inode: offsets. */
export const INODE = {
  goodOldSize: 128,
  i_mode: 0x00,
  i_uid: 0x02,
  i_size_lo: 0x04,
  i_mtime: 0x10,
  i_dtime: 0x14,
  i_gid: 0x18,
  i_links_count: 0x1a,
  i_blocks_lo: 0x1c,
  i_flags: 0x20,
  i_block: 0x28,
  i_blockSize: 60,
  i_generation: 0x64,
  i_file_acl_lo: 0x68,
  i_size_high: 0x6c,
  l_i_blocks_high: 0x74,
  l_i_file_acl_high: 0x76,
  l_i_uid_high: 0x78,
  l_i_gid_high: 0x7a,
  l_i_checksum_lo: 0x7c,
  i_extra_isize: 0x80,
  i_checksum_hi: 0x82,
  i_mtime_extra: 0x88,
} as const;

export const INODE_FLAG = {
  compressed: 0x4,
  encrypted: 0x800,
  hugeFile: 0x40000,
  extents: 0x80000,
  eaInode: 0x200000,
  inlineData: 0x10000000,
} as const;

/** Reserved inode numbers. */
export const INO = { bad: 1, root: 2, userQuota: 3, groupQuota: 4, resize: 7, journal: 8 } as const;
export const GOOD_OLD_FIRST_INO = 11;

/** Extent tree: a header of 12 bytes, then entries of 12 bytes; a checksum follows the last possible one. */
export const EXTENT = {
  magic: 0xf30a,
  headerSize: 12,
  entrySize: 12,
  maxDepth: 5,
  initMaxLength: 32768,
} as const;

export const EXT2_NDIR_BLOCKS = 12;

/** Directory entry: inode u32, rec_len u16, name_len u8, file_type u8, name. */
export const DIRENT = { headerSize: 8, nameAt: 8, tailSize: 12, tailType: 0xde, maxName: 255 } as const;

/** In-inode and block extended attributes. */
export const XATTR = { magic: 0xea020000, entrySize: 16, indexSystem: 7 } as const;
