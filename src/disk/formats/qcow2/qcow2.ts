/**
 * qcow2, versions 2 and 3: opening an image. The parts, bottom up:
 *
 *   layout.ts     records and bits, as the specification spells them
 *   header.ts     the header and its extensions, validated
 *   tables.ts     L1 in memory, L2 through a cache
 *   entries.ts    L2 entries → runs of data, zeros, compressed clusters, unallocated stretches
 *   clusters.ts   compressed clusters
 *   source.ts     runs → host reads, runs → the map
 *   snapshots.ts, bitmaps.ts   what else the file holds
 *
 * What the guest's disk needs must be sound, or opening throws. Damage beside it (snapshots, bitmaps, the
 * refcount table) is a diagnostic: the disk can still be read.
 */
import type {
  Disk,
  ImageContext,
  ImageFile,
  ImageFormat,
  JsonValue,
  OpenedFile,
} from '../../../core/contracts/disk.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { isArtifactError, locate, locateSync, unreadable } from '../../../core/errors.ts';
import { escapeName, hex } from '../../../core/text.ts';
import { hostName } from '../../../sources/host-name.ts';
import { readBitmaps } from './bitmaps.ts';
import { type Header, readHeader } from './header.ts';
import { MAX_CLUSTER_BITS } from './layout.ts';
import { probeQcow2 } from './probe.ts';
import { measureSnapshots, readSnapshots, type SnapshotTable, snapshotDetails } from './snapshots.ts';
import { Qcow2Source } from './source.ts';
import { L1Table, readWhole } from './tables.ts';

export const qcow2Format: ImageFormat = {
  name: 'qcow2',
  probe: probeQcow2,
  open: openQcow2,
};

/** The disk owns `file` from here on: `close` closes it with whatever else was opened. */
async function openQcow2(file: BlockSource, context: ImageContext): Promise<Disk> {
  const head = await readWhole(file, 0, Math.min(file.size, 2 ** MAX_CLUSTER_BITS));
  // u64 fields above 2^53 - 1 are refused while the record is read, which knows no place.
  const header = locateSync('qcow2', () => readHeader(head, file.size));
  reportState(header, context);
  const l1 = new L1Table(await readWhole(file, header.l1Offset, header.l1Size * 8), header);

  const opened: { close(): Promise<void> }[] = [file];
  try {
    const dataFile = await openDataFile(header, context);
    if (dataFile !== null) opened.push(dataFile.source);
    const backing = await openBacking(header, context);
    if (backing !== null) opened.push(backing);
    const { snapshots, snapshotBytes } = await inspectSnapshots(file, header, l1, context);
    const bitmaps = await orDiagnostic(context, [], () => readBitmaps(file, header));

    const close = async (): Promise<void> => {
      for (const one of opened) await one.close();
    };
    const { signal, threads } = context;
    const source = new Qcow2Source({
      header,
      file,
      l1,
      dataFile: dataFile?.source ?? null,
      backing: backing?.source ?? null,
      signal,
      threads,
      close,
    });
    const own: ImageFile[] = [{ ...context.file, role: 'image', format: 'qcow2' }];
    if (dataFile !== null) own.push({ ...dataFile.file, role: 'data-file', format: 'raw' });
    return {
      format: 'qcow2',
      details: describeDetails(header, snapshots, bitmaps),
      source,
      files: [...own, ...(backing?.files ?? []).map((one): ImageFile => ({ ...one, role: 'backing' }))],
      mapIsExact: own.every((one) => one.fileSize - one.allocated <= holesOfMetadata(header, one)),
      snapshotBytes,
      close: () => source.close(),
    };
  } catch (error) {
    for (const one of opened.slice(1)) await one.close(); // `file` is the caller's until we return a disk
    throw error;
  }
}

/**
 * Tables that were extended but hardly filled leave holes in any qcow2 file. More than that means that clusters
 * are allocated in the image and not on the host (metadata preallocation, a sparse copy).
 */
