/**
 * Compressing one input to one output, with everything around it that must not go wrong: the input stays as it is
 * and is noticed when it changes meanwhile; the output appears under its name only when it is complete and on the
 * disk; `remove` takes the input away only after the output was read back and found to hold the same bytes.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import type { ByteSink } from '../core/contracts/compressor.ts';
import type { Context, ProgressTask } from '../core/contracts/context.ts';
import { ImgoptError, usage } from '../core/errors.ts';
import { isSameFile, OutputFile } from '../core/output-file.ts';
import { formatShare, formatSize } from '../core/size.ts';
import { decodeGzip } from './gunzip.ts';
import { GZIP_LEVELS, writeGzip } from './gzip.ts';
import { type HostInput, openHostInput, streamInput } from './host-input.ts';
import type { CompressionInput } from './pieces.ts';
import { CodecPool } from './pool.ts';
import { release } from './release.ts';
import { decodeZstd } from './unzstd.ts';
import { writeZstd, ZSTD_LEVELS, zstdPool } from './zstd.ts';

export type Algorithm = 'zstd' | 'gzip';
export const SUFFIX_OF: Record<Algorithm, string> = { zstd: '.zst', gzip: '.gz' };

export interface CompressFileOptions {
  readonly algorithm: Algorithm;
  readonly level?: number | undefined;
  /** log2 of zstd's window for matches over long distances. */
  readonly windowLog?: number | undefined;
  /** Read the output back and compare it with the input before it gets its name. */
  readonly verify: boolean;
  /** Remove the input once the output is verified and on the disk. */
  readonly remove: boolean;
  /** Compute the SHA-256 of the output. */
  readonly sha256: boolean;
  /** Replace an output that exists. */
  readonly force: boolean;
}

/** A path, or bytes that come from somewhere else under a name for messages. */
export type NamedInput = string | { readonly name: string; readonly chunks: AsyncIterable<Uint8Array> };
/** A path, or whoever takes the bytes. */
export type NamedOutput = string | { readonly name: string; readonly sink: ByteSink };

export interface CompressFileResult {
  readonly input: string;
  readonly output: string;
  readonly algorithm: Algorithm;
  readonly level: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly seconds: number;
  /** Of the output. */
  readonly sha256: string | null;
  readonly verified: boolean;
  readonly removed: boolean;
}

/**
 * @throws ImgoptError `usage` for options that contradict each other, `unreadable` for an input that is not there
 *   or changes, `system` when the host refuses, `failed-check` when the output does not decompress to the input;
 *   AbortError. Nothing is left behind then, and the input is untouched.
 */
export async function compressFile(
  input: NamedInput,
  output: NamedOutput,
  options: CompressFileOptions,
  context: Context,
): Promise<CompressFileResult> {
  const started = performance.now();
  const { name } = typeof input === 'string' ? { name: input } : input;
  if (typeof input === 'string' && typeof output === 'string' && (await isSameFile(input, output))) {
    throw usage('OUTPUT_IS_INPUT', 'is both input and output', {
      where: [input],
      advice: 'choose another --output',
    });
  }
  const opened = typeof input === 'string' ? await openHostInput(input) : streamInput(input.chunks, name);
  try {
    return await compressOpen(opened, output, options, context, started);
  } catch (error) {
    throw error instanceof ImgoptError ? error : opened.toError(error); // those know their place
  } finally {
    await opened.close();
  }
}

