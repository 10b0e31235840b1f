/** One copy of the table: its header and its entries, believed only when both checksums hold. */
import { crc32 } from 'node:zlib';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { isArtifactError } from '../../../core/errors.ts';
import { MAX_GPT_TABLE_BYTES } from '../../../core/limits.ts';
import { formatGuid, hex } from '../../../core/text.ts';
import { readBytes } from '../../../sources/read.ts';
import { GptHeader, MIN_ENTRY_SIZE, MIN_HEADER_SIZE, SIGNATURE } from './layout.ts';

/** What a believed header says; LBAs are exact numbers inside the disk's range unless the name says otherwise. */
export interface Header {
  readonly lba: number;
  /** Where the other copy should be; may lie outside the disk. */
  readonly otherLba: number;
  readonly firstUsable: number;
  readonly lastUsable: number;
  readonly diskGuid: string;
  readonly entriesLba: number;
  readonly entryCount: number;
  readonly entrySize: number;
  readonly entriesCrc: number;
}

export type Parsed =
  | { readonly state: 'valid'; readonly header: Header }
  | { readonly state: 'damaged'; readonly reason: string; readonly otherLba: number }
  | { readonly state: 'missing' };

export type Copy =
  | {
      readonly state: 'valid';
      readonly sectorSize: number;
      readonly header: Header;
      readonly entries: Uint8Array;
    }
  | { readonly state: 'damaged'; readonly reason: string; readonly otherLba: number }
  | { readonly state: 'missing' };

/** Reads a header out of its sector. Pure; `sector` may be short. */
export function parseHeader(sector: Uint8Array, lba: number, sectorSize: number): Parsed {
  if (sector.length < GptHeader.size) return { state: 'missing' };
  const raw = GptHeader.read(sector);
  if (raw.Signature !== SIGNATURE) return { state: 'missing' };
  const otherLba = Number(raw.AlternateLBA);
  const damaged = (reason: string): Parsed => ({ state: 'damaged', reason, otherLba });
  if (raw.HeaderSize < MIN_HEADER_SIZE || raw.HeaderSize > Math.min(sectorSize, sector.length))
    return damaged(`its size is ${raw.HeaderSize}, not 92 to ${sectorSize}`);
  const copy = new Uint8Array(sector.subarray(0, raw.HeaderSize)); // a copy: slice() of a Buffer is none
  copy.fill(0, 16, 20); // 5.3.2: the checksum is made with its own field zero
  const crc = crc32(copy);
  if (crc !== raw.HeaderCRC32)
    return damaged(`its checksum is ${hex(raw.HeaderCRC32)}, its bytes give ${hex(crc)}`);
  if (Number(raw.MyLBA) !== lba) return damaged(`it says that it lies at sector ${raw.MyLBA}, not ${lba}`);
  const { NumberOfPartitionEntries: entryCount, SizeOfPartitionEntry: entrySize } = raw;
  if (entrySize < MIN_ENTRY_SIZE || entrySize > 4096 || (entrySize & (entrySize - 1)) !== 0)
    return damaged(`its entries are ${entrySize} bytes each, not 128 × 2^n`);
  if (entryCount * entrySize > MAX_GPT_TABLE_BYTES)
    return damaged(`it announces ${entryCount} entries, more than ${MAX_GPT_TABLE_BYTES / entrySize}`);
  const header: Header = {
    lba,
    otherLba,
    firstUsable: Number(raw.FirstUsableLBA),
    lastUsable: Number(raw.LastUsableLBA),
    diskGuid: formatGuid(raw.DiskGUID),
    entriesLba: Number(raw.PartitionEntryLBA),
    entryCount,
    entrySize,
    entriesCrc: raw.PartitionEntryArrayCRC32,
  };
  // mkfs-like tools make empty tables with last = first - 1 on tiny disks; anything below is nonsense.
  if (header.firstUsable > header.lastUsable + 1)
    return damaged(`its usable area ends (${header.lastUsable}) before it begins (${header.firstUsable})`);
  return { state: 'valid', header };
}

/** Reads the copy whose header lies at `lba`. A sector outside the disk is `missing`. */
export async function readCopy(source: BlockSource, lba: number, sectorSize: number): Promise<Copy> {
  try {
    return await parseCopy(source, lba, sectorSize);
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    // The image below is cut or damaged just there: one copy more or less, the other may still be read.
    return { state: 'damaged', reason: error.toLine(), otherLba: 0 };
  }
}

async function parseCopy(source: BlockSource, lba: number, sectorSize: number): Promise<Copy> {
  const at = lba * sectorSize;
  if (!(lba >= 1) || at + sectorSize > source.size) return { state: 'missing' };
  const parsed = parseHeader(await readBytes(source, at, sectorSize), lba, sectorSize);
  if (parsed.state !== 'valid') return parsed;
  const { header } = parsed;
  const start = header.entriesLba * sectorSize;
  const length = header.entryCount * header.entrySize;
  const damaged = (reason: string): Copy => ({ state: 'damaged', reason, otherLba: header.otherLba });
  if (!(header.entriesLba >= 1) || start + length > source.size)
    return damaged(`its entries at sector ${header.entriesLba} lie outside the disk`);
  const entries = await readBytes(source, start, length);
  const crc = crc32(entries);
  if (crc !== header.entriesCrc)
    return damaged(`the checksum of its entries is ${hex(header.entriesCrc)}, their bytes give ${hex(crc)}`);
  return { state: 'valid', sectorSize, header, entries };
}
