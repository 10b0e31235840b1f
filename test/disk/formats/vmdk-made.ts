/**
 * VMDK files written by hand after VMware's 'Virtual Disk Format 5.0', so that any field can be wrong.
 * Shares nothing with the reader.
 */
import { deflateSync } from 'node:zlib';

export interface MadeDescriptor {
  cid?: string;
  parentCid?: string;
  createType?: string;
  extents?: string;
  extra?: string;
}

export function descriptorText(options: MadeDescriptor = {}): string {
  return `# Disk DescriptorFile
version=1
CID=${options.cid ?? '12345678'}
parentCID=${options.parentCid ?? 'ffffffff'}
createType="${options.createType ?? 'monolithicSparse'}"
${options.extra ?? ''}
# Extent description
${options.extents ?? 'RW 256 SPARSE "disk.vmdk"'}

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "8"
ddb.adapterType = "ide"
`;
}

export const descriptorFile = (options: MadeDescriptor = {}): Buffer => Buffer.from(descriptorText(options));

/** Fields of SparseExtentHeader at their offsets; sectors where the specification counts in sectors. */
export interface MadeHeader {
  magic: string;
  version: number;
  flags: number;
  capacity: bigint;
  grainSize: bigint;
  descriptorOffset: bigint;
  descriptorSize: bigint;
  numGTEsPerGT: number;
  rgdOffset: bigint;
  gdOffset: bigint;
  overHead: bigint;
  uncleanShutdown: number;
  endLineChars: string;
  compressAlgorithm: number;
}

export function header(fields: MadeHeader): Buffer {
  const bytes = Buffer.alloc(512);
  bytes.write(fields.magic, 0, 'latin1');
  bytes.writeUInt32LE(fields.version, 4);
  bytes.writeUInt32LE(fields.flags >>> 0, 8);
  bytes.writeBigUInt64LE(fields.capacity, 12);
  bytes.writeBigUInt64LE(fields.grainSize, 20);
  bytes.writeBigUInt64LE(fields.descriptorOffset, 28);
  bytes.writeBigUInt64LE(fields.descriptorSize, 36);
  bytes.writeUInt32LE(fields.numGTEsPerGT, 44);
  bytes.writeBigUInt64LE(fields.rgdOffset, 48);
  bytes.writeBigUInt64LE(fields.gdOffset, 56);
  bytes.writeBigUInt64LE(fields.overHead, 64);
  bytes.writeUInt8(fields.uncleanShutdown, 72);
  bytes.write(fields.endLineChars, 73, 'latin1');
  bytes.writeUInt16LE(fields.compressAlgorithm, 77);
  return bytes;
}

/** What a test wants to be different; `words` overwrites 32-bit words at byte offsets, last of all. */
export interface Made extends Partial<MadeHeader> {
  descriptor?: string;
  words?: Readonly<Record<number, number>>;
  /** Cut or extend the file to this many bytes. */
  length?: number;
}

const SECTOR = 512;
/** Where things lie in `sparse()`. */
export const RGD = 4 * SECTOR;
export const RGT = [5 * SECTOR, 9 * SECTOR];
export const GD = 13 * SECTOR;
export const GT = [14 * SECTOR, 18 * SECTOR];
export const GRAINS = 24;

/** 8 sectors a grain, 16 grains a table, two tables: 32 grains, 128 KiB. */
const SPARSE: MadeHeader = {
  magic: 'KDMV',
  version: 1,
  flags: 3,
  capacity: 256n,
  grainSize: 8n,
  descriptorOffset: 1n,
  descriptorSize: 3n,
  numGTEsPerGT: 16,
  rgdOffset: 4n,
  gdOffset: 13n,
  overHead: 24n,
  uncleanShutdown: 0,
  endLineChars: '\n \r\n',
  compressAlgorithm: 0,
};

