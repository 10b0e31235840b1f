/**
 * What a scan keeps of files, names and runs, in columns. Files get slots in the order of their records, which is
 * ascending, so that a slot is found by a search and memory follows what is on the disk.
 */

import { unsupported } from '../../../core/errors.ts';
import { MAX_FILE_ENTRIES } from '../../../core/limits.ts';
import { doubled } from '../../../sources/runs.ts';
import { encodeName, MAX_NAME_BYTES } from './names.ts';

/** Bits of the `state` column. */
export const STATE = {
  directory: 1,
  readOnly: 2,
  damaged: 4,
  compressed: 8,
  encrypted: 16,
  system: 32,
} as const;

export class FileColumns {
  count = 0;
  /** Number of the base record. */
  record: Uint32Array<ArrayBuffer> = new Uint32Array(1024);
  sequence: Uint16Array<ArrayBuffer> = new Uint16Array(1024);
  state: Uint8Array<ArrayBuffer> = new Uint8Array(1024);
  /** As the record counts them, and as they were seen: names of all kinds, and those that are no 8.3 names. */
  links: Uint16Array<ArrayBuffer> = new Uint16Array(1024);
  namesSeen: Uint16Array<ArrayBuffer> = new Uint16Array(1024);
  longNames: Uint16Array<ArrayBuffer> = new Uint16Array(1024);
  /** Reparse tag; 0 without one. */
  tag: Uint32Array<ArrayBuffer> = new Uint32Array(1024);
  size: Float64Array<ArrayBuffer> = new Float64Array(1024);
  allocated: Float64Array<ArrayBuffer> = new Float64Array(1024);
  /** Seconds since 1970. */
  modified: Float64Array<ArrayBuffer> = new Float64Array(1024);

  add(record: number, sequence: number, state: number, links: number): number {
    if (this.count === this.record.length) this.grow();
    const slot = this.count++;
    this.record[slot] = record;
    this.sequence[slot] = sequence;
    this.state[slot] = state;
    this.links[slot] = links;
    return slot;
  }

  private grow(): void {
    this.record = doubled(this.record);
    this.sequence = doubled(this.sequence);
    this.state = doubled(this.state);
    this.links = doubled(this.links);
    this.namesSeen = doubled(this.namesSeen);
    this.longNames = doubled(this.longNames);
    this.tag = doubled(this.tag);
    this.size = doubled(this.size);
    this.allocated = doubled(this.allocated);
    this.modified = doubled(this.modified);
  }

  /** -1 when no such file was read. */
  slotOf(record: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const there = this.record[middle]!;
      if (there === record) return middle;
      if (there < record) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}

/** Names with the directory that they stand in, by its record and sequence number. */
export class NameColumns {
  count = 0;
  slot: Uint32Array<ArrayBuffer> = new Uint32Array(1024);
  parent: Float64Array<ArrayBuffer> = new Float64Array(1024);
  parentSequence: Uint16Array<ArrayBuffer> = new Uint16Array(1024);
  /** The name is bytes [end of the one before, end) of `bytes`. */
  end: Float64Array<ArrayBuffer> = new Float64Array(1024);
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(32 * 1024);

  /** @returns false when the name holds what no path can, which became '?' */
  add(
    slot: number,
    parent: number,
    parentSequence: number,
    view: DataView,
    at: number,
    units: number,
  ): boolean {
    if (this.count === this.slot.length) {
      if (this.count >= MAX_FILE_ENTRIES)
        throw unsupported('TOO_MANY_FILES', `more than ${MAX_FILE_ENTRIES} files`);
      this.slot = doubled(this.slot);
      this.parent = doubled(this.parent);
      this.parentSequence = doubled(this.parentSequence);
      this.end = doubled(this.end);
    }
    const start = this.startOf(this.count);
    if (start + MAX_NAME_BYTES > this.bytes.length) this.bytes = doubled(this.bytes);
    const end = encodeName(view, at, units, this.bytes, start);
    this.slot[this.count] = slot;
    this.parent[this.count] = parent;
    this.parentSequence[this.count] = parentSequence;
    this.end[this.count++] = end < 0 ? ~end : end;
    return end >= 0;
  }

  startOf(name: number): number {
    return name === 0 ? 0 : this.end[name - 1]!;
  }
}
