/**
 * The master file table: where its records are, which are in use, and reading one of them or all of them.
 *
 * The table is a file described by its own first record. When it is in more pieces than fit there, an attribute list
 * names further records that describe the rest, each of which lies in the part that is known by then; so the map
 * grows piece by piece. Records that $MFTMirr repeats are read there when they are damaged.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, type ImgoptError, isArtifactError, unsupported } from '../../../core/errors.ts';
import { MAX_NTFS_LIST_BYTES, MAX_NTFS_RECORDS } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { MappedRuns, mappedSource } from '../../../sources/mapped.ts';
import { readBytes } from '../../../sources/read.ts';
import type { Geometry } from './boot.ts';
import { ATTR, FILE, LIST_ENTRY, MFT_RECORD, MIRRORED_RECORDS, TYPE } from './layout.ts';
import {
  big64,
  isResident,
  isUnnamed,
  recordProblem,
  referenceNumber,
  referenceSequence,
  residentValue,
  walkAttributes,
} from './record.ts';
import { decodeRuns } from './runlist.ts';

export interface Volume {
  readonly source: BlockSource;
  readonly context: Context;
  readonly geometry: Geometry;
}

/** An entry of an attribute list. */
export interface ListEntry {
  readonly type: number;
  readonly isUnnamed: boolean;
  readonly lowestVcn: number;
  readonly record: number;
  readonly sequence: number;
}

/** @throws `corrupt` when an entry does not fit */
export function parseList(bytes: Uint8Array): ListEntry[] {
  const view = viewOf(bytes);
  const entries: ListEntry[] = [];
  for (let at = 0; at + LIST_ENTRY.size <= bytes.length; ) {
    const length = view.getUint16(at + LIST_ENTRY.length, true);
    if (length < LIST_ENTRY.size || at + length > bytes.length)
      throw corrupt('NTFS_ATTRIBUTE_LIST', `its attribute list has an entry of ${length} bytes at ${at}`);
    entries.push({
      type: view.getUint32(at, true),
      isUnnamed: view.getUint8(at + LIST_ENTRY.name_length) === 0,
      lowestVcn: big64(view, at + LIST_ENTRY.lowest_vcn),
      record: referenceNumber(view, at + LIST_ENTRY.mft_reference),
      sequence: referenceSequence(view, at + LIST_ENTRY.mft_reference),
    });
    at += length;
  }
  return entries;
}

/** Where an attribute begins in a record; undefined when it has none of this type, unnamed, from this vcn on. */
export function findAttribute(record: Uint8Array, type: number, lowestVcn = 0): number | undefined {
  const view = viewOf(record);
  let found: number | undefined;
  const problem = walkAttributes(view, 0, record.length, (one, at) => {
    if (one !== type || found !== undefined || !isUnnamed(view, at)) return;
    if (isResident(view, at) ? lowestVcn === 0 : big64(view, at + ATTR.lowest_vcn) === lowestVcn) found = at;
  });
  if (problem !== undefined) throw corrupt('NTFS_RECORD_DAMAGED', problem);
  return found;
}

/** Content of a record's attribute list, wherever it is. */
export async function readList(
  { source, geometry }: Volume,
  record: Uint8Array,
  at: number,
): Promise<ListEntry[]> {
  const view = viewOf(record);
  const value = residentValue(view, at);
  if (value !== undefined) return parseList(record.subarray(value.at, value.at + value.length));
  const size = big64(view, at + ATTR.data_size);
  if (size > MAX_NTFS_LIST_BYTES)
    throw corrupt(
      'NTFS_ATTRIBUTE_LIST',
      `its attribute list claims ${size} bytes; Windows allows ${MAX_NTFS_LIST_BYTES}`,
    );
  const runs = new MappedRuns();
  const end = addRuns(runs, view, at, geometry);
  if (end * geometry.clusterSize < size || big64(view, at + ATTR.initialized_size) < size)
    throw corrupt('NTFS_ATTRIBUTE_LIST', 'its attribute list has no place for all of it');
  return parseList(
    await readBytes(mappedSource(source, 'attribute list', size, geometry.clusterSize, runs), 0, size),
  );
}

