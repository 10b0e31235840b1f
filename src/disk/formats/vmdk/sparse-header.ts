/**
 * The header of a sparse extent, checked and renamed: above it everything is bytes.
 *
 * A stream-optimized extent is written in one pass, so its header cannot know where the grain directory will
 * be: it says GD_AT_END, and a copy of the header with the real offset, the footer, lies between a footer
 * marker and an end-of-stream marker in the last three sectors. A transfer that broke off lacks it.
 */
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import {
  MAX_POINTER_TABLE_BYTES,
  MAX_VIRTUAL_SIZE,
  MAX_VMDK_COMPRESSED_GRAIN_BYTES,
  MAX_VMDK_DESCRIPTOR_BYTES,
  MAX_VMDK_GRAIN_BYTES,
} from '../../../core/limits.ts';
import type { RecordOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { readBytes } from '../../../sources/read.ts';
import {
  COMPRESSION_DEFLATE,
  COMPRESSION_NONE,
  END_LINE_CHARS,
  FLAG,
  GD_AT_END,
  INCOMPATIBLE_FLAGS,
  MARKER_EOS,
  MARKER_FOOTER,
  Marker,
  SECTOR,
  SPARSE_MAGIC,
  SparseExtentHeader,
} from './layout.ts';

type RawHeader = RecordOf<typeof SparseExtentHeader.fields>;

export interface SparseHeader {
  readonly version: number;
  /** Bytes that the guest sees. */
  readonly capacity: number;
  readonly grainBytes: number;
  readonly entriesPerTable: number;
  /** Grain tables, one per entry of the grain directory. */
  readonly tableCount: number;
  readonly directoryOffset: number;
  /** Undefined where the extent keeps no second directory. */
  readonly redundantDirectoryOffset: number | undefined;
  readonly hasZeroedGrains: boolean;
  readonly isCompressed: boolean;
  readonly uncleanShutdown: boolean;
  /** The directory comes last and the footer says where. */
  readonly hasFooter: boolean;
}

/** Where an extent keeps an embedded descriptor; undefined when it has none. */
export interface EmbeddedDescriptor {
  readonly offset: number;
  readonly length: number;
}

const COPY_AGAIN = 'the file is truncated or damaged: copy it again';

/** The first sector as a header; no more than its magic number and its line ends are checked. */
export async function readRawHeader(file: BlockSource): Promise<RawHeader> {
  const head = await readBytes(file, 0, Math.min(file.size, SECTOR));
  if (Buffer.from(head.buffer, 0, Math.min(head.length, 4)).toString('latin1') !== SPARSE_MAGIC) {
    throw corrupt('VMDK_EXTENT_MAGIC', `does not begin with ${SPARSE_MAGIC}: it is no sparse extent`, {
      advice: 'the descriptor or the extent is damaged or was renamed: copy all files of the image again',
    });
  }
  if (head.length < SECTOR) {
    throw corrupt('VMDK_TRUNCATED', `ends after ${head.length} bytes, inside its header`, {
      advice: COPY_AGAIN,
    });
  }
  const raw = SparseExtentHeader.read(head);
  checkLineEnds(raw);
  return raw;
}

/** Where the descriptor lies inside the extent, as its header says. */
export function embeddedDescriptor(raw: RawHeader, file: BlockSource): EmbeddedDescriptor | undefined {
  if (raw.descriptorOffset === 0) return undefined;
  const offset = raw.descriptorOffset * SECTOR;
  if (offset >= file.size) {
    throw corrupt(
      'VMDK_DESCRIPTOR_OUT_OF_FILE',
      `the descriptor lies at ${hex(offset)}, past the end of the file (${hex(file.size)})`,
      { advice: COPY_AGAIN },
    );
  }
  const length = raw.descriptorSize * SECTOR;
  if (length > MAX_VMDK_DESCRIPTOR_BYTES) {
    throw corrupt(
      'VMDK_DESCRIPTOR_TOO_LARGE',
      `the descriptor is said to have ${length} bytes, more than ${MAX_VMDK_DESCRIPTOR_BYTES}`,
    );
  }
  return { offset, length: Math.min(length, file.size - offset) };
}

/**
 * Checks the header, or the footer in its place.
 * @throws ImgoptError `unsupported` naming a version, compression or flag; `corrupt` for contradictions
 */
export async function readSparseHeader(raw: RawHeader, file: BlockSource): Promise<SparseHeader> {
  checkFeatures(raw);
  const hasFooter = raw.gdOffset === GD_AT_END;
  const last = hasFooter ? await readFooter(file) : raw;
  if (hasFooter) checkFeatures(last);
  return check(last, file, hasFooter);
}

/** Spec: 'these four entries are used to detect when an extent file has been corrupted by a text transfer'. */
function checkLineEnds(raw: RawHeader): void {
  if ((raw.flags & FLAG.validNewLineDetection) === 0 || raw.endLineChars === END_LINE_CHARS) return;
  throw corrupt(
    'VMDK_TEXT_TRANSFER',
    'was changed by a transfer in text mode: its line ends were converted',
    {
      advice: 'copy it again in binary mode',
    },
  );
}

function checkFeatures(raw: RawHeader): void {
  // Version 2 has zeroed grains, 3 changed block tracking, which a reader may ignore (VMware KB 2064959).
  if (raw.version < 1 || raw.version > 3) {
    throw unsupported('VMDK_VERSION', `VMDK version ${raw.version} is not supported`);
  }
  const unknown = (raw.flags & INCOMPATIBLE_FLAGS & ~(FLAG.compressed | FLAG.markers)) >>> 0;
  if (unknown !== 0) {
    throw unsupported('VMDK_FLAGS', `incompatible flags ${hex(unknown)} are not supported`);
  }
  const { compressAlgorithm: algorithm } = raw;
  if (algorithm !== COMPRESSION_NONE && algorithm !== COMPRESSION_DEFLATE) {
    throw unsupported('VMDK_COMPRESSION', `compression algorithm ${algorithm} is not supported`);
  }
  const hasMarkers = (raw.flags & FLAG.markers) !== 0;
  if (algorithm === COMPRESSION_DEFLATE && !hasMarkers) {
    throw unsupported('VMDK_NO_MARKERS', 'compressed grains without markers are not supported');
  }
  if (algorithm === COMPRESSION_NONE && (hasMarkers || (raw.flags & FLAG.compressed) !== 0)) {
    throw corrupt('VMDK_COMPRESSION_CONTRADICTION', 'grains are flagged as compressed, but by no algorithm', {
      advice: COPY_AGAIN,
    });
  }
}

async function readFooter(file: BlockSource): Promise<RawHeader> {
  const missing = (): Error =>
    corrupt('VMDK_NO_FOOTER', `has no footer before its end (${hex(file.size)}): the stream is incomplete`, {
      advice: 'the file is truncated: copy or export it again',
    });
  const end = Math.floor(file.size / SECTOR) * SECTOR;
  if (end < 4 * SECTOR) throw missing();
  const last = await readBytes(file, end - 3 * SECTOR, 3 * SECTOR);
  const before = Marker.read(last, 0);
  const eos = Marker.read(last, 2 * SECTOR);
  const isFooter =
    before.size === 0 &&
    before.type === MARKER_FOOTER &&
    Buffer.from(last.buffer, last.byteOffset + SECTOR, 4).toString('latin1') === SPARSE_MAGIC &&
    eos.val === 0n &&
    eos.size === 0 &&
    eos.type === MARKER_EOS;
  if (!isFooter) throw missing();
  const footer = SparseExtentHeader.read(last, SECTOR);
  if (footer.gdOffset === GD_AT_END) throw missing();
  return footer;
}

function check(raw: RawHeader, file: BlockSource, hasFooter: boolean): SparseHeader {
  const isCompressed = raw.compressAlgorithm === COMPRESSION_DEFLATE;
  const { grainSize, numGTEsPerGT: entriesPerTable } = raw;
  const largest = isCompressed ? MAX_VMDK_COMPRESSED_GRAIN_BYTES : MAX_VMDK_GRAIN_BYTES;
  // Spec: 'grainSize … must be a power of 2 and must be greater than 8 (4KB)'; 8 itself is in use.
  if (grainSize < 8 || grainSize * SECTOR > largest || !Number.isInteger(Math.log2(grainSize))) {
    throw corrupt('VMDK_GRAIN_SIZE', `grains of ${grainSize} sectors are not possible`, {
      advice: COPY_AGAIN,
    });
  }
  if (entriesPerTable < 1 || entriesPerTable > 512) {
    throw corrupt('VMDK_TABLE_SIZE', `grain tables of ${entriesPerTable} entries are not possible`, {
      advice: COPY_AGAIN,
    });
  }
  const grainBytes = grainSize * SECTOR;
  if (raw.capacity === 0 || raw.capacity > MAX_VIRTUAL_SIZE / SECTOR) {
    throw corrupt('VMDK_CAPACITY', `a capacity of ${raw.capacity} sectors is not possible`, {
      advice: COPY_AGAIN,
    });
  }
  const capacity = raw.capacity * SECTOR;
  const tableCount = Math.ceil(capacity / (grainBytes * entriesPerTable));
  if (tableCount * 4 > MAX_POINTER_TABLE_BYTES) {
    throw corrupt('VMDK_DIRECTORY_TOO_LARGE', `a grain directory of ${tableCount} entries is too large`);
  }
  if (raw.overHead * SECTOR > file.size) {
    throw corrupt(
      'VMDK_TRUNCATED',
      `ends at ${hex(file.size)}, before its first grain at ${hex(raw.overHead * SECTOR)}`,
      { advice: COPY_AGAIN },
    );
  }
  const hasRedundant = (raw.flags & FLAG.redundantGrainTable) !== 0 && raw.rgdOffset !== 0n;
  return {
    version: raw.version,
    capacity,
    grainBytes,
    entriesPerTable,
    tableCount,
    directoryOffset: toBytes(raw.gdOffset),
    redundantDirectoryOffset: hasRedundant ? toBytes(raw.rgdOffset) : undefined,
    hasZeroedGrains: (raw.flags & FLAG.zeroedGrainGTE) !== 0,
    isCompressed,
    uncleanShutdown: raw.uncleanShutdown !== 0,
    hasFooter,
  };
}

/** Sectors to bytes; what no file can reach becomes Infinity, which every check against a size refuses. */
function toBytes(sectors: bigint): number {
  const bytes = Number(sectors) * SECTOR;
  return Number.isSafeInteger(bytes) ? bytes : Number.POSITIVE_INFINITY;
}
