/**
 * The books: every byte that the artifact allocates, by what it is for. They balance to the byte.
 *
 * Two descriptions of the same disk meet here. What the guest's structures say each stretch of the disk is for
 * (`Layer`s: a filesystem's unused blocks, its metadata, volumes that nobody read …), and what the format's map
 * says the artifact's own files store of it (`BlockExtent.stored`). One merge pass shares the second out over
 * the first. A compressed cluster that holds two classes is shared out by uncompressed lengths, which is an
 * estimate, and is said to be one.
 *
 * What the map does not mention (headers, pointer tables, reference counts, leaked clusters) is the format's own
 * and counts as metadata; internal snapshots and a raw file's tail count as other.
 *
 * A sparse raw file has no map: Node cannot ask the host for holes, only for their sum. Then what is certainly
 * written is taken as present first (files, metadata, unread volumes), and stale is what remains of the
 * allocation, at most the unused bytes; all of it is estimated. The same happens when a mapped image is itself
 * sparse on the host (preallocated, say), so that less is allocated than the map adds up to.
 */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { Evidence, MeasuredBooks } from '../core/contracts/report.ts';
import type { BlockExtent } from '../core/contracts/source.ts';
import { type ImgoptError, isArtifactError } from '../core/errors.ts';
import { ExtentSet } from '../core/extents.ts';
import { isRead, type Layer, layersOf } from './layers.ts';
import type { StaleMeasurement } from './stale.ts';

export const BOOK_NAMES = ['files', 'metadata', 'stale', 'unread', 'other'] as const;
export type BookName = (typeof BOOK_NAMES)[number];
const NUMBER_OF: Record<BookName, number> = { files: 0, metadata: 1, stale: 2, unread: 3, other: 4 };

/** The disk cut into stretches of one class each: piece i is [starts[i], starts[i + 1]). */
interface ClassMap {
  readonly starts: Float64Array;
  readonly classes: Uint8Array;
}

/** Stored bytes by class, and which classes had to share a compressed cluster. */
export interface StoredByClass {
  readonly bytes: Float64Array;
  readonly isShared: boolean[];
}

/** Ties layers together; an earlier layer wins where hostile tables make volumes overlap. The rest is `other`. */
export function classMap(layers: readonly Layer[], size: number): ClassMap {
  const pieces: { start: number; end: number; name: number }[] = [];
  let covered = ExtentSet.empty;
  for (const { book, ranges } of layers) {
    const inside = ranges.count > 0 && ranges.endOf(ranges.count - 1) > size ? ranges.clip(0, size) : ranges;
    const fresh = covered.isEmpty ? inside : inside.subtract(covered);
    for (const { start, end } of fresh) pieces.push({ start, end, name: NUMBER_OF[book] });
    covered = covered.union(fresh);
  }
  pieces.sort((a, b) => a.start - b.start);
  const starts: number[] = [];
  const classes: number[] = [];
  let at = 0;
  const push = (start: number, name: number): void => {
    if (classes.at(-1) === name) return;
    starts.push(start);
    classes.push(name);
  };
  for (const { start, end, name } of pieces) {
    if (start > at) push(at, NUMBER_OF.other);
    push(start, name);
    at = end;
  }
  if (at < size) push(at, NUMBER_OF.other);
  starts.push(size);
  return { starts: Float64Array.from(starts), classes: Uint8Array.from(classes) };
}

/** Shares what the map stores out over the classes; whole bytes, and none lost. */
export async function shareOut(
  extents: AsyncIterable<readonly BlockExtent[]>,
  map: ClassMap,
): Promise<StoredByClass> {
  const bytes = new Float64Array(BOOK_NAMES.length);
  const isShared = BOOK_NAMES.map(() => false);
  const { starts, classes } = map;
  const overlap = new Float64Array(BOOK_NAMES.length);
  let piece = 0;
  for await (const batch of extents) {
    for (const { start, end, stored } of batch) {
      if (stored === 0 || end <= start) continue;
      while (piece < classes.length && starts[piece + 1]! <= start) piece++;
      if (piece < classes.length && starts[piece + 1]! >= end) {
        bytes[classes[piece]!]! += stored;
        continue;
      }
      overlap.fill(0);
      let known = 0;
      for (let i = piece; i < classes.length && starts[i]! < end; i++) {
        const length = Math.min(end, starts[i + 1]!) - Math.max(start, starts[i]!);
        overlap[classes[i]!]! += length;
        known += length;
      }
      overlap[NUMBER_OF.other]! += end - start - known; // past the end of the disk
      shareExtent(bytes, isShared, overlap, stored, end - start);
    }
  }
  return { bytes, isShared };
}

