/**
 * The header: read, validated, renamed. Everything behind it may rely on a `Header`: sizes are bounded, the L1
 * table lies inside the file, and every incompatible feature is one that we implement.
 *
 * What only concerns writing (refcounts) or is beside the guest's data (snapshots, bitmaps) is not judged here:
 * damage there must not keep us from reading the disk.
 */
import { corrupt, type ImgoptError, unsupported } from '../../../core/errors.ts';
import { MAX_POINTER_TABLE_BYTES, MAX_VIRTUAL_SIZE } from '../../../core/limits.ts';
import type { RecordOf } from '../../../core/record.ts';
import { decodeField, decodeUtf8, escapeName, hex } from '../../../core/text.ts';
import {
  AUTOCLEAR,
  BitmapsExtension,
  COMPATIBLE,
  COMPRESSION_TYPE_OFFSET,
  EXTENSION,
  FEATURE_NAME_SIZE,
  FeatureName,
  HeaderExtension,
  HeaderV2,
  HeaderV3,
  INCOMPATIBLE,
  MAGIC,
  MAX_BACKING_NAME,
  MAX_CLUSTER_BITS,
  MAX_REFCOUNT_ORDER,
  MIN_CLUSTER_BITS,
  MIN_EXTENDED_CLUSTER_BITS,
  SUBCLUSTERS,
  V2_HEADER_LENGTH,
  V3_HEADER_LENGTH,
} from './layout.ts';

export type CompressionType = 'zlib' | 'zstd';

export interface Header {
  readonly version: 2 | 3;
  /** Bytes of the file itself, to judge offsets by. */
  readonly fileSize: number;
  readonly virtualSize: number;
  readonly clusterBits: number;
  readonly clusterSize: number;
  /** Entries of an L2 table, and bytes of each: 8, or 16 with subclusters. */
  readonly l2Entries: number;
  readonly l2EntrySize: number;
  /** Guest bytes that one L2 table maps. */
  readonly l2Span: number;
  readonly l1Size: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  readonly refcountBits: number;
  readonly snapshotCount: number;
  readonly snapshotsOffset: number;
  readonly dirty: boolean;
  readonly markedCorrupt: boolean;
  readonly extendedL2: boolean;
  readonly subclusterSize: number;
  readonly compressionType: CompressionType;
  readonly lazyRefcounts: boolean;
  readonly hasDataFile: boolean;
  readonly dataFileIsRaw: boolean;
  readonly dataFileName: string | null;
  readonly backingFile: string | null;
  readonly backingFormat: string | null;
  readonly bitmaps: { readonly count: number; readonly size: number; readonly offset: number } | null;
  readonly bitmapsConsistent: boolean;
}

export const TRUNCATED_ADVICE = 'the file is truncated: copy it again';
export const DAMAGED_ADVICE = "the file is damaged: copy it again, or try 'qemu-img check -r all' on a copy";

/** A header error: its place is the header, its advice that the file is damaged. */
function bad(code: string, message: string, advice = DAMAGED_ADVICE): ImgoptError {
  return corrupt(`QCOW2_${code}`, message, { where: ['qcow2 header'], advice });
}

/**
 * Reads the header from `cluster`, the file's first bytes (the whole first cluster, or less when the file ends).
 * @param fileSize bytes of the file
 * @throws ImgoptError `corrupt` naming the field, `unsupported` naming the feature
 */
