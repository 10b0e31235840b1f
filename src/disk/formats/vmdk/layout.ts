/**
 * On-disk structures of VMDK, in the spelling of VMware's 'Virtual Disk Format 5.0' (Virtual Disk Format 1.1
 * has the same). Everything is little-endian and counted in sectors of 512 bytes.
 */
import { ascii, bits64le, record, u8, u16le, u32le, u64le } from '../../../core/record.ts';

export const SECTOR = 512;

/** `KDMV` on disk: 0x564d444b, a sparse extent of VMware's hosted products. */
export const SPARSE_MAGIC = 'KDMV';
/** A sparse extent of ESX Server 2 and 3 (redo logs, vmfsSparse). */
export const COWD_MAGIC = 'COWD';
/** Space-efficient sparse extent of ESXi 5 and later; not documented, magic as in qemu's block/vmdk.c. */
export const SESPARSE_MAGIC = 0xcafebaben;
/** seSparse's version 2.1, the only one seen. */
export const SESPARSE_VERSION = 0x0000_0002_0000_0001n;

/** Spec, 'Hosted Sparse Extent Header': struct SparseExtentHeader. */
export const SparseExtentHeader = record(
  'SparseExtentHeader',
  {
    magicNumber: ascii(0, 4),
    version: u32le(4),
    flags: u32le(8),
    capacity: u64le(12),
    grainSize: u64le(20),
    descriptorOffset: u64le(28),
    descriptorSize: u64le(36),
    numGTEsPerGT: u32le(44),
    /** May be GD_AT_END, so it is kept whole. */
    rgdOffset: bits64le(48),
    /** May be GD_AT_END, so it is kept whole. */
    gdOffset: bits64le(56),
    overHead: u64le(64),
    uncleanShutdown: u8(72),
    /** singleEndLineChar, nonEndLineChar, doubleEndLineChar1, doubleEndLineChar2. */
    endLineChars: ascii(73, 4),
    compressAlgorithm: u16le(77),
  },
  SECTOR,
);

/** gdOffset of a stream whose directory comes last: the footer, a copy of the header, has the real one. */
export const GD_AT_END = 0xffff_ffff_ffff_ffffn;

/** What the four characters must be: a transfer in text mode changes at least one of them. */
export const END_LINE_CHARS = '\n \r\n';

export const FLAG = {
  validNewLineDetection: 1 << 0,
  redundantGrainTable: 1 << 1,
  zeroedGrainGTE: 1 << 2,
  compressed: 1 << 16,
  markers: 1 << 17,
} as const;

/** The upper half of the flags is incompatible: a reader that does not know one must refuse. */
export const INCOMPATIBLE_FLAGS = 0xffff_0000;

export const COMPRESSION_NONE = 0;
export const COMPRESSION_DEFLATE = 1;

/** A grain table entry that says 'zeros', where the flag zeroedGrainGTE is set. */
export const GTE_ZEROED = 1;

/** Spec, 'Stream-Optimized Compressed Sparse Extents': struct Marker; `type` counts only where `size` is 0. */
export const Marker = record('Marker', { val: bits64le(0), size: u32le(8), type: u32le(12) });

/** A grain marker is its first two fields, followed at once by the compressed data. */
export const GRAIN_MARKER_BYTES = 12;

export const MARKER_EOS = 0;
export const MARKER_GRAIN_TABLE = 1;
export const MARKER_GRAIN_DIRECTORY = 2;
export const MARKER_FOOTER = 3;
