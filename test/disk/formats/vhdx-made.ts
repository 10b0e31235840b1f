/** VHDX images made by hand after [MS-VHDX], for what qemu-img cannot make: parents, logs, large sectors, damage. */
import { crc32c } from '../../../src/core/crc32c.ts';

const KiB = 1024;
export const MiB = 1024 * KiB;
export const BAT_AT = 3 * MiB;
export const LOG_AT = MiB;
const METADATA_AT = 2 * MiB;
const DATA_AT = 4 * MiB;

/** A GUID as its text, to its 16 bytes with the first three fields little-endian. */
export function guid(text: string): Buffer {
  const hex = Buffer.from(text.replaceAll('-', ''), 'hex');
  return Buffer.from([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((i) => hex[i]!));
}

/** The CRC-32C at 4 over `bytes`. The algorithm has vectors of its own (test/core/crc32c.test.ts). */
export function seal(bytes: Buffer): void {
  bytes.writeUInt32LE(0, 4);
  bytes.writeUInt32LE(crc32c(bytes), 4);
}

export type MadeBlock =
  | { readonly state: 'absent' | 'undefined' | 'zero' | 'unmapped' }
  | { readonly state: 'present'; readonly bytes: Buffer }
  /** Sectors of a differencing disk, by number within the block. */
  | { readonly state: 'partial'; readonly bytes: Buffer; readonly sectors: ReadonlySet<number> };

const STATES = { absent: 0, undefined: 1, zero: 2, unmapped: 3, present: 6, partial: 7 } as const;

export interface MadeVhdx {
  readonly size: number;
  readonly blocks: readonly MadeBlock[];
  readonly sectorBytes?: number;
  readonly dataGuid?: string;
  readonly locator?: Readonly<Record<string, string>>;
  readonly logGuid?: string;
  /** The ring of the log, 1 MiB. */
  readonly log?: Buffer;
  readonly flags?: number;
  /** Changes tables before they are sealed. */
  readonly spoilRegions?: (table: Buffer) => void;
  readonly spoilMetadata?: (region: Buffer) => void;
}

const FILE_PARAMETERS = 'caa16737-fa36-4d43-b3b6-33f0aa44e76b';

/** Blocks of 1 MiB; the log at 1, metadata at 2, the block table at 3, and data from 4 MiB on. */
export function makeVhdx(options: MadeVhdx): Buffer {
  const { size, blocks, sectorBytes = 512, dataGuid = 'd'.repeat(32), locator, logGuid, log } = options;
  const chunk = (2 ** 23 * sectorBytes) / MiB;
  const stored = blocks.filter(({ state }) => state === 'present' || state === 'partial').length;
  const hasBitmap = blocks.some(({ state }) => state === 'partial');
  const file = Buffer.alloc(DATA_AT + (stored + (hasBitmap ? 1 : 0)) * MiB);
  file.write('vhdxfile', 0, 'latin1');
  file.write('by hand', 8, 'utf16le');
  for (const [i, at] of [64 * KiB, 128 * KiB].entries()) {
    const header = file.subarray(at, at + 4 * KiB);
    header.write('head', 0, 'latin1');
    header.writeBigUInt64LE(BigInt(7 + i), 8);
    guid('f'.repeat(32)).copy(header, 16);
    guid(dataGuid).copy(header, 32);
    if (logGuid !== undefined) guid(logGuid).copy(header, 48);
    header.writeUInt16LE(1, 66);
    header.writeUInt32LE(MiB, 68);
    header.writeBigUInt64LE(BigInt(LOG_AT), 72);
    seal(header);
  }
  for (const at of [192 * KiB, 256 * KiB]) {
    const table = file.subarray(at, at + 64 * KiB);
    table.write('regi', 0, 'latin1');
    table.writeUInt32LE(2, 8);
    for (const [i, [name, offset]] of [
      ['2dc27766-f623-4200-9d64-115e9bfd4a08', BAT_AT],
      ['8b7ca206-4790-4b9a-b8fe-575f050f886e', METADATA_AT],
    ].entries() as Iterable<[number, [string, number]]>) {
      guid(name).copy(table, 16 + 32 * i);
      table.writeBigUInt64LE(BigInt(offset), 32 + 32 * i);
      table.writeUInt32LE(MiB, 40 + 32 * i);
      table.writeUInt32LE(1, 44 + 32 * i);
    }
    options.spoilRegions?.(table);
    seal(table);
  }
  writeMetadata(
    file.subarray(METADATA_AT, METADATA_AT + MiB),
    size,
    sectorBytes,
    options.flags ?? 0,
    locator,
  );
  options.spoilMetadata?.(file.subarray(METADATA_AT, METADATA_AT + MiB));
  log?.copy(file, LOG_AT);
  let next = DATA_AT;
  for (const [block, made] of blocks.entries()) {
    let entry = BigInt(STATES[made.state]);
    if (made.state === 'present' || made.state === 'partial') {
      entry |= BigInt(next);
      made.bytes.copy(file, next);
      next += MiB;
    }
    file.writeBigUInt64LE(entry, BAT_AT + 8 * (block + Math.floor(block / chunk)));
  }
  if (hasBitmap) {
    file.writeBigUInt64LE(BigInt(next) | 6n, BAT_AT + 8 * chunk);
    for (const [block, made] of blocks.entries()) {
      if (made.state !== 'partial') continue;
      for (const sector of made.sectors) {
        const bit = (block * MiB) / sectorBytes + sector;
        file[next + (bit >> 3)]! |= 1 << (bit & 7);
      }
    }
  }
  return file;
}

function writeMetadata(
  region: Buffer,
  size: number,
  sectorBytes: number,
  flags: number,
  locator: Readonly<Record<string, string>> | undefined,
): void {
  const u32 = (...values: number[]): Buffer => {
    const bytes = Buffer.alloc(4 * values.length);
    for (const [i, value] of values.entries()) bytes.writeUInt32LE(value, 4 * i);
    return bytes;
  };
  const items: [string, Buffer][] = [
    [FILE_PARAMETERS, u32(MiB, flags | (locator === undefined ? 0 : 2))],
    ['2fa54224-cd1b-4876-b211-5dbed83bf4b8', u32(size % 2 ** 32, Math.floor(size / 2 ** 32))],
    ['beca12ab-b2e6-4523-93ef-c309e000c746', guid('1'.repeat(32))],
    ['8141bf1d-a96f-4709-ba47-f233a8faab5f', u32(sectorBytes)],
    ['cda348c7-445d-4471-9cc9-e9885251c556', u32(4096)],
    ...(locator === undefined
      ? []
      : [['a8d35f2d-b30b-454d-abf7-d3d84834ab0c', locatorItem(locator)] as [string, Buffer]]),
  ];
  region.write('metadata', 0, 'latin1');
  region.writeUInt16LE(items.length, 10);
  let at = 64 * KiB;
  for (const [i, [name, bytes]] of items.entries()) {
    const entry = 32 + 32 * i;
    guid(name).copy(region, entry);
    region.writeUInt32LE(at, entry + 16);
    region.writeUInt32LE(bytes.length, entry + 20);
    region.writeUInt32LE(4, entry + 24);
    bytes.copy(region, at);
    at += bytes.length;
  }
}

function locatorItem(locator: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(locator);
  const item = Buffer.alloc(4096);
  guid('b04aefb7-d19e-4a81-b789-25b8e9445913').copy(item, 0);
  item.writeUInt16LE(entries.length, 18);
  let at = 20 + 12 * entries.length;
  for (const [i, [key, value]] of entries.entries()) {
    const place = 20 + 12 * i;
    for (const [j, text] of [key, value].entries()) {
      const length = item.write(text, at, 'utf16le');
      item.writeUInt32LE(at, place + 4 * j);
      item.writeUInt16LE(length, place + 8 + 2 * j);
      at += length;
    }
  }
  return item;
}

export type LogWrite =
  | { readonly at: number; readonly page: Buffer }
  | { readonly at: number; readonly zeros: number };

/** One entry of a log (2.3.1). @param tail offset in the ring of the oldest entry of its sequence */
export function logEntry(
  sequence: number,
  tail: number,
  writes: readonly LogWrite[],
  options: { readonly logGuid: string; readonly fileBytes: number; readonly lastBytes?: number },
): Buffer {
  const area = Math.ceil((64 + 32 * writes.length) / 4096) * 4096;
  const pages = writes.filter((one) => 'page' in one).length;
  const entry = Buffer.alloc(area + 4096 * pages);
  entry.write('loge', 0, 'latin1');
  entry.writeUInt32LE(entry.length, 8);
  entry.writeUInt32LE(tail, 12);
  entry.writeBigUInt64LE(BigInt(sequence), 16);
  entry.writeUInt32LE(writes.length, 24);
  guid(options.logGuid).copy(entry, 32);
  entry.writeBigUInt64LE(BigInt(options.fileBytes), 48);
  entry.writeBigUInt64LE(BigInt(options.lastBytes ?? options.fileBytes), 56);
  let sector = area;
  for (const [i, write] of writes.entries()) {
    const at = 64 + 32 * i;
    entry.writeBigUInt64LE(BigInt(write.at), at + 16);
    entry.writeBigUInt64LE(BigInt(sequence), at + 24);
    if ('zeros' in write) {
      entry.write('zero', at, 'latin1');
      entry.writeBigUInt64LE(BigInt(write.zeros), at + 8);
      continue;
    }
    entry.write('desc', at, 'latin1');
    write.page.copy(entry, at + 4, 4092, 4096);
    write.page.copy(entry, at + 8, 0, 8);
    entry.write('data', sector, 'latin1');
    entry.writeUInt32LE(Math.floor(sequence / 2 ** 32), sector + 4);
    write.page.copy(entry, sector + 8, 8, 4092);
    entry.writeUInt32LE(sequence % 2 ** 32, sector + 4092);
    sector += 4096;
  }
  seal(entry);
  return entry;
}

/** Puts an entry into a ring, around its end where it must. */
export function putEntry(ring: Buffer, at: number, entry: Buffer): void {
  const first = Math.min(entry.length, ring.length - at);
  entry.copy(ring, at, 0, first);
  entry.copy(ring, 0, first);
}