export function readHeader(cluster: Uint8Array, fileSize: number): Header {
  if (cluster.length < V2_HEADER_LENGTH) {
    throw bad('TRUNCATED', `the file ends at ${hex(fileSize)}, within its header`, TRUNCATED_ADVICE);
  }
  const version = new DataView(cluster.buffer, cluster.byteOffset).getUint32(4);
  if (version === 1) {
    throw unsupported('QCOW1', 'is a qcow (version 1) image, which imgopt does not read', {
      advice: "convert it with 'qemu-img convert -O qcow2'",
    });
  }
  if (version !== 2 && version !== 3) {
    throw unsupported('QCOW2_VERSION', `is qcow2 version ${version}; versions 2 and 3 are known`);
  }
  const v2 = HeaderV2.read(cluster);
  if (v2.magic !== MAGIC) throw bad('MAGIC', 'has no qcow2 magic number');
  const clusterBits = checkClusterBits(v2.cluster_bits);
  const clusterSize = 2 ** clusterBits;
  const features = readFeatures(cluster, version, clusterSize);
  const extensions = readExtensions(cluster, v2, features.headerLength, clusterSize);
  refuseUnknownFeatures(features.incompatible, extensions.featureNames);
  refuseEncryption(v2.crypt_method);

  const extendedL2 = (features.incompatible & INCOMPATIBLE.extendedL2) !== 0n;
  if (extendedL2 && clusterBits < MIN_EXTENDED_CLUSTER_BITS) {
    throw bad(
      'EXTENDED_L2',
      `extended L2 entries need clusters of at least 16 KiB, not of ${clusterSize} bytes`,
    );
  }
  const l2EntrySize = extendedL2 ? 16 : 8;
  const l2Entries = clusterSize / l2EntrySize;
  const l2Span = l2Entries * clusterSize;
  checkTables(v2, clusterSize, l2Span, fileSize);

  const hasDataFile = (features.incompatible & INCOMPATIBLE.externalDataFile) !== 0n;
  return {
    version,
    fileSize,
    virtualSize: v2.size,
    clusterBits,
    clusterSize,
    l2Entries,
    l2EntrySize,
    l2Span,
    l1Size: v2.l1_size,
    l1Offset: v2.l1_table_offset,
    refcountTableOffset: v2.refcount_table_offset,
    refcountTableClusters: v2.refcount_table_clusters,
    refcountBits: 2 ** features.refcountOrder,
    snapshotCount: v2.nb_snapshots,
    snapshotsOffset: v2.snapshots_offset,
    dirty: (features.incompatible & INCOMPATIBLE.dirty) !== 0n,
    markedCorrupt: (features.incompatible & INCOMPATIBLE.corrupt) !== 0n,
    extendedL2,
    subclusterSize: extendedL2 ? clusterSize / SUBCLUSTERS : clusterSize,
    compressionType: features.compressionType,
    lazyRefcounts: (features.compatible & COMPATIBLE.lazyRefcounts) !== 0n,
    hasDataFile,
    dataFileIsRaw: hasDataFile && (features.autoclear & AUTOCLEAR.rawExternalData) !== 0n,
    dataFileName: hasDataFile ? extensions.dataFile : null,
    backingFile: readBackingName(cluster, v2, clusterSize),
    backingFormat: extensions.backingFormat,
    bitmaps: extensions.bitmaps,
    bitmapsConsistent: (features.autoclear & AUTOCLEAR.bitmaps) !== 0n,
  };
}

function checkClusterBits(bits: number): number {
  if (bits < MIN_CLUSTER_BITS || bits > 30) throw bad('CLUSTER_BITS', `cluster_bits is ${bits}`);
  if (bits > MAX_CLUSTER_BITS) {
    throw unsupported(
      'QCOW2_CLUSTER_SIZE',
      `clusters of ${2 ** (bits - 20)} MiB; 2 MiB is the limit, as in qemu`,
    );
  }
  return bits;
}

interface Features {
  readonly incompatible: bigint;
  readonly compatible: bigint;
  readonly autoclear: bigint;
  readonly refcountOrder: number;
  readonly headerLength: number;
  readonly compressionType: CompressionType;
}

