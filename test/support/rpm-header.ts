/** Writes rpm header blobs by hand, from the specification (docs/manual/hregions.md and format_header.md of rpm). */

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

/** A Packages.db with these headers, from rpm's lib/backend/ndb/rpmpkg.c; checksums by `sum` (Adler-32). */
export function ndbFile(headers: readonly Uint8Array[], sum: (bytes: Uint8Array) => number): Buffer {
  const pages = Math.ceil((headers.length + 2) / 256);
  const slots = Buffer.alloc(pages * 4096);
  slots.write('RpmP', 0, 'latin1');
  slots.writeUInt32LE(1, 8);
  slots.writeUInt32LE(pages, 12);
  slots.writeUInt32LE(headers.length + 1, 16);
  for (let at = 32; at < slots.length; at += 16) slots.write('Slot', at, 'latin1');
  const blobs: Buffer[] = [];
  let block = pages * 256;
  for (const [i, header] of headers.entries()) {
    const blocks = Math.ceil((16 + header.length + 12) / 16);
    const blob = Buffer.alloc(blocks * 16);
    blob.write('BlbS', 0, 'latin1');
    blob.writeUInt32LE(i + 1, 4);
    blob.writeUInt32LE(header.length, 12);
    blob.set(header, 16);
    const tail = blob.length - 12;
    blob.writeUInt32LE(sum(blob.subarray(0, tail)), tail);
    blob.writeUInt32LE(header.length, tail + 4);
    blob.write('BlbE', tail + 8, 'latin1');
    for (const [j, word] of [i + 1, block, blocks].entries())
      slots.writeUInt32LE(word, 32 + i * 16 + 4 + j * 4);
    blobs.push(blob);
    block += blocks;
  }
  return Buffer.concat([slots, ...blobs]);
}
