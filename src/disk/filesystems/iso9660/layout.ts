/** On-disk structures of ISO 9660 (ECMA-119), Joliet, El Torito and of SUSP with Rock Ridge (RRIP 1.12). */
import { ascii, bytes, record, u8, u16le, u32le } from '../../../core/record.ts';

/** Descriptors stand in sectors of this size, whatever a logical block is. */
export const SECTOR_SIZE = 2048;
export const FIRST_DESCRIPTOR = 16;
export const STANDARD_ID = 'CD001';

export const DESCRIPTOR_TYPE = { boot: 0, primary: 1, supplementary: 2, terminator: 255 } as const;

/** Primary and supplementary volume descriptors. Numbers stand in both byte orders; the first is little-endian. */
export const volumeDescriptor = record('volume descriptor', {
  type: u8(0),
  standard_id: ascii(1, 5),
  volume_id: bytes(40, 32),
  volume_space_size: u32le(80),
  escape_sequences: ascii(88, 3),
  logical_block_size: u16le(128),
  root: bytes(156, 34),
  creation: ascii(813, 16),
  modification: ascii(830, 16),
});

/** Joliet's three levels: UCS-2. */
export const JOLIET_ESCAPES = ['%/@', '%/C', '%/E'];
export const EL_TORITO_ID = 'EL TORITO SPECIFICATION';

/** A directory record, up to its name. */
export const RECORD = {
  size: 33,
  length: 0,
  extended: 1,
  extent: 2,
  data_length: 10,
  date: 18,
  flags: 25,
  unit_size: 26,
  name_length: 32,
  name: 33,
} as const;
export const FLAG = { directory: 2, associated: 4, multiExtent: 0x80 } as const;
/** A record's length is a byte, so is its name's. */
export const MAX_RECORD_SIZE = 255;

/** Entries of the system use area: signature, length, version, then what is its own. */
export const SUSP_HEADER = 4;
export const CE_SIZE = 28;
export const NM = { continued: 1, current: 2, parent: 4 } as const;
export const SL = { continued: 1, current: 2, parent: 4, root: 8 } as const;
export const TF = { modify: 2, long: 0x80 } as const;
/** Identifiers in ER that announce Rock Ridge. */
export const ROCK_RIDGE_IDS = ['RRIP_1991A', 'IEEE_P1282', 'IEEE_1282'];
