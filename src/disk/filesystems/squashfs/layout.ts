/** On-disk structures of squashfs 4.0, in the spelling of the kernel's `squashfs_fs.h`. All little-endian. */
import { ascii, record, u16le, u32le, u64le } from '../../../core/record.ts';

export const MAGIC = 'hsqs';
/** Of versions before 4, written on big-endian machines. */
export const SWAPPED_MAGIC = 'sqsh';
export const SUPERBLOCK_SIZE = 96;

export const superblock = record('squashfs superblock', {
  s_magic: ascii(0, 4),
  inodes: u32le(4),
  mkfs_time: u32le(8),
  block_size: u32le(12),
  fragments: u32le(16),
  compression: u16le(20),
  block_log: u16le(22),
  flags: u16le(24),
  no_ids: u16le(26),
  s_major: u16le(28),
  s_minor: u16le(30),
  root_inode: u64le(32),
  bytes_used: u64le(40),
  id_table_start: u64le(48),
  inode_table_start: u64le(64),
  directory_table_start: u64le(72),
});

/** Of tables that may be missing: read apart, since all bits set then means that there is none. */
export const SUPER = { xattr_id_table_start: 56, fragment_table_start: 80, lookup_table_start: 88 } as const;

/** `flags`, by the names that `mksquashfs` gives to what sets them. */
export const FLAG_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [0x0001, 'noI'],
  [0x0002, 'noD'],
  [0x0008, 'noF'],
  [0x0010, 'no-fragments'],
  [0x0020, 'always-use-fragments'],
  [0x0040, 'duplicates'],
  [0x0080, 'exports'],
  [0x0100, 'noX'],
  [0x0200, 'no-xattrs'],
  [0x0400, 'compressor-options'],
  [0x0800, 'noId'],
];

export const COMPRESSOR_NAMES: Readonly<Record<number, string>> = {
  1: 'gzip',
  2: 'lzma',
  3: 'lzo',
  4: 'xz',
  5: 'lz4',
  6: 'zstd',
};

export const METADATA_BLOCK_SIZE = 8192;
/** Of a metadata block's header: stored as it is. */
export const METADATA_UNCOMPRESSED = 0x8000;
/** Of a data block's size: stored as it is. */
export const BLOCK_UNCOMPRESSED = 0x1000000;
export const BLOCK_SIZE_MASK = 0xffffff;
export const NO_FRAGMENT = 0xffffffff;

/** `inode_type`; the extended form of each is 7 more. */
export const TYPE = {
  directory: 1,
  file: 2,
  symlink: 3,
  block: 4,
  character: 5,
  fifo: 6,
  socket: 7,
  extended: 7,
} as const;

/** struct squashfs_base_inode, and what every kind adds to it. */
export const INODE = {
  size: 16,
  inode_type: 0,
  mode: 2,
  uid: 4,
  guid: 6,
  mtime: 8,
  inode_number: 12,
} as const;
export const DIR = { size: 32, start_block: 16, nlink: 20, file_size: 24, offset: 26 } as const;
export const LDIR = { size: 40, nlink: 16, file_size: 20, start_block: 24, offset: 34 } as const;
export const REG = { size: 32, start_block: 16, fragment: 20, offset: 24, file_size: 28 } as const;
export const LREG = {
  size: 56,
  start_block: 16,
  file_size: 24,
  nlink: 40,
  fragment: 44,
  offset: 48,
} as const;
export const SYMLINK = { size: 24, nlink: 16, symlink_size: 20 } as const;
/** Devices, FIFOs, sockets: the link count comes first in all of them. */
export const OTHER = { size: 20, nlink: 16 } as const;

/** `file_size` of a directory counts `.` and `..` as three bytes; they are not stored. */
export const DIRECTORY_EXTRA = 3;
export const DIRECTORY_HEADER_SIZE = 12;
export const DIRECTORY_ENTRY_SIZE = 8;
/** Entries behind one header. */
export const DIRECTORY_COUNT = 256;

export const FRAGMENT_ENTRY_SIZE = 16;