function readFeatures(cluster: Uint8Array, version: 2 | 3, clusterSize: number): Features {
  if (version === 2) {
    return {
      incompatible: 0n,
      compatible: 0n,
      autoclear: 0n,
      refcountOrder: 4,
      headerLength: V2_HEADER_LENGTH,
      compressionType: 'zlib',
    };
  }
  if (cluster.length < V3_HEADER_LENGTH) {
    throw bad('TRUNCATED', `the file ends at ${hex(cluster.length)}, within its header`, TRUNCATED_ADVICE);
  }
  const v3 = HeaderV3.read(cluster);
  if (v3.header_length < V3_HEADER_LENGTH || v3.header_length > clusterSize) {
    throw bad(
      'HEADER_LENGTH',
      `header_length is ${v3.header_length}; at least ${V3_HEADER_LENGTH} are defined`,
    );
  }
  if (v3.header_length > cluster.length) {
    throw bad('TRUNCATED', `the file ends at ${hex(cluster.length)}, within its header`, TRUNCATED_ADVICE);
  }
  if (v3.refcount_order > MAX_REFCOUNT_ORDER) {
    throw bad(
      'REFCOUNT_ORDER',
      `refcount_order is ${v3.refcount_order}; at most ${MAX_REFCOUNT_ORDER} is defined`,
    );
  }
  const type = v3.header_length > COMPRESSION_TYPE_OFFSET ? cluster[COMPRESSION_TYPE_OFFSET]! : 0;
  const declared = (v3.incompatible_features & INCOMPATIBLE.compressionType) !== 0n;
  // "The field must be present and non-zero. Otherwise, this field must not be present or must be zero."
  if (declared !== (type !== 0)) {
    throw bad('COMPRESSION_TYPE', `compression_type is ${type}, which its feature bit contradicts`);
  }
  if (type > 1)
    throw unsupported('QCOW2_COMPRESSION_TYPE', `compression type ${type}; zlib and zstd are known`);
  return {
    incompatible: v3.incompatible_features,
    compatible: v3.compatible_features,
    autoclear: v3.autoclear_features,
    refcountOrder: v3.refcount_order,
    headerLength: v3.header_length,
    compressionType: type === 1 ? 'zstd' : 'zlib',
  };
}

interface Extensions {
  backingFormat: string | null;
  dataFile: string | null;
  bitmaps: { count: number; size: number; offset: number } | null;
  /** Incompatible feature bit to its name. */
  readonly featureNames: Map<number, string>;
}

/** Extensions lie between the header and the backing file's name, or the end of the first cluster. */
function readExtensions(
  cluster: Uint8Array,
  v2: RecordOf<typeof HeaderV2.fields>,
  headerLength: number,
  clusterSize: number,
): Extensions {
  if (v2.backing_file_offset > clusterSize) {
    throw bad(
      'BACKING_NAME',
      `the backing file's name at ${hex(v2.backing_file_offset)} is not in the first cluster`,
    );
  }
  const found: Extensions = { backingFormat: null, dataFile: null, bitmaps: null, featureNames: new Map() };
  const limit = Math.min(cluster.length, v2.backing_file_offset === 0 ? clusterSize : v2.backing_file_offset);
  let at = headerLength;
  while (at + HeaderExtension.size <= limit) {
    const { type, length } = HeaderExtension.read(cluster, at);
    if (type === EXTENSION.end) break;
    at += HeaderExtension.size;
    if (length > limit - at) {
      throw bad('EXTENSION', `header extension ${hex(type)} at ${hex(at - 8)} claims ${length} bytes`);
    }
    const data = cluster.subarray(at, at + length);
    if (type === EXTENSION.backingFormat) found.backingFormat = decodeUtf8(data);
    else if (type === EXTENSION.dataFile) found.dataFile = decodeUtf8(data);
    else if (type === EXTENSION.featureNames) readFeatureNames(data, found.featureNames);
    else if (type === EXTENSION.bitmaps) {
      const extension = BitmapsExtension.read(data);
      found.bitmaps = {
        count: extension.nb_bitmaps,
        size: extension.bitmap_directory_size,
        offset: extension.bitmap_directory_offset,
      };
    }
    at += Math.ceil(length / 8) * 8;
  }
  return found;
}