/** Adds the runs of one attribute to a map; holes are left out. @returns the vcn that follows them */
export function addRuns(runs: MappedRuns, view: DataView, at: number, geometry: Geometry): number {
  return decodeRuns(view, at, geometry, (vcn, cluster, length) => {
    if (cluster >= 0) runs.push(0, vcn, cluster, length, 0);
  });
}

/** Reads in flight while all records are read, and bytes of each. */
const IN_FLIGHT = 4;
const CHUNK_BYTES = 512 * 1024;
/** Unused records that are cheaper to read than to skip. */
const GAP_BYTES = 32 * 1024;

export interface RecordVisitor {
  /** The record stands at byte `at` of `view`, not yet checked. The bytes are the visitor's during the call only. */
  visit(number: number, view: DataView, at: number): void;
  lost(number: number, message: string): void;
}

export class Mft {
  /** Records that the table has room for and that were written once. */
  readonly count: number;
  /** Bit by record: in use. */
  readonly bitmap: Uint8Array;
  private readonly volume: Volume;
  private readonly content: BlockSource;
  private readonly mirrored: ReadonlyMap<number, Uint8Array>;

  constructor(
    volume: Volume,
    content: BlockSource,
    bitmap: Uint8Array,
    mirrored: ReadonlyMap<number, Uint8Array>,
  ) {
    this.volume = volume;
    this.content = content;
    this.bitmap = bitmap;
    this.mirrored = mirrored;
    this.count = Math.min(Math.floor(content.size / volume.geometry.recordSize), bitmap.length * 8);
  }

  isInUse(number: number): boolean {
    return number < this.count && ((this.bitmap[number >>> 3]! >>> (number & 7)) & 1) !== 0;
  }

  /** A record that is sound only in $MFTMirr. */
  mirrorOf(number: number): DataView | undefined {
    const copy = this.mirrored.size === 0 ? undefined : this.mirrored.get(number);
    return copy === undefined ? undefined : viewOf(copy);
  }

  /** One record, put right. @throws `corrupt` when it is damaged or does not exist */
  async read(number: number): Promise<Uint8Array> {
    const copy = this.mirrored.get(number);
    if (copy !== undefined) return copy;
    if (!Number.isSafeInteger(number) || number < 0 || number >= this.count)
      throw corrupt('NTFS_RECORD_OUT_OF_RANGE', `there is no file record ${number}`);
    return readRecord(this.content, this.volume.geometry.recordSize, number);
  }

  /** Shows all records that are marked as in use, in order. */
  async readAll(visitor: RecordVisitor): Promise<void> {
    const { context, geometry } = this.volume;
    const progress = context.progress.start('file records', this.count * geometry.recordSize);
    let done = 0;
    await this.readChunks(this.usedChunks(), {
      visit: (number, view, at) => {
        if (this.isInUse(number)) visitor.visit(number, view, at);
      },
      lost: (number, message) => {
        if (this.isInUse(number)) visitor.lost(number, message);
      },
      chunk: (end) => {
        progress.advance((end - done) * geometry.recordSize);
        done = end;
      },
    });
    progress.done();
  }

  /** Shows these records, which ascend. */
  async readSome(numbers: readonly number[], visitor: RecordVisitor): Promise<void> {
    const wanted = new Set(numbers);
    await this.readChunks(this.chunksOf(numbers), {
      visit: (number, view, at) => {
        if (wanted.has(number)) visitor.visit(number, view, at);
      },
      lost: (number, message) => {
        if (wanted.has(number)) visitor.lost(number, message);
      },
    });
  }

  private *usedNumbers(): Generator<number> {
    const { bitmap, count } = this;
    for (let byte = 0; byte * 8 < count; byte++) {
      if (bitmap[byte] === 0) continue;
      for (let number = byte * 8; number < Math.min(count, byte * 8 + 8); number++)
        if (this.isInUse(number)) yield number;
    }
  }

