/**
 * Where the master file table is.
 *
 * The table is a file described by its own first record. When it is in more pieces than fit there, an attribute list
 * names further records that describe the rest, each of which lies in the part that is known by then; so the map
 * grows piece by piece. Records that $MFTMirr repeats are read there when they are damaged.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, type ImgoptError, isArtifactError, unsupported } from '../../../core/errors.ts';
import { MAX_NTFS_RECORDS } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { MappedRuns, mappedSource } from '../../../sources/mapped.ts';
import { ATTR, FILE, MFT_RECORD, MIRRORED_RECORDS, TYPE } from './layout.ts';
import { addRuns, findAttribute, type ListEntry, readList } from './list.ts';
import { Mft, readRecord, recordAt, type Volume } from './mft.ts';
import { big64, isResident, recordProblem, referenceNumber, residentValue } from './record.ts';

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
