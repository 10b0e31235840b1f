/**
 * VMDK, the disk format of VMware's products.
 *
 * A disk is a descriptor and the extents that it lists, one behind the other. The descriptor is a text file
 * of its own (monolithicFlat, twoGbMaxExtent…) or lies inside the only, sparse extent (monolithicSparse,
 * streamOptimized). Here the pieces are opened and put in a row; descriptor.ts knows the text, sparse-header.ts
 * and sparse-extent.ts the sparse extents. Extents and parents open only through the context.
 *
 * A delta disk has a parent; what it has not written itself shows through from there. The link is by file
 * name, and by the content identifier (CID) that the parent had: a parent that was written to since then has
 * another one, and what shows through may be wrong. qemu refuses to read then; we read, and say so.
 *
 * Specifications: VMware 'Virtual Disk Format 5.0' (2011); qemu's block/vmdk.c where that is silent.
 */
import type {
  Disk,
  ImageContext,
  ImageFile,
  ImageFormat,
  JsonValue,
  OpenedFile,
} from '../../../core/contracts/disk.ts';
import type { BlockExtent, BlockSource, StoredBytes } from '../../../core/contracts/source.ts';
import { corrupt, locate, unreadable, unsupported } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { IMAGE_CACHE_BYTES, MAX_VMDK_DESCRIPTOR_BYTES } from '../../../core/limits.ts';
import { escapeName, hex } from '../../../core/text.ts';
import { assertInside } from '../../../sources/file.ts';
import { readBytes } from '../../../sources/read.ts';
import { sliceSource } from '../../../sources/slice.ts';
import { LoadCache } from './cache.ts';
import { type Descriptor, type ExtentLine, parseDescriptor } from './descriptor.ts';
import { ExtentList } from './extent-list.ts';
import { PointerBudget } from './grain-tables.ts';
import { SECTOR } from './layout.ts';
import { ParentWindow } from './parent.ts';
import { kindOf, probeVmdk } from './probe.ts';
import { type SharedState, SparseExtent } from './sparse-extent.ts';
import { embeddedDescriptor, readRawHeader, readSparseHeader, type SparseHeader } from './sparse-header.ts';

/** An extent in its place on the disk. */
interface Segment {
  readonly start: number;
  readonly end: number;
  readonly granularity: number;
  /** `offset` counts from the beginning of the extent. */
  read(target: Uint8Array, offset: number): Promise<void>;
  extents(start: number, end: number): AsyncIterable<readonly BlockExtent[]>;
  readonly storedBytes?: StoredBytes | undefined;
}

/** What was opened so far, to be closed when the disk is, or when opening fails half way. */
interface Opened {
  readonly segments: Segment[];
  readonly headers: SparseHeader[];
  readonly files: Map<string, OpenedFile & { role: ImageFile['role']; format: string }>;
  parent: Disk | undefined;
  /** The image's own file, once the disk is open and owns it. */
  own: BlockSource | undefined;
}

export const vmdkFormat: ImageFormat = {
  name: 'vmdk',
  probe: probeVmdk,
  /** The disk owns `file` from here on and closes it; a failure leaves it to the caller. */
  async open(file, context) {
    const head = await readBytes(file, 0, Math.min(file.size, 4096));
    const kind = kindOf(head);
    if (kind === 'cowd') {
      throw unsupported('VMDK_COWD', 'redo logs of ESX (vmfsSparse, COWD) are not supported', {
        advice: 'export the disk from ESX as OVF, or convert it with vmkfstools',
      });
    }
    if (kind === 'sesparse') {
      throw unsupported('VMDK_SESPARSE', 'space-efficient snapshots of ESX (seSparse) are not supported', {
        advice: 'export the disk from ESX as OVF, or convert it with qemu-img',
      });
    }
    if (kind === undefined) {
      throw corrupt('VMDK_MAGIC', 'begins neither as a sparse extent nor as a descriptor', {
        advice: 'the file is damaged: copy it again',
      });
    }
    const opened: Opened = { segments: [], headers: [], files: new Map(), parent: undefined, own: undefined };
    try {
      const disk =
        kind === 'sparse' ? await openSparse(file, context, opened) : await openText(file, context, opened);
      opened.own = file;
      return disk;
    } catch (error) {
      await closeAll(opened);
      throw error;
    }
  },
};

