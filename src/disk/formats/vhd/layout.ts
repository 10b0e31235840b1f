/**
 * On-disk structures of VHD, in the spelling of Microsoft's 'Virtual Hard Disk Image Format Specification',
 * version 1.0. Everything is big-endian.
 */
import { ascii, bits64be, bytes, record, u8, u16be, u32be, u64be } from '../../../core/record.ts';

export const SECTOR = 512;

/** Spec, 'Hard Disk Footer Format'. It ends a file; all but fixed disks begin with a copy of it. */
export const Footer = record(
  'Footer',
  {
    Cookie: ascii(0, 8),
    Features: u32be(8),
    FileFormatVersion: u32be(12),
    DataOffset: bits64be(16),
    /** Seconds since 2000-01-01 00:00 UTC. */
    TimeStamp: u32be(24),
    CreatorApplication: ascii(28, 4),
    CreatorVersion: u32be(32),
    CreatorHostOS: ascii(36, 4),
    OriginalSize: u64be(40),
    CurrentSize: u64be(48),
    Cylinder: u16be(56),
    Heads: u8(58),
    SectorsPerTrack: u8(59),
    DiskType: u32be(60),
    Checksum: u32be(64),
    UniqueId: bytes(68, 16),
    SavedState: u8(84),
  },
  // Virtual PC before 2004 wrote 511 bytes; the last one is reserved.
  511,
);
export const FOOTER_BYTES = 512;
export const FOOTER_COOKIE = 'conectix';
export const FORMAT_VERSION = 0x0001_0000;
/** Always set, without a meaning. */
export const FEATURE_RESERVED = 2;
/** Of a fixed disk's footer, and of the dynamic header, which both refer to nothing further. */
export const NO_OFFSET = 0xffff_ffff_ffff_ffffn;

export const DISK_TYPE = { fixed: 2, dynamic: 3, differencing: 4 } as const;

/** Spec, 'Dynamic Disk Header Format'. */
export const DynamicHeader = record('DynamicHeader', {
  Cookie: ascii(0, 8),
  DataOffset: bits64be(8),
  TableOffset: u64be(16),
  HeaderVersion: u32be(24),
  MaxTableEntries: u32be(28),
  BlockSize: u32be(32),
  Checksum: u32be(36),
  ParentUniqueID: bytes(40, 16),
  ParentTimeStamp: u32be(56),
  /** UTF-16, big-endian. */
  ParentUnicodeName: bytes(64, 512),
  /** Eight of ParentLocatorEntry. */
  ParentLocators: bytes(576, 192),
});
export const DYNAMIC_HEADER_BYTES = 1024;
export const DYNAMIC_COOKIE = 'cxsparse';

/** Spec, 'Parent Locator Entry'. PlatformDataSpace is in sectors in the spec's text, in bytes in practice. */
export const ParentLocator = record('ParentLocator', {
  PlatformCode: ascii(0, 4),
  PlatformDataSpace: u32be(4),
  PlatformDataLength: u32be(8),
  PlatformDataOffset: u64be(16),
});
export const PARENT_LOCATOR_BYTES = 24;
export const PARENT_LOCATORS = 8;

/** A block of the table that was never written. */
export const BLOCK_ABSENT = 0xffff_ffff;

/** The one's complement of the sum of all bytes but those of the checksum itself, at `at`. */
export function checksumOf(structure: Uint8Array, at: number): number {
  let sum = 0;
  for (let i = 0; i < structure.length; i++) if (i < at || i >= at + 4) sum += structure[i]!;
  return ~sum >>> 0;
}

export interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
}

/** Spec, appendix 'CHS Calculation'. It describes at most 127 GiB, and mostly a little less than the disk. */
export function geometryOf(size: number): Geometry {
  const total = Math.min(Math.floor(size / SECTOR), 65535 * 16 * 255);
  let sectors: number;
  let heads: number;
  let cylinderTimesHeads: number;
  if (total >= 65535 * 16 * 63) {
    sectors = 255;
    heads = 16;
    cylinderTimesHeads = Math.floor(total / sectors);
  } else {
    sectors = 17;
    cylinderTimesHeads = Math.floor(total / sectors);
    heads = Math.max(4, Math.floor((cylinderTimesHeads + 1023) / 1024));
    if (cylinderTimesHeads >= heads * 1024 || heads > 16) {
      sectors = 31;
      heads = 16;
      cylinderTimesHeads = Math.floor(total / sectors);
    }
    if (cylinderTimesHeads >= heads * 1024) {
      sectors = 63;
      heads = 16;
      cylinderTimesHeads = Math.floor(total / sectors);
    }
  }
  return { cylinders: Math.floor(cylinderTimesHeads / heads), heads, sectors };
}
