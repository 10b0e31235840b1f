/**
 * Decoding to a temporary file: what is done, wherever it is done (see spool.ts).
 *
 * One piece is written while the next is decoded. Stretches of zeros are left out of the file and remembered, so that
 * a disk of which a tenth is used costs a tenth of the writing, and nobody need read its zeros to know them.
 */
import { write } from 'node:fs';
import type { ByteSink } from '../core/contracts/compressor.ts';
import type { Context } from '../core/contracts/context.ts';
import { MAX_SPOOL_ZERO_RUNS, MAX_VIRTUAL_SIZE, MAX_ZSTD_WINDOW_LOG } from '../core/limits.ts';
import { dataRuns } from '../core/zeros.ts';
import { decodeAny } from './decompress-file.ts';

/** Zeros are left out in units of this: small ones would cost more calls than they save bytes. */
const ZERO_UNIT_BYTES = 64 * 1024;

export interface SpoolContent {
  /** Bytes decoded; the file itself may end earlier, in zeros. */
  readonly size: number;
  /** Stretches that are zero, in order, as pairs start, end; what is not in it may still hold zeros. */
  readonly zeros: Float64Array<ArrayBuffer>;
}

/** Turns chunks into what they hold. */
export type Decode = (chunks: AsyncIterable<Uint8Array>, write: ByteSink) => Promise<void>;

/** gzip and zstd, by the first bytes. */
export function decodeBuiltIn(context: Context): Decode {
  const options = { maxSize: MAX_VIRTUAL_SIZE, windowLogMax: MAX_ZSTD_WINDOW_LOG };
  return async (chunks, put) => {
    await decodeAny(chunks, { write: put }, options, context);
  };
}

/** Collects stretches of zeros between stretches of data. */
class ZeroRuns {
  private readonly bounds: number[] = [];
  private dataEnd = 0;

  addData(start: number, end: number): void {
    this.addZeros(start);
    this.dataEnd = end;
  }

  private addZeros(end: number): void {
    if (end > this.dataEnd && this.bounds.length < 2 * MAX_SPOOL_ZERO_RUNS)
      this.bounds.push(this.dataEnd, end);
  }

  finish(size: number): Float64Array<ArrayBuffer> {
    this.addZeros(size);
    return Float64Array.from(this.bounds);
  }
}

/**
 * Decodes all of `chunks` into the open file `fd`.
 * @throws whatever `decode` throws, and Error of the system when the file cannot be written
 */
export async function spoolInto(
  fd: number,
  chunks: AsyncIterable<Uint8Array>,
  decode: Decode,
): Promise<SpoolContent> {
  const zeros = new ZeroRuns();
  let size = 0;
  let writing: Promise<void> = Promise.resolve();
  try {
    await decode(chunks, async (bytes) => {
      await writing;
      writing = put(fd, bytes, size, zeros);
      writing.catch(() => {}); // whoever waits next hears of it
      size += bytes.length;
    });
  } finally {
    await writing.catch(() => {}); // nobody writes to the file when this has ended
  }
  await writing;
  return { size, zeros: zeros.finish(size) };
}

async function put(fd: number, bytes: Uint8Array, start: number, zeros: ZeroRuns): Promise<void> {
  const runs = dataRuns(bytes, ZERO_UNIT_BYTES, start);
  for (let i = 0; i < runs.length; i += 2) {
    const end = runs[i + 1]!;
    zeros.addData(start + runs[i]!, start + end);
    for (let at = runs[i]!; at < end; ) at += await writeOnce(fd, bytes, at, end, start + at);
  }
}

function writeOnce(
  fd: number,
  bytes: Uint8Array,
  at: number,
  end: number,
  position: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, at, end - at, position, (error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}
