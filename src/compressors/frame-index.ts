/**
 * Where the frames of a zstd file are: from its seek table, or by following the headers of frames and blocks.
 *
 * A seek table is only believed where it agrees with the file: it must cover it exactly, and every frame must begin
 * and end where the table says, which shows when the frame is decoded.
 */
import type { Context } from '../core/contracts/context.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import { corrupt, type ImgoptError } from '../core/errors.ts';
import { MAX_RANDOM_ACCESS_FRAME_BYTES, MAX_VIRTUAL_SIZE, MAX_ZSTD_FRAMES } from '../core/limits.ts';
import { hex } from '../core/text.ts';
import {
  BLOCK_HEADER_BYTES,
  FRAME_CHECKSUM_BYTES,
  isSkippable,
  MAX_FRAME_HEADER_BYTES,
  magicOf,
  readBlockHeader,
  readFrameHeader,
  SEEK_TABLE_MAGIC,
  SEEKABLE_FOOTER_BYTES,
  SEEKABLE_FOOTER_MAGIC,
  SKIPPABLE_HEADER_BYTES,
  ZSTD_MAGIC,
} from './zstd-layout.ts';

/** Where frames begin, in the file and in the content; one entry more than frames, for the ends. */
export interface FrameIndex {
  readonly count: number;
  readonly stored: Float64Array;
  readonly content: Float64Array;
  /** Stored length without what may stand between frames. */
  readonly lengths: Float64Array;
  /** Every byte up to the seek table belongs to one of the frames. */
  readonly isGapless: boolean;
  /** Content of the largest frame. */
  readonly largest: number;
}

/** What of a source is needed here. */
type Readable = Pick<BlockSource, 'size' | 'read'>;

class IndexBuilder {
  private readonly stored: number[] = [];
  private readonly content: number[] = [];
  private readonly lengths: number[] = [];
  private size = 0;
  private isGapless = true;
  private largest = 0;

  /** @returns false when the frame cannot be part of random access */
  add(at: number, length: number, contentSize: number): boolean {
    if (contentSize === 0) {
      this.isGapless = false; // whatever it is, nobody will decode it
      return true;
    }
    if (contentSize > MAX_RANDOM_ACCESS_FRAME_BYTES || this.stored.length >= MAX_ZSTD_FRAMES) return false;
    this.stored.push(at);
    this.lengths.push(length);
    this.content.push(this.size);
    this.size += contentSize;
    this.largest = Math.max(this.largest, contentSize);
    return this.size <= MAX_VIRTUAL_SIZE;
  }

  build(): FrameIndex {
    return {
      count: this.stored.length,
      stored: Float64Array.from(this.stored),
      lengths: Float64Array.from(this.lengths),
      content: Float64Array.from([...this.content, this.size]),
      isGapless: this.isGapless,
      largest: this.largest,
    };
  }
}

/** The seek table at the end, or undefined when there is none that fits the file. */
export async function readSeekTable(file: Readable): Promise<FrameIndex | undefined> {
  if (file.size < SKIPPABLE_HEADER_BYTES + SEEKABLE_FOOTER_BYTES) return undefined;
  const footer = new Uint8Array(SEEKABLE_FOOTER_BYTES);
  await file.read(footer, file.size - SEEKABLE_FOOTER_BYTES);
  const view = new DataView(footer.buffer);
  if (view.getUint32(5, true) !== SEEKABLE_FOOTER_MAGIC) return undefined;
  const count = view.getUint32(0, true);
  const descriptor = view.getUint8(4);
  if (descriptor & 0x7c || count > MAX_ZSTD_FRAMES) return undefined;
  const entryBytes = descriptor & 0x80 ? 12 : 8;
  const tableBytes = SKIPPABLE_HEADER_BYTES + count * entryBytes + SEEKABLE_FOOTER_BYTES;
  if (tableBytes > file.size) return undefined;
  const bytes = new Uint8Array(tableBytes);
  await file.read(bytes, file.size - tableBytes);
  const table = new DataView(bytes.buffer);
  if (
    table.getUint32(0, true) !== SEEK_TABLE_MAGIC ||
    table.getUint32(4, true) !== tableBytes - SKIPPABLE_HEADER_BYTES
  )
    return undefined;
  const index = new IndexBuilder();
  let at = 0;
  for (let i = 0; i < count; i++) {
    const entry = SKIPPABLE_HEADER_BYTES + i * entryBytes;
    const length = table.getUint32(entry, true);
    if (!index.add(at, length, table.getUint32(entry + 4, true))) return undefined;
    at += length;
  }
  return at === file.size - tableBytes ? index.build() : undefined;
}

/** Follows the headers of all frames and blocks; undefined when a frame does not tell its size or is too large. */
export async function walkFrames(file: Readable, context: Context): Promise<FrameIndex | undefined> {
  const index = new IndexBuilder();
  const head = async (at: number, length: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, file.size - at)));
    await file.read(bytes, at);
    return bytes;
  };
  for (let at = 0; at < file.size; ) {
    context.signal.throwIfAborted();
    const start = at;
    const bytes = await head(at, MAX_FRAME_HEADER_BYTES);
    const magic = magicOf(bytes);
    if (magic !== undefined && isSkippable(magic) && bytes.length >= SKIPPABLE_HEADER_BYTES) {
      at += SKIPPABLE_HEADER_BYTES + new DataView(bytes.buffer).getUint32(4, true);
      if (at > file.size) throw truncated(start);
      continue;
    }
    if (magic !== ZSTD_MAGIC) {
      throw corrupt('TRAILING_GARBAGE', `what follows at ${hex(at)} is not part of the compressed data`, {
        advice: 'the file was appended to or overwritten: get it again',
      });
    }
    const header = readFrameHeader(bytes);
    if (header === undefined) throw truncated(start);
    if (header.contentSize === undefined || header.contentSize > MAX_RANDOM_ACCESS_FRAME_BYTES)
      return undefined;
    at += header.headerLength;
    for (let isLast = false; !isLast; ) {
      const blockBytes = await head(at, BLOCK_HEADER_BYTES);
      if (blockBytes.length < BLOCK_HEADER_BYTES) throw truncated(start);
      const block = readBlockHeader(blockBytes);
      at += BLOCK_HEADER_BYTES + block.storedLength;
      isLast = block.isLast;
    }
    if (header.hasChecksum) at += FRAME_CHECKSUM_BYTES;
    if (at > file.size) throw truncated(start);
    if (!index.add(start, at - start, header.contentSize)) return undefined;
  }
  return index.build();
}

function truncated(at: number): ImgoptError {
  return corrupt('TRUNCATED', `the frame at ${hex(at)} is cut off`, {
    advice: 'the file was cut short: copy or build it again',
  });
}
