/**
 * XXH64 with seed 0 (xxHash_spec.md), which Node does not offer: one of the checksums that btrfs seals blocks with.
 * 64-bit numbers are pairs of 32-bit halves, since BigInt would take twenty times as long.
 */
import { viewOf } from './record.ts';

/** Halves of a 64-bit number; signed, as bitwise operators leave them. */
interface Word {
  high: number;
  low: number;
}

const P1: Word = { high: 0x9e3779b1, low: 0x85ebca87 };
const P2: Word = { high: 0xc2b2ae3d, low: 0x27d4eb4f };
const P3: Word = { high: 0x165667b1, low: 0x9e3779f9 };
const P4: Word = { high: 0x85ebca77, low: 0xc2b2ae63 };
const P5: Word = { high: 0x27d4eb2f, low: 0x165667c5 };

/** word = word * by modulo 2^64. */
function multiply(word: Word, by: Word): void {
  const { low } = word;
  const [a0, a1, b0, b1] = [low & 0xffff, low >>> 16, by.low & 0xffff, by.low >>> 16];
  const first = a1 * b0 + ((a0 * b0) >>> 16);
  const second = a0 * b1 + (first & 0xffff);
  const carry = a1 * b1 + (first >>> 16) + (second >>> 16);
  word.high = (carry + Math.imul(word.high, by.low) + Math.imul(low, by.high)) | 0;
  word.low = Math.imul(low, by.low);
}

function add(word: Word, high: number, low: number): void {
  const sum = (word.low >>> 0) + (low >>> 0);
  word.high = (word.high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
  word.low = sum | 0;
}

/** By 1 to 31 bits, to the left. */
function rotate({ high, low }: Word, by: number): Word {
  return { high: (high << by) | (low >>> (32 - by)), low: (low << by) | (high >>> (32 - by)) };
}

/** acc = rotl(acc + lane * P2, 31) * P1 */
function round(accumulator: Word, high: number, low: number): void {
  const lane = { high, low };
  multiply(lane, P2);
  add(accumulator, lane.high, lane.low);
  const { high: top, low: bottom } = accumulator;
  accumulator.high = (top << 31) | (bottom >>> 1);
  accumulator.low = (bottom << 31) | (top >>> 1);
  multiply(accumulator, P1);
}

/** hash = rotl(hash ^ word, by) * factor + addend */
function mix(hash: Word, word: Word, by: number, factor: Word, addend: Word): void {
  hash.high ^= word.high;
  hash.low ^= word.low;
  if (by > 0) Object.assign(hash, rotate(hash, by));
  multiply(hash, factor);
  add(hash, addend.high, addend.low);
}

/** The lower half is `low`, both unsigned. */
export function xxhash64(bytes: Uint8Array): { high: number; low: number } {
  const view = viewOf(bytes);
  const { length } = bytes;
  let at = 0;
  let hash: Word = { ...P5 };
  if (length >= 32) {
    const lanes: [Word, Word, Word, Word] = [{ ...P1 }, { ...P2 }, { high: 0, low: 0 }, { high: 0, low: 0 }];
    add(lanes[0], P2.high, P2.low);
    add(lanes[3], ~P1.high, -P1.low); // -P1: the lower half is not 0, so nothing is carried
    for (; at + 32 <= length; at += 32) {
      for (let i = 0; i < 4; i++) {
        round(lanes[i]!, view.getInt32(at + 8 * i + 4, true), view.getInt32(at + 8 * i, true));
      }
    }
    hash = rotate(lanes[0], 1);
    for (const [i, by] of [7, 12, 18].entries()) {
      const word = rotate(lanes[i + 1]!, by);
      add(hash, word.high, word.low);
    }
    for (const lane of lanes) {
      const word = { high: 0, low: 0 };
      round(word, lane.high, lane.low);
      mix(hash, word, 0, P1, P4);
    }
  }
  add(hash, 0, length);
  for (; at + 8 <= length; at += 8) {
    const word = { high: 0, low: 0 };
    round(word, view.getInt32(at + 4, true), view.getInt32(at, true));
    mix(hash, word, 27, P1, P4);
  }
  if (at + 4 <= length) {
    const word = { high: 0, low: view.getInt32(at, true) };
    multiply(word, P1);
    mix(hash, word, 23, P2, P3);
    at += 4;
  }
  for (; at < length; at++) {
    const word = { high: 0, low: bytes[at]! };
    multiply(word, P5);
    mix(hash, word, 11, P1, { high: 0, low: 0 });
  }
  hash.low ^= hash.high >>> 1; // hash >> 33
  multiply(hash, P2);
  const { high, low } = hash;
  hash.high ^= high >>> 29;
  hash.low ^= (low >>> 29) | (high << 3);
  multiply(hash, P3);
  hash.low ^= hash.high;
  return { high: hash.high >>> 0, low: hash.low >>> 0 };
}