  private usedChunks(): Generator<[number, number]> {
    return this.chunksOf(this.usedNumbers());
  }

  /** Stretches [from, to) of records that hold these, over small gaps. */
  private *chunksOf(numbers: Iterable<number>): Generator<[number, number]> {
    const { recordSize } = this.volume.geometry;
    const most = CHUNK_BYTES / recordSize;
    const gap = GAP_BYTES / recordSize;
    let from = -1;
    let to = -1;
    for (const number of numbers) {
      if (from >= 0 && number - to <= gap && number - from < most) {
        to = number + 1;
        continue;
      }
      if (from >= 0) yield [from, to];
      from = number;
      to = number + 1;
    }
    if (from >= 0) yield [from, to];
  }

  private async readChunks(
    chunks: Generator<[number, number]>,
    visitor: RecordVisitor & { chunk?(end: number): void },
  ): Promise<void> {
    const { recordSize } = this.volume.geometry;
    interface Read {
      readonly from: number;
      readonly to: number;
      readonly bytes: Uint8Array;
      readonly error: Promise<unknown>;
    }
    const pending: Read[] = [];
    const spare: Uint8Array[] = [];
    const begin = (): void => {
      const next = chunks.next();
      if (next.done === true) return;
      const [from, to] = next.value;
      const length = (to - from) * recordSize;
      // A buffer for one record is small: reading the second half of one file must not cost half a mebibyte.
      const whole = spare.pop();
      const bytes = whole !== undefined && whole.length >= length ? whole : new Uint8Array(length);
      // Never rejects, so that none is left unobserved when an earlier one ends the scan.
      const error = this.content.read(bytes.subarray(0, length), from * recordSize).then(
        () => undefined,
        (reason: unknown) => reason ?? new Error('read failed'),
      );
      pending.push({ from, to, bytes, error });
    };
    for (let i = 0; i < IN_FLIGHT; i++) begin();
    try {
      for (let read = pending[0]; read !== undefined; read = pending[0]) {
        const error = await read.error;
        pending.shift();
        this.volume.context.signal.throwIfAborted();
        if (error === undefined) {
          const view = viewOf(read.bytes);
          for (let number = read.from; number < read.to; number++)
            visitor.visit(number, view, (number - read.from) * recordSize);
        } else await this.readSingly(read.from, read.to, error, visitor);
        visitor.chunk?.(read.to);
        spare.push(read.bytes);
        begin();
      }
    } finally {
      await Promise.all(pending.map(({ error }) => error));
    }
  }

  /** A bad stretch of an image costs its own records. */
  private async readSingly(from: number, to: number, error: unknown, visitor: RecordVisitor): Promise<void> {
    if (!isArtifactError(error)) throw error;
    const { recordSize } = this.volume.geometry;
    const bytes = new Uint8Array(recordSize);
    const view = viewOf(bytes);
    for (let number = from; number < to; number++) {
      try {
        await this.content.read(bytes, number * recordSize);
      } catch (single) {
        if (!isArtifactError(single)) throw single;
        visitor.lost(number, single.message);
        continue;
      }
      visitor.visit(number, view, 0);
    }
  }
}

/** The record at a byte of a source, put right. @throws `corrupt` when it is damaged */
async function recordAt(source: BlockSource, at: number, size: number, number: number): Promise<Uint8Array> {
  const bytes = await readBytes(source, at, size);
  const problem = recordProblem(viewOf(bytes), 0, size, number);
  if (problem !== undefined) throw corrupt('NTFS_RECORD_DAMAGED', problem, { where: [`record ${number}`] });
  return bytes;
}

function readRecord(content: BlockSource, size: number, number: number): Promise<Uint8Array> {
  return recordAt(content, number * size, size, number);
}

/** What opening the table found out beside it. */
export interface OpenedMft {
  readonly mft: Mft;
  /** Why nothing may be dropped. */
  readonly reasons: string[];
}

