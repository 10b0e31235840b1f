/**
 * What a writer proved of the units that it stored while it had both sides at hand: that the stored bytes decode to
 * the unit's content. A seal keeps of them what finds them again: the length of each, and one CRC-32 over those of a
 * group. Units are clusters of qcow2, grains of VMDK, frames of a compressed stream.
 *
 * A unit takes 4 bytes and a group 8, so a terabyte of data in 64 KiB is held with some 72 MB.
 */
import type { StoredCodec } from './contracts/source.ts';
import { ImgoptError } from './errors.ts';

/** A unit of zeros, which need not be stored at all. */
export const ZERO_UNIT = 0;
/** A unit that is stored as it is. */
export const PLAIN_UNIT = 0xffff_ffff;

/** Consecutive units of the log, sealed together. */
export interface SealedGroup {
  /** Their numbers: position on the disk ÷ unit; ascending. */
  readonly units: readonly number[];
  /** Stored bytes of each, compressed; ZERO_UNIT or PLAIN_UNIT. */
  readonly lengths: Uint32Array;
  /** Of all their stored bytes in this order. */
  readonly crc: number;
}

/** An array of numbers that grows. */
class Column {
  private values = new Uint32Array(256);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) {
      const larger = new Uint32Array(this.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length++] = value;
  }

  at(index: number): number {
    return this.values[index]!;
  }

  slice(start: number, end: number): Uint32Array {
    return this.values.slice(start, end);
  }
}

/** Seals in the order of the disk. */
export class SealLog {
  private unitBytes = 0;
  private codecName: StoredCodec = 'none';
  private readonly lengths = new Column();
  private readonly groupEnds = new Column();
  private readonly crcs = new Column();
  /** Units in a row: number of the first, and its position in the log. */
  private readonly runs: { readonly unit: number; readonly position: number }[] = [];
  private next = -1;

  /** Bytes of a unit. */
  get unit(): number {
    return this.unitBytes;
  }

  /** Of the units that are not plain. */
  get codec(): StoredCodec {
    return this.codecName;
  }

  /** Before anything is added. */
  begin(unit: number, codec: StoredCodec): void {
    this.unitBytes = unit;
    this.codecName = codec;
  }

  /** `units` ascend, also from call to call. */
  add(units: readonly number[], lengths: ArrayLike<number>, crc: number): void {
    for (const [i, unit] of units.entries()) {
      if (unit !== this.next) this.runs.push({ unit, position: this.lengths.length });
      this.next = unit + 1;
      this.lengths.push(lengths[i]!);
    }
    this.groupEnds.push(this.lengths.length);
    this.crcs.push(crc);
  }

  *groups(): Generator<SealedGroup> {
    let run = 0;
    let start = 0;
    for (let group = 0; group < this.crcs.length; group++) {
      const end = this.groupEnds.at(group);
      const units: number[] = [];
      for (let position = start; position < end; position++) {
        while (run + 1 < this.runs.length && this.runs[run + 1]!.position <= position) run++;
        units.push(this.runs[run]!.unit + position - this.runs[run]!.position);
      }
      yield { units, lengths: this.lengths.slice(start, end), crc: this.crcs.at(group) };
      start = end;
    }
  }
}

/** The output is not what was planned. */
export function mismatch(message: string): ImgoptError {
  return new ImgoptError('failed-check', 'VERIFY_MISMATCH', message, {
    advice: 'the output was removed; please report this as a bug',
  });
}
