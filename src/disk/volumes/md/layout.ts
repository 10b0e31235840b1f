/** Linux software RAID's superblocks: include/uapi/linux/raid/md_p.h. */
import { ascii, bits64le, bytes, i32le, record, u8, u16le, u32le } from '../../../core/record.ts';

export const MD_MAGIC = 0xa92b4efc;
export const SECTOR = 512;

/** struct mdp_superblock_1, metadata 1.0, 1.1 and 1.2; little-endian. Roles of devices follow, two bytes each. */
export const Superblock1 = record('MD superblock', {
  magic: u32le(0),
  major_version: u32le(4),
  feature_map: u32le(8),
  set_uuid: bytes(16, 16),
  set_name: bytes(32, 32),
  level: i32le(72),
  size: bits64le(80),
  raid_disks: u32le(92),
  data_offset: bits64le(128),
  super_offset: bits64le(144),
  dev_number: u32le(160),
  devflags: u8(184),
  bblog_size: u16le(186),
  events: bits64le(200),
  sb_csum: u32le(216),
  max_dev: u32le(220),
  end: ascii(224, 32),
});
export const ROLES_AT = 256;
export const SB_CSUM_AT = 216;
export const MAX_SUPERBLOCK_BYTES = 4096;
/** Where a role is none: spare, faulty, journal. */
export const FIRST_SPECIAL_ROLE = 0xfffd;

/** feature_map, with the kernel's names: what stands in the way of reading a mirror. */
export const FEATURES: readonly (readonly [bit: number, name: string])[] = [
  [4, 'reshape_active'],
  [32, 'reshape_backwards'],
  [64, 'new_offset'],
  [512, 'journal'],
  [1024, 'ppl'],
  [2048, 'multiple_ppls'],
];
export const FEATURE_RECOVERY_OFFSET = 2;
export const FEATURE_BAD_BLOCKS = 8;
/** bitmap_offset, replacement, recovery_bitmap, clustered, raid0_layout: no matter for a mirror's data. */
export const HARMLESS_FEATURES = 1 | 16 | 128 | 256 | 4096;

/** mdp_super_t, metadata 0.90: 1,024 words in the host's own order. Positions of words. */
export const WORDS_090 = {
  md_magic: 0,
  major_version: 1,
  minor_version: 2,
  set_uuid0: 5,
  level: 7,
  size: 8,
  raid_disks: 10,
  md_minor: 11,
  set_uuid1: 13,
  set_uuid2: 14,
  set_uuid3: 15,
  sb_csum: 38,
  events_lo: 39,
  events_hi: 40,
  disks: 128,
  this_disk: 992,
} as const;
export const DISK_WORDS = 32;
export const MAX_DISKS_090 = 27;
/** MD_RESERVED_BYTES: the superblock lies at the last multiple of it that leaves one to the end. */
export const RESERVED_BYTES = 65536;
/** Bits of mdp_disk_t.state. */
export const DISK_FAULTY = 1;
export const DISK_SYNC = 4;
