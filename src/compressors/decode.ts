/** What decoders of every algorithm share: where their output goes, and what bounds it. */

import type { ByteSink } from '../core/contracts/compressor.ts';
import { corrupt, unreadable } from '../core/errors.ts';
import { formatSize } from '../core/size.ts';
import { hex } from '../core/text.ts';

/** Where decoded bytes go. */
export interface DecodeTarget {
  /** Takes bytes in order. They are the taker's from then on. */
  readonly write: ByteSink;
  /** A file that threads may write to at the positions that `reserve` hands out. */
  readonly file?: { readonly fd: number; readonly sparse: boolean; reserve(length: number): number };
  /** Nobody wants the bytes: `write` need not be called where a checksum was verified. */
  readonly discard?: boolean;
}

export interface DecodeOptions {
  /** Refuse to write more than this, in bytes. */
  readonly maxSize?: number | undefined;
  /** log2 of the largest window to accept, for zstd. */
  readonly windowLogMax?: number | undefined;
  readonly onPiece?: ((bytesIn: number, bytesOut: number) => void) | undefined;
  /** Compute the CRC-32 of the output. */
  readonly crc?: boolean | undefined;
}

export interface DecodeResult {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly crc: number;
}

/** Counts output and stops a decompression bomb before it is written. */
export class OutputBound {
  bytes = 0;
  private readonly maxSize: number;

  constructor(maxSize = Number.MAX_SAFE_INTEGER) {
    this.maxSize = maxSize;
  }

  add(count: number): void {
    this.bytes += count;
    if (this.bytes > this.maxSize)
      throw unreadable('OUTPUT_TOO_LARGE', `decompresses to more than ${formatSize(this.maxSize)}`, {
        advice: 'if that is expected, raise --max-size',
      });
  }
}

export function trailingGarbage(offset: number): Error {
  return corrupt('TRAILING_GARBAGE', `what follows the compressed data at ${hex(offset)} is not part of it`, {
    advice: 'the file was appended to or overwritten: get it again',
  });
}
