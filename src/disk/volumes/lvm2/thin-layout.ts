/** Metadata of device-mapper's thin pools, in the spelling of the kernel's dm-thin-metadata.c and dm-btree-internal.h. */
import { bytes, record, u32le, u64le } from '../../../core/record.ts';

/** THIN_METADATA_BLOCK_SIZE: the only size that there is. */
export const BLOCK_BYTES = 4096;
/** Checksums run from here on: CRC-32C without its last inversion, and a number of the structure's own over it. */
export const CSUM_FROM = 4;

export const Superblock = record('thin_disk_superblock', {
  csum: u32le(0),
  flags: u32le(4),
  blocknr: u64le(8),
  uuid: bytes(16, 16),
  magic: u64le(32),
  version: u32le(40),
  trans_id: u64le(48),
  held_root: u64le(56),
  data_mapping_root: u64le(320),
  device_details_root: u64le(328),
  /** In sectors. */
  data_block_size: u32le(336),
  metadata_block_size: u32le(340),
  metadata_nr_blocks: u64le(344),
  compat_flags: u32le(352),
  compat_ro_flags: u32le(356),
  incompat_flags: u32le(360),
});
export const SUPERBLOCK_MAGIC = 27022010;
export const SUPERBLOCK_CSUM_XOR = 160774;
export const FLAG_NEEDS_CHECK = 0x1;
export const OLDEST_VERSION = 1;
export const NEWEST_VERSION = 2;

/** struct node_header; keys follow it, and values behind room for `max_entries` keys. */
export const Node = record('btree_node', {
  csum: u32le(0),
  flags: u32le(4),
  blocknr: u64le(8),
  nr_entries: u32le(16),
  max_entries: u32le(20),
  value_size: u32le(24),
});
export const NODE_HEADER_BYTES = 32;
export const NODE_CSUM_XOR = 121107;
export const INTERNAL_NODE = 1;
export const LEAF_NODE = 2;
export const VALUE_BYTES = 8;

/** A mapping's value: a block of data above 24 bits of time. */
export const TIME_BITS = 24;
