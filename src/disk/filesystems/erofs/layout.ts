/** On-disk structures of EROFS, in the spelling of the kernel's `erofs_fs.h`. All little-endian. */
import { bytes, record, u8, u16le, u32le } from '../../../core/record.ts';

export const SUPER_OFFSET = 1024;
export const SUPER_MAGIC_V1 = 0xe0f5e1e2;
/** Without its extension slots, of 16 bytes each. */
export const SUPER_SIZE = 128;

/** struct erofs_super_block; its 64-bit fields are read apart, where their features say that they count. */
export const superblock = record('erofs superblock', {
  magic: u32le(0),
  checksum: u32le(4),
  feature_compat: u32le(8),
  blkszbits: u8(12),
  sb_extslots: u8(13),
  /** rootnid_2b; with the feature 48bit and rootnid_8b set, the upper part of the count of blocks. */
  rb: u16le(14),
  blocks_lo: u32le(36),
  meta_blkaddr: u32le(40),
  uuid: bytes(48, 16),
  volume_name: bytes(64, 16),
  feature_incompat: u32le(80),
  /** available_compr_algs with the feature compr_cfgs, lz4_max_distance without. */
  u1: u16le(84),
  extra_devices: u16le(86),
  dirblkbits: u8(90),
});
export const SUPER = { checksum: 4, epoch: 24, packed_nid: 96, rootnid_8b: 112 } as const;

export const COMPAT_SB_CHKSUM = 0x1;

export const INCOMPAT = {
  lz4_0padding: 0x1,
  compr_cfgs: 0x2,
  chunked_file: 0x4,
  device_table: 0x8,
  ztailpacking: 0x10,
  fragments: 0x20,
  xattr_prefixes: 0x40,
  '48bit': 0x80,
  metabox: 0x100,
} as const;

/** By dump.erofs's names; bits that two features share bear both. */
export const FEATURE_NAMES: readonly (readonly [field: 'compat' | 'incompat', bit: number, name: string])[] =
  [
    ['compat', COMPAT_SB_CHKSUM, 'sb_csum'],
    ['compat', 0x2, 'mtime'],
    ['compat', 0x4, 'xattr_filter'],
    ['compat', 0x8, 'shared_ea_in_metabox'],
    ['compat', 0x10, 'plain_xattr_pfx'],
    ['compat', 0x20, 'ishare_xattrs'],
    ['incompat', INCOMPAT.lz4_0padding, 'lz4_0padding'],
    ['incompat', INCOMPAT.compr_cfgs, 'compr_cfgs'],
    ['incompat', INCOMPAT.compr_cfgs, 'big_pcluster'],
    ['incompat', INCOMPAT.chunked_file, 'chunked_file'],
    ['incompat', INCOMPAT.device_table, 'device_table'],
    ['incompat', INCOMPAT.ztailpacking, 'ztailpacking'],
    ['incompat', INCOMPAT.fragments, 'fragments'],
    ['incompat', INCOMPAT.fragments, 'dedupe'],
    ['incompat', INCOMPAT.xattr_prefixes, 'xattr_prefixes'],
    ['incompat', INCOMPAT['48bit'], '48bit'],
    ['incompat', INCOMPAT.metabox, 'metabox'],
  ];

/** i_format: version in bit 0, data layout in bits 1 to 3. */
export const FORMAT = {
  extended: 0x1,
  layoutShift: 1,
  layoutMask: 0x7,
  /** Of a directory: it has no entry '.'. Of other compact inodes: one link, and i_nb extends a block number. */
  bit4: 0x10,
  all: 0x1f,
} as const;

export const LAYOUT = {
  flatPlain: 0,
  compressedFull: 1,
  flatInline: 2,
  compressedCompact: 3,
  chunkBased: 4,
} as const;

/** Inodes stand at multiples of it, which their numbers count. */
export const INODE_SLOT = 32;

/** struct erofs_inode_compact and erofs_inode_extended: alike up to i_nb. */
export const INODE = { i_format: 0, i_xattr_icount: 2, i_mode: 4, i_nb: 6 } as const;
export const COMPACT = { size: 32, i_size: 8, i_mtime: 12, i_u: 16, i_uid: 24, i_gid: 26 } as const;
export const EXTENDED = {
  size: 64,
  i_size: 8,
  i_u: 16,
  i_uid: 24,
  i_gid: 28,
  i_mtime: 32,
  i_nlink: 44,
} as const;

/** Bytes of xattrs behind an inode whose i_xattr_icount is not zero: a header, and 4 for each but the first. */
export const XATTR_HEADER_SIZE = 12;

/** struct erofs_inode_chunk_info's format. */
export const CHUNK = { bitsMask: 0x1f, indexes: 0x20, '48bit': 0x40, all: 0x7f } as const;
/** A block number with all bits set: nothing is stored. */
export const NULL_ADDR_32 = 0xffffffff;
export const NULL_ADDR_48 = 2 ** 48 - 1;

export const DIRENT = { size: 12, nid: 0, nameoff: 8, file_type: 10 } as const;

/** h_algorithmtype: position is the number. */
export const ALGORITHM_NAMES: readonly string[] = ['lz4', 'lzma', 'deflate', 'zstd'];

/** struct z_erofs_map_header, behind inode and xattrs, at a multiple of 8. */
export const MAP_HEADER = {
  size: 8,
  h_fragmentoff: 0,
  h_idata_size: 2,
  h_extents_lo: 0,
  h_advise: 4,
  h_algorithmtype: 6,
  h_extents_hi: 6,
  h_clusterbits: 7,
} as const;
/** Of h_clusterbits: the whole file lies in the packed inode. */
export const FRAGMENT_INODE = 0x80;
export const ADVISE = {
  compacted2b: 0x1,
  /** The same bit, of an inode with full indexes: a list of extents stands in their place. */
  extents: 0x1,
  bigPcluster1: 0x2,
  bigPcluster2: 0x4,
  inlinePcluster: 0x8,
  interlacedPcluster: 0x10,
  fragmentPcluster: 0x20,
} as const;

/** struct z_erofs_lcluster_index, and the 8 reserved bytes in front of the first. */
export const FULL_INDEX = { size: 8, reserved: 8, di_advise: 0, di_clusterofs: 2, di_u: 4 } as const;
export const LCLUSTER = { plain: 0, head1: 1, nonhead: 2, head2: 3 } as const;
/** Of a full index's di_advise: what is decoded goes on past the extent. */
export const PARTIAL_REF = 0x8000;
/** Of the first entry behind a head: a count of compressed blocks. */
export const D0_CBLKCNT = 0x800;

/** struct z_erofs_extent: `plen` holds the length, and above it how it is stored. */
export const EXTENT = {
  plen: 0,
  pstart_lo: 4,
  pstart_hi: 8,
  lstart_lo: 12,
  lstart_hi: 16,
  partial: 2 ** 27,
  formatShift: 28,
  lengthMask: 2 * 1024 * 1024 - 1,
} as const;

/** Z_EROFS_PCLUSTER_MAX_SIZE and _DSIZE: most bytes of one compressed cluster, and of what it decodes to. */
export const PCLUSTER_MAX_SIZE = 1024 * 1024;
export const PCLUSTER_MAX_DSIZE = 12 * 1024 * 1024;
