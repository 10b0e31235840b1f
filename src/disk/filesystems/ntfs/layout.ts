/**
 * NTFS on disk, in the spelling of the Linux-NTFS documentation and ntfs-3g's layout.h: little-endian throughout.
 * What is read once is a record; what is read for every file is a table of offsets for a DataView.
 */
import { ascii, bits64le, record, u8, u16le } from '../../../core/record.ts';

export const OEM_ID = 'NTFS    ';
export const BOOT_SECTOR_SIZE = 512;

/** NTFS_BOOT_SECTOR with its BIOS_PARAMETER_BLOCK. */
export const BootSector = record(
  'NTFS boot sector',
  {
    oem_id: ascii(0x03, 8),
    bytes_per_sector: u16le(0x0b),
    sectors_per_cluster: u8(0x0d),
    reserved_sectors: u16le(0x0e),
    fats: u8(0x10),
    root_entries: u16le(0x11),
    sectors: u16le(0x13),
    sectors_per_fat: u16le(0x16),
    number_of_sectors: bits64le(0x28),
    mft_lcn: bits64le(0x30),
    mftmirr_lcn: bits64le(0x38),
    clusters_per_mft_record: u8(0x40),
    volume_serial_number: bits64le(0x48),
    end_of_sector_marker: u16le(0x1fe),
  },
  BOOT_SECTOR_SIZE,
);
export const END_OF_SECTOR_MARKER = 0xaa55;

/** Clusters have 32-bit numbers in Windows' implementation. */
export const MAX_CLUSTERS = 2 ** 32 - 1;
export const MAX_CLUSTER_BYTES = 2 * 1024 * 1024;
/** bytes_per_sector; also how far apart check values of multi-sector records stand is 512, whatever the sectors are. */
export const SECTOR_BYTES = { min: 512, max: 4096 } as const;
export const NTFS_BLOCK_SIZE = 512;
export const RECORD_BYTES = { min: 512, max: 65536 } as const;

/** MFT_RECORD. */
export const MFT_RECORD = {
  usa_ofs: 0x04,
  usa_count: 0x06,
  sequence_number: 0x10,
  link_count: 0x12,
  attrs_offset: 0x14,
  flags: 0x16,
  bytes_in_use: 0x18,
  bytes_allocated: 0x1c,
  base_mft_record: 0x20,
  /** Since NTFS 3.1, whose update sequence array stands behind it. */
  mft_record_number: 0x2c,
  size_3_1: 0x30,
  headerSize: 0x2a,
} as const;
export const MFT_FLAG = { in_use: 0x0001, is_directory: 0x0002 } as const;

/** The files of the filesystem itself: records below 16 but for the root directory. */
export const FILE = { MFT: 0, MFTMirr: 1, LogFile: 2, Volume: 3, root: 5, Bitmap: 6, Extend: 11 } as const;
export const FIRST_USER_RECORD = 16;
/** Records 16 to 23 are set aside and stay empty. */
export const FIRST_FREE_RECORD = 24;
/** Records that $MFTMirr repeats, at least. */
export const MIRRORED_RECORDS = 4;

/** ATTR_RECORD. */
export const ATTR = {
  length: 0x04,
  non_resident: 0x08,
  name_length: 0x09,
  name_offset: 0x0a,
  flags: 0x0c,
  value_length: 0x10,
  value_offset: 0x14,
  residentSize: 0x18,
  lowest_vcn: 0x10,
  highest_vcn: 0x18,
  mapping_pairs_offset: 0x20,
  compression_unit: 0x22,
  data_size: 0x30,
  initialized_size: 0x38,
  nonResidentSize: 0x40,
} as const;
export const ATTR_FLAG = {
  compressionMask: 0x00ff,
  compressed: 0x0001,
  encrypted: 0x4000,
  sparse: 0x8000,
} as const;