/** A file that is a sparse extent with its descriptor inside. */
async function openSparse(file: BlockSource, context: ImageContext, opened: Opened): Promise<Disk> {
  const raw = await readRawHeader(file);
  const place = embeddedDescriptor(raw, file);
  if (place === undefined) {
    throw unreadable('VMDK_IS_EXTENT', 'is one extent of a disk, not a disk: it has no descriptor', {
      advice: 'name the descriptor, the small .vmdk file beside it',
    });
  }
  const text = await readBytes(file, place.offset, place.length);
  const descriptor = await locate('descriptor', async () => parseDescriptor(text));
  // As qemu: a header without a capacity only wraps a descriptor, and the data is elsewhere.
  if (raw.capacity === 0) return openExtents(descriptor, context, opened);
  const header = await readSparseHeader(raw, file);
  const parent = await openParent(descriptor, context, opened);
  reportUnclean(header, context);
  const window = parent === undefined ? undefined : new ParentWindow(parent.source, 0);
  const extent = await SparseExtent.open(header, header.capacity, file, context, sharedState(), 0, window);
  addSegment(opened, extent);
  opened.headers.push(header);
  const subformat = header.isCompressed ? 'streamOptimized' : 'monolithicSparse';
  return makeDisk(descriptor, subformat, raw.version, context, opened);
}

/** A file that is a descriptor, with its extents beside it. */
async function openText(file: BlockSource, context: ImageContext, opened: Opened): Promise<Disk> {
  if (file.size > MAX_VMDK_DESCRIPTOR_BYTES) {
    throw corrupt('VMDK_DESCRIPTOR_TOO_LARGE', `a descriptor of ${file.size} bytes is not possible`);
  }
  const text = await readBytes(file, 0, file.size);
  const descriptor = await locate('descriptor', async () => parseDescriptor(text));
  return openExtents(descriptor, context, opened);
}

async function openExtents(descriptor: Descriptor, context: ImageContext, opened: Opened): Promise<Disk> {
  const parent = await openParent(descriptor, context, opened);
  const shared = sharedState();
  let start = 0;
  for (const [number, line] of descriptor.extents.entries()) {
    context.signal.throwIfAborted();
    const window = parent === undefined ? undefined : new ParentWindow(parent.source, start);
    const place = line.name === '' ? `extent ${number}` : escapeName(line.name);
    await locate(place, () => openExtent(line, number, context.at(place), opened, shared, window));
    start += line.size;
  }
  const version = opened.headers[0]?.version ?? null;
  return makeDisk(descriptor, descriptor.createType, version, context, opened);
}

async function openExtent(
  line: ExtentLine,
  number: number,
  context: ImageContext,
  opened: Opened,
  shared: SharedState,
  below: ParentWindow | undefined,
): Promise<void> {
  if (line.type === 'ZERO') {
    addSegment(opened, zeroExtent(line.size));
    return;
  }
  let file = opened.files.get(line.name);
  if (file === undefined) {
    const format = line.type === 'FLAT' ? 'raw' : 'vmdk';
    file = { ...(await context.openFile(line.name)), role: 'extent', format };
    opened.files.set(line.name, file);
  }
  const { source } = file;
  if (line.type === 'FLAT') {
    if (line.offset + line.size > source.size) {
      throw corrupt(
        'VMDK_EXTENT_TRUNCATED',
        `ends at ${hex(source.size)}, but the descriptor wants it to reach ${hex(line.offset + line.size)}`,
        { advice: 'the extent is truncated: copy it again' },
      );
    }
    const slice = sliceSource(source, line.offset, line.size);
    addSegment(opened, {
      size: slice.size,
      granularity: slice.granularity,
      read: (target, offset) => slice.read(target, offset),
      extents: (start, end) => slice.extents({ start, end }),
    });
    return;
  }
  const header = await readSparseHeader(await readRawHeader(source), source);
  if (line.size > header.capacity) {
    throw corrupt(
      'VMDK_EXTENT_SIZE',
      `has ${header.capacity} bytes, but the descriptor wants ${line.size} of it`,
      { advice: 'descriptor and extents do not belong together: copy all files of the image again' },
    );
  }
  reportUnclean(header, context);
  addSegment(opened, await SparseExtent.open(header, line.size, source, context, shared, number, below));
  opened.headers.push(header);
}

