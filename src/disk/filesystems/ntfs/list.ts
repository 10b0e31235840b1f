/** Attribute lists, which name the records that hold what of a file does not fit into its first one. */
import { corrupt } from '../../../core/errors.ts';
import { MAX_NTFS_LIST_BYTES } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { MappedRuns, mappedSource } from '../../../sources/mapped.ts';
import { readBytes } from '../../../sources/read.ts';
import type { Geometry } from './boot.ts';
import { ATTR, LIST_ENTRY } from './layout.ts';
import type { Volume } from './mft.ts';
import {
  big64,
  isResident,
  isUnnamed,
  referenceNumber,
  referenceSequence,
  residentValue,
  walkAttributes,
} from './record.ts';
import { decodeRuns } from './runlist.ts';

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
