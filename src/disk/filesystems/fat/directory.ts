/** The entries of one directory. */
import { viewOf } from '../../../core/record.ts';
import {
  ATTR_DIRECTORY,
  ATTR_LONG_NAME,
  ATTR_LONG_NAME_MASK,
  ATTR_RESERVED,
  ATTR_VOLUME_ID,
  DIRECTORY_ENTRY_SIZE,
  ENTRY,
  LAST_LONG_ENTRY,
  LONG,
  NAME_DELETED,
  NAME_END,
} from './layout.ts';
import { LongName, labelText, shortName, shortNameChecksum } from './names.ts';

export interface DirectoryEntry {
  readonly name: string;
  /** Of the 32-byte entry in the directory's bytes. */
  readonly at: number;
  readonly attributes: number;
  readonly firstCluster: number;
  readonly size: number;
  /** Seconds since 1970. */
  readonly modified: number;
}

export interface Directory {
  readonly entries: DirectoryEntry[];
  readonly label: string | null;
  /** Long-name entries without the short entry that they belong to. */
  readonly orphans: number;
  /** Offsets of entries that no writer makes: control characters in names, reserved attributes. */
  readonly damaged: number[];
}

/** Reads a directory's bytes up to its end mark. Never throws: what makes no sense is counted. */
export function parseDirectory(bytes: Uint8Array, wide: boolean): Directory {
  const view = viewOf(bytes);
  const long = new LongName();
  const entries: DirectoryEntry[] = [];
  const damaged: number[] = [];
  let label: string | null = null;
  let orphans = 0;
  for (let at = 0; at + DIRECTORY_ENTRY_SIZE <= bytes.length; at += DIRECTORY_ENTRY_SIZE) {
    const first = bytes[at]!;
    if (first === NAME_END) break;
    if (first === NAME_DELETED) {
      // A deleted file's long name is deleted with it, so pieces before it belong to nobody.
      if (long.reset()) orphans++;
      continue;
    }
    const attributes = bytes[at + ENTRY.DIR_Attr]!;
    if ((attributes & ATTR_LONG_NAME_MASK) === ATTR_LONG_NAME) {
      const ordinal = bytes[at + LONG.LDIR_Ord]!;
      const isLast = (ordinal & LAST_LONG_ENTRY) !== 0;
      if (isLast && long.reset()) orphans++;
      if (!long.add(bytes, at, ordinal & ~LAST_LONG_ENTRY, isLast)) {
        long.reset();
        orphans++;
      }
      continue;
    }
    if (attributes & ATTR_VOLUME_ID) {
      long.reset();
      if (label === null && !(attributes & ATTR_DIRECTORY)) label = labelText(bytes.subarray(at, at + 11));
      continue;
    }
    const short = isDots(bytes, at) ? '.' : shortName(bytes, at, bytes[at + ENTRY.DIR_NTRes]!);
    if (short === undefined || attributes & ATTR_RESERVED) {
      long.reset();
      damaged.push(at);
      continue;
    }
    const pending = long.take(shortNameChecksum(bytes, at));
    if (short === '.') continue;
    const high = wide ? view.getUint16(at + ENTRY.DIR_FstClusHI, true) & 0x0fff : 0;
    entries.push({
      name: pending ?? short,
      at,
      attributes,
      firstCluster: high * 65536 + view.getUint16(at + ENTRY.DIR_FstClusLO, true),
      size: view.getUint32(at + ENTRY.DIR_FileSize, true),
      modified: dosTime(
        view.getUint16(at + ENTRY.DIR_WrtDate, true),
        view.getUint16(at + ENTRY.DIR_WrtTime, true),
      ),
    });
  }
  return { entries, label, orphans, damaged };
}

/** `.` and `..`, filled with blanks. */
function isDots(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== 0x2e) return false;
  for (let i = 2; i < 11; i++) if (bytes[at + i] !== 0x20) return false;
  return bytes[at + 1] === 0x20 || bytes[at + 1] === 0x2e;
}

/** FAT keeps local time without saying where; it is read as UTC, in steps of two seconds. No date is 0. */
export function dosTime(date: number, time: number): number {
  const month = (date >> 5) & 15;
  const day = date & 31;
  if (month < 1 || month > 12 || day < 1) return 0;
  return Date.UTC(1980 + (date >> 9), month - 1, day, time >> 11, (time >> 5) & 63, (time & 31) * 2) / 1000;
}
