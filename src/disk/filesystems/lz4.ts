/**
 * An LZ4 block (lz4_Block_format.md): sequences of literals and matches, without a frame around them. Small enough to
 * be decoded here, and every length and offset of it is checked.
 */

const MIN_MATCH = 4;
const TOO_MUCH = 'it holds more than its block';

/**
 * Decodes one block.
 * @param capacity most bytes that it may hold
 * @returns a new array of what it holds
 * @throws Error when it is damaged, or holds more
 */
export function decodeLz4(packed: Uint8Array, capacity: number): Uint8Array {
  return decode(packed, capacity, false);
}

/**
 * Decodes the beginning of a block, whatever else stands behind that.
 * @param length bytes that are wanted
 * @returns a new array of `length` bytes, fewer when the block holds fewer
 * @throws Error when it is damaged before that
 */
export function decodeLz4Prefix(packed: Uint8Array, length: number): Uint8Array {
  return decode(packed, length, true);
}

function decode(packed: Uint8Array, capacity: number, isPrefix: boolean): Uint8Array {
  const output = new Uint8Array(capacity);
  let from = 0;
  let to = 0;
  /** Lengths of 15 go on in further bytes, up to the first that is not 255. */
  const longer = (length: number): number => {
    if (length < 15) return length;
    let sum = length;
    for (;;) {
      if (from >= packed.length) throw new Error('a length is cut short');
      const byte = packed[from++]!;
      sum += byte;
      if (byte !== 255) return sum;
    }
  };
  while (from < packed.length) {
    const token = packed[from++]!;
    const run = longer(token >>> 4);
    if (!isPrefix && to + run > capacity) throw new Error(TOO_MUCH);
    const literals = Math.min(run, capacity - to);
    if (from + literals > packed.length) throw new Error('literals are cut short');
    output.set(packed.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (isPrefix && to === capacity) return output;
    if (from === packed.length) return output.subarray(0, to); // the last sequence has no match
    if (from + 2 > packed.length) throw new Error('an offset is cut short');
    const offset = packed[from]! | (packed[from + 1]! << 8);
    from += 2;
    if (offset === 0 || offset > to) throw new Error('a match lies before the beginning');
    const length = longer(token & 15) + MIN_MATCH;
    if (!isPrefix && to + length > capacity) throw new Error(TOO_MUCH);
    // Byte by byte: a match may reach into what it writes.
    for (const end = Math.min(to + length, capacity); to < end; to++) output[to] = output[to - offset]!;
    if (isPrefix && to === capacity) return output;
  }
  throw new Error('it ends without its last literals');
}
