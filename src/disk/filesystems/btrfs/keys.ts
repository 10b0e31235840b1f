/** Keys of items: three numbers, of which two have 64 bits; kept in halves, so that all of them compare exactly. */
import { KEY } from './layout.ts';

const TWO_32 = 4294967296;

export interface Key {
  /** Object number: upper and lower half. */
  readonly high: number;
  readonly low: number;
  readonly type: number;
  readonly offsetHigh: number;
  readonly offsetLow: number;
}

export function keyOf(objectid: number, type: number, offset: number): Key {
  return {
    high: Math.floor(objectid / TWO_32),
    low: objectid % TWO_32,
    type,
    offsetHigh: Math.floor(offset / TWO_32),
    offsetLow: offset % TWO_32,
  };
}

/** The last key that an object may have with this type. */
export function lastKeyOf(objectid: number, type: number): Key {
  return { ...keyOf(objectid, type, 0), offsetHigh: 0xffffffff, offsetLow: 0xffffffff };
}

export function readKey(view: DataView, at: number): Key {
  return {
    high: view.getUint32(at + 4, true),
    low: view.getUint32(at, true),
    type: view.getUint8(at + KEY.type),
    offsetHigh: view.getUint32(at + KEY.offset + 4, true),
    offsetLow: view.getUint32(at + KEY.offset, true),
  };
}

/** Negative, 0 or positive. */
export function compareKeys(a: Key, b: Key): number {
  return (
    a.high - b.high ||
    a.low - b.low ||
    a.type - b.type ||
    a.offsetHigh - b.offsetHigh ||
    a.offsetLow - b.offsetLow
  );
}

/** As `compareKeys`, of the key that stands at `at` with `b`. */
export function compareKeyAt(view: DataView, at: number, b: Key): number {
  return (
    view.getUint32(at + 4, true) - b.high ||
    view.getUint32(at, true) - b.low ||
    view.getUint8(at + KEY.type) - b.type ||
    view.getUint32(at + KEY.offset + 4, true) - b.offsetHigh ||
    view.getUint32(at + KEY.offset, true) - b.offsetLow
  );
}

/** As `compareKeys`, of two keys that stand in a view. */
export function compareKeysAt(view: DataView, a: number, b: number): number {
  return (
    view.getUint32(a + 4, true) - view.getUint32(b + 4, true) ||
    view.getUint32(a, true) - view.getUint32(b, true) ||
    view.getUint8(a + KEY.type) - view.getUint8(b + KEY.type) ||
    view.getUint32(a + KEY.offset + 4, true) - view.getUint32(b + KEY.offset + 4, true) ||
    view.getUint32(a + KEY.offset, true) - view.getUint32(b + KEY.offset, true)
  );
}

/** 64 bits as a number; infinity when they do not fit, so that every bound refuses them. */
export function big64(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  return high > 0x1fffff ? Number.POSITIVE_INFINITY : high * TWO_32 + view.getUint32(at, true);
}