function holesOfMetadata(header: Header, file: ImageFile): number {
  return file.role === 'data-file' ? 0 : Math.max(4 * header.clusterSize, file.fileSize / 128);
}

function reportState(header: Header, context: ImageContext): void {
  if (header.dirty) {
    context.report(
      'warning',
      'QCOW2_DIRTY',
      "was not closed properly: the guest's last writes may be missing; 'qemu-img check -r all' repairs refcounts",
    );
  }
  if (header.markedCorrupt) {
    context.report(
      'error',
      'QCOW2_MARKED_CORRUPT',
      'is marked corrupt by its writer: do not trust its content',
    );
  }
  const { refcountTableOffset: offset, refcountTableClusters: clusters, clusterSize, fileSize } = header;
  if (clusters === 0 || offset === 0 || offset % clusterSize !== 0 || offset >= fileSize) {
    context.report(
      'warning',
      'QCOW2_REFCOUNT_TABLE',
      `the refcount table (${clusters} clusters at ${hex(offset)}) is damaged; reading does not need it, qemu does`,
    );
  }
}

async function openDataFile(header: Header, context: ImageContext): Promise<OpenedFile | null> {
  if (!header.hasDataFile) return null;
  const name = header.dataFileName;
  if (name === null || name === '') {
    throw unreadable('QCOW2_DATA_FILE', 'keeps its data in an external file, but does not name it');
  }
  const reference = hostName(name, 'data file', 'QCOW2');
  return locate(`data file ${escapeName(name)}`, () => context.openFile(reference));
}

async function openBacking(header: Header, context: ImageContext): Promise<Disk | null> {
  const name = header.backingFile;
  if (name === null) return null;
  const reference = hostName(name, 'backing file', 'QCOW2');
  const format = header.backingFormat ?? undefined;
  return locate(`backing file ${escapeName(name)}`, () => context.openImage(reference, format));
}

async function inspectSnapshots(
  file: BlockSource,
  header: Header,
  l1: L1Table,
  context: ImageContext,
): Promise<{ snapshots: SnapshotTable; snapshotBytes: number }> {
  const none: SnapshotTable = { snapshots: [], length: 0 };
  const snapshots = await orDiagnostic(context, none, () => readSnapshots(file, header));
  const snapshotBytes = await orDiagnostic(context, 0, () =>
    measureSnapshots(file, header, l1, snapshots, context.signal),
  );
  return { snapshots, snapshotBytes };
}

/** Runs what the guest's disk does not depend on: its failure is reported, and `fallback` stands in. */
async function orDiagnostic<T>(context: ImageContext, fallback: T, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    const place = error.where.length > 0 ? `${error.place}: ` : '';
    const advice = error.advice === undefined ? '' : `; ${error.advice}`;
    context.report('error', error.code.replace(/^IMGOPT_/, ''), `${place}${error.message}${advice}`);
    return fallback;
  }
}

function describeDetails(
  header: Header,
  { snapshots }: SnapshotTable,
  bitmaps: readonly JsonValue[],
): { readonly [key: string]: JsonValue } {
  return {
    version: header.version,
    compat: header.version === 2 ? '0.10' : '1.1',
    clusterSize: header.clusterSize,
    compressionType: header.compressionType,
    extendedL2: header.extendedL2,
    lazyRefcounts: header.lazyRefcounts,
    refcountBits: header.refcountBits,
    dirty: header.dirty,
    corrupt: header.markedCorrupt,
    encrypted: false,
    backingFile: header.backingFile,
    backingFormat: header.backingFormat,
    dataFile: header.dataFileName,
    dataFileRaw: header.dataFileIsRaw,
    snapshots: snapshotDetails(snapshots),
    bitmaps,
    bitmapsConsistent: header.bitmaps === null || header.bitmapsConsistent,
  };
}
