/**
 * Seeded mutations of real images. A case is a number: the same number gives the same damage on every machine, so
 * a find is reported as `fixture #case` and becomes a named regression test.
 */

/** mulberry32: small, fast, good enough to spread damage. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export type Mutation =
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly size: number };

const NASTY = [0, 1, 0x7f, 0x80, 0xff];
const NASTY_WORDS = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 0x10000, 0xffff];

/**
 * Where damage hurts: stretches of the image that are not zero, the first ones (headers, tables) more often.
 * @returns offsets of non-zero 512-byte sectors
 */
export function liveSectors(image: Uint8Array): number[] {
  const sectors: number[] = [];
  const words = new Uint32Array(image.buffer, image.byteOffset, Math.floor(image.byteLength / 4));
  for (let at = 0; at < words.length; at += 128) {
    for (let i = at; i < Math.min(at + 128, words.length); i++) {
      if (words[i] !== 0) {
        sectors.push(at * 4);
        break;
      }
    }
  }
  return sectors;
}

/** One to eight pieces of damage for this case. */
export function mutationsFor(image: Uint8Array, sectors: readonly number[], seed: number): Mutation[] {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  if (random() < 0.06) return [{ kind: 'truncate', size: 1 + below(image.length - 1) }];
  const mutations: Mutation[] = [];
  for (let count = 1 + below(8); count > 0; count--) {
    // Cubing favours the front of the list: the first sectors hold most of the structure.
    const sector = sectors[Math.floor(random() ** 3 * sectors.length)]!;
    const at = Math.min(sector + below(512), image.length - 8);
    const choice = below(6);
    let bytes: Uint8Array;
    if (choice === 0) bytes = Uint8Array.of(image[at]! ^ (1 << below(8)));
    else if (choice === 1) bytes = Uint8Array.of(NASTY[below(NASTY.length)]!);
    else if (choice === 2) bytes = word(NASTY_WORDS[below(NASTY_WORDS.length)]!, random() < 0.5);
    else if (choice === 3) bytes = Uint8Array.from({ length: 8 }, () => below(256));
    else if (choice === 4) bytes = new Uint8Array(1 + below(64)).fill(NASTY[below(NASTY.length)]!);
    else {
      const from = sectors[below(sectors.length)]!; // one structure in another's place
      bytes = image.slice(from, Math.min(from + 64, image.length));
    }
    mutations.push({ kind: 'write', at, bytes: bytes.slice(0, image.length - at) });
  }
  return mutations;
}

function word(value: number, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, littleEndian);
  return bytes;
}
