/**
 * LZNT1 ([MS-XCA] 2.5): chunks that decode to 4096 bytes each, behind a word with their length. Groups of eight
 * literals or matches follow a byte of flags; a match is a word, divided between distance and length by how far into
 * the chunk it stands. Every length and distance is checked.
 */
const CHUNK_BYTES = 4096;
const MIN_MATCH = 3;

/**
 * Decodes a buffer of chunks into `target`; what they do not fill becomes zeros.
 * @throws Error when it is damaged, or holds more
 */
export function decodeLznt1(packed: Uint8Array, target: Uint8Array): void {
  let from = 0;
  let to = 0;
  while (from + 2 <= packed.length && to < target.length) {
    const header = packed[from]! | (packed[from + 1]! << 8);
    if (header === 0) break;
    from += 2;
    const end = from + (header & 0x0fff) + 1;
    if (end > packed.length) throw new Error('a chunk is cut short');
    if ((header & 0x7000) !== 0x3000) throw new Error('a chunk has no signature');
    const limit = Math.min(target.length, to + CHUNK_BYTES);
    const filled =
      header & 0x8000
        ? decodeChunk(packed, from, end, target, to, limit)
        : copyChunk(packed, from, end, target, to, limit);
    // Only the last one may hold less.
    target.fill(0, filled, limit);
    to = limit;
    from = end;
  }
  target.fill(0, to);
}

function copyChunk(
  packed: Uint8Array,
  from: number,
  end: number,
  target: Uint8Array,
  to: number,
  limit: number,
): number {
  if (to + end - from > limit) throw new Error('a chunk holds more than its 4096 bytes');
  target.set(packed.subarray(from, end), to);
  return to + end - from;
}

/** @returns where what it decoded ends */
function decodeChunk(
  packed: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  first: number,
  limit: number,
): number {
  let from = start;
  let to = first;
  while (from < end) {
    let flags = packed[from++]!;
    for (let item = 0; item < 8 && from < end; item++, flags >>= 1) {
      if ((flags & 1) === 0) {
        if (to >= limit) throw new Error('a chunk holds more than its 4096 bytes');
        target[to++] = packed[from++]!;
        continue;
      }
      if (from + 2 > end) throw new Error('a match is cut short');
      const word = packed[from]! | (packed[from + 1]! << 8);
      from += 2;
      const done = to - first;
      if (done === 0) throw new Error('a match lies before the beginning of its chunk');
      // As many bits as the distance may need: 4 for the first 16 bytes, one more for each doubling, 12 at most.
      const distanceBits = Math.max(4, 32 - Math.clz32(done - 1));
      const lengthBits = 16 - distanceBits;
      const distance = (word >>> lengthBits) + 1;
      const length = (word & ((1 << lengthBits) - 1)) + MIN_MATCH;
      if (distance > done) throw new Error('a match lies before the beginning of its chunk');
      if (to + length > limit) throw new Error('a chunk holds more than its 4096 bytes');
      // Byte by byte: a match may reach into what it writes.
      for (const stop = to + length; to < stop; to++) target[to] = target[to - distance]!;
    }
  }
  return to;
}