/**
 * @throws `corrupt` when the first record is damaged here and in the copy, or the table's own map is
 */
export async function openMft(volume: Volume): Promise<OpenedMft> {
  const { source, context, geometry } = volume;
  const { recordSize, clusterSize } = geometry;
  const reasons: string[] = [];
  const mirrored = await readMirrored(volume, reasons);
  const first =
    mirrored.get(FILE.MFT) ??
    (await recordAt(source, geometry.mftCluster * clusterSize, recordSize, FILE.MFT));
  const data = findAttribute(first, TYPE.DATA);
  const view = viewOf(first);
  if (data === undefined || isResident(view, data))
    throw corrupt('NTFS_MFT', 'record 0 does not say where the file records are');
  const size = Math.min(big64(view, data + ATTR.data_size), big64(view, data + ATTR.initialized_size));
  if (Math.floor(size / recordSize) > MAX_NTFS_RECORDS)
    throw unsupported(
      'NTFS_TOO_MANY_RECORDS',
      `${Math.floor(size / recordSize)} file records; imgopt reads ${MAX_NTFS_RECORDS}`,
    );
  const runs = new MappedRuns();
  let end = addRuns(runs, view, data, geometry);
  const list = findAttribute(first, TYPE.ATTRIBUTE_LIST);
  const entries = list === undefined ? [] : await readList(volume, first, list);
  try {
    for (const entry of entries) {
      if (entry.type !== TYPE.DATA || !entry.isUnnamed || entry.lowestVcn < end) continue;
      const piece = await readGrowing(volume, runs, entry.record);
      end = addRuns(runs, viewOf(piece), attributeOf(piece, entry, end), geometry);
    }
    if (end * clusterSize < size)
      throw corrupt(
        'NTFS_MFT',
        `the file records take ${size} bytes, the places of ${end * clusterSize} are known`,
      );
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    reportAs(context, error, 'file records that cannot be found are missing');
    reasons.push('part of its MFT is lost');
  }
  checkOverlaps(runs);
  const content = mappedSource(source, '$MFT', Math.min(size, end * clusterSize), clusterSize, runs);
  const bitmap = await readBitmap(volume, first, entries, content, size, reasons);
  return { mft: new Mft(volume, content, bitmap, mirrored), reasons };
}

/** A record by a map that still grows, whose runs ascend: nothing is made of it that would be made again each time. */
async function readGrowing(
  { source, geometry }: Volume,
  { count, logical, start, length }: MappedRuns,
  number: number,
): Promise<Uint8Array> {
  const { recordSize, clusterSize } = geometry;
  const bytes = new Uint8Array(recordSize);
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((logical[middle]! + length[middle]!) * clusterSize > number * recordSize) high = middle;
    else low = middle + 1;
  }
  let done = 0;
  for (let run = low; run < count && done < recordSize; run++) {
    const skip = number * recordSize + done - logical[run]! * clusterSize;
    if (skip < 0) break;
    const take = Math.min(recordSize - done, length[run]! * clusterSize - skip);
    await source.read(bytes.subarray(done, done + take), start[run]! * clusterSize + skip);
    done += take;
  }
  const problem =
    done < recordSize ? 'its place is not known' : recordProblem(viewOf(bytes), 0, recordSize, number);
  if (problem !== undefined) throw corrupt('NTFS_RECORD_DAMAGED', problem, { where: [`record ${number}`] });
  return bytes;
}

function reportAs(context: Context, error: ImgoptError, consequence: string): void {
  const place = error.where.reduce((at, one) => at.at(one), context.at('$MFT'));
  place.report('error', error.code.replace(/^IMGOPT_/, ''), `${error.message}; ${consequence}`);
}

