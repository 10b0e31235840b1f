/**
 * Zstandard frames (RFC 8878) as far as their outline goes: where a frame and its blocks begin and end, how much it
 * holds. Decoding is Node's. And the seek table of the Zstandard Seekable Format 0.1.0 (contrib/seekable_format).
 */
import { corrupt, unsupported } from '../core/errors.ts';
import { hex } from '../core/text.ts';

export const ZSTD_MAGIC = 0xfd2fb528;
/** Skippable frames have any of 16 magic numbers from here on. */
export const SKIPPABLE_MAGIC = 0x184d2a50;
export const SEEK_TABLE_MAGIC = 0x184d2a5e;
export const SEEKABLE_FOOTER_MAGIC = 0x8f92eab1;
/** Number_Of_Frames, Seek_Table_Descriptor, Seekable_Magic_Number. */
export const SEEKABLE_FOOTER_BYTES = 9;
/** Magic and length. */
export const SKIPPABLE_HEADER_BYTES = 8;
/** Magic, descriptor, window, dictionary id, content size at their widest. */
export const MAX_FRAME_HEADER_BYTES = 4 + 1 + 1 + 4 + 8;
export const BLOCK_HEADER_BYTES = 3;
export const MAX_BLOCK_BYTES = 128 * 1024;
export const FRAME_CHECKSUM_BYTES = 4;

/** Frame_Content_Size and the rest of a frame's header. */
export interface FrameHeader {
  readonly headerLength: number;
  /** Undefined when the frame does not say. */
  readonly contentSize: number | undefined;
  readonly windowSize: number;
  readonly hasChecksum: boolean;
}

function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Little-endian u32, for magic numbers; undefined when there are not four bytes. */
export function magicOf(bytes: Uint8Array): number | undefined {
  return bytes.length < 4 ? undefined : u32(bytes, 0);
}

export function isSkippable(magic: number): boolean {
  return (magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC;
}

/**
 * Parses the header of a frame whose magic number was checked.
 * @returns undefined when `bytes` ends inside the header
 * @throws ImgoptError `corrupt` for reserved bits and sizes past 2^53, `unsupported` for dictionaries
 */
export function readFrameHeader(bytes: Uint8Array): FrameHeader | undefined {
  if (bytes.length < 5) return undefined;
  const descriptor = bytes[4]!;
  if (descriptor & 0x08) throw corrupt('ZSTD_RESERVED_BIT', 'a reserved bit of the frame header is set');
  const isSingle = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? (isSingle ? 1 : 0) : 1 << sizeFlag;
  const headerLength = 5 + (isSingle ? 0 : 1) + dictionaryBytes + sizeBytes;
  if (bytes.length < headerLength) return undefined;
  let at = 5;
  let windowSize = 0;
  if (!isSingle) {
    const base = 2 ** (10 + (bytes[at]! >> 3));
    windowSize = base + (base / 8) * (bytes[at]! & 7);
    at++;
  }
  for (let i = 0; i < dictionaryBytes; i++) {
    if (bytes[at + i] !== 0)
      throw unsupported('ZSTD_DICTIONARY', 'was compressed with a dictionary, which the file does not hold', {
        advice: 'decompress it with zstd -D',
      });
  }
  at += dictionaryBytes;
  let contentSize: number | undefined;
  if (sizeBytes > 0) {
    contentSize = 0;
    for (let i = sizeBytes - 1; i >= 0; i--) contentSize = contentSize * 256 + bytes[at + i]!;
    if (sizeBytes === 2) contentSize += 256;
    if (!Number.isSafeInteger(contentSize))
      throw corrupt('ZSTD_CONTENT_SIZE', 'the content size of a frame is beyond any disk');
  }
  if (isSingle) windowSize = contentSize!;
  return { headerLength, contentSize, windowSize, hasChecksum: (descriptor & 4) !== 0 };
}

export interface BlockHeader {
  readonly isLast: boolean;
  /** Bytes that follow the header. */
  readonly storedLength: number;
}

/** @throws ImgoptError (corrupt) for a reserved type or a block larger than the format allows */
export function readBlockHeader(bytes: Uint8Array, at = 0): BlockHeader {
  const value = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
  const type = (value >> 1) & 3;
  const size = value >> 3;
  if (type === 3) throw corrupt('ZSTD_BLOCK_TYPE', 'a block has the reserved type');
  if (type !== 1 && size > MAX_BLOCK_BYTES)
    throw corrupt('ZSTD_BLOCK_SIZE', `a block of ${hex(size)} bytes is larger than the format allows`);
  return { isLast: (value & 1) !== 0, storedLength: type === 1 ? 1 : size };
}

/**
 * Outlines the frame at the start of `bytes`.
 * @returns undefined when it is no frame or is cut off
 */
export function readFrame(bytes: Uint8Array): { end: number; contentSize: number | undefined } | undefined {
  if (magicOf(bytes) !== ZSTD_MAGIC) return undefined;
  const header = readFrameHeader(bytes);
  if (header === undefined) return undefined;
  let at = header.headerLength;
  for (;;) {
    if (at + BLOCK_HEADER_BYTES > bytes.length) return undefined;
    const block = readBlockHeader(bytes, at);
    at += BLOCK_HEADER_BYTES + block.storedLength;
    if (block.isLast) break;
  }
  if (header.hasChecksum) at += FRAME_CHECKSUM_BYTES;
  return at > bytes.length ? undefined : { end: at, contentSize: header.contentSize };
}

/** Collects the sizes of frames and writes the seek table behind them. */
export class SeekTable {
  private entries = new Uint32Array(2048);
  private used = 0;

  add(compressed: number, decompressed: number): void {
    if (this.used + 2 > this.entries.length) {
      const larger = new Uint32Array(this.entries.length * 2);
      larger.set(this.entries);
      this.entries = larger;
    }
    this.entries[this.used++] = compressed;
    this.entries[this.used++] = decompressed;
  }

  /** The skippable frame: entries without checksums (each frame has its own), footer. */
  toBytes(): Uint8Array {
    const length = this.used * 4 + SEEKABLE_FOOTER_BYTES;
    const bytes = new Uint8Array(SKIPPABLE_HEADER_BYTES + length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, SEEK_TABLE_MAGIC, true);
    view.setUint32(4, length, true);
    for (let i = 0; i < this.used; i++)
      view.setUint32(SKIPPABLE_HEADER_BYTES + i * 4, this.entries[i]!, true);
    const footer = bytes.length - SEEKABLE_FOOTER_BYTES;
    view.setUint32(footer, this.used / 2, true);
    view.setUint8(footer + 4, 0);
    view.setUint32(footer + 5, SEEKABLE_FOOTER_MAGIC, true);
    return bytes;
  }
}