function addSegment(opened: Opened, extent: Omit<Segment, 'start' | 'end'> & { size: number }): void {
  const start = opened.segments.at(-1)?.end ?? 0;
  opened.segments.push({
    start,
    end: start + extent.size,
    granularity: extent.granularity,
    read: (target, offset) => extent.read(target, offset),
    extents: (from, to) => extent.extents(from, to),
    storedBytes: extent.storedBytes,
  });
}

/** Spec, 'Extent Descriptions': a ZERO extent 'is filled with zeros'. */
function zeroExtent(size: number): Omit<Segment, 'start' | 'end'> & { size: number } {
  return {
    size,
    granularity: 1,
    async read(target) {
      target.fill(0);
    },
    async *extents(start, end) {
      yield [{ start, end, kind: 'zero', stored: 0 }];
    },
  };
}

function sharedState(): SharedState {
  return {
    tables: new LoadCache<Uint32Array>(IMAGE_CACHE_BYTES / 4),
    grains: new LoadCache<Uint8Array>((IMAGE_CACHE_BYTES * 3) / 4),
    budget: new PointerBudget(),
  };
}

async function openParent(
  descriptor: Descriptor,
  context: ImageContext,
  opened: Opened,
): Promise<Disk | undefined> {
  const { parentCid, parentFileName } = descriptor;
  if (parentCid === null) {
    if (parentFileName !== null) {
      context.report(
        'warning',
        'VMDK_PARENT_IGNORED',
        `the descriptor names the parent ${escapeName(parentFileName)}, but its parentCID says that there is none`,
      );
    }
    return undefined;
  }
  if (parentFileName === null || parentFileName === '') {
    throw corrupt(
      'VMDK_PARENT_UNNAMED',
      `is a delta disk (parentCID ${parentCid}) that does not name its parent`,
      {
        advice: 'put parentFileNameHint="…" into its descriptor',
      },
    );
  }
  const parent = await locate(`parent ${escapeName(parentFileName)}`, () =>
    context.openImage(parentFileName, 'vmdk'),
  );
  opened.parent = parent;
  const found = parent.details.cid;
  if (parent.format !== 'vmdk' || found !== parentCid) {
    const has =
      parent.format === 'vmdk' ? `has the CID ${String(found)}` : `is ${parent.format}, without a CID`;
    context.report(
      'warning',
      'VMDK_PARENT_CHANGED',
      `the parent ${escapeName(parentFileName)} ${has}, but this disk was split off at ${parentCid}: ` +
        'the parent was written to since then or is another disk, and data from it may be wrong',
    );
  }
  return parent;
}

function reportUnclean(header: SparseHeader, context: ImageContext): void {
  if (!header.uncleanShutdown) return;
  context.report(
    'warning',
    'VMDK_UNCLEAN_SHUTDOWN',
    'was not closed properly by its last user: its grain tables may miss the last writes',
  );
}

