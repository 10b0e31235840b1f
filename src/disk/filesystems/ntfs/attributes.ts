/**
 * All attributes of one file: those of its base record and of the records that its attribute list names.
 *
 * The list is only asked which records there are. What they hold is then found in them, and must fit together: each
 * says which file it belongs to, and the pieces of one attribute continue each other without gap.
 */
import { corrupt, locateSync } from '../../../core/errors.ts';
import { allDone } from '../../../core/parallel.ts';
import { viewOf } from '../../../core/record.ts';
import { MappedRuns } from '../../../sources/mapped.ts';
import { ATTR, MFT_FLAG, MFT_RECORD, TYPE } from './layout.ts';
import { findAttribute, readList } from './list.ts';
import type { Mft, Volume } from './mft.ts';
import {
  big64,
  isNamed,
  isResident,
  isUnnamed,
  referenceNumber,
  referenceSequence,
  residentValue,
  walkAttributes,
} from './record.ts';
import { decodeRuns } from './runlist.ts';

/** One attribute in one record. */
export interface Piece {
  readonly view: DataView;
  readonly at: number;
}

export interface FileRecords {
  readonly number: number;
  readonly isDirectory: boolean;
  /** Base record first. */
  readonly records: readonly Uint8Array[];
}

/** Extension records in flight at once. */
const IN_FLIGHT = 32;

/** @throws `corrupt` when the record is not in use, not a file's first, or one that belongs to it is damaged */
export async function readFileRecords(volume: Volume, mft: Mft, number: number): Promise<FileRecords> {
  const base = await mft.read(number);
  const view = viewOf(base);
  const flags = view.getUint16(MFT_RECORD.flags, true);
  if ((flags & MFT_FLAG.in_use) === 0) throw corrupt('NTFS_RECORD_UNUSED', 'the file record is not in use');
  if (view.getBigUint64(MFT_RECORD.base_mft_record, true) !== 0n)
    throw corrupt('NTFS_RECORD_EXTENSION', 'the file record is a part of another one');
  const sequence = view.getUint16(MFT_RECORD.sequence_number, true);
  const records = [base];
  const list = findAttribute(base, TYPE.ATTRIBUTE_LIST);
  if (list !== undefined) {
    const sequences = new Map<number, number>();
    for (const entry of await readList(volume, base, list))
      if (entry.record !== number) sequences.set(entry.record, entry.sequence);
    const wanted = [...sequences];
    for (let from = 0; from < wanted.length; from += IN_FLIGHT) {
      const some = wanted.slice(from, from + IN_FLIGHT);
      const read: Uint8Array[] = [];
      await allDone(
        some.map(async ([record, own], i) => {
          const bytes = await mft.read(record);
          checkExtension(bytes, record, own, number, sequence);
          read[i] = bytes;
        }),
      );
      records.push(...read);
    }
  }
  return { number, isDirectory: (flags & MFT_FLAG.is_directory) !== 0, records };
}

function checkExtension(
  bytes: Uint8Array,
  record: number,
  own: number,
  base: number,
  sequence: number,
): void {
  const view = viewOf(bytes);
  const isOurs =
    (view.getUint16(MFT_RECORD.flags, true) & MFT_FLAG.in_use) !== 0 &&
    view.getUint16(MFT_RECORD.sequence_number, true) === own &&
    referenceNumber(view, MFT_RECORD.base_mft_record) === base &&
    referenceSequence(view, MFT_RECORD.base_mft_record) === sequence;
  if (!isOurs)
    throw corrupt('NTFS_EXTENSION', `its attribute list names record ${record}, which is not a part of it`);
}

/** The pieces of one attribute, in order of their lowest vcn; empty when there is none. `name` is ASCII. */
export function findPieces({ records }: FileRecords, type: number, name = ''): Piece[] {
  const pieces: Piece[] = [];
  for (const record of records) {
    const view = viewOf(record);
    const problem = walkAttributes(view, 0, record.length, (one, at) => {
      if (one === type && (name === '' ? isUnnamed(view, at) : isNamed(view, at, name)))
        pieces.push({ view, at });
    });
    if (problem !== undefined) throw corrupt('NTFS_RECORD_DAMAGED', problem);
  }
  if (pieces.length < 2) return pieces;
  const vcn = ({ view, at }: Piece): number => (isResident(view, at) ? 0 : big64(view, at + ATTR.lowest_vcn));
  return pieces.sort((a, b) => vcn(a) - vcn(b));
}

/** A non-resident attribute put together. */
export interface Stream {
  readonly size: number;
  readonly initialized: number;
  readonly flags: number;
  /** Clusters of a compression unit; 0 without compression. */
  readonly unit: number;
  /** Runs by vcn; what none covers is a hole. */
  readonly runs: MappedRuns;
}

/**
 * @returns the bytes of a resident attribute, or the map of one that is not
 * @throws `corrupt` when its pieces do not continue each other, or hold less than its size
 */
export function assemble({ geometry }: Volume, pieces: readonly Piece[]): Uint8Array | Stream {
  const { view, at } = pieces[0]!;
  const value = residentValue(view, at);
  if (value !== undefined) {
    if (pieces.length > 1) throw corrupt('NTFS_ATTRIBUTE_TWICE', 'it has the same attribute twice');
    return new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset + value.at, value.length);
  }
  const runs = new MappedRuns();
  let vcn = 0;
  for (const piece of pieces) {
    const lowest = isResident(piece.view, piece.at) ? -1 : big64(piece.view, piece.at + ATTR.lowest_vcn);
    if (lowest !== vcn)
      throw corrupt('NTFS_ATTRIBUTE_GAP', `its runs continue at cluster ${lowest}, cluster ${vcn} is next`);
    vcn = locateSync('run list', () =>
      decodeRuns(piece.view, piece.at, geometry, (logical, cluster, length) => {
        if (cluster >= 0) runs.push(0, logical, cluster, length, 0);
      }),
    );
  }
  const size = big64(view, at + ATTR.data_size);
  const initialized = big64(view, at + ATTR.initialized_size);
  if (!(size <= vcn * geometry.clusterSize) || initialized > size)
    throw corrupt(
      'NTFS_FILE_SIZE',
      `is ${size} bytes long, ${initialized} of them written; its runs hold ${vcn * geometry.clusterSize}`,
    );
  const exponent = view.getUint8(at + ATTR.compression_unit);
  return {
    size,
    initialized,
    flags: view.getUint16(at + ATTR.flags, true),
    unit: exponent === 0 ? 0 : 2 ** exponent,
    runs,
  };
}
