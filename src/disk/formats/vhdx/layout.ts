/** VHDX's structures: [MS-VHDX], version 1. Every field is little-endian; sections in comments are that document's. */
import { ascii, bits64le, bytes, record, u16le, u32le, u64le } from '../../../core/record.ts';

const KiB = 1024;
export const MiB = 1024 * KiB;

/** 2.2.1 */
export const FILE_SIGNATURE = 'vhdxfile';
export const CREATOR_AT = 8;
export const CREATOR_BYTES = 512;

/** 2.2.2: two headers, of which one is written at a time. */
export const HEADERS_AT = [64 * KiB, 128 * KiB] as const;
export const HEADER_BYTES = 4 * KiB;
export const VhdxHeader = record('VHDX header', {
  Signature: ascii(0, 4),
  Checksum: u32le(4),
  SequenceNumber: bits64le(8),
  FileWriteGuid: bytes(16, 16),
  DataWriteGuid: bytes(32, 16),
  LogGuid: bytes(48, 16),
  LogVersion: u16le(64),
  Version: u16le(66),
  LogLength: u32le(68),
  LogOffset: u64le(72),
});

/** 2.2.3 */
export const REGION_TABLES_AT = [192 * KiB, 256 * KiB] as const;
export const REGION_TABLE_BYTES = 64 * KiB;
export const MAX_REGIONS = 2047;
export const RegionTableHeader = record('VHDX region table', {
  Signature: ascii(0, 4),
  Checksum: u32le(4),
  EntryCount: u32le(8),
});
export const REGION_ENTRIES_AT = 16;
export const RegionEntry = record('VHDX region table entry', {
  Guid: bytes(0, 16),
  FileOffset: u64le(16),
  Length: u32le(24),
  Required: u32le(28),
});
export const REGION = {
  bat: '2dc27766-f623-4200-9d64-115e9bfd4a08',
  metadata: '8b7ca206-4790-4b9a-b8fe-575f050f886e',
} as const;

/** 2.3.1 */
export const LOG_SECTOR = 4 * KiB;
export const LogEntryHeader = record('VHDX log entry', {
  Signature: ascii(0, 4),
  Checksum: u32le(4),
  EntryLength: u32le(8),
  Tail: u32le(12),
  SequenceNumber: bits64le(16),
  DescriptorCount: u32le(24),
  LogGuid: bytes(32, 16),
  FlushedFileOffset: bits64le(48),
  LastFileOffset: bits64le(56),
});
export const LOG_DESCRIPTORS_AT = 64;
export const LOG_DESCRIPTOR_BYTES = 32;
export const ZeroDescriptor = record('VHDX zero descriptor', {
  ZeroLength: u64le(8),
  FileOffset: u64le(16),
  SequenceNumber: bits64le(24),
});
export const DataDescriptor = record('VHDX data descriptor', {
  TrailingBytes: bytes(4, 4),
  LeadingBytes: bytes(8, 8),
  FileOffset: u64le(16),
  SequenceNumber: bits64le(24),
});
/** 2.3.1.4: the first eight and last four bytes of a sector stand in its descriptor. */
export const DataSector = record('VHDX data sector', {
  DataSignature: ascii(0, 4),
  SequenceHigh: u32le(4),
  SequenceLow: u32le(4092),
});

/** 2.6.1 */
export const METADATA_SIGNATURE = 'metadata';
export const METADATA_TABLE_BYTES = 64 * KiB;
export const MAX_METADATA_ENTRIES = 2047;
export const MetadataTableHeader = record('VHDX metadata table', {
  Signature: ascii(0, 8),
  EntryCount: u16le(10),
});
export const METADATA_ENTRIES_AT = 32;
export const MetadataEntry = record(
  'VHDX metadata entry',
  {
    ItemId: bytes(0, 16),
    Offset: u32le(16),
    Length: u32le(20),
    Flags: u32le(24),
  },
  32,
);
export const METADATA_IS_REQUIRED = 4;
/** 2.6.2 */
export const ITEM = {
  fileParameters: 'caa16737-fa36-4d43-b3b6-33f0aa44e76b',
  virtualDiskSize: '2fa54224-cd1b-4876-b211-5dbed83bf4b8',
  virtualDiskId: 'beca12ab-b2e6-4523-93ef-c309e000c746',
  logicalSectorSize: '8141bf1d-a96f-4709-ba47-f233a8faab5f',
  physicalSectorSize: 'cda348c7-445d-4471-9cc9-e9885251c556',
  parentLocator: 'a8d35f2d-b30b-454d-abf7-d3d84834ab0c',
} as const;
export const FileParameters = record('VHDX file parameters', { BlockSize: u32le(0), Flags: u32le(4) });
export const LEAVE_BLOCKS_ALLOCATED = 1;
export const HAS_PARENT = 2;
export const VirtualDiskSize = record('VHDX virtual disk size', { VirtualDiskSize: u64le(0) });
export const VirtualDiskId = record('VHDX virtual disk identifier', { VirtualDiskId: bytes(0, 16) });
export const SectorSize = record('VHDX sector size', { SectorSize: u32le(0) });
/** 2.6.2.6 */
export const LOCATOR_TYPE_VHDX = 'b04aefb7-d19e-4a81-b789-25b8e9445913';
export const ParentLocator = record('VHDX parent locator', {
  LocatorType: bytes(0, 16),
  KeyValueCount: u16le(18),
});
export const LOCATOR_ENTRIES_AT = 20;
export const LocatorEntry = record('VHDX parent locator entry', {
  KeyOffset: u32le(0),
  ValueOffset: u32le(4),
  KeyLength: u16le(8),
  ValueLength: u16le(10),
});

/** 2.5.1: the low three bits are a state, those from 20 on a place in MiB. */
export const BAT_ENTRY_BYTES = 8;
export const PAYLOAD = {
  notPresent: 0,
  undefined: 1,
  zero: 2,
  unmapped: 3,
  fullyPresent: 6,
  partiallyPresent: 7,
} as const;
export const BITMAP_PRESENT = 6;
/** 2.4: a sector bitmap block is 1 MiB, a bit for each sector of its chunk; the least significant bit first. */
export const BITMAP_BYTES = MiB;
export const SECTORS_PER_BITMAP = 8 * MiB;
