/**
 * Master boot record. There is no standard; the layout is IBM's of 1983 as every BIOS and kernel reads it
 * (UEFI Specification 2.10, section 5.2.1 writes it down). Every field is little-endian.
 */
import { record, u8, u16le, u32le } from '../../../core/record.ts';

export const MBR_SIZE = 512;
export const SIGNATURE = 0xaa55;
export const RECORDS_OFFSET = 446;
export const RECORD_SIZE = 16;

export const Mbr = record(
  'MBR',
  {
    UniqueMBRDiskSignature: u32le(440),
    Signature: u16le(510),
  },
  MBR_SIZE,
);

/** Table 5.2. CHS addresses are not read: they end at 8 GiB. */
export const PartitionRecord = record(
  'MBR partition record',
  {
    BootIndicator: u8(0),
    OSType: u8(4),
    StartingLBA: u32le(8),
    SizeInLBA: u32le(12),
  },
  RECORD_SIZE,
);

export const BOOT_INDICATOR_ACTIVE = 0x80;
export const TYPE_GPT_PROTECTIVE = 0xee;
/** CHS, LBA and Linux flavours of 'holds logical partitions'. */
export const EXTENDED_TYPES: readonly number[] = [0x05, 0x0f, 0x85];
/** IBM AIX puts its own label there: 'IBMA' in EBCDIC. */
export const AIX_MAGIC = 0xc9c2d4c1;
