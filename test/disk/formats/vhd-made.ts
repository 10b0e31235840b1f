/** VHDs built by hand from Microsoft's specification, for what qemu-img does not write. Shares no code with src/. */

export function sum(bytes: Uint8Array): number {
  let total = 0;
  for (const byte of bytes) total += byte;
  return (0xffff_ffff - total) >>> 0;
}

/** A footer; `type` 2 fixed, 3 dynamic, 4 differencing. */
export function vhdFooter(
  size: number,
  type: number,
  options: { creator?: string; uuid?: string; timestamp?: number; geometry?: number } = {},
): Buffer {
  const footer = Buffer.alloc(512);
  footer.write('conectix', 0, 'latin1');
  footer.writeUInt32BE(2, 8);
  footer.writeUInt32BE(0x10000, 12);
  footer.writeBigUInt64BE(type === 2 ? 0xffff_ffff_ffff_ffffn : 512n, 16);
  footer.writeUInt32BE(options.timestamp ?? 77, 24);
  footer.write(options.creator ?? 'win ', 28, 'latin1');
  footer.writeUInt32BE(0x60001, 32);
  footer.write('Wi2k', 36, 'latin1');
  footer.writeBigUInt64BE(BigInt(size), 40);
  footer.writeBigUInt64BE(BigInt(size), 48);
  footer.writeUInt32BE(options.geometry ?? 0, 56);
  footer.writeUInt32BE(type, 60);
  footer.write(options.uuid ?? '11'.repeat(16), 68, 'hex');
  return sealFooter(footer);
}

export function sealFooter(footer: Buffer): Buffer {
  footer.writeUInt32BE(0, 64);
  footer.writeUInt32BE(sum(footer), 64);
  return footer;
}

export interface MadeBlock {
  readonly block: number;
  /** Sectors of the block that are present: [first, content] stretches. */
  readonly sectors: readonly { readonly first: number; readonly bytes: Buffer }[];
}

export interface MadeParent {
  readonly uuid: string;
  readonly timestamp: number;
  readonly name: string;
  /** Platform code and path; UTF-16 for W2ru and W2ku. */
  readonly locators: readonly (readonly [code: string, path: string])[];
}

/** A dynamic VHD, or a differencing one over `parent`. */
export function makeVhd(
  size: number,
  blocks: readonly MadeBlock[],
  options: { blockBytes?: number; parent?: MadeParent; uuid?: string; entries?: number } = {},
): Buffer {
  const blockBytes = options.blockBytes ?? 2 * 1024 * 1024;
  const entries = options.entries ?? Math.ceil(size / blockBytes);
  const footer = vhdFooter(size, options.parent === undefined ? 3 : 4, {
    ...(options.uuid === undefined ? {} : { uuid: options.uuid }),
  });
  const header = Buffer.alloc(1024);
  header.write('cxsparse', 0, 'latin1');
  header.writeBigUInt64BE(0xffff_ffff_ffff_ffffn, 8);
  header.writeUInt32BE(0x10000, 24);
  header.writeUInt32BE(entries, 28);
  header.writeUInt32BE(blockBytes, 32);
  const locatorBytes: Buffer[] = [];
  let offset = 1536;
  if (options.parent !== undefined) {
    const { uuid, timestamp, name, locators } = options.parent;
    header.write(uuid, 40, 'hex');
    header.writeUInt32BE(timestamp, 56);
    Buffer.from(name, 'utf16le').swap16().copy(header, 64);
    for (const [index, [code, path]] of locators.entries()) {
      const bytes = Buffer.from(path, code.startsWith('W2') ? 'utf16le' : 'utf8');
      const padded = Buffer.alloc(512);
      bytes.copy(padded);
      header.write(code, 576 + 24 * index, 'latin1');
      header.writeUInt32BE(512, 576 + 24 * index + 4);
      header.writeUInt32BE(bytes.length, 576 + 24 * index + 8);
      header.writeBigUInt64BE(BigInt(offset), 576 + 24 * index + 16);
      locatorBytes.push(padded);
      offset += 512;
    }
  }
  header.writeBigUInt64BE(BigInt(offset), 16);
  header.writeUInt32BE(sum(header), 36);
  const table = Buffer.alloc(Math.ceil((entries * 4) / 512) * 512, 0xff);
  offset += table.length;
  const bitmapBytes = Math.ceil(blockBytes / 512 / 8 / 512) * 512;
  const data: Buffer[] = [];
  for (const { block, sectors } of blocks) {
    const content = Buffer.alloc(bitmapBytes + blockBytes);
    for (const { first, bytes } of sectors) {
      bytes.copy(content, bitmapBytes + first * 512);
      for (let sector = first; sector < first + bytes.length / 512; sector++) {
        content[sector >> 3]! |= 0x80 >> (sector & 7);
      }
    }
    table.writeUInt32BE(offset / 512, block * 4);
    data.push(content);
    offset += content.length;
  }
  return Buffer.concat([footer, header, ...locatorBytes, table, ...data, footer]);
}
