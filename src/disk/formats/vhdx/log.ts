/**
 * The log, replayed in memory ([MS-VHDX] 2.3). Every change of metadata is written to a ring of entries before it is
 * made in place; a file that was not closed holds entries that were perhaps never applied. Reading such a file
 * without them would follow stale tables, so they are laid over the file: sectors of data and stretches of zeros, the
 * later over the earlier. The file itself is never written.
 *
 * The active sequence (2.3.2): a run of sound entries with consecutive numbers whose last one, the head, says with
 * its tail where the run begins. Of several the one with the highest number counts.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockExtent, BlockSource } from '../../../core/contracts/source.ts';
import { crc32c } from '../../../core/crc32c.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import { type ByteRange, ExtentSet } from '../../../core/extents.ts';
import {
  MAX_READ_BYTES,
  MAX_VHDX_LOG_BYTES,
  MAX_VHDX_LOG_PASSES,
  MAX_VHDX_LOG_ZEROS,
  MAX_VIRTUAL_SIZE,
} from '../../../core/limits.ts';
import { hex } from '../../../core/text.ts';
import { assertInside, wholeAs } from '../../../sources/file.ts';
import {
  DataDescriptor,
  DataSector,
  LOG_DESCRIPTOR_BYTES,
  LOG_DESCRIPTORS_AT,
  LOG_SECTOR,
  LogEntryHeader,
  MiB,
  ZeroDescriptor,
} from './layout.ts';

interface LogEntry {
  /** Of the ring. */
  readonly offset: number;
  readonly length: number;
  readonly tail: number;
  readonly sequence: bigint;
  readonly flushedBytes: number;
  readonly lastBytes: number;
  /** Of the entry alone, in one piece even where it wraps. */
  readonly bytes: Uint8Array;
  readonly descriptors: number;
}

export interface LogPlace {
  readonly offset: number;
  readonly length: number;
  readonly guid: Uint8Array;
}

const COPY_AGAIN = 'the file is truncated or damaged: copy it again';

/**
 * The file as it is with the log applied.
 * @returns `file` itself when the log is empty (its identifier is nil)
 */
export async function replayLog(file: BlockSource, log: LogPlace, context: Context): Promise<BlockSource> {
  if (log.guid.every((byte) => byte === 0)) return file;
  if (
    log.offset < MiB ||
    log.offset % MiB !== 0 ||
    log.length % MiB !== 0 ||
    log.offset + log.length > file.size
  ) {
    throw corrupt(
      'VHDX_LOG_OUT_OF_FILE',
      `the log of ${log.length} bytes at ${hex(log.offset)} does not lie inside the file (${hex(file.size)})`,
      { advice: COPY_AGAIN },
    );
  }
  if (log.length > MAX_VHDX_LOG_BYTES) {
    throw unsupported(
      'VHDX_LOG_TOO_LARGE',
      `has a log of ${log.length} bytes, more than ${MAX_VHDX_LOG_BYTES}`,
      {
        advice: 'attach and detach the disk once, which empties the log',
      },
    );
  }
  const ring = new Uint8Array(log.length);
  for (let at = 0; at < ring.length; at += MAX_READ_BYTES)
    await file.read(ring.subarray(at, Math.min(ring.length, at + MAX_READ_BYTES)), log.offset + at);
  const sequence = activeSequence(ring, log.guid);
  const head = sequence.at(-1);
  if (head === undefined) {
    throw corrupt('VHDX_LOG_DAMAGED', 'was not closed, and its log holds no sound sequence of entries', {
      advice: 'make the image again, or attach it once where it came from',
    });
  }
  if (file.size < head.flushedBytes) {
    throw corrupt(
      'VHDX_FILE_OUT_OF_FILE',
      `is ${file.size} bytes long; its log says that it was ${head.flushedBytes} when it was last flushed`,
      { advice: COPY_AGAIN },
    );
  }
  context.report(
    'info',
    'VHDX_LOG_REPLAYED',
    `was not closed: ${sequence.length} entries of its log were applied in memory, the file is unchanged`,
  );
  const overlay = new Overlay(file, Math.max(file.size, Math.min(head.lastBytes, MAX_VIRTUAL_SIZE)));
  for (const entry of sequence) applyEntry(entry, overlay);
  return overlay;
}

function activeSequence(ring: Uint8Array, guid: Uint8Array): LogEntry[] {
  const entries = new Map<number, LogEntry>();
  const budget = { bytes: MAX_VHDX_LOG_PASSES * ring.length };
  for (let at = 0; at < ring.length; at += LOG_SECTOR) {
    const entry = parseEntry(ring, at, guid, budget);
    if (entry !== undefined) entries.set(at, entry);
  }
  let best: LogEntry[] = [];
  for (const head of entries.values()) {
    if (best.length > 0 && head.sequence <= best.at(-1)!.sequence) continue;
    // From the tail that the head names, entry by entry, to the head itself; each is at least a sector long.
    const sequence: LogEntry[] = [];
    let at = head.tail;
    for (let steps = 0; steps <= ring.length / LOG_SECTOR; steps++) {
      const entry = entries.get(at);
      const before = sequence.at(-1);
      if (entry === undefined || (before !== undefined && entry.sequence !== before.sequence + 1n)) break;
      sequence.push(entry);
      if (entry === head) break;
      at = (at + entry.length) % ring.length;
    }
    if (sequence.at(-1) === head) best = sequence;
  }
  return best;
}

