/**
 * Compressing one input to one output, with everything around it that must not go wrong: the input stays as it is
 * and is noticed when it changes meanwhile; the output appears under its name only when it is complete and on the
 * disk; `remove` takes the input away only after the output was read back and found to hold the same bytes.
 */
import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ByteSink } from '../core/contracts/compressor.ts';
import type { Context, ProgressTask } from '../core/contracts/context.ts';
import { ImgoptError, system, unreadable, usage } from '../core/errors.ts';
import { isSameFile, OutputFile, syncFolderOf } from '../core/output-file.ts';
import { formatShare, formatSize } from '../core/size.ts';
import { hex } from '../core/text.ts';
import { decodeGzip } from './gunzip.ts';
import { GZIP_LEVELS, writeGzip } from './gzip.ts';
import type { CompressionInput } from './pieces.ts';
import { CodecPool } from './pool.ts';
import { release } from './release.ts';
import { SHORT_READ } from './tasks.ts';
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
  if (typeof input !== 'string') return compressOpen(undefined, input, output, options, context, started);
  if (typeof output === 'string' && (await isSameFile(input, output))) {
    throw usage('OUTPUT_IS_INPUT', 'is both input and output', {
      where: [input],
      advice: 'choose another --output',
    });
  }
  const handle = await openInput(input);
  try {
    return await compressOpen(
      handle,
      { name: input, chunks: chunksOf(handle) },
      output,
      options,
      context,
      started,
    );
  } finally {
    await handle.close();
  }
}

async function openInput(path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw unreadable('NOT_FOUND', 'no such file', { where: [path], advice: 'check the path' });
    }
    throw system(error, [path]);
  }
  if ((await handle.stat()).isDirectory()) {
    await handle.close();
    throw unreadable('IS_A_DIRECTORY', 'is a directory', { where: [path], advice: 'make a tar of it first' });
  }
  return handle;
}

/** Devices and pipes, which have no size to cut into ranges. */
async function* chunksOf(handle: FileHandle): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream('', { fd: handle, autoClose: false, highWaterMark: 1 << 20 }))
    yield chunk as Uint8Array;
}

async function compressOpen(
  handle: FileHandle | undefined,
  { name, chunks }: { readonly name: string; readonly chunks: AsyncIterable<Uint8Array> },
  output: NamedOutput,
  options: CompressFileOptions,
  context: Context,
  started: number,
): Promise<CompressFileResult> {
  const { algorithm } = options;
  const level = options.level ?? (algorithm === 'zstd' ? ZSTD_LEVELS : GZIP_LEVELS).standard;
  const before = await handle?.stat();
  const isFile = before?.isFile() === true;
  const source: CompressionInput = isFile ? { fd: handle!.fd, size: before.size } : { chunks };
  const hash = options.sha256 ? createHash('sha256') : undefined;
  const file =
    typeof output === 'string'
      ? await OutputFile.create(output, {
          force: options.force,
          // Never more open than the input: an image may hold keys.
          ...(isFile ? { mode: before.mode & 0o666 } : {}),
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
  const progress = context.progress.start(basename(name), isFile ? before.size : 0);
  try {
    const written = await compressTo(source, sink, level, options, context, reporter(progress));
    if (handle !== undefined && isFile) await assertUnchanged(handle, before, name, written.bytesIn);
    progress.done();
    let verified = false;
    if (file !== undefined && (options.verify || options.remove)) {
      await verify(file, written, options, context);
      verified = true;
    }
    await file?.finish();
    const removed =
      options.remove && file !== undefined && before !== undefined && (await remove(name, before));
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
  } catch (error) {
    throw inWords(error, name);
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
      ? await writeZstd(source, sink, settings, pool, context, onPiece, withCrc)
      : await writeGzip(source, sink, settings, pool, context, onPiece);
  } catch (error) {
    context.signal.throwIfAborted(); // The closed pool is a consequence, not the reason.
    throw error;
  } finally {
    context.signal.removeEventListener('abort', onAbort);
    pool.close();
  }
}

/** The input is what it was when it was opened; otherwise the output holds a mixture of two states. */
async function assertUnchanged(handle: FileHandle, before: Stats, name: string, read: number): Promise<void> {
  const after = await handle.stat();
  if (after.size === before.size && after.mtimeMs === before.mtimeMs && read === before.size) return;
  throw unreadable('INPUT_CHANGED', 'was written to while it was read', {
    where: [name],
    advice: 'stop what uses it (a running machine?) and compress it again',
  });
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

/** Removes the input, unless its name means another file by now. */
async function remove(path: string, before: Stats): Promise<boolean> {
  if (!before.isFile()) return false;
  try {
    const handle = await open(path, 'r');
    const now = await handle.stat().finally(() => handle.close());
    if (now.ino !== before.ino || now.dev !== before.dev || now.mtimeMs !== before.mtimeMs) return false;
    await unlink(path);
  } catch (error) {
    throw system(error, [path]);
  }
  await syncFolderOf(path);
  return true;
}

/** Failures of threads, as the user should read them. */
function inWords(error: unknown, name: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === SHORT_READ) {
    const at = Number(/\d+/.exec(message)?.[0]);
    return unreadable('INPUT_CHANGED', `ends at ${hex(at)}, it was longer when it was opened`, {
      where: [name],
      advice: 'do not change the file while it is compressed',
    });
  }
  if (error instanceof ImgoptError || (error as Error).name === 'AbortError') return error;
  return code !== undefined && /^E[A-Z]+$/.test(code) ? system(error, [name]) : error;
}
