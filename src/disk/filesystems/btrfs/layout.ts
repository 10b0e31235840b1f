/**
 * On-disk structures of btrfs, in the spelling of the kernel's btrfs_tree.h and of the on-disk format's page in its
 * documentation. Everything is little-endian. What is read once is a record; what is read a million times (items,
 * inodes, extents) is a table of offsets for a DataView.
 */
import { ascii, bits64le, bytes, record, u8, u16le, u32le, u64le } from '../../../core/record.ts';

export const BTRFS_MAGIC = '_BHRfS_M';
export const SUPERBLOCK_BYTES = 4096;
/** Where copies of the superblock stand on every device that is large enough. */
export const SUPERBLOCK_OFFSETS = [64 * 1024, 64 * 1024 * 1024, 256 * 1024 ** 3] as const;
/** Nothing is allocated in the first MiB of a device. */
export const RESERVED_BYTES = 1024 * 1024;
/** Around a superblock's copy the kernel leaves a whole stripe alone. */
export const STRIPE_BYTES = 64 * 1024;
export const CHECKSUM_BYTES = 32;

export const superblockRecord = record(
  'superblock',
  {
    fsid: bytes(32, 16),
    bytenr: u64le(48),
    flags: bits64le(56),
    magic: ascii(64, 8),
    generation: u64le(72),
    root: u64le(80),
    chunk_root: u64le(88),
    log_root: u64le(96),
    total_bytes: u64le(112),
    bytes_used: u64le(120),
    num_devices: u64le(136),
    sectorsize: u32le(144),
    nodesize: u32le(148),
    sys_chunk_array_size: u32le(160),
    chunk_root_generation: u64le(164),
    compat_ro_flags: bits64le(180),
    incompat_flags: bits64le(188),
    csum_type: u16le(196),
    root_level: u8(198),
    chunk_root_level: u8(199),
    dev_item_devid: u64le(201),
    dev_item_total_bytes: u64le(209),
    label: bytes(299, 256),
    metadata_uuid: bytes(571, 16),
    sys_chunk_array: bytes(811, 2048),
  },
  SUPERBLOCK_BYTES,
);

/** What a probe reads of it, from the superblock on. */
export const PROBE = { fsid: 32, magic: 64, label: 299, labelBytes: 256 } as const;

/** Of the superblock's `flags`, by bit. */
export const SUPER_FLAG_NAMES: ReadonlyMap<number, string> = new Map([
  [32, 'SEEDING'],
  [33, 'METADUMP'],
  [34, 'METADUMP_V2'],
  [35, 'CHANGING_FSID'],
  [36, 'CHANGING_FSID_V2'],
  [38, 'CHANGING_BG_TREE'],
  [39, 'CHANGING_DATA_CSUM'],
  [40, 'CHANGING_META_CSUM'],
]);

export const INCOMPAT = {
  mixedBackref: 0x1n,
  defaultSubvolume: 0x2n,
  mixedGroups: 0x4n,
  compressLzo: 0x8n,
  compressZstd: 0x10n,
  bigMetadata: 0x20n,
  extendedIref: 0x40n,
  raid56: 0x80n,
  skinnyMetadata: 0x100n,
  noHoles: 0x200n,
  metadataUuid: 0x400n,
  raid1c34: 0x800n,
  simpleQuota: 0x10000n,
} as const;
export const COMPAT_RO = {
  freeSpaceTree: 0x1n,
  freeSpaceTreeValid: 0x2n,
  verity: 0x4n,
  blockGroupTree: 0x8n,
} as const;

/** Tree numbers; also objects in the root tree. */
export const TREE = {
  root: 1,
  extent: 2,
  chunk: 3,
  device: 4,
  filesystem: 5,
  rootDirectory: 6,
  checksum: 7,
  freeSpace: 10,
  blockGroup: 11,
} as const;
/** Subvolumes that users make are numbered from here; so are inodes, the first of which is the root directory. */
export const FIRST_FREE_OBJECTID = 256;
export const LAST_FREE_OBJECTID = 2 ** 53;
export const ROOT_DIRECTORY_INODE = 256;

