/**
 * QED, qemu's format between qcow2's versions: a header, an L1 table, L2 tables, clusters; perhaps a backing file.
 * Nothing is counted or compressed. An image that was not closed properly says so (NEED_CHECK): what its tables
 * point to is read as it stands, with a warning, and each pointer is checked when it is used.
 */
import type {
  Disk,
  ImageContext,
  ImageFile,
  ImageFormat,
  Probe,
  ProbeInput,
} from '../../../core/contracts/disk.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, locate, unsupported } from '../../../core/errors.ts';
import { MAX_POINTER_TABLE_BYTES, MAX_VIRTUAL_SIZE } from '../../../core/limits.ts';
import { type RecordOf, readU64, viewOf } from '../../../core/record.ts';
import { decodeUtf8, escapeName, hex } from '../../../core/text.ts';
import { hostName } from '../../../sources/host-name.ts';
import { withBacking } from '../../../sources/parent.ts';
import { readBytes } from '../../../sources/read.ts';
import { FEATURE, Header, MAGIC, UNALLOCATED } from './layout.ts';
import { QedSource } from './source.ts';

type RawHeader = RecordOf<typeof Header.fields>;

const COPY_AGAIN = 'the file is truncated or damaged: copy it again';
/** Of the specification: clusters of 4 KiB to 64 MiB, tables of 1 to 16 clusters. */
const SMALLEST_CLUSTER = 4096;
const LARGEST_CLUSTER = 64 * 1024 * 1024;
const LARGEST_TABLE = 16;
/** As qemu. */
const MAX_BACKING_NAME = 1023;
const KNOWN_FEATURES = Object.values(FEATURE).reduce((sum, bit) => sum | bit, 0);

export const qedFormat: ImageFormat = {
  name: 'qed',
  probe: probeQed,
  /** The disk owns `file` from here on and closes it; a failure leaves it to the caller. */
  open: (file, context) => locate('qed', () => openQed(file, context)),
};

function probeQed({ head }: ProbeInput): Probe | undefined {
  if (head.length < Header.size) return undefined;
  const magic = Buffer.from(head.buffer, head.byteOffset, 4).toString('latin1');
  return magic === MAGIC ? { certainty: 'certain', description: 'QED image' } : undefined;
}

async function openQed(file: BlockSource, context: ImageContext): Promise<Disk> {
  const header = await readHeader(file);
  const l1 = await readL1(file, header);
  const reference = await readBackingName(file, header);
  const needsCheck = has(header, FEATURE.needCheck);
  if (needsCheck) {
    context.report(
      'warning',
      'QED_NEED_CHECK',
      "was not closed properly: the guest's last writes may be missing; 'qemu-img check -r all' repairs it",
    );
  }
  const isRaw = has(header, FEATURE.backingFormatNoProbe);
  const backing =
    reference === null
      ? null
      : await locate(`backing file ${escapeName(reference)}`, () =>
          context.openImage(hostName(reference, 'backing file', 'QED'), isRaw ? 'raw' : undefined),
        );
  const close = async (): Promise<void> => {
    await backing?.close();
    await file.close();
  };
  const own: ImageFile[] = [{ ...context.file, role: 'image', format: 'qed' }];
  const clusterBytes = header.cluster_size;
  return {
    format: 'qed',
    details: {
      clusterSize: clusterBytes,
      tableSize: header.table_size,
      dirty: needsCheck,
      backingFile: reference,
      backingFormat: reference !== null && isRaw ? 'raw' : null,
    },
    source: new QedSource({
      file,
      size: header.image_size,
      clusterBytes,
      tableBytes: header.table_size * clusterBytes,
      headerBytes: header.header_size * clusterBytes,
      l1,
      backing: backing?.source ?? null,
      signal: context.signal,
      close,
    }),
    files: backing === null ? own : withBacking(own, backing),
    mapIsExact: backing?.mapIsExact ?? true,
    snapshotBytes: 0,
    close,
  };
}

function has(header: RawHeader, feature: number): boolean {
  return (header.features & feature) !== 0;
}

