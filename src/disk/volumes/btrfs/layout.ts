/** What of btrfs's superblock tells its devices apart, in the spelling of the kernel's btrfs_tree.h. Little-endian. */
import { ascii, bytes, record, u16le, u64le } from '../../../core/record.ts';

export const BTRFS_MAGIC = '_BHRfS_M';
export const SUPERBLOCK_BYTES = 4096;
/** Where copies of the superblock stand on every device that is large enough. */
export const SUPERBLOCK_OFFSETS = [64 * 1024, 64 * 1024 * 1024, 256 * 1024 ** 3] as const;
export const CHECKSUM_BYTES = 32;

export const superblockRecord = record(
  'superblock',
  {
    fsid: bytes(32, 16),
    bytenr: u64le(48),
    magic: ascii(64, 8),
    generation: u64le(72),
    num_devices: u64le(136),
    csum_type: u16le(196),
    dev_item_devid: u64le(201),
    dev_item_total_bytes: u64le(209),
    label: bytes(299, 256),
  },
  SUPERBLOCK_BYTES,
);
