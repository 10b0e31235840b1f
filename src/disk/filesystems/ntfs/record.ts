/**
 * Multi-sector records: check values at the end of every 512 bytes, put back what belongs there, and a walk over the
 * attributes of a file record that trusts no length.
 */
import { ATTR, ATTR_FLAG, MFT_RECORD, NTFS_BLOCK_SIZE, TYPE } from './layout.ts';

const MAGIC_FILE = 0x454c4946; // 'FILE'
const MAGIC_BAAD = 0x44414142; // 'BAAD'

/** @returns what is wrong, or undefined; then every check value has made way for what belongs there */
export function fixUp(view: DataView, at: number, size: number): string | undefined {
  const offset = view.getUint16(at + MFT_RECORD.usa_ofs, true);
  const count = view.getUint16(at + MFT_RECORD.usa_count, true);
  const blocks = size / NTFS_BLOCK_SIZE;
  if (count !== blocks + 1 || offset % 2 !== 0 || offset < 8 || offset + 2 * count > NTFS_BLOCK_SIZE - 2)
    return `its update sequence of ${count} values at ${offset} does not fit`;
  const check = view.getUint16(at + offset, true);
  for (let block = 1; block <= blocks; block++) {
    const end = at + block * NTFS_BLOCK_SIZE - 2;
    if (view.getUint16(end, true) !== check)
      return `it was not written whole: sector ${block - 1} is of another time`;
  }
  for (let block = 1; block <= blocks; block++) {
    view.setUint16(at + block * NTFS_BLOCK_SIZE - 2, view.getUint16(at + offset + 2 * block, true), true);
  }
  return undefined;
}

/** Checks a file record and puts its bytes right, in place. @returns what is wrong, or undefined */
export function recordProblem(view: DataView, at: number, size: number, number: number): string | undefined {
  const magic = view.getUint32(at, true);
  if (magic === MAGIC_BAAD) return 'it is marked as damaged (BAAD)';
  if (magic !== MAGIC_FILE) return 'there is no file record: the magic number is missing';
  const problem = fixUp(view, at, size);
  if (problem !== undefined) return problem;
  const used = view.getUint32(at + MFT_RECORD.bytes_in_use, true);
  const first = view.getUint16(at + MFT_RECORD.attrs_offset, true);
  if (view.getUint32(at + MFT_RECORD.bytes_allocated, true) !== size || used > size)
    return `it claims ${used} of ${view.getUint32(at + MFT_RECORD.bytes_allocated, true)} bytes, records have ${size}`;
  if (first < MFT_RECORD.headerSize || first % 8 !== 0 || first + 4 > used)
    return `its attributes begin at ${first}`;
  if (view.getUint16(at + MFT_RECORD.usa_ofs, true) >= MFT_RECORD.size_3_1) {
    const own = view.getUint32(at + MFT_RECORD.mft_record_number, true);
    if (own !== number % 2 ** 32) return `it says that it is record ${own}`;
  }
  return undefined;
}

/** A copy of the record at the beginning of `bytes`, put right; undefined when it is damaged. */
export function unpackRecord(bytes: Uint8Array, size: number, number: number): Uint8Array | undefined {
  if (bytes.length < size) return undefined;
  const copy = new Uint8Array(bytes.subarray(0, size));
  return recordProblem(new DataView(copy.buffer), 0, size, number) === undefined ? copy : undefined;
}

/**
 * Calls `visit` for each attribute of a record that `recordProblem` has passed. What stands inside of an attribute is
 * bounded: its name, a resident value, the header of a non-resident one.
 * @returns what is wrong with the list of attributes, or undefined
 */
export function walkAttributes(
  view: DataView,
  record: number,
  size: number,
  visit: (type: number, at: number, length: number) => void,
): string | undefined {
  const end = record + Math.min(size, view.getUint32(record + MFT_RECORD.bytes_in_use, true));
  let at = record + view.getUint16(record + MFT_RECORD.attrs_offset, true);
  while (at + 4 <= end) {
    const type = view.getUint32(at, true);
    if (type === TYPE.END) return undefined;
    if (at + ATTR.residentSize > end) break;
    const length = view.getUint32(at + ATTR.length, true);
    const problem = attributeProblem(view, at, length, end);
    if (problem !== undefined)
      return `the attribute of type 0x${type.toString(16)} at ${at - record} ${problem}`;
    visit(type, at, length);
    at += length;
  }
  return 'its attributes have no end';
}

function attributeProblem(view: DataView, at: number, length: number, end: number): string | undefined {
  if (length < ATTR.residentSize || length % 8 !== 0 || at + length > end) return `claims ${length} bytes`;
  const nameLength = view.getUint8(at + ATTR.name_length);
  if (nameLength > 0 && view.getUint16(at + ATTR.name_offset, true) + 2 * nameLength > length)
    return 'has a name that does not fit';
  if (view.getUint8(at + ATTR.non_resident) === 0) {
    const value = view.getUint16(at + ATTR.value_offset, true);
    if (value < ATTR.residentSize || value + view.getUint32(at + ATTR.value_length, true) > length)
      return 'has a value that does not fit';
    return undefined;
  }
  if (length < ATTR.nonResidentSize) return `claims ${length} bytes`;
  const runs = view.getUint16(at + ATTR.mapping_pairs_offset, true);
  return runs < ATTR.nonResidentSize || runs > length ? `has its runs at ${runs}` : undefined;
}

/** Place and length of a resident attribute's value; undefined when it is not resident. */
export function residentValue(view: DataView, at: number): { at: number; length: number } | undefined {
  if (view.getUint8(at + ATTR.non_resident) !== 0) return undefined;
  return {
    at: at + view.getUint16(at + ATTR.value_offset, true),
    length: view.getUint32(at + ATTR.value_length, true),
  };
}

export function isResident(view: DataView, at: number): boolean {
  return view.getUint8(at + ATTR.non_resident) === 0;
}

export function isUnnamed(view: DataView, at: number): boolean {
  return view.getUint8(at + ATTR.name_length) === 0;
}

/** True when the attribute's name is this one, in ASCII. */
export function isNamed(view: DataView, at: number, name: string): boolean {
  if (view.getUint8(at + ATTR.name_length) !== name.length) return false;
  const start = at + view.getUint16(at + ATTR.name_offset, true);
  for (let i = 0; i < name.length; i++)
    if (view.getUint16(start + 2 * i, true) !== name.charCodeAt(i)) return false;
  return true;
}

export function isCompressed(view: DataView, at: number): boolean {
  return (view.getUint16(at + ATTR.flags, true) & ATTR_FLAG.compressionMask) !== 0;
}

/** An unsigned 64-bit number; infinity when it does not fit, so that every bound refuses it. */
export function big64(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  return high > 0x1fffff ? Number.POSITIVE_INFINITY : high * 2 ** 32 + view.getUint32(at, true);
}

/** A reference to a file record: 48 bits of its number; 16 bits of its sequence number follow. */
export function referenceNumber(view: DataView, at: number): number {
  return view.getUint16(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

export function referenceSequence(view: DataView, at: number): number {
  return view.getUint16(at + 6, true);
}
