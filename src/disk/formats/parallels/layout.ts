/** On-disk structures of Parallels disk images (.hds, .hdd), as qemu's docs/interop/parallels.txt. Little-endian. */
import { ascii, record, u32le, u64le } from '../../../core/record.ts';

export const SECTOR = 512;

export const Header = record('Header', {
  magic: ascii(0, 16),
  version: u32le(16),
  heads: u32le(20),
  cylinders: u32le(24),
  /** Sectors of one cluster. */
  tracks: u32le(28),
  nb_bat_entries: u32le(32),
  nb_sectors: u64le(36),
  in_use: u32le(44),
  /** In sectors; 0: right behind the BAT. */
  data_off: u32le(48),
  flags: u32le(52),
  /** In sectors; 0: there is none. It holds dirty bitmaps. */
  ext_off: u64le(56),
});
/** The BAT begins here. */
export const HEADER_BYTES = 64;

/** BAT entries count sectors. */
export const MAGIC_SECTORS = 'WithoutFreeSpace';
/** BAT entries count clusters. */
export const MAGIC_CLUSTERS = 'WithouFreSpacExt';
export const VERSION = 2;
export const IN_USE = 0x746f6e59;