/** Place of the attribute that a list entry names, which must continue at `vcn` and belong to the table. */
function attributeOf(record: Uint8Array, entry: ListEntry, vcn: number): number {
  const view = viewOf(record);
  const isOurs =
    referenceNumber(view, MFT_RECORD.base_mft_record) === FILE.MFT &&
    view.getUint16(MFT_RECORD.sequence_number, true) === entry.sequence;
  const at = entry.lowestVcn === vcn && isOurs ? findAttribute(record, entry.type, vcn) : undefined;
  if (at === undefined || isResident(view, at))
    throw corrupt(
      'NTFS_ATTRIBUTE_LIST',
      `record ${entry.record} does not say what follows cluster ${vcn} of it`,
    );
  return at;
}

/** Runs of a file that lie over each other would show one record as two. */
function checkOverlaps(runs: MappedRuns): void {
  let end = 0;
  for (const run of runs.byPlace()) {
    if (runs.start[run]! < end) throw corrupt('NTFS_MFT', 'two of its runs lie over each other');
    end = runs.start[run]! + runs.length[run]!;
  }
}

/** The records of $MFTMirr that are damaged in the table and sound in the copy. */
async function readMirrored(volume: Volume, reasons: string[]): Promise<Map<number, Uint8Array>> {
  const { source, context, geometry } = volume;
  const { recordSize, clusterSize } = geometry;
  const found = new Map<number, Uint8Array>();
  for (let number = 0; number < MIRRORED_RECORDS; number++) {
    const from = (cluster: number): Promise<Uint8Array> =>
      recordAt(source, cluster * clusterSize + number * recordSize, recordSize, number);
    try {
      await from(geometry.mftCluster);
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      try {
        found.set(number, await from(geometry.mirrorCluster));
      } catch (other) {
        if (!isArtifactError(other)) throw other;
        if (number === FILE.MFT) throw error;
        continue; // whoever needs that record meets the damage
      }
      reportAs(context, error, 'the copy in $MFTMirr is used');
      reasons.push(`record ${number} of its MFT is damaged`);
    }
  }
  return found;
}

/** The bitmap of records in use, without which all records count as in use and nothing may be dropped. */
async function readBitmap(
  volume: Volume,
  first: Uint8Array,
  entries: readonly ListEntry[],
  content: BlockSource,
  size: number,
  reasons: string[],
): Promise<Uint8Array> {
  const { source, context, geometry } = volume;
  const bytes = Math.ceil(Math.floor(size / geometry.recordSize) / 8);
  try {
    const runs = new MappedRuns();
    let record = first;
    let at = findAttribute(first, TYPE.BITMAP);
    const pieces = entries.filter(({ type, isUnnamed }) => type === TYPE.BITMAP && isUnnamed);
    if (at === undefined && pieces.length > 0) {
      record = await readRecord(content, geometry.recordSize, pieces[0]!.record);
      at = attributeOf(record, pieces[0]!, 0);
    }
    if (at === undefined) throw corrupt('NTFS_MFT_BITMAP', 'it has no bitmap of records in use');
    const view = viewOf(record);
    const value = residentValue(view, at);
    if (value !== undefined) {
      if (value.length < bytes)
        throw corrupt('NTFS_MFT_BITMAP', `its bitmap is ${value.length} bytes long, not ${bytes}`);
      return record.slice(value.at, value.at + bytes);
    }
    const held = Math.min(big64(view, at + ATTR.data_size), big64(view, at + ATTR.initialized_size));
    let end = addRuns(runs, view, at, geometry);
    for (const piece of pieces) {
      if (piece.lowestVcn < end) continue;
      const next = await readRecord(content, geometry.recordSize, piece.record);
      end = addRuns(runs, viewOf(next), attributeOf(next, piece, end), geometry);
    }
    if (held < bytes || end * geometry.clusterSize < bytes)
      throw corrupt('NTFS_MFT_BITMAP', `its bitmap is ${held} bytes long, not ${bytes}`);
    const bitmap = new Uint8Array(bytes);
    await mappedSource(source, 'bitmap of $MFT', bytes, geometry.clusterSize, runs).read(bitmap, 0);
    return bitmap;
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    reportAs(context, error, 'all file records count as in use');
    reasons.push('the bitmap of its MFT is damaged');
    return new Uint8Array(bytes).fill(0xff);
  }
}
