/** Small helpers over an ImageOutput that several writers need. */
import type { ImageOutput } from '../core/contracts/writer.ts';
import { isZero } from '../core/zeros.ts';

/** Zeros shorter than this are written rather than left out: many small holes make a file slow to read. */
const HOLE_BYTES = 32 * 1024;
const PIECE_BYTES = 1024 * 1024;
const ZEROS = new Uint8Array(64 * 1024);

/** Writes what is not zero, in whole units of the output's 32 KiB; for outputs that are not sequential. */
export async function writeSparsely(output: ImageOutput, content: Uint8Array, offset: number): Promise<void> {
  let start = 0;
  for (let at = 0; at < content.length; ) {
    const next = Math.min(content.length, at + HOLE_BYTES - ((offset + at) % HOLE_BYTES));
    if (isZero(content.subarray(at, next))) {
      if (at > start) await output.write(content.subarray(start, at), offset + start);
      start = next;
    }
    at = next;
  }
  if (content.length > start) await output.write(content.subarray(start), offset + start);
}

/** Writes zeros over [from, to): what a sequential output needs for a hole. */
export async function writeZeros(output: ImageOutput, from: number, to: number): Promise<void> {
  const zeros = new Uint8Array(Math.min(PIECE_BYTES, Math.max(0, to - from)));
  for (let at = from; at < to; at += zeros.length) {
    await output.write(zeros.subarray(0, Math.min(zeros.length, to - at)), at);
  }
}

/**
 * Appends small pieces as large writes. While one buffer is written the other is filled; a piece is copied, so
 * the caller may reuse it at once.
 */
export class AppendingOutput {
  private readonly output: ImageOutput;
  private buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  private other = Buffer.allocUnsafeSlow(PIECE_BYTES);
  private filled = 0;
  private start: number;
  private writing: Promise<void> = Promise.resolve();

  /** `position`: where the first piece goes. */
  constructor(output: ImageOutput, position = 0) {
    this.output = output;
    this.start = position;
  }

  /** Where the next piece goes. */
  get position(): number {
    return this.start + this.filled;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + this.buffer.length - this.filled);
      this.buffer.set(piece, this.filled);
      this.filled += piece.length;
      at += piece.length;
      if (this.filled === this.buffer.length) await this.flush();
    }
  }

  /** Appends zeros up to the next multiple of `unit`, at most 64 KiB. */
  async pad(unit: number): Promise<void> {
    const missing = (unit - (this.position % unit)) % unit;
    await this.append(ZEROS.subarray(0, missing));
  }

  /** Waits until all is written. */
  async finish(): Promise<void> {
    await this.flush();
    await this.writing;
  }

  private async flush(): Promise<void> {
    await this.writing;
    const full = this.buffer.subarray(0, this.filled);
    if (full.length === 0) return;
    this.writing = this.output.write(full, this.start);
    this.writing.catch(() => {}); // whoever waits next hears of it
    this.start += full.length;
    this.filled = 0;
    [this.buffer, this.other] = [this.other, this.buffer];
  }
}
