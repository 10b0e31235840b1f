/** Bytes as images hold them, from a seed: text that repeats, noise that does not compress, runs of zeros. */
export function payload(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed * 2654435761 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const words = Array.from({ length: 64 }, (_, i) => Buffer.from(`word${i}-${(next() % 1e6).toString(36)} `));
  for (let at = 0; at < length; ) {
    const kind = next() % 8;
    const end = Math.min(length, at + 4096 + (next() % 200_000));
    if (kind === 0) at = end;
    else if (kind <= 2) while (at < end) bytes[at++] = next();
    else {
      while (at < end) {
        const word = words[next() % words.length]!;
        for (let i = 0; i < word.length && at < end; i++) bytes[at++] = word[i]!;
      }
    }
  }
  return bytes;
}

/** A stream of the bytes in chunks of these sizes, repeated. */
export async function* chunksOf(
  bytes: Uint8Array,
  sizes: readonly number[] = [65536],
): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length]!);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** A sink that keeps everything. */
export function collector(): { sink(bytes: Uint8Array): Promise<void>; bytes(): Buffer } {
  const parts: Uint8Array[] = [];
  return {
    async sink(bytes) {
      parts.push(bytes.slice());
    },
    bytes: () => Buffer.concat(parts),
  };
}
