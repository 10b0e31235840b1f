/**
 * MicroLZMA: an LZMA stream without header, whose first byte (always zero in LZMA) carries the inverted properties.
 * The decoded length is known, and so there need be no end marker; the dictionary is the output itself. After the
 * LZMA specification (lzma-specification.txt of the LZMA SDK); every distance and length is checked.
 */

const TOP = 2 ** 24;
const MODEL_BITS = 11;
const ADAPT_SHIFT = 5;
const INITIAL = 1 << (MODEL_BITS - 1);

/** Where each set of probabilities begins in one array. */
const IS_MATCH = 0;
const IS_REP = IS_MATCH + (12 << 4);
const IS_REP_G0 = IS_REP + 12;
const IS_REP_G1 = IS_REP_G0 + 12;
const IS_REP_G2 = IS_REP_G1 + 12;
const IS_REP0_LONG = IS_REP_G2 + 12;
const POS_SLOT = IS_REP0_LONG + (12 << 4);
const POS_SPECIAL = POS_SLOT + (4 << 6);
const ALIGN = POS_SPECIAL + 115;
const LENGTH = ALIGN + 16;
/** Of a length: two choices, then 16 low and 16 middle trees of 3 bits, and one of 8 bits. */
const LENGTH_LOW = 2;
const LENGTH_MIDDLE = LENGTH_LOW + (16 << 3);
const LENGTH_HIGH = LENGTH_MIDDLE + (16 << 3);
const LENGTH_SIZE = LENGTH_HIGH + 256;
const REP_LENGTH = LENGTH + LENGTH_SIZE;
const LITERAL = REP_LENGTH + LENGTH_SIZE;
const LITERAL_SIZE = 0x300;

const MIN_MATCH = 2;
/** Of the specification: 9 × 5 × 5 combinations, of which LZMA Utils take lc + lp up to 4. */
const MAX_PROPERTIES = 9 * 5 * 5;
const MAX_LITERAL_BITS = 4;

/** The range decoder over one stream. */
class RangeDecoder {
  readonly probabilities: Uint16Array;
  private readonly bytes: Uint8Array;
  private at = 5;
  private range = 0xffffffff;
  private code: number;

