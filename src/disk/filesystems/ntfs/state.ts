/**
 * Whether the volume may be taken as it stands: $Volume's flags, $LogFile's restart pages, and a Windows that sleeps
 * in hiberfil.sys, with what it has not written yet in there. The log is never replayed.
 */
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, isArtifactError, unsupported } from '../../../core/errors.ts';
import { MAX_NTFS_ROOT_INDEX_BYTES } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { readBytes } from '../../../sources/read.ts';
import { type FileRecords, readFileRecords } from './attributes.ts';
import { labelOf } from './boot.ts';
import { openFile, streamOf } from './file.ts';
import {
  FILE,
  FILE_NAME,
  INDEX,
  INDEX_ENTRY,
  INDEX_ENTRY_END,
  LOGFILE_NO_CLIENT,
  NTFS_BLOCK_SIZE,
  RESTART_AREA,
  RESTART_PAGE,
  RESTART_VOLUME_IS_CLEAN,
  TYPE,
  VOLUME_CHKDSK_UNDERWAY,
  VOLUME_FLAGS,
  VOLUME_INFORMATION,
  VOLUME_IS_DIRTY,
} from './layout.ts';
import type { Mft, Volume } from './mft.ts';
import { decodeName } from './names.ts';
import { fixUp, referenceNumber, residentValue, walkAttributes } from './record.ts';

export interface VolumeState {
  readonly label: string | null;
  /** `3.1` */
  readonly version: string;
  /** By ntfsinfo's names. */
  readonly flags: readonly string[];
  /** Why nothing may be dropped. */
  readonly reasons: readonly string[];
}

/** @throws `unsupported` for versions that do not exist, `corrupt` when $Volume is damaged */
export async function readState(volume: Volume, mft: Mft): Promise<VolumeState> {
  const record = await mft.read(FILE.Volume);
  const view = viewOf(record);
  let at: number | undefined;
  walkAttributes(view, 0, record.length, (type, place) => {
    const value = type === TYPE.VOLUME_INFORMATION ? residentValue(view, place) : undefined;
    if (value !== undefined && value.length >= VOLUME_INFORMATION.size) at = value.at;
  });
  if (at === undefined) throw corrupt('NTFS_VOLUME', '$Volume does not say which version it is');
  const major = view.getUint8(at + VOLUME_INFORMATION.major_ver);
  const minor = view.getUint8(at + VOLUME_INFORMATION.minor_ver);
  if (major < 1 || major > 3)
    throw unsupported('NTFS_VERSION', `NTFS version ${major}.${minor}; imgopt reads 1.2 to 3.1`);
  const flags = view.getUint16(at + VOLUME_INFORMATION.flags, true);
  const reasons: string[] = [];
  if (flags & VOLUME_IS_DIRTY) reasons.push('the volume is marked as dirty');
  if (flags & VOLUME_CHKDSK_UNDERWAY) reasons.push('chkdsk did not finish');
  for (const problem of [logProblem, hibernationProblem]) {
    try {
      const reason = await problem(volume, mft);
      if (reason !== undefined) reasons.push(reason);
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      const place = error.where.reduce((context, one) => context.at(one), volume.context);
      place.report('error', error.code.replace(/^IMGOPT_/, ''), error.message);
      reasons.push('whether it was left cleanly cannot be read');
    }
  }
  return {
    label: labelOf(record),
    version: `${major}.${minor}`,
    flags: VOLUME_FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name),
    reasons,
  };
}

/** Restart pages begin the log: one at its start, one a system page further. */
const MAX_SYSTEM_PAGE = 64 * 1024;
const MAGIC_RSTR = 0x52545352;
const MAGIC_CHKD = 0x444b4843;

async function logProblem(volume: Volume, mft: Mft): Promise<string | undefined> {
  const log = streamOf(volume, await readFileRecords(volume, mft, FILE.LogFile), TYPE.DATA);
  if (log === undefined || log.size < MAX_SYSTEM_PAGE) return 'its log ($LogFile) is missing';
  return judgeLog(await readBytes(log, 0, Math.min(log.size, 2 * MAX_SYSTEM_PAGE)));
}

/**
 * @param bytes the beginning of $LogFile, with both restart pages
 * @returns why the log must be replayed, or undefined
 */
export function judgeLog(bytes: Uint8Array): string | undefined {
  // As formatting tools leave it, and those that empty it.
  if (bytes.every((byte) => byte === 0xff)) return undefined;
  const pages: { lsn: bigint; isClean: boolean; isFast: boolean }[] = [];
  const first = restartPage(bytes, 0);
  if (first !== undefined) pages.push(first);
  for (let at = NTFS_BLOCK_SIZE; at <= MAX_SYSTEM_PAGE; at *= 2) {
    const second = restartPage(bytes, at);
    if (second === undefined) continue;
    pages.push(second);
    break;
  }
  const newest = pages.sort((a, b) => (a.lsn < b.lsn ? 1 : -1))[0];
  if (newest === undefined) return 'its log ($LogFile) has no restart page';
  if (newest.isFast) return 'its log is of version 2.0: Windows has not written all of it (fast startup)';
  return newest.isClean ? undefined : 'its log was not closed';
}