function makeDisk(
  descriptor: Descriptor,
  subformat: string,
  version: number | null,
  context: ImageContext,
  opened: Opened,
): Disk {
  const { segments, headers, parent } = opened;
  const files: ImageFile[] = [{ ...context.file, role: 'image', format: 'vmdk' }];
  for (const { file, role, format } of opened.files.values()) {
    // A descriptor may name the file that it lies in.
    if (file.path !== context.file.path) files.push({ ...file, role, format });
  }
  for (const file of parent?.files ?? []) {
    files.push(file.role === 'image' ? { ...file, role: 'backing' } : file);
  }
  const { database } = descriptor;
  const details: Record<string, JsonValue> = {
    subformat,
    createType: descriptor.createType,
    version,
    grainSize: headers[0]?.grainBytes ?? null,
    compressed: headers.some((header) => header.isCompressed),
    zeroedGrains: headers.some((header) => header.hasZeroedGrains),
    uncleanShutdown: headers.some((header) => header.uncleanShutdown),
    extents: segments.length,
    cid: descriptor.cid,
    parentCid: descriptor.parentCid,
    parent: descriptor.parentCid === null ? null : descriptor.parentFileName,
    encoding: descriptor.encoding,
    adapterType: database.get('adaptertype') ?? null,
    hardwareVersion: database.get('virtualhwversion') ?? null,
    toolsVersion: database.get('toolsversion') ?? null,
    toolsInstallType: database.get('toolsinstalltype') ?? null,
    geometry: geometryOf(database),
    thinProvisioned: database.get('thinprovisioned') === '1',
    uuid: database.get('uuid') ?? null,
    longContentId: database.get('longcontentid') ?? null,
  };
  // Which parts of a sparse host file are stored, Node cannot tell; of a full one, all are.
  const isExact = [...opened.files.values()].every(
    ({ file, format }) => format !== 'raw' || file.allocated >= file.fileSize,
  );
  return {
    format: 'vmdk',
    details,
    source: diskSource(segments, opened),
    files,
    mapIsExact: isExact && (parent?.mapIsExact ?? true),
    snapshotBytes: 0,
    close: () => closeAll(opened),
  };
}

/** What the virtual hardware is to tell a BIOS about the disk; null unless it is whole. */
function geometryOf(database: ReadonlyMap<string, string>): JsonValue {
  const [cylinders, heads, sectors] = ['cylinders', 'heads', 'sectors'].map((key) => {
    const value = database.get(`geometry.${key}`) ?? '';
    return /^\d{1,9}$/.test(value) ? Number(value) : null;
  });
  if (cylinders == null || heads == null || sectors == null) return null;
  return { cylinders, heads, sectors };
}

/** The extents in a row, as one source. */
function diskSource(segments: readonly Segment[], opened: Opened): BlockSource {
  const size = segments.at(-1)!.end;
  return {
    size,
    granularity: Math.max(SECTOR, ...segments.map((segment) => segment.granularity)),
    async read(target, offset) {
      assertInside(target.length, offset, size, 'disk');
      const end = offset + target.length;
      for (let i = segmentAt(segments, offset); i < segments.length && segments[i]!.start < end; i++) {
        const segment = segments[i]!;
        const from = Math.max(offset, segment.start);
        const to = Math.min(end, segment.end);
        await segment.read(target.subarray(from - offset, to - offset), from - segment.start);
      }
    },
    async *extents(range: ByteRange = { start: 0, end: size }) {
      const list = new ExtentList();
      for (
        let i = segmentAt(segments, range.start);
        i < segments.length && segments[i]!.start < range.end;
        i++
      ) {
        const { start, end, extents } = segments[i]!;
        const from = Math.max(range.start, start) - start;
        const to = Math.min(range.end, end) - start;
        for await (const batch of extents(from, to)) {
          for (const extent of batch) list.add(extent, start);
          const complete = list.take();
          if (complete.length > 0) yield complete;
        }
      }
      const last = list.finish();
      if (last.length > 0) yield last;
    },
    // Of several extents, places would be in several files.
    storedBytes: segments.length === 1 ? segments[0]!.storedBytes : undefined,
    close: () => closeAll(opened),
  };
}

/** Index of the segment that holds `offset`. */
function segmentAt(segments: readonly Segment[], offset: number): number {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (segments[middle]!.end > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Closes all that the disk owns; a second call finds nothing left. */
async function closeAll(opened: Opened): Promise<void> {
  const { parent, own } = opened;
  const sources = [...opened.files.values()].map((file) => file.source);
  opened.files.clear();
  opened.parent = undefined;
  opened.own = undefined;
  await Promise.all([...sources.map((source) => source.close()), parent?.close(), own?.close()]);
}
