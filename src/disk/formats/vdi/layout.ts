/**
 * On-disk structures of VDI, VirtualBox's disk format. There is no specification but VirtualBox's source
 * (VDICore.h, whose spelling this is: VDIPREHEADER, VDIHEADER1PLUS) and qemu's block/vdi.c. Little-endian.
 */
import { ascii, bytes, record, u32le, u64le } from '../../../core/record.ts';

export const SECTOR = 512;

export const Header = record('Header', {
  /** A text for whoever looks at the file. */
  szFileInfo: ascii(0, 64),
  u32Signature: u32le(64),
  u32Version: u32le(68),
  /** Of the rest of the header, from here on. */
  cbHeader: u32le(72),
  u32Type: u32le(76),
  fFlags: u32le(80),
  szComment: bytes(84, 256),
  offBlocks: u32le(340),
  offData: u32le(344),
  /** LegacyGeometry: cylinders, heads, sectors, bytes per sector. */
  cCylinders: u32le(348),
  cHeads: u32le(352),
  cSectors: u32le(356),
  cbSector: u32le(360),
  u32Dummy: u32le(364),
  cbDisk: u64le(368),
  cbBlock: u32le(376),
  cbBlockExtra: u32le(380),
  cBlocks: u32le(384),
  cBlocksAllocated: u32le(388),
  uuidCreate: bytes(392, 16),
  uuidModify: bytes(408, 16),
  uuidLinkage: bytes(424, 16),
  uuidParentModify: bytes(440, 16),
});
export const HEADER_BYTES = 512;
/** Magic of all versions. */
export const SIGNATURE = 0xbeda107f;
export const VERSION_1_1 = 0x0001_0001;
/** cbHeader with LCHSGeometry at its end, as VirtualBox writes it. */
export const HEADER_1PLUS_BYTES = 400;

export const IMAGE_TYPE = { dynamic: 1, static: 2, undo: 3, differencing: 4 } as const;

/** Never written. */
export const BLOCK_FREE = 0xffff_ffff;
/** Zeros by decree. */
export const BLOCK_ZERO = 0xffff_fffe;
