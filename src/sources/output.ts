/** Small helpers over an ImageOutput that several writers need. */
import type { ImageOutput } from '../core/contracts/writer.ts';
import { isZero } from '../core/zeros.ts';

/** Zeros shorter than this are written rather than left out: many small holes make a file slow to read. */
const HOLE_BYTES = 32 * 1024;
const PIECE_BYTES = 1024 * 1024;

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
