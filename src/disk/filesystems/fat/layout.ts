/**
 * FAT12, FAT16 and FAT32 on disk, in the spelling of Microsoft's "FAT: General Overview of On-Disk Format",
 * version 1.03 (fatgen103, 2000). Every field is little-endian.
 */
import { ascii, bytes, record, u8, u16le, u32le } from '../../../core/record.ts';

/** Boot sector and BIOS parameter block, the part common to all three. */
export const BootSector = record('FAT boot sector', {
  BS_jmpBoot: u8(0),
  BS_OEMName: ascii(3, 8),
  BPB_BytsPerSec: u16le(11),
  BPB_SecPerClus: u8(13),
  BPB_RsvdSecCnt: u16le(14),
  BPB_NumFATs: u8(16),
  BPB_RootEntCnt: u16le(17),
  BPB_TotSec16: u16le(19),
  BPB_Media: u8(21),
  BPB_FATSz16: u16le(22),
  BPB_TotSec32: u32le(32),
  Signature_word: u16le(510),
});

/** From byte 36 on a FAT12 or FAT16 volume. BS_Reserved1 holds the dirty bit that Windows NT and Linux set. */
export const BootSector16 = record('FAT16 boot sector', {
  BS_Reserved1: u8(37),
  BS_BootSig: u8(38),
  BS_VolID: bytes(39, 4),
  BS_VolLab: bytes(43, 11),
  BS_FilSysType: ascii(54, 8),
});

/** From byte 36 on a FAT32 volume. */
export const BootSector32 = record('FAT32 boot sector', {
  BPB_FATSz32: u32le(36),
  BPB_ExtFlags: u16le(40),
  BPB_FSVer: u16le(42),
  BPB_RootClus: u32le(44),
  BS_Reserved1: u8(65),
  BS_BootSig: u8(66),
  BS_VolID: bytes(67, 4),
  BS_VolLab: bytes(71, 11),
  BS_FilSysType: ascii(82, 8),
});

export const BOOT_SECTOR_SIZE = 512;
export const BOOT_SIGNATURE = 0xaa55;
/** BS_BootSig values that announce BS_VolID, and for the second BS_VolLab as well. */
export const BOOT_SIG_SERIAL = 0x28;
export const BOOT_SIG_LABEL = 0x29;
/** BPB_ExtFlags: bit 7 set means that one FAT is active, named in bits 0 to 3. */
export const EXT_FLAGS_NO_MIRROR = 0x80;
/** BS_Reserved1: bit 0 set while the volume is mounted read-write. */
export const STATE_DIRTY = 0x01;

/** Bits of FAT[1] (fatgen103, page 18): set when the volume was unmounted well and had no I/O errors. */
export const CLEAN_SHUTDOWN_16 = 0x8000;
export const NO_HARD_ERROR_16 = 0x4000;
export const CLEAN_SHUTDOWN_32 = 0x08000000;
export const NO_HARD_ERROR_32 = 0x04000000;

/** More clusters than this cannot be numbered with 12 or 16 bits (the kernel's limits; page 14). */
export const MAX_CLUSTERS_12 = 4084;
export const MAX_CLUSTERS_16 = 65524;

export const DIRECTORY_ENTRY_SIZE = 32;
/** Offsets in a directory entry (page 22); entries are read in a hot loop, so not as a record. */
export const ENTRY = {
  DIR_Name: 0,
  DIR_Attr: 11,
  DIR_NTRes: 12,
  DIR_FstClusHI: 20,
  DIR_WrtTime: 22,
  DIR_WrtDate: 24,
  DIR_FstClusLO: 26,
  DIR_FileSize: 28,
} as const;
/** Offsets in a long-name entry (page 28). */
export const LONG = { LDIR_Ord: 0, LDIR_Chksum: 13 } as const;
/** Where the 13 UTF-16 units of a long-name entry stand. */
export const LONG_UNITS: readonly number[] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
export const LAST_LONG_ENTRY = 0x40;
/** 255 characters in pieces of 13. */
export const MAX_LONG_ENTRIES = 20;

export const ATTR_READ_ONLY = 0x01;
export const ATTR_VOLUME_ID = 0x08;
export const ATTR_DIRECTORY = 0x10;
export const ATTR_LONG_NAME = 0x0f;
export const ATTR_LONG_NAME_MASK = 0x3f;
/** Bits 6 and 7 are reserved and zero. */
export const ATTR_RESERVED = 0xc0;
/** DIR_NTRes: Windows NT shows base or extension in lower case. */
export const NT_LOWER_BASE = 0x08;
export const NT_LOWER_EXTENSION = 0x10;
export const NAME_END = 0x00;
export const NAME_DELETED = 0xe5;
/** Stands for a first byte of 0xE5, which would mean deleted. */
export const NAME_KANJI_E5 = 0x05;