function readFeatureNames(data: Uint8Array, names: Map<number, string>): void {
  for (let at = 0; at + FEATURE_NAME_SIZE <= data.length; at += FEATURE_NAME_SIZE) {
    const { type, bit } = FeatureName.read(data, at);
    if (type === 0 && bit < 64) names.set(bit, decodeField(data.subarray(at + 2, at + FEATURE_NAME_SIZE)));
  }
}

function refuseUnknownFeatures(incompatible: bigint, names: ReadonlyMap<number, string>): void {
  let known = 0n;
  for (const bit of Object.values(INCOMPATIBLE)) known |= bit;
  const unknown: string[] = [];
  for (let bit = 0; bit < 64; bit++) {
    if (((incompatible & ~known) >> BigInt(bit)) & 1n) {
      const name = names.get(bit);
      unknown.push(name === undefined || name === '' ? `bit ${bit}` : `'${escapeName(name)}' (bit ${bit})`);
    }
  }
  if (unknown.length > 0) {
    throw unsupported('QCOW2_FEATURE', `needs incompatible feature ${unknown.join(', ')}`, {
      where: ['qcow2 header'],
      advice: "convert it with a newer 'qemu-img convert'",
    });
  }
}

function refuseEncryption(method: number): void {
  if (method === 0) return;
  const name = method === 1 ? 'AES' : method === 2 ? 'LUKS' : undefined;
  if (name === undefined) throw bad('CRYPT_METHOD', `crypt_method is ${method}; 0, 1 and 2 are defined`);
  throw unsupported('QCOW2_ENCRYPTED', `is encrypted (${name})`, {
    advice: "decrypt it with 'qemu-img convert --image-opts' first",
  });
}

function checkTables(
  v2: RecordOf<typeof HeaderV2.fields>,
  clusterSize: number,
  l2Span: number,
  fileSize: number,
): void {
  if (v2.size > MAX_VIRTUAL_SIZE) {
    throw unsupported('QCOW2_SIZE', `a virtual size of ${v2.size} bytes; ${MAX_VIRTUAL_SIZE} is the limit`);
  }
  if (v2.l1_size * 8 > MAX_POINTER_TABLE_BYTES) {
    throw bad(
      'L1_TOO_LARGE',
      `the L1 table has ${v2.l1_size} entries; ${MAX_POINTER_TABLE_BYTES / 8} is the limit`,
    );
  }
  const needed = Math.ceil(v2.size / l2Span);
  if (v2.l1_size < needed) {
    throw bad('L1_TOO_SMALL', `the L1 table has ${v2.l1_size} entries; ${v2.size} bytes need ${needed}`);
  }
  if (v2.l1_table_offset % clusterSize !== 0) {
    throw bad('L1_MISALIGNED', `the L1 table at ${hex(v2.l1_table_offset)} is not aligned to a cluster`);
  }
  if (v2.l1_size > 0 && v2.l1_table_offset === 0) {
    throw bad('L1_MISALIGNED', 'the L1 table lies at 0, on the header');
  }
  if (v2.l1_table_offset + v2.l1_size * 8 > fileSize) {
    throw bad(
      'L1_OUT_OF_FILE',
      `the L1 table at ${hex(v2.l1_table_offset)} ends past the end of the file (${hex(fileSize)})`,
      TRUNCATED_ADVICE,
    );
  }
}

function readBackingName(
  cluster: Uint8Array,
  v2: RecordOf<typeof HeaderV2.fields>,
  clusterSize: number,
): string | null {
  const { backing_file_offset: offset, backing_file_size: size } = v2;
  if (offset === 0 || size === 0) return null;
  if (size > MAX_BACKING_NAME || offset + size > clusterSize) {
    throw bad('BACKING_NAME', `the backing file's name at ${hex(offset)} has ${size} bytes`);
  }
  if (offset + size > cluster.length) {
    throw bad('TRUNCATED', `the file ends within the backing file's name`, TRUNCATED_ADVICE);
  }
  return decodeUtf8(cluster.subarray(offset, offset + size));
}
