/**
 * LZO1X, as the kernel's Documentation/staging/lzo.rst describes the stream, and btrfs's frame around it: the length of
 * everything, then segments of one sector each with their own length, of which no length lies across the edge of a sector.
 */

const MOST_M2_OFFSET = 0x0800;

/**
 * Decodes one LZO1X stream.
 * @returns how many bytes it held
 * @throws Error when it is damaged, or holds more than `output` has room for
 */
export function decodeLzo1x(packed: Uint8Array, output: Uint8Array): number {
  let from = 0;
  let to = 0;
  const next = (): number => {
    if (from >= packed.length) throw new Error('it is cut short');
    return packed[from++]!;
  };
  const literals = (count: number): void => {
    if (from + count > packed.length) throw new Error('literals are cut short');
    if (to + count > output.length) throw new Error('it holds more than its sector');
    output.set(packed.subarray(from, from + count), to);
    from += count;
    to += count;
  };
  /** A length of 0 in the instruction goes on in further bytes. */
  const longer = (bits: number, base: number): number => {
    if (bits !== 0) return bits + base;
    let sum = base;
    for (;;) {
      const byte = next();
      if (byte !== 0) return sum + byte;
      sum += 255;
      if (sum > output.length + 255) throw new Error('a length is larger than its sector');
    }
  };
  const copy = (distance: number, count: number): void => {
    if (distance > to) throw new Error('a match lies before the beginning');
    if (to + count > output.length) throw new Error('it holds more than its sector');
    // Byte by byte: a match may reach into what it writes.
    for (const end = to + count; to < end; to++) output[to] = output[to - distance]!;
  };

  /** Literals right before: 0, 1 to 3 of a match, 4 for a run of 4 and more. */
  let state = 0;
  if (packed.length > 0 && packed[0]! > 17) {
    const count = next() - 17;
    literals(count);
    state = Math.min(count, 4);
  }
  for (;;) {
    const code = next();
    let trailing: number;
    if (code >= 64) {
      // Two forms of a length of 3 to 8 and a distance of up to 2 KiB.
      const length = code >= 128 ? 5 + ((code >> 5) & 3) : 3 + ((code >> 5) & 1);
      copy((next() << 3) + ((code >> 2) & 7) + 1, length);
      trailing = code & 3;
    } else if (code >= 32) {
      const length = longer(code & 31, (code & 31) === 0 ? 31 : 0) + 2;
      const low = next();
      const word = low | (next() << 8);
      copy((word >> 2) + 1, length);
      trailing = word & 3;
    } else if (code >= 16) {
      const length = longer(code & 7, (code & 7) === 0 ? 7 : 0) + 2;
      const low = next();
      const word = low | (next() << 8);
      const distance = ((code & 8) << 11) + (word >> 2);
      if (distance === 0) {
        if (length !== 3) throw new Error('its end is damaged');
        return to;
      }
      copy(distance + 16384, length);
      trailing = word & 3;
    } else if (state === 0) {
      literals(longer(code, code === 0 ? 15 : 0) + 3);
      state = 4;
      continue;
    } else {
      const distance = (next() << 2) + (code >> 2);
      if (state === 4) copy(distance + MOST_M2_OFFSET + 1, 3);
      else copy(distance + 1, 2);
      trailing = code & 3;
    }
    literals(trailing);
    state = trailing;
  }
}

/**
 * Decodes what btrfs compressed with LZO.
 * @param capacity most bytes that it may hold
 * @returns a new array of what it holds
 * @throws Error when it is damaged, or holds more
 */
export function decodeBtrfsLzo(packed: Uint8Array, capacity: number, sectorSize: number): Uint8Array {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const output = new Uint8Array(capacity);
  if (packed.length < 8) throw new Error('it is cut short');
  const end = view.getUint32(0, true);
  if (end > packed.length || end < 8) throw new Error(`it claims ${end} of ${packed.length} bytes`);
  let from = 4;
  let to = 0;
  while (from < end) {
    // A length of a segment is never cut by the edge of a sector: padding stands before it.
    const left = sectorSize - (from % sectorSize);
    if (left < 4) from += left;
    if (from + 4 > end) break;
    const length = view.getUint32(from, true);
    from += 4;
    if (length === 0 || from + length > end) throw new Error(`a segment claims ${length} bytes`);
    to += decodeLzo1x(
      packed.subarray(from, from + length),
      output.subarray(to, Math.min(to + sectorSize, capacity)),
    );
    from += length;
  }
  return output.subarray(0, to);
}
