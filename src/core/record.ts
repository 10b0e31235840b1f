/**
 * Declarative fixed-layout records.
 *
 * A format's `layout.ts` lists the fields of a structure once, with the specification's own spelling and
 * offsets, and gets a typed reader. The reader checks the length once; behaviour reads the record, validates,
 * renames and forgets it. Hot loops (inode tables, pointer tables) read through DataView helpers below instead.
 *
 * Offsets and sizes are `number`, exact to 2^53 - 1; a larger u64 is corrupt. JavaScript's bitwise operators
 * cut to 32 bits, so masking of 64-bit values lives here and nowhere else.
 */
import { corrupt } from './errors.ts';
import { hex } from './text.ts';

export interface Field<T> {
  readonly offset: number;
  readonly size: number;
  read(view: DataView, at: number): T;
}

export type Fields = Record<string, Field<unknown>>;
export type RecordOf<F extends Fields> = {
  -readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never;
};

export interface RecordType<F extends Fields> {
  readonly name: string;
  /** Bytes that a reader needs. */
  readonly size: number;
  readonly fields: F;
  /** Reads every field; throws `corrupt` when `bytes` is too short from `at` on. */
  read(bytes: Uint8Array, at?: number): RecordOf<F>;
}

/** Declares a record. `size` defaults to the end of its last field. */
export function record<F extends Fields>(name: string, fields: F, size?: number): RecordType<F> {
  const entries = Object.entries(fields);
  const needed = size ?? Math.max(...entries.map(([, field]) => field.offset + field.size));
  return {
    name,
    size: needed,
    fields,
    read(bytes, at = 0) {
      if (at < 0 || at + needed > bytes.length) {
        throw corrupt(
          'TRUNCATED_RECORD',
          `${name} needs ${needed} bytes, ${Math.max(0, bytes.length - at)} are there`,
        );
      }
      const view = viewOf(bytes);
      const result: Record<string, unknown> = {};
      for (const [key, field] of entries) result[key] = field.read(view, at + field.offset);
      return result as RecordOf<F>;
    },
  };
}

/** A DataView over exactly these bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const TWO_32 = 4294967296;

function exact(high: number, low: number): number {
  if (high > 0x1fffff) {
    throw corrupt('NUMBER_TOO_LARGE', `${hex((BigInt(high) << 32n) | BigInt(low))} exceeds 2^53 - 1`);
  }
  return high * TWO_32 + low;
}

/** Reads an unsigned 64-bit number; above 2^53 - 1 it is corrupt. */
export function readU64(view: DataView, at: number, littleEndian: boolean): number {
  return littleEndian
    ? exact(view.getUint32(at + 4, true), view.getUint32(at, true))
    : exact(view.getUint32(at, false), view.getUint32(at + 4, false));
}

/** Bits `low` … `high` - 1 of the 64-bit value (`top` << 32 | `bottom`), in place (not shifted down). */
export function maskBits(top: number, bottom: number, low: number, high: number): number {
  const bottomMask =
    low >= 32 ? 0 : ((0xffffffff << low) & (high >= 32 ? 0xffffffff : (1 << high) - 1)) >>> 0;
  const topHigh = high <= 32 ? 0 : high >= 64 ? 0xffffffff : (2 ** (high - 32) - 1) >>> 0;
  const topMask = low <= 32 ? topHigh : (topHigh & (0xffffffff << (low - 32))) >>> 0;
  return exact((top & topMask) >>> 0, (bottom & bottomMask) >>> 0);
}

function field<T>(offset: number, size: number, read: (view: DataView, at: number) => T): Field<T> {
  return { offset, size, read };
}

export const u8 = (offset: number): Field<number> => field(offset, 1, (view, at) => view.getUint8(at));
export const u16le = (offset: number): Field<number> =>
  field(offset, 2, (view, at) => view.getUint16(at, true));
export const u16be = (offset: number): Field<number> =>
  field(offset, 2, (view, at) => view.getUint16(at, false));
export const u32le = (offset: number): Field<number> =>
  field(offset, 4, (view, at) => view.getUint32(at, true));
export const u32be = (offset: number): Field<number> =>
  field(offset, 4, (view, at) => view.getUint32(at, false));
export const i32le = (offset: number): Field<number> =>
  field(offset, 4, (view, at) => view.getInt32(at, true));
export const i32be = (offset: number): Field<number> =>
  field(offset, 4, (view, at) => view.getInt32(at, false));
/** 64 bits that must fit a number. */
export const u64le = (offset: number): Field<number> =>
  field(offset, 8, (view, at) => readU64(view, at, true));
/** 64 bits that must fit a number. */
export const u64be = (offset: number): Field<number> =>
  field(offset, 8, (view, at) => readU64(view, at, false));
/** 64 bits of flags or identifiers, kept whole. */
export const bits64le = (offset: number): Field<bigint> =>
  field(offset, 8, (view, at) => view.getBigUint64(at, true));
/** 64 bits of flags or identifiers, kept whole. */
export const bits64be = (offset: number): Field<bigint> =>
  field(offset, 8, (view, at) => view.getBigUint64(at, false));
/** A copy of `size` bytes. */
export const bytes = (offset: number, size: number): Field<Uint8Array> =>
  field(
    offset,
    size,
    (view, at) => new Uint8Array(view.buffer.slice(view.byteOffset + at, view.byteOffset + at + size)),
  );
/** Every byte as a Latin-1 character: for magics, compared whole. */
export const ascii = (offset: number, size: number): Field<string> =>
  field(offset, size, (view, at) => Buffer.from(view.buffer, view.byteOffset + at, size).toString('latin1'));