/** A restart page, undefined where there is no sound one. */
function restartPage(
  bytes: Uint8Array,
  at: number,
): { lsn: bigint; isClean: boolean; isFast: boolean } | undefined {
  if (at + RESTART_PAGE.size > bytes.length) return undefined;
  const whole = viewOf(bytes);
  const magic = whole.getUint32(at, true);
  if (magic !== MAGIC_RSTR && magic !== MAGIC_CHKD) return undefined;
  const size = whole.getUint32(at + RESTART_PAGE.system_page_size, true);
  if (
    size < NTFS_BLOCK_SIZE ||
    size > MAX_SYSTEM_PAGE ||
    size % NTFS_BLOCK_SIZE !== 0 ||
    at + size > bytes.length
  )
    return undefined;
  const view = viewOf(new Uint8Array(bytes.subarray(at, at + size)));
  if (fixUp(view, 0, size) !== undefined) return undefined;
  const area = view.getUint16(RESTART_PAGE.restart_area_offset, true);
  if (area + RESTART_AREA.size > size) return undefined;
  const flags = view.getUint16(area + RESTART_AREA.flags, true);
  return {
    lsn: view.getBigInt64(area + RESTART_AREA.current_lsn, true),
    isClean:
      (flags & RESTART_VOLUME_IS_CLEAN) !== 0 ||
      view.getUint16(area + RESTART_AREA.client_in_use_list, true) === LOGFILE_NO_CLIENT,
    isFast: view.getUint16(RESTART_PAGE.major_ver, true) >= 2,
  };
}

const HIBERNATION_FILE = 'HIBERFIL.SYS';
/** Of a memory image: sleeping, waking up, or where waking up has failed and may be tried again. */
const HIBERNATED = /^(?:hibr|wake|rstr)/i;

async function hibernationProblem(volume: Volume, mft: Mft): Promise<string | undefined> {
  const root = await readFileRecords(volume, mft, FILE.root);
  const number = await findInRoot(volume, root, HIBERNATION_FILE);
  if (number === undefined) return undefined;
  if (number === 'unknown') return 'its root directory is too large to look for hiberfil.sys';
  const file: BlockSource = await openFile(volume, mft, number);
  if (file.size < 4) return undefined;
  const magic = Buffer.from(await readBytes(file, 0, 4)).toString('latin1');
  return HIBERNATED.test(magic) ? 'Windows is hibernated (hiberfil.sys)' : undefined;
}

/** The record of a name in capitals, by the root's index; `unknown` when that is too large. */
async function findInRoot(
  volume: Volume,
  root: FileRecords,
  name: string,
): Promise<number | 'unknown' | undefined> {
  const small = streamOf(volume, root, TYPE.INDEX_ROOT, '$I30');
  if (small === undefined) throw corrupt('NTFS_INDEX', 'the root directory has no index');
  const bytes = await readBytes(small, 0, small.size);
  if (bytes.length < INDEX.rootHeader + INDEX.headerSize)
    throw corrupt('NTFS_INDEX', 'the root’s index is cut short');
  const found = findInEntries(viewOf(bytes), INDEX.rootHeader, bytes.length, name);
  const large = streamOf(volume, root, TYPE.INDEX_ALLOCATION, '$I30');
  if (found !== undefined || large === undefined) return found;
  if (large.size > MAX_NTFS_ROOT_INDEX_BYTES) return 'unknown';
  const size = viewOf(bytes).getUint32(INDEX.blockSize, true);
  if (size < NTFS_BLOCK_SIZE || size % NTFS_BLOCK_SIZE !== 0 || size > MAX_SYSTEM_PAGE)
    throw corrupt('NTFS_INDEX', `blocks of the root’s index are ${size} bytes`);
  const used = streamOf(volume, root, TYPE.BITMAP, '$I30');
  if (used === undefined || used.size * 8 * size < large.size)
    throw corrupt('NTFS_INDEX', 'the root’s index has no bitmap of its blocks in use');
  const bitmap = await readBytes(used, 0, Math.ceil(large.size / size / 8));
  for (let at = 0; at + size <= large.size; at += size) {
    const index = at / size;
    if (((bitmap[index >>> 3]! >>> (index & 7)) & 1) === 0) continue;
    const block = viewOf(await readBytes(large, at, size));
    if (block.getUint32(0, true) !== MAGIC_INDX || fixUp(block, 0, size) !== undefined)
      throw corrupt('NTFS_INDEX', `block ${index} of the root’s index is damaged`);
    const inBlock = findInEntries(block, INDEX.blockHeader, size, name);
    if (inBlock !== undefined) return inBlock;
  }
  return undefined;
}

const MAGIC_INDX = 0x58444e49;

/** Looks through the entries behind an index header. */
function findInEntries(view: DataView, header: number, size: number, name: string): number | undefined {
  const end = Math.min(size, header + view.getUint32(header + INDEX.index_length, true));
  for (let at = header + view.getUint32(header + INDEX.entries_offset, true); at + INDEX_ENTRY.key <= end; ) {
    const length = view.getUint16(at + INDEX_ENTRY.length, true);
    if (length < INDEX_ENTRY.key || at + length > end) return undefined;
    if ((view.getUint16(at + INDEX_ENTRY.flags, true) & INDEX_ENTRY_END) !== 0) return undefined;
    const key = at + INDEX_ENTRY.key;
    const keyLength = view.getUint16(at + INDEX_ENTRY.key_length, true);
    if (keyLength >= FILE_NAME.file_name && key + keyLength <= at + length) {
      const units = view.getUint8(key + FILE_NAME.file_name_length);
      if (
        units === name.length &&
        FILE_NAME.file_name + 2 * units <= keyLength &&
        decodeName(view, key + FILE_NAME.file_name, units).toUpperCase() === name
      )
        return referenceNumber(view, at);
    }
    at += length;
  }
  return undefined;
}