/** An entry with the log's identifier and a sound checksum; undefined when there is none at this place. */
function parseEntry(
  ring: Uint8Array,
  offset: number,
  guid: Uint8Array,
  budget: { bytes: number },
): LogEntry | undefined {
  const header = LogEntryHeader.read(ring, offset);
  const length = header.EntryLength;
  if (
    header.Signature !== 'loge' ||
    length === 0 ||
    length % LOG_SECTOR !== 0 ||
    length > ring.length ||
    header.Tail % LOG_SECTOR !== 0 ||
    header.Tail >= ring.length ||
    header.SequenceNumber === 0n ||
    Buffer.compare(header.LogGuid, guid) !== 0
  )
    return undefined;
  const area = Math.ceil((LOG_DESCRIPTORS_AT + header.DescriptorCount * LOG_DESCRIPTOR_BYTES) / LOG_SECTOR);
  if (area * LOG_SECTOR > length) return undefined;
  budget.bytes -= length;
  if (budget.bytes < 0) {
    throw corrupt('VHDX_LOG_DAMAGED', 'the log is full of entries that lie over each other', {
      advice: COPY_AGAIN,
    });
  }
  const bytes = new Uint8Array(length);
  const first = Math.min(length, ring.length - offset);
  bytes.set(ring.subarray(offset, offset + first));
  bytes.set(ring.subarray(0, length - first), first);
  const stated = header.Checksum;
  bytes.fill(0, 4, 8);
  if (crc32c(bytes) !== stated) return undefined;
  return {
    offset,
    length,
    tail: header.Tail,
    sequence: header.SequenceNumber,
    flushedBytes: Number(header.FlushedFileOffset),
    lastBytes: Number(header.LastFileOffset),
    bytes,
    descriptors: header.DescriptorCount,
  };
}

function applyEntry({ bytes, descriptors, sequence, length }: LogEntry, overlay: Overlay): void {
  const wrong = (what: string): Error =>
    corrupt('VHDX_LOG_DAMAGED', `entry ${sequence} of the log ${what}`, { advice: COPY_AGAIN });
  let sector = Math.ceil((LOG_DESCRIPTORS_AT + descriptors * LOG_DESCRIPTOR_BYTES) / LOG_SECTOR) * LOG_SECTOR;
  for (let i = 0; i < descriptors; i++) {
    const at = LOG_DESCRIPTORS_AT + i * LOG_DESCRIPTOR_BYTES;
    const signature = Buffer.from(bytes.buffer, at, 4).toString('latin1');
    if (signature === 'zero') {
      const zero = ZeroDescriptor.read(bytes, at);
      if (zero.SequenceNumber !== sequence) throw wrong('holds a descriptor of another one');
      if (zero.FileOffset % LOG_SECTOR !== 0 || zero.ZeroLength % LOG_SECTOR !== 0)
        throw wrong('fills parts of sectors with zeros');
      overlay.zero(zero.FileOffset, zero.ZeroLength);
    } else if (signature === 'desc') {
      const data = DataDescriptor.read(bytes, at);
      if (data.SequenceNumber !== sequence) throw wrong('holds a descriptor of another one');
      if (data.FileOffset % LOG_SECTOR !== 0) throw wrong('writes parts of sectors');
      if (sector + LOG_SECTOR > length) throw wrong('announces more sectors than it holds');
      const { DataSignature, SequenceHigh, SequenceLow } = DataSector.read(bytes, sector);
      if (DataSignature !== 'data' || ((BigInt(SequenceHigh) << 32n) | BigInt(SequenceLow)) !== sequence)
        throw wrong('holds a sector that is not its own');
      const page = bytes.slice(sector, sector + LOG_SECTOR);
      page.set(data.LeadingBytes, 0);
      page.set(data.TrailingBytes, LOG_SECTOR - data.TrailingBytes.length);
      overlay.write(data.FileOffset, page);
      sector += LOG_SECTOR;
    } else throw wrong('holds a descriptor of an unknown kind');
  }
}

/** A file with sectors of 4 KiB replaced, and longer perhaps than it is: zeros follow it then. */
class Overlay implements BlockSource {
  readonly size: number;
  readonly granularity: number;
  private readonly file: BlockSource;
  private readonly pages = new Map<number, Uint8Array>();
  private zeros = ExtentSet.empty;
  private zeroCount = 0;

  constructor(file: BlockSource, size: number) {
    this.file = file;
    this.size = size;
    this.granularity = file.granularity;
  }

  zero(start: number, length: number): void {
    if (++this.zeroCount > MAX_VHDX_LOG_ZEROS)
      throw unsupported(
        'VHDX_LOG_ZEROS',
        `has a log with more than ${MAX_VHDX_LOG_ZEROS} stretches of zeros`,
      );
    this.zeros = this.zeros.union(ExtentSet.of(start, start + length));
    for (const page of this.pages.keys()) if (page >= start && page < start + length) this.pages.delete(page);
  }

  write(at: number, page: Uint8Array): void {
    this.pages.set(at, page);
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, 'vhdx');
    const end = offset + target.length;
    const inFile = Math.max(0, Math.min(target.length, this.file.size - offset));
    target.fill(0, inFile);
    if (inFile > 0) await this.file.read(target.subarray(0, inFile), offset);
    for (let i = this.zeros.indexAfter(offset); i < this.zeros.count && this.zeros.startOf(i) < end; i++)
      target.fill(
        0,
        Math.max(0, this.zeros.startOf(i) - offset),
        Math.min(target.length, this.zeros.endOf(i) - offset),
      );
    for (let at = offset - (offset % LOG_SECTOR); at < end; at += LOG_SECTOR) {
      const page = this.pages.get(at);
      if (page === undefined) continue;
      const from = Math.max(at, offset);
      target.set(page.subarray(from - at, Math.min(LOG_SECTOR, end - at)), from - offset);
    }
  }

  extents(range: ByteRange = { start: 0, end: this.size }): AsyncIterable<readonly BlockExtent[]> {
    return wholeAs('data', range);
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