function shareExtent(
  bytes: Float64Array,
  isShared: boolean[],
  overlap: Float64Array,
  stored: number,
  length: number,
): void {
  let rest = stored;
  let largest = 0;
  let classesInIt = 0;
  for (let i = 0; i < overlap.length; i++) {
    if (overlap[i]! === 0) continue;
    classesInIt++;
    if (overlap[i]! > overlap[largest]!) largest = i;
    const share = stored === length ? overlap[i]! : Math.floor((stored / length) * overlap[i]!);
    bytes[i]! += share;
    rest -= share;
  }
  bytes[largest]! += rest;
  if (classesInIt < 2 || stored === length) return;
  for (let i = 0; i < overlap.length; i++) if (overlap[i]! > 0) isShared[i] = true;
}

export interface BalanceInput {
  readonly allocated: number;
  /** Of internal snapshots, and of a container's members that are no disk. */
  readonly snapshotBytes: number;
  readonly isRaw: boolean;
  readonly anyFilesystemRead: boolean;
  /** False when a filesystem's own maps could not be trusted: its unused blocks count as files. */
  readonly unusedIsKnown: boolean;
  /** False when the image's map broke off: what it left out is explained by nobody. */
  readonly isMapWhole: boolean;
  /** The unused blocks were read: stale is known to be not zero, and so certainly present. */
  readonly staleIsMeasured: boolean;
}

/** Makes the classes explain exactly `allocated`; see the head of this module. */
export function balance(stored: StoredByClass, input: BalanceInput): MeasuredBooks {
  const bytes = Float64Array.from(stored.bytes);
  const evidence: Evidence[] = stored.isShared.map((shared) => (shared ? 'estimated' : 'measured'));
  bytes[NUMBER_OF.other]! += input.snapshotBytes;
  const spare = input.allocated - bytes.reduce((sum, one) => sum + one, 0);
  if (spare >= 0) {
    bytes[input.isRaw || !input.isMapWhole ? NUMBER_OF.other : NUMBER_OF.metadata]! += spare;
  } else {
    const order: BookName[] = input.staleIsMeasured
      ? ['stale', 'files', 'metadata', 'unread', 'other']
      : ['files', 'metadata', 'unread', 'stale', 'other'];
    let rest = input.allocated;
    for (const name of order) {
      const number = NUMBER_OF[name];
      const present = Math.min(bytes[number]!, rest);
      if (bytes[number]! > 0 && !(name === 'stale' && input.staleIsMeasured)) evidence[number] = 'estimated';
      bytes[number] = present;
      rest -= present;
    }
  }
  // Without reading, unused blocks that are stored may hold zeros: an upper bound, unless there are none.
  if (bytes[NUMBER_OF.stale]! > 0 && !input.staleIsMeasured) evidence[NUMBER_OF.stale] = 'estimated';
  if (!input.unusedIsKnown) evidence[NUMBER_OF.files] = 'estimated';
  if (!input.isMapWhole) evidence.fill('estimated');
  const entry = (name: BookName): MeasuredBooks[BookName] => {
    const number = NUMBER_OF[name];
    const isUnknown =
      (name === 'other' && !input.isMapWhole) ||
      (name === 'files' && !input.anyFilesystemRead) ||
      (name === 'stale' && bytes[number] === 0 && !(input.anyFilesystemRead && input.unusedIsKnown));
    return { bytes: bytes[number]!, evidence: isUnknown ? 'unknown' : evidence[number]! };
  };
  return {
    files: entry('files'),
    metadata: entry('metadata'),
    stale: entry('stale'),
    unread: entry('unread'),
    other: entry('other'),
  };
}

/** The map as far as it goes: damage ends it. */
async function* untilDamaged(
  extents: AsyncIterable<readonly BlockExtent[]>,
  onDamage: (error: ImgoptError) => void,
): AsyncGenerator<readonly BlockExtent[]> {
  try {
    yield* extents;
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    onDamage(error);
  }
}

/**
 * @param measured what reading the unused blocks found; undefined when they were not read
 * @param onDamage told when the image's map breaks off; what it did not explain is then `other`, `unknown`
 */
export async function analyzeBooks(
  inspection: Inspection,
  measured?: StaleMeasurement,
  onDamage?: (error: ImgoptError) => void,
): Promise<MeasuredBooks> {
  const { artifact, disk, filesystems } = inspection;
  const map = classMap(layersOf(inspection, measured), disk.source.size);
  const read = filesystems.filter(isRead);
  let isMapWhole = true;
  const extents = untilDamaged(disk.source.extents(), (error) => {
    if (onDamage === undefined) throw error;
    isMapWhole = false;
    onDamage(error.within(artifact.path));
  });
  return balance(await shareOut(extents, map), {
    isMapWhole,
    allocated: artifact.allocated,
    snapshotBytes: disk.snapshotBytes + (disk.otherBytes ?? 0),
    isRaw: disk.format === 'raw',
    anyFilesystemRead: read.length > 0,
    unusedIsKnown: read.every((one) => one.unused !== null),
    staleIsMeasured: measured?.isComplete === true,
  });
}