export const TYPE = {
  STANDARD_INFORMATION: 0x10,
  ATTRIBUTE_LIST: 0x20,
  FILE_NAME: 0x30,
  VOLUME_NAME: 0x60,
  VOLUME_INFORMATION: 0x70,
  DATA: 0x80,
  INDEX_ROOT: 0x90,
  INDEX_ALLOCATION: 0xa0,
  BITMAP: 0xb0,
  REPARSE_POINT: 0xc0,
  END: 0xffffffff,
} as const;

export const STANDARD_INFORMATION = {
  last_data_change_time: 0x08,
  file_attributes: 0x20,
  size: 0x24,
} as const;
export const FILE_ATTR = { readOnly: 0x0001, reparsePoint: 0x0400, encrypted: 0x4000 } as const;

export const FILE_NAME = {
  parent_directory: 0x00,
  file_attributes: 0x38,
  reparse_point_tag: 0x3c,
  file_name_length: 0x40,
  file_name_type: 0x41,
  file_name: 0x42,
} as const;
/** file_name_type of the 8.3 name that stands beside a long one. */
export const FILE_NAME_DOS = 2;

export const VOLUME_INFORMATION = { major_ver: 0x08, minor_ver: 0x09, flags: 0x0a, size: 0x0c } as const;
/** VOLUME_FLAGS, by ntfsinfo's names where it has one. */
export const VOLUME_FLAGS: readonly (readonly [number, string])[] = [
  [0x0001, 'DIRTY'],
  [0x0002, 'RESIZE_LOG_FILE'],
  [0x0004, 'UPGRADE_ON_MOUNT'],
  [0x0008, 'MOUNTED_ON_NT4'],
  [0x0010, 'DELETE_USN_UNDERWAY'],
  [0x0020, 'REPAIR_OBJECT_ID'],
  [0x4000, 'CHKDSK_UNDERWAY'],
  [0x8000, 'MODIFIED_BY_CHKDSK'],
];
export const VOLUME_IS_DIRTY = 0x0001;
export const VOLUME_CHKDSK_UNDERWAY = 0x4000;

/** ATTR_LIST_ENTRY. */
export const LIST_ENTRY = {
  length: 0x04,
  name_length: 0x06,
  lowest_vcn: 0x08,
  mft_reference: 0x10,
  size: 0x1a,
} as const;

/** INDEX_ROOT, INDEX_HEADER, INDEX_ENTRY, INDEX_BLOCK. */
export const INDEX = {
  rootHeader: 0x10,
  blockSize: 0x08,
  blockHeader: 0x18,
  entries_offset: 0x00,
  index_length: 0x04,
  headerSize: 0x10,
} as const;
export const INDEX_ENTRY = { length: 0x08, key_length: 0x0a, flags: 0x0c, key: 0x10 } as const;
export const INDEX_ENTRY_END = 2;

/** RESTART_PAGE_HEADER and RESTART_AREA of $LogFile. */
export const RESTART_PAGE = {
  system_page_size: 0x10,
  restart_area_offset: 0x18,
  minor_ver: 0x1a,
  major_ver: 0x1c,
  size: 0x1e,
} as const;
export const RESTART_AREA = { current_lsn: 0x00, client_in_use_list: 0x0c, flags: 0x0e, size: 0x10 } as const;
export const LOGFILE_NO_CLIENT = 0xffff;
export const RESTART_VOLUME_IS_CLEAN = 0x0002;

/** Reparse tags ([MS-FSCC] 2.1.2.1). */
export const REPARSE = {
  MOUNT_POINT: 0xa0000003,
  SYMLINK: 0xa000000c,
  LX_SYMLINK: 0xa000001d,
  AF_UNIX: 0x80000023,
  LX_FIFO: 0x80000024,
  LX_CHR: 0x80000025,
  LX_BLK: 0x80000026,
  WOF: 0x80000017,
  DEDUP: 0x80000013,
} as const;
/** REPARSE_DATA_BUFFER: the header, then the data of the tag. */
export const REPARSE_HEADER_SIZE = 8;
