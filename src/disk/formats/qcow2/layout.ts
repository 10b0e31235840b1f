/**
 * On-disk structures of qcow2, with the spelling of qemu's docs/interop/qcow2.txt ("the specification" in this
 * folder). All numbers are big-endian.
 */
import { ascii, bits64be, record, u8, u16be, u32be, u64be } from '../../../core/record.ts';

export const MAGIC = 'QFI\xfb';

export const HeaderV2 = record('qcow2 header', {
  magic: ascii(0, 4),
  version: u32be(4),
  backing_file_offset: u64be(8),
  backing_file_size: u32be(16),
  cluster_bits: u32be(20),
  size: u64be(24),
  crypt_method: u32be(32),
  l1_size: u32be(36),
  l1_table_offset: u64be(40),
  refcount_table_offset: u64be(48),
  refcount_table_clusters: u32be(56),
  nb_snapshots: u32be(60),
  snapshots_offset: u64be(64),
});

/** What version 3 adds; byte positions within the whole header. */
export const HeaderV3 = record('qcow2 version 3 header', {
  incompatible_features: bits64be(72),
  compatible_features: bits64be(80),
  autoclear_features: bits64be(88),
  refcount_order: u32be(96),
  header_length: u32be(100),
});

/** `compression_type`, present when `header_length` exceeds its offset. */
export const COMPRESSION_TYPE_OFFSET = 104;

export const INCOMPATIBLE = {
  dirty: 1n << 0n,
  corrupt: 1n << 1n,
  externalDataFile: 1n << 2n,
  compressionType: 1n << 3n,
  extendedL2: 1n << 4n,
} as const;

export const COMPATIBLE = { lazyRefcounts: 1n << 0n } as const;
export const AUTOCLEAR = { bitmaps: 1n << 0n, rawExternalData: 1n << 1n } as const;

export const HeaderExtension = record('header extension', { type: u32be(0), length: u32be(4) });

export const EXTENSION = {
  end: 0x00000000,
  backingFormat: 0xe2792aca,
  featureNames: 0x6803f857,
  bitmaps: 0x23852875,
  encryption: 0x0537be77,
  dataFile: 0x44415441,
} as const;

/** Entry of the feature name table: type, bit, 46 bytes of name. */
export const FEATURE_NAME_SIZE = 48;
export const FeatureName = record('feature name', { type: u8(0), bit: u8(1) }, FEATURE_NAME_SIZE);

export const BitmapsExtension = record('bitmaps extension', {
  nb_bitmaps: u32be(0),
  reserved: u32be(4),
  bitmap_directory_size: u64be(8),
  bitmap_directory_offset: u64be(16),
});

export const BitmapDirectoryEntry = record('bitmap directory entry', {
  bitmap_table_offset: u64be(0),
  bitmap_table_size: u32be(8),
  flags: u32be(12),
  type: u8(16),
  granularity_bits: u8(17),
  name_size: u16be(18),
  extra_data_size: u32be(20),
});

export const BITMAP_FLAG = { inUse: 1, auto: 2 } as const;

export const SnapshotEntry = record('snapshot table entry', {
  l1_table_offset: u64be(0),
  l1_size: u32be(8),
  id_str_size: u16be(12),
  name_size: u16be(14),
  date_sec: u32be(16),
  date_nsec: u32be(20),
  vm_clock_nsec: bits64be(24),
  vm_state_size: u32be(32),
  extra_data_size: u32be(36),
});

/** Extra data of a snapshot table entry, as far as it is defined. */
export const SnapshotExtra = {
  vmStateSizeLarge: { offset: 40, size: 8 },
  diskSize: { offset: 48, size: 8 },
} as const;

/** Bit 9 … 55 of an L1 or L2 entry hold an offset: these are its halves. */
export const OFFSET_HIGH_MASK = 0x00ffffff;
export const OFFSET_LOW_MASK = 0xfffffe00;

/** L1 entry: bits 56 … 62 and 0 … 8 are reserved. */
export const L1_RESERVED_HIGH = 0x7f000000;
export const L1_RESERVED_LOW = 0x000001ff;

/** L2 entry, standard cluster: bits 56 … 61 and 1 … 8 are reserved; bit 0 says 'reads as zeros'. */
export const L2_RESERVED_HIGH = 0x3f000000;
export const L2_RESERVED_LOW = 0x000001fe;
export const L2_ZERO_LOW = 0x00000001;
/** Bit 62: compressed; bit 63: refcount is exactly one. */
export const L2_COMPRESSED_HIGH = 0x40000000;
export const L2_COPIED_HIGH = 0x80000000;

export const SUBCLUSTERS = 32;
/** Compressed data is counted in units of 512 bytes, whatever the cluster size. */
export const COMPRESSED_SECTOR = 512;

export const MIN_CLUSTER_BITS = 9;
/** qemu's own limit: 2 MiB. */
export const MAX_CLUSTER_BITS = 21;
/** Subclusters of at least 512 bytes. */
export const MIN_EXTENDED_CLUSTER_BITS = 14;
export const MAX_REFCOUNT_ORDER = 6;
export const V2_HEADER_LENGTH = 72;
export const V3_HEADER_LENGTH = 104;
/** "Must not be longer than 1023 bytes." */
export const MAX_BACKING_NAME = 1023;
