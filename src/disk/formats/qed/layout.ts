/** On-disk structures of QED, as qemu's docs/interop/qed_spec.txt. Little-endian. */
import { ascii, record, u32le, u64le } from '../../../core/record.ts';

export const Header = record('Header', {
  magic: ascii(0, 4),
  /** Bytes. */
  cluster_size: u32le(4),
  /** Of L1 and L2 tables, in clusters. */
  table_size: u32le(8),
  /** In clusters. */
  header_size: u32le(12),
  features: u64le(16),
  compat_features: u64le(24),
  autoclear_features: u64le(32),
  l1_table_offset: u64le(40),
  image_size: u64le(48),
  backing_filename_offset: u32le(56),
  backing_filename_size: u32le(60),
});
export const MAGIC = 'QED\0';

export const FEATURE = {
  backingFile: 0x1,
  needCheck: 0x2,
  /** The backing file is raw, whatever it looks like. */
  backingFormatNoProbe: 0x4,
} as const;

/** A cluster that was never written: the backing file's, or zeros. */
export const UNALLOCATED = 0;
/** Of an L2 entry: zeros by decree. */
export const ZERO_CLUSTER = 1;