async function readHeader(file: BlockSource): Promise<RawHeader> {
  if (file.size < Header.size) {
    throw corrupt('QED_TRUNCATED', `ends after ${file.size} bytes, inside its header`, {
      advice: COPY_AGAIN,
    });
  }
  const header = Header.read(await readBytes(file, 0, Header.size));
  const { cluster_size: cluster, table_size: table, header_size: clusters, image_size: size } = header;
  const wrong = (what: string): Error => corrupt('QED_HEADER', what, { advice: COPY_AGAIN });
  const isPower = (value: number): boolean => Number.isInteger(Math.log2(value));
  if (header.magic !== MAGIC) throw wrong('does not have the magic of a QED image');
  if (header.features > KNOWN_FEATURES) {
    throw unsupported('QED_FEATURE', `needs features that are not known (${hex(header.features)})`, {
      advice: "convert it with 'qemu-img convert -O qcow2'",
    });
  }
  if (cluster < SMALLEST_CLUSTER || cluster > LARGEST_CLUSTER || !isPower(cluster))
    throw wrong(`clusters of ${cluster} bytes are not possible`);
  if (table === 0 || table > LARGEST_TABLE || !isPower(table))
    throw wrong(`tables of ${table} clusters are not possible`);
  if (clusters === 0 || clusters * cluster > file.size)
    throw wrong(`a header of ${clusters} clusters does not lie inside the file`);
  if (size === 0 || size > MAX_VIRTUAL_SIZE || size % 512 !== 0)
    throw wrong(`a disk of ${size} bytes is not possible`);
  const tableBytes = table * cluster;
  if (size > cluster * (tableBytes / 8) ** 2)
    throw wrong(`tables of ${tableBytes} bytes do not hold a disk of ${size} bytes`);
  if (tableBytes > MAX_POINTER_TABLE_BYTES) {
    throw unsupported(
      'QED_TABLE_SIZE',
      `has tables of ${tableBytes} bytes; ${MAX_POINTER_TABLE_BYTES} is the limit`,
    );
  }
  return header;
}

/** Places of L2 tables; no two in one place. */
async function readL1(file: BlockSource, header: RawHeader): Promise<Float64Array> {
  const { cluster_size: cluster, table_size, header_size, l1_table_offset: at, image_size } = header;
  const tableBytes = table_size * cluster;
  const isPlaced = (place: number): boolean =>
    place % cluster === 0 && place >= header_size * cluster && place + tableBytes <= file.size;
  if (!isPlaced(at)) {
    throw corrupt(
      'QED_L1_OUT_OF_FILE',
      `the L1 table at ${hex(at)} is not aligned or does not lie inside the file`,
      {
        advice: COPY_AGAIN,
      },
    );
  }
  const used = Math.ceil(image_size / (cluster * (tableBytes / 8)));
  const bytes = new Uint8Array(used * 8);
  await file.read(bytes, at);
  const view = viewOf(bytes);
  const places = new Float64Array(used);
  const seen = new Set<number>([at]);
  for (let index = 0; index < used; index++) {
    const place = readU64(view, index * 8, true);
    places[index] = place;
    if (place === UNALLOCATED) continue;
    if (!isPlaced(place)) {
      const message = `L2 table ${index} at ${hex(place)} is not aligned or does not lie inside the file (${hex(file.size)})`;
      throw corrupt('QED_L2_OUT_OF_FILE', message, { advice: COPY_AGAIN });
    }
    if (seen.has(place)) {
      throw corrupt('QED_TABLES_OVERLAP', `L2 table ${index} at ${hex(place)} is another table as well`, {
        advice: COPY_AGAIN,
      });
    }
    seen.add(place);
  }
  return places;
}

async function readBackingName(file: BlockSource, header: RawHeader): Promise<string | null> {
  if (!has(header, FEATURE.backingFile)) return null;
  const { backing_filename_offset: at, backing_filename_size: length } = header;
  if (length === 0) return null;
  if (length > MAX_BACKING_NAME || at + length > header.header_size * header.cluster_size) {
    throw corrupt('QED_BACKING_NAME', `the backing file's name at ${hex(at)} has ${length} bytes`, {
      advice: COPY_AGAIN,
    });
  }
  return decodeUtf8(await readBytes(file, at, length));
}
