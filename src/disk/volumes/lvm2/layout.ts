/**
 * LVM2's structures on a physical volume, little-endian: lib/label/label.h, lib/format_text/layout.h and
 * lib/format_text/import_vsn1.c of LVM2. The metadata itself is text; see text.ts.
 */
import { ascii, bits64le, record, u32le } from '../../../core/record.ts';

export const SECTOR = 512;
/** LABEL_SCAN_SECTORS: the label stands in one of these; pvcreate writes the second. */
export const LABEL_SECTORS = 4;
export const LABEL_ID = 'LABELONE';
export const LABEL_TYPE = 'LVM2 001';
/** INITIAL_CRC (lib/misc/crc.h): LVM's checksums are crc32_le from this state. */
export const CRC_SEED = 0xf597a6cf;
/** The label's checksum covers its sector from this offset on. */
export const LABEL_CRC_FROM = 20;

export const LabelHeader = record('LVM label', {
  id: ascii(0, 8),
  sector_xl: bits64le(8),
  crc_xl: u32le(16),
  offset_xl: u32le(20),
  type: ascii(24, 8),
});

/** Followed by two lists of DiskLocation, each ended by an entry of zeros: data areas, metadata areas. */
export const PvHeader = record('LVM physical volume header', {
  pv_uuid: ascii(0, 32),
  device_size_xl: bits64le(32),
});

export const DiskLocation = record('LVM area', { offset: bits64le(0), size: bits64le(8) });

/** Behind the lists, since LVM 2.02.99. */
export const PvHeaderExtension = record('LVM physical volume header extension', {
  version: u32le(0),
  flags: u32le(4),
});
/** PV_EXT_USED: some volume group has it, whether or not its metadata is here (version 2 and later). */
export const PV_EXT_USED = 1;

/** MDA_HEADER_SIZE; the ring of text begins behind it. */
export const AREA_HEADER_BYTES = 512;
export const AREA_MAGIC = ' LVM2 x[5A%r0N*>';
export const AreaHeader = record('LVM metadata area', {
  checksum_xl: u32le(0),
  magic: ascii(4, 16),
  version: u32le(20),
  start: bits64le(24),
  size: bits64le(32),
});
/** The committed text; a second one, of a commit that did not finish, is not used. */
export const RAW_LOCATION_AT = 40;
export const RawLocation = record('LVM text location', {
  offset: bits64le(0),
  size: bits64le(8),
  checksum: u32le(16),
  flags: u32le(20),
});
/** RAW_LOCN_IGNORED: this copy is not kept up to date. */
export const RAW_LOCATION_IGNORED = 1;
