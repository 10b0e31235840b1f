/** Writes rpm header blobs by hand, from the specification (docs/manual/hregions.md and format_header.md of rpm). */
import { deflateSync } from 'node:zlib';

export type TagValue =
  | string
  | readonly string[]
  | { readonly type: 2 | 3 | 4 | 5; readonly numbers: readonly number[] };

export const int32 = (...numbers: number[]) => ({ type: 4, numbers }) as const;

const WIDTH = { 2: 1, 3: 2, 4: 4, 5: 8 } as const;

/** A header without a region: index entries in the given order over a store, numbers aligned to their width. */
export function rpmHeader(tags: readonly (readonly [tag: number, value: TagValue])[]): Buffer {
  const index = Buffer.alloc(tags.length * 16);
  const parts: Buffer[] = [];
  let length = 0;
  const push = (bytes: Buffer) => {
    parts.push(bytes);
    length += bytes.length;
  };
  for (const [i, [tag, value]] of tags.entries()) {
    let type: number;
    let count: number;
    let data: Buffer;
    if (typeof value === 'string') {
      [type, count, data] = [6, 1, Buffer.from(`${value}\0`)];
    } else if ('numbers' in value) {
      const width = WIDTH[value.type];
      while (length % width !== 0) push(Buffer.alloc(1));
      [type, count, data] = [value.type, value.numbers.length, Buffer.alloc(width * value.numbers.length)];
      for (const [j, number] of value.numbers.entries()) {
        if (width === 8) data.writeBigUInt64BE(BigInt(number), j * 8);
        else data.writeUIntBE(number, j * width, width);
      }
    } else {
      [type, count, data] = [8, value.length, Buffer.from(value.map((text) => `${text}\0`).join(''))];
    }
    for (const [j, word] of [tag, type, length, count].entries()) index.writeUInt32BE(word, i * 16 + j * 4);
    push(data);
  }
  const intro = Buffer.alloc(8);
  intro.writeUInt32BE(tags.length, 0);
  intro.writeUInt32BE(length, 4);
  return Buffer.concat([intro, index, ...parts]);
}

/** Adler-32 by zlib: the last four bytes of what deflate writes (RFC 1950). */
const adler32 = (bytes: Uint8Array) => deflateSync(bytes, { level: 0 }).subarray(-4).readUInt32BE();

/**
 * A Packages.db with these headers, **made by hand** from the layout in rpm's lib/backend/ndb/rpmpkg.c, since
 * Debian's rpm has no NDB backend to make one. As after erasures: one slot is free, there is a zeroed hole
 * between the blobs, and blobs do not lie in the order of their numbers.
 */
export function ndbFile(headers: readonly Uint8Array[]): Buffer {
  const FREE_SLOT = 1;
  const HOLE_BLOCKS = 7;
  const pages = Math.ceil((2 + headers.length + 1) / 256);
  const slots = Buffer.alloc(pages * 4096);
  for (let at = 32; at < slots.length; at += 16) slots.write('Slot', at, 'latin1');
  slots.write('RpmP', 0, 'latin1');
  // Version 0, then how often the file was written, its slot pages, and the number of the next package.
  for (const [j, word] of [0, 2 * headers.length, pages, headers.length + 1].entries()) {
    slots.writeUInt32LE(word, 4 + j * 4);
  }
  const blobs: Buffer[] = [];
  let block = pages * 256;
  for (let i = headers.length - 1; i >= 0; i--) {
    const header = headers[i]!;
    const blocks = Math.ceil((16 + header.length + 12) / 16);
    const blob = Buffer.alloc(blocks * 16);
    blob.write('BlbS', 0, 'latin1');
    for (const [j, word] of [i + 1, 1_700_000_000 + i, header.length].entries()) {
      blob.writeUInt32LE(word, 4 + j * 4);
    }
    blob.set(header, 16);
    const tail = blob.length - 12;
    // The checksum covers head, header and padding.
    blob.writeUInt32LE(adler32(blob.subarray(0, tail)), tail);
    blob.writeUInt32LE(header.length, tail + 4);
    blob.write('BlbE', tail + 8, 'latin1');
    const slot = 32 + (i < FREE_SLOT ? i : i + 1) * 16;
    for (const [j, word] of [i + 1, block, blocks].entries()) slots.writeUInt32LE(word, slot + 4 + j * 4);
    blobs.push(blob);
    block += blocks;
    if (i === FREE_SLOT) {
      blobs.push(Buffer.alloc(HOLE_BLOCKS * 16));
      block += HOLE_BLOCKS;
    }
  }
  return Buffer.concat([slots, ...blobs]);
}