  constructor(bytes: Uint8Array, probabilities: number) {
    if (bytes.length < 5) throw new Error('it is cut short');
    this.bytes = bytes;
    this.probabilities = new Uint16Array(probabilities).fill(INITIAL);
    this.code = ((bytes[1]! << 24) | (bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!) >>> 0;
  }

  private normalize(): void {
    if (this.range >= TOP) return;
    if (this.at >= this.bytes.length) throw new Error('it is cut short');
    this.range = (this.range << 8) >>> 0;
    this.code = ((this.code << 8) | this.bytes[this.at++]!) >>> 0;
  }

  bit(index: number): 0 | 1 {
    this.normalize();
    const probability = this.probabilities[index]!;
    const bound = (this.range >>> MODEL_BITS) * probability;
    if (this.code < bound) {
      this.range = bound;
      this.probabilities[index] = probability + (((1 << MODEL_BITS) - probability) >>> ADAPT_SHIFT);
      return 0;
    }
    this.range -= bound;
    this.code -= bound;
    this.probabilities[index] = probability - (probability >>> ADAPT_SHIFT);
    return 1;
  }

  direct(bits: number): number {
    let value = 0;
    for (let i = 0; i < bits; i++) {
      this.normalize();
      this.range >>>= 1;
      const isSet = this.code >= this.range;
      if (isSet) this.code -= this.range;
      value = value * 2 + (isSet ? 1 : 0);
    }
    return value;
  }

  /** Most significant bit first. */
  tree(base: number, bits: number): number {
    let symbol = 1;
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.bit(base + symbol);
    return symbol - (1 << bits);
  }

  /** Least significant bit first. */
  reverseTree(base: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(base + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  length(base: number, posState: number): number {
    if (this.bit(base) === 0) return this.tree(base + LENGTH_LOW + (posState << 3), 3);
    if (this.bit(base + 1) === 0) return 8 + this.tree(base + LENGTH_MIDDLE + (posState << 3), 3);
    return 16 + this.tree(base + LENGTH_HIGH, 8);
  }

  distance(length: number): number {
    const slot = this.tree(POS_SLOT + (Math.min(length, 3) << 6), 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** bits;
    if (slot < 14) return base + this.reverseTree(POS_SPECIAL + base - slot - 1, bits);
    return base + this.direct(bits - 4) * 16 + this.reverseTree(ALIGN, 4);
  }

  /** Whether the stream ends here, as an encoder leaves it. */
  get isFinished(): boolean {
    this.normalize();
    return this.code === 0;
  }
}

/**
 * Decodes a stream.
 * @param length bytes that it holds, or that are wanted of it
 * @param isPrefix whether it may hold more
 * @throws Error when it is damaged or holds fewer bytes, or more and may not
 */
export function decodeMicroLzma(packed: Uint8Array, length: number, isPrefix: boolean): Uint8Array {
  const properties = ~(packed[0] ?? 0) & 0xff;
  const lc = properties % 9;
  const lp = Math.floor(properties / 9) % 5;
  const pb = Math.floor(properties / 45);
  if (properties >= MAX_PROPERTIES || lc + lp > MAX_LITERAL_BITS)
    throw new Error('its properties are not possible');
  const decoder = new RangeDecoder(packed, LITERAL + (LITERAL_SIZE << (lc + lp)));
  const output = new Uint8Array(length);
  const posMask = (1 << pb) - 1;
  const literalMask = (1 << lp) - 1;
  let state = 0;
  /** The last four distances, less one. */
  let [rep0, rep1, rep2, rep3] = [0, 0, 0, 0];
  let at = 0;
  while (at < length) {
    const posState = at & posMask;
    if (decoder.bit(IS_MATCH + (state << 4) + posState) === 0) {
      const before = at > 0 ? output[at - 1]! : 0;
      const base = LITERAL + LITERAL_SIZE * (((at & literalMask) << lc) + (before >> (8 - lc)));
      let symbol = 1;
      if (state >= 7) {
        // After a match, the byte that would have gone on with it helps to guess.
        let match = output[at - rep0 - 1]!;
        let offset = 0x100;
        while (symbol < 0x100) {
          match <<= 1;
          const matchBit = match & offset;
          const bit = decoder.bit(base + offset + matchBit + symbol);
          symbol = (symbol << 1) | bit;
          offset &= bit === 1 ? matchBit : ~matchBit;
        }
      } else while (symbol < 0x100) symbol = (symbol << 1) | decoder.bit(base + symbol);
      output[at++] = symbol & 0xff;
      state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
      continue;
    }
    let count: number;
    if (decoder.bit(IS_REP + state) === 0) {
      [rep3, rep2, rep1] = [rep2, rep1, rep0];
      count = decoder.length(LENGTH, posState);
      rep0 = decoder.distance(count);
      state = state < 7 ? 7 : 10;
    } else {
      if (decoder.bit(IS_REP_G0 + state) === 0) {
        if (decoder.bit(IS_REP0_LONG + (state << 4) + posState) === 0) {
          if (rep0 >= at) throw new Error('a match lies before the beginning');
          output[at] = output[at - rep0 - 1]!;
          at++;
          state = state < 7 ? 9 : 11;
          continue;
        }
      } else if (decoder.bit(IS_REP_G1 + state) === 0) [rep1, rep0] = [rep0, rep1];
      else if (decoder.bit(IS_REP_G2 + state) === 0) [rep2, rep1, rep0] = [rep1, rep0, rep2];
      else [rep3, rep2, rep1, rep0] = [rep2, rep1, rep0, rep3];
      count = decoder.length(REP_LENGTH, posState);
      state = state < 7 ? 8 : 11;
    }
    count += MIN_MATCH;
    if (rep0 >= at) throw new Error('a match lies before the beginning');
    if (at + count > length && !isPrefix) throw new Error('it holds more than its block');
    // Byte by byte: a match may reach into what it writes.
    for (const end = Math.min(length, at + count); at < end; at++) output[at] = output[at - rep0 - 1]!;
  }
  if (!isPrefix && !decoder.isFinished) throw new Error('it holds more than its block');
  return output;
}