async function compressOpen(
  input: HostInput,
  output: NamedOutput,
  options: CompressFileOptions,
  context: Context,
  started: number,
): Promise<CompressFileResult> {
  const { algorithm } = options;
  const level = options.level ?? (algorithm === 'zstd' ? ZSTD_LEVELS : GZIP_LEVELS).standard;
  const { name, fd, size, mode } = input;
  const source: CompressionInput =
    fd === undefined || size === undefined ? { chunks: input.chunks(context.signal) } : { fd, size };
  const hash = options.sha256 ? createHash('sha256') : undefined;
  const file =
    typeof output === 'string'
      ? await OutputFile.create(output, {
          force: options.force,
          // Never more open than the input: an image may hold keys.
          ...(mode === undefined ? {} : { mode }),
        })
      : undefined;
  const write: ByteSink =
    file === undefined
      ? (output as { sink: ByteSink }).sink
      : async (bytes) => {
          await file.write(bytes);
          release(bytes);
        };
  const sink: ByteSink =
    hash === undefined
      ? write
      : (bytes) => {
          hash.update(bytes);
          return write(bytes);
        };
  const progress = context.progress.start(basename(name), size ?? 0);
  try {
    const written = await compressTo(source, sink, level, options, context, reporter(progress));
    await input.assertUnchanged();
    progress.done();
    let verified = false;
    if (file !== undefined && (options.verify || options.remove)) {
      await verify(file, written, options, context);
      verified = true;
    }
    await file?.finish();
    const removed = options.remove && file !== undefined && (await input.remove());
    return {
      input: name,
      output: typeof output === 'string' ? output : output.name,
      algorithm,
      level,
      bytesIn: written.bytesIn,
      bytesOut: written.bytesOut,
      seconds: (performance.now() - started) / 1000,
      sha256: hash === undefined ? null : hash.digest('hex'),
      verified,
      removed,
    };
  } finally {
    progress.done();
    await file?.abort(); // Does nothing to a file that is finished.
  }
}

/** Feeds a progress line: bytes of input, and beside them what came out so far. */
function reporter(progress: ProgressTask): (bytesIn: number, bytesOut: number) => void {
  let totalIn = 0;
  let totalOut = 0;
  return (bytesIn, bytesOut) => {
    totalIn += bytesIn;
    totalOut += bytesOut;
    progress.advance(bytesIn, `to ${formatSize(totalOut)} (${formatShare(totalOut, totalIn)})`);
  };
}

interface Written {
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** CRC-32 of the input. */
  readonly crc: number;
}

async function compressTo(
  source: CompressionInput,
  sink: ByteSink,
  level: number,
  options: CompressFileOptions,
  context: Context,
  onPiece: (bytesIn: number, bytesOut: number) => void,
): Promise<Written> {
  const { algorithm, windowLog } = options;
  const withCrc = options.verify || options.remove;
  if (algorithm === 'gzip' && windowLog !== undefined) {
    throw usage('BAD_WINDOW', 'gzip has one window, of 32 KiB', { advice: 'drop --long, or use zstd' });
  }
  const settings = { level, windowLog };
  const pool =
    algorithm === 'zstd' ? zstdPool(context.threads, settings) : new CodecPool({ threads: context.threads });
  const onAbort = (): void => pool.close();
  context.signal.addEventListener('abort', onAbort, { once: true });
  try {
    context.signal.throwIfAborted();
    return algorithm === 'zstd'
      ? await writeZstd(source, sink, settings, pool, context, { onPiece, crc: withCrc })
      : await writeGzip(source, sink, settings, pool, context, onPiece);
  } catch (error) {
    context.signal.throwIfAborted(); // The closed pool is a consequence, not the reason.
    throw error;
  } finally {
    context.signal.removeEventListener('abort', onAbort);
    pool.close();
  }
}

/** Reads the finished output back. @throws ImgoptError `failed-check` when it is not the input */
async function verify(
  file: OutputFile,
  written: Written,
  options: CompressFileOptions,
  context: Context,
): Promise<void> {
  const progress = context.progress.start('verifying', written.bytesOut);
  const target = { write: () => {}, discard: true };
  const decode = {
    crc: true,
    windowLogMax: options.windowLog,
    onPiece: (bytesIn: number) => progress.advance(bytesIn),
  };
  const pool = new CodecPool({ threads: context.threads });
  const chunks = createReadStream(file.temporary, { highWaterMark: 1 << 20 });
  try {
    const found =
      options.algorithm === 'zstd'
        ? await decodeZstd(chunks, target, decode, pool, context)
        : await decodeGzip(chunks, target, decode, context);
    if (found.bytesOut === written.bytesIn && found.crc === written.crc) return;
    throw new ImgoptError('failed-check', 'VERIFY_MISMATCH', 'does not decompress to its input', {
      where: [file.path],
      advice: 'check this machine: its memory or disk is not reliable',
    });
  } catch (error) {
    if (error instanceof ImgoptError && error.family === 'corrupt') {
      throw new ImgoptError('failed-check', 'VERIFY_MISMATCH', `does not decompress: ${error.message}`, {
        where: [file.path],
        advice: 'check this machine: its memory or disk is not reliable',
      });
    }
    throw error;
  } finally {
    progress.done();
    chunks.destroy();
    pool.close();
  }
}
