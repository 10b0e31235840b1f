/** GUID partition table: UEFI Specification 2.10, section 5.3. Every field is little-endian. */
import { ascii, bits64le, bytes, record, u8, u32le } from '../../../core/record.ts';

export const SIGNATURE = 'EFI PART';
/** 5.3.2: HeaderSize must be at least 92 and at most the logical block. */
export const MIN_HEADER_SIZE = 92;
/** 5.3.2: an entry is 128 × 2^n bytes. */
export const MIN_ENTRY_SIZE = 128;
/** Logical block sizes of disks in the field. */
export const SECTOR_SIZES = [512, 4096] as const;

/** Table 5.5. LBAs are 64 bits; they are checked against the disk before they become offsets. */
export const GptHeader = record('GPT header', {
  Signature: ascii(0, 8),
  Revision: u32le(8),
  HeaderSize: u32le(12),
  HeaderCRC32: u32le(16),
  MyLBA: bits64le(24),
  AlternateLBA: bits64le(32),
  FirstUsableLBA: bits64le(40),
  LastUsableLBA: bits64le(48),
  DiskGUID: bytes(56, 16),
  PartitionEntryLBA: bits64le(72),
  NumberOfPartitionEntries: u32le(80),
  SizeOfPartitionEntry: u32le(84),
  PartitionEntryArrayCRC32: u32le(88),
});

/** Table 5.6. */
export const GptEntry = record('GPT entry', {
  PartitionTypeGUID: bytes(0, 16),
  UniquePartitionGUID: bytes(16, 16),
  StartingLBA: bits64le(32),
  EndingLBA: bits64le(40),
  Attributes: bits64le(48),
  PartitionName: bytes(56, 72),
});

/** 5.2.3: a legacy MBR partition record, as far as a protective MBR matters. */
export const MBR_SIGNATURE_OFFSET = 510;
export const MBR_RECORDS = 446;
export const MBR_RECORD_SIZE = 16;
export const MBR_TYPE_GPT_PROTECTIVE = 0xee;
export const MbrRecord = record('MBR partition record', {
  BootIndicator: u8(0),
  OSType: u8(4),
  StartingLBA: u32le(8),
  SizeInLBA: u32le(12),
});