/** Grain 0 is all 1, grain 1 all 2, grain 17 all 3; the rest was never written. */
export function sparse(made: Made = {}): Buffer {
  const file = Buffer.alloc((GRAINS + 3 * 8) * SECTOR);
  header({ ...SPARSE, ...made }).copy(file);
  file.write(made.descriptor ?? descriptorText(), SECTOR, 'latin1');
  for (const [directory, tables] of [
    [RGD, RGT],
    [GD, GT],
  ] as const) {
    file.writeUInt32LE(tables[0]! / SECTOR, directory);
    file.writeUInt32LE(tables[1]! / SECTOR, directory + 4);
    file.writeUInt32LE(GRAINS, tables[0]!);
    file.writeUInt32LE(GRAINS + 8, tables[0]! + 4);
    file.writeUInt32LE(GRAINS + 16, tables[1]! + 4);
  }
  for (let i = 0; i < 3; i++) file.fill(i + 1, (GRAINS + i * 8) * SECTOR, (GRAINS + i * 8 + 8) * SECTOR);
  return finish(file, made);
}

/** What the guest sees of `sparse()` and `stream()`. */
export function sparseContent(): Buffer {
  const content = Buffer.alloc(256 * SECTOR);
  content.fill(1, 0, 4096);
  content.fill(2, 4096, 8192);
  content.fill(3, 17 * 4096, 18 * 4096);
  return content;
}

/** Where the three grains' markers lie in `stream()`. */
export const STREAM_GRAINS = [4 * SECTOR, 5 * SECTOR, 6 * SECTOR] as const;

export interface MadeStream extends Made {
  /** The compressed data of grain 0. */
  grain0?: Buffer;
  footer?: Partial<MadeHeader>;
  /** Grains in the order 0, 17, 1, as a writer of many threads leaves them. */
  interleaved?: boolean;
}

/** The same content as a stream: grains from sector 4 on, tables, directory, footer. */
export function stream(made: MadeStream = {}): Buffer {
  const parts: Buffer[] = [];
  const fields: MadeHeader = {
    ...SPARSE,
    ...{ version: 3, flags: 0x30001, rgdOffset: 0n, gdOffset: 0xffff_ffff_ffff_ffffn },
    ...{ overHead: 4n, compressAlgorithm: 1 },
    ...made,
  };
  const sector = (): number => parts.reduce((sum, part) => sum + part.length, 0) / SECTOR;
  const add = (part: Buffer): number => {
    const at = sector();
    parts.push(part, Buffer.alloc(-part.length & (SECTOR - 1)));
    return at;
  };
  const grain = (lba: number, packed: Buffer): number => {
    const marker = Buffer.alloc(12);
    marker.writeBigUInt64LE(BigInt(lba));
    marker.writeUInt32LE(packed.length, 8);
    return add(Buffer.concat([marker, packed]));
  };
  const marker = (value: number, type: number): void => {
    const bytes = Buffer.alloc(SECTOR);
    bytes.writeBigUInt64LE(BigInt(value));
    bytes.writeUInt32LE(type, 12);
    add(bytes);
  };
  const words = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
  add(header(fields));
  add(
    Buffer.from(
      (made.descriptor ?? descriptorText({ createType: 'streamOptimized' })).padEnd(3 * SECTOR, '\0'),
    ),
  );
  const table = (entries: Record<number, number>): number => {
    marker(1, 1);
    const values = new Array<number>(16).fill(0);
    for (const [index, value] of Object.entries(entries)) values[Number(index)] = value;
    return add(words(...values));
  };
  const first = grain(0, made.grain0 ?? deflateSync(Buffer.alloc(4096, 1)));
  const addSecond = (): number => grain(8, deflateSync(Buffer.alloc(4096, 2)));
  const early = made.interleaved ? undefined : addSecond();
  const third = grain(17 * 8, deflateSync(Buffer.alloc(4096, 3)));
  const second = early ?? addSecond();
  const tables = [table({ 0: first, 1: second }), table({ 1: third })];
  marker(1, 2);
  const gdOffset = add(words(...tables));
  marker(1, 3);
  add(header({ ...fields, gdOffset: BigInt(gdOffset), ...made.footer }));
  marker(0, 0);
  return finish(Buffer.concat(parts), made);
}

function finish(file: Buffer, made: Made): Buffer {
  for (const [at, value] of Object.entries(made.words ?? {})) file.writeUInt32LE(value >>> 0, Number(at));
  if (made.length === undefined) return file;
  const cut = Buffer.alloc(made.length);
  file.copy(cut);
  return cut;
}
