/**
 * Whether the log is clean: whether the last thing written to it says that the filesystem was unmounted.
 *
 * The log is a ring of basic blocks of 512 bytes. Each begins with the number of the round (cycle) in which it was
 * written, so the head, where the next write would go, is where the number falls by one; it is found by a binary
 * search, as xlog_find_head() does. A clean unmount ends with a record of one operation, flagged as unmount, that
 * ends exactly at the head (xlog_check_unmount_rec). Whatever else is found there means recovery: a wrong "dirty"
 * costs some space, a wrong "clean" would cost data.
 */
import type { BlockSource } from '../../../core/contracts/source.ts';
import { crc32cUpdate } from '../../../core/crc32c.ts';
import { viewOf } from '../../../core/record.ts';
import { readBytes } from '../../../sources/read.ts';
import { LOG } from './layout.ts';
import type { Geometry } from './superblock.ts';

const BLOCK = LOG.blockSize;
/** A record with its headers, of up to eight blocks, is no longer than this. */
const WINDOW_BLOCKS = LOG.maxRecordBytes / BLOCK + 16;
/** struct xlog_rec_ext_header: the cycle and 64 words. */
const EXTENDED_HEADER_BYTES = 260;

/** @returns why the log needs recovery, or undefined when it is clean */
export async function logProblem(source: BlockSource, geometry: Geometry): Promise<string | undefined> {
  if (geometry.logBlock < 0) return 'its log is on another device';
  const base = geometry.logBlock * geometry.blockSize;
  const total = (geometry.logBlocks * geometry.blockSize) / BLOCK;
  const cycleOf = async (block: number): Promise<number> => {
    const view = viewOf(await readBytes(source, base + block * BLOCK, 8));
    const first = view.getUint32(0);
    return first === LOG.magic ? view.getUint32(LOG.h_cycle) : first;
  };
  const oldest = await cycleOf(0);
  if (oldest === 0) return undefined; // never written to: the kernel takes it for clean as well
  const last = await cycleOf(total - 1);
  let head = 0;
  if (oldest !== last) {
    // The first block that was not written in this round.
    let low = 0;
    let high = total - 1;
    while (low + 1 < high) {
      const middle = (low + high) >>> 1;
      if ((await cycleOf(middle)) === last) high = middle;
      else low = middle;
    }
    head = high;
  }
  // A record that does not end at the head was torn: the kernel drops it, and the head is where it began.
  // xfs_db and xfs_repair leave logs like that: padding behind a first record, and whole ones at the end.
  const first = await recordBefore(source, base, total, head);
  const record = first?.isWhole === false ? await recordBefore(source, base, total, first.start) : first;
  return record === undefined ? 'its log holds no record' : unmountProblem(geometry, record);
}

/** A record of the log, in a window of it. */
interface LogRecord {
  readonly window: Uint8Array;
  readonly view: DataView;
  /** Byte of the window where it begins, and block of the log. */
  readonly at: number;
  readonly start: number;
  readonly headers: number;
  /** Bytes of its data. */
  readonly length: number;
  /** It ends where it was looked for. */
  readonly isWhole: boolean;
}

/** The last record that begins before block `head` of the ring and no further away than one can be long. */
async function recordBefore(
  source: BlockSource,
  base: number,
  total: number,
  head: number,
): Promise<LogRecord | undefined> {
  const end = head === 0 ? total : head;
  const blocks = Math.min(total, WINDOW_BLOCKS);
  const window = new Uint8Array(blocks * BLOCK);
  const wrapped = Math.max(0, blocks - end); // blocks that lie at the end of the ring
  if (wrapped > 0) window.set(await readBytes(source, base + (total - wrapped) * BLOCK, wrapped * BLOCK));
  const rest = blocks - wrapped;
  window.set(await readBytes(source, base + (end - rest) * BLOCK, rest * BLOCK), wrapped * BLOCK);
  const view = viewOf(window);
  for (let block = blocks - 1; block >= 0; block--) {
    const at = block * BLOCK;
    if (view.getUint32(at) !== LOG.magic) continue;
    const length = view.getUint32(at + LOG.h_len);
    const headers = headerBlocks(view, at);
    const isWhole = length > 0 && block + headers + Math.ceil(length / BLOCK) === blocks;
    return { window, view, at, start: (end - blocks + block + total) % total, headers, length, isWhole };
  }
  return undefined;
}

/** Why a record is not the whole and only trace of an unmount. */
function unmountProblem(geometry: Geometry, record: LogRecord): string | undefined {
  const { window, view, at, headers, length, isWhole } = record;
  const isUnmount =
    isWhole &&
    view.getUint32(at + LOG.h_num_logops) === 1 &&
    (view.getUint8(at + headers * BLOCK + LOG.oh_flags) & LOG.unmountTransaction) !== 0;
  if (!isUnmount) return 'its log waits to be replayed';
  if (!isOwnRecord(geometry, window, at)) return 'its log is that of another filesystem';
  return isIntactRecord(view, at, headers, length)
    ? undefined
    : 'the last record of its log fails its checksum';
}

/** Records of more than 32 KiB, in version 2 of the log, have more blocks for what the cycles displace. */
function headerBlocks(view: DataView, at: number): number {
  const isVersion2 = (view.getUint32(at + LOG.h_version) & 2) !== 0;
  const size = view.getUint32(at + LOG.h_size);
  if (!isVersion2 || size <= LOG.headerCycleBytes || size > LOG.maxRecordBytes) return 1;
  return Math.ceil(size / LOG.headerCycleBytes);
}

function isOwnRecord(geometry: Geometry, window: Uint8Array, at: number): boolean {
  const uuid = window.subarray(at + LOG.h_fs_uuid, at + LOG.h_fs_uuid + 16);
  return uuid.every((byte) => byte === 0) || uuid.every((byte, i) => byte === geometry.uuidBytes[i]);
}

/** xlog_cksum(): the header without its checksum, the other headers, the data. 0 is what mkfs.xfs writes. */
function isIntactRecord(view: DataView, at: number, headers: number, bytes: number): boolean {
  const stored = view.getUint32(at + LOG.h_crc, true);
  if (stored === 0) return true;
  const zeros = new DataView(new ArrayBuffer(4));
  return LOG.headerSizes.some((size) => {
    let crc = crc32cUpdate(0xffffffff, view, at, at + LOG.h_crc);
    crc = crc32cUpdate(crc, zeros, 0, 4);
    crc = crc32cUpdate(crc, view, at + LOG.h_crc + 4, at + size);
    for (let i = 1; i < headers; i++) {
      crc = crc32cUpdate(crc, view, at + i * BLOCK, at + i * BLOCK + EXTENDED_HEADER_BYTES);
    }
    const data = at + headers * BLOCK;
    return ~crc32cUpdate(crc, view, data, data + bytes) >>> 0 === stored;
  });
}