/** Object numbers that count down from 2^64: their lower halves, the upper one being all ones. */
export const NEGATIVE = {
  high: 0xffffffff,
  balance: 0xfffffffc, // -4
  orphan: 0xfffffffb, // -5
  relocationTree: 0xfffffff8, // -8
  dataRelocationTree: 0xfffffff7, // -9
  checksum: 0xfffffff6, // -10
} as const;

/** Item types. */
export const ITEM = {
  inodeItem: 1,
  inodeRef: 12,
  inodeExtref: 13,
  orphanItem: 48,
  dirItem: 84,
  dirIndex: 96,
  extentData: 108,
  extentCsum: 128,
  rootItem: 132,
  rootRef: 156,
  extentItem: 168,
  metadataItem: 169,
  blockGroupItem: 192,
  freeSpaceInfo: 198,
  freeSpaceExtent: 199,
  freeSpaceBitmap: 200,
  devExtent: 204,
  devItem: 216,
  chunkItem: 228,
  temporaryItem: 248,
  devReplace: 250,
} as const;

/** struct btrfs_header, then struct btrfs_item or struct btrfs_key_ptr. */
export const NODE = {
  fsid: 32,
  bytenr: 48,
  generation: 80,
  owner: 88,
  nritems: 96,
  level: 100,
  headerBytes: 101,
  itemBytes: 25,
  pointerBytes: 33,
  maxLevel: 8,
} as const;
/** struct btrfs_disk_key. */
export const KEY = { objectid: 0, type: 8, offset: 9, bytes: 17 } as const;
/** Behind the key: of an item, of a pointer. */
export const ITEM_PLACE = { offset: 17, size: 21 } as const;
export const POINTER = { blockptr: 17, generation: 25 } as const;

export const INODE = {
  size: 16,
  nbytes: 24,
  nlink: 40,
  uid: 44,
  gid: 48,
  mode: 52,
  flags: 64,
  mtime: 136,
  bytes: 160,
} as const;
export const INODE_FLAG = { nodatasum: 0x1 } as const;

/** struct btrfs_dir_item: its key is that of the inode, or of the subvolume's root. */
export const DIR = { location: 0, nameLength: 27, type: 29, name: 30 } as const;

/** struct btrfs_file_extent_item; inline data begins where the disk's address would. */
export const EXTENT = {
  ramBytes: 8,
  compression: 16,
  encryption: 17,
  otherEncoding: 18,
  type: 20,
  diskBytenr: 21,
  diskBytes: 29,
  offset: 37,
  length: 45,
  bytes: 53,
  inline: 0,
  regular: 1,
  preallocated: 2,
} as const;
export const COMPRESSION_NAMES = ['none', 'zlib', 'lzo', 'zstd'] as const;

/** struct btrfs_root_item; the part from generation_v2 on came with Linux 3.6. */
export const ROOT = {
  generation: 160,
  bytenr: 176,
  flags: 208,
  refs: 216,
  level: 238,
  shortBytes: 239,
  generationV2: 239,
  uuid: 247,
  parentUuid: 263,
  bytes: 439,
  readOnly: 0x1,
} as const;
export const ROOT_REF = { dirid: 0, nameLength: 16, name: 18 } as const;

export const CHUNK = {
  length: 0,
  stripeLength: 16,
  type: 24,
  stripes: 44,
  subStripes: 46,
  firstStripe: 48,
  stripeBytes: 32,
} as const;
export const STRIPE = { devid: 0, offset: 8 } as const;
export const CHUNK_TYPE = {
  data: 0x1,
  system: 0x2,
  metadata: 0x4,
  raid0: 0x8,
  raid1: 0x10,
  dup: 0x20,
  raid10: 0x40,
  raid5: 0x80,
  raid6: 0x100,
  raid1c3: 0x200,
  raid1c4: 0x400,
} as const;
export const DEV_ITEM = { devid: 0, totalBytes: 8, uuid: 66, bytes: 98 } as const;
export const DEV_EXTENT = { chunkOffset: 16, length: 24, bytes: 48 } as const;

export const EXTENT_ITEM = { flags: 16, bytes: 24, data: 0x1, treeBlock: 0x2 } as const;
export const BLOCK_GROUP = { used: 0, flags: 16, bytes: 24 } as const;
/** State of struct btrfs_dev_replace_item. */
export const DEV_REPLACE = { state: 24, started: 1, suspended: 4 } as const;
