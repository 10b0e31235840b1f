/**
 * Decompresses one input into a file or a sink. Into a file, workers write their frames themselves, at their
 * places; nothing bears the final name before all of it is decoded and verified, and the input only goes when the
 * output is on the disk.
 */
import { createHash } from 'node:crypto';
import type { ByteSink } from '../core/contracts/compressor.ts';
import type { Context } from '../core/contracts/context.ts';
import { usage } from '../core/errors.ts';
import { MAX_WHOLE_FRAME_BYTES } from '../core/limits.ts';
import { isSameFile, OutputFile } from '../core/output-file.ts';
import { formatSize } from '../core/size.ts';
import type { DecodeOptions, DecodeResult, DecodeTarget } from './decode.ts';
import { requireCompressor } from './detect.ts';
import { readSeekTable } from './frame-index.ts';
import { decodeGzip } from './gunzip.ts';
import type { HostInput } from './host-input.ts';
import { fileChunks, readFully } from './pieces.ts';
import { CodecPool } from './pool.ts';
import { decodeZstd, decodeZstdFrames } from './unzstd.ts';

export interface DecompressRequest {
  readonly output:
    | { readonly path: string; readonly force: boolean; readonly sparse: boolean }
    | { readonly sink: ByteSink };
  readonly maxSize?: number | undefined;
  readonly windowLogMax?: number | undefined;
  readonly sha256: boolean;
  /** Remove the input once the output is safe. */
  readonly remove: boolean;
}

export interface DecompressSummary {
  readonly algorithm: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly seconds: number;
  /** Of the decompressed bytes, when asked for. */
  readonly sha256: string | null;
  readonly removed: boolean;
}

/**
 * Decodes `chunks` with the algorithm that their first bytes tell.
 * @throws ImgoptError as the decoders; `unsupported` and `unreadable` for other kinds of input
 */
export async function decodeAny(
  chunks: AsyncIterable<Uint8Array>,
  target: DecodeTarget,
  options: DecodeOptions,
  context: Context,
): Promise<DecodeResult & { readonly algorithm: string }> {
  const { head, all } = await withHead(chunks, 8);
  const { name } = requireCompressor(head);
  if (name === 'gzip') return { algorithm: name, ...(await decodeGzip(all, target, options, context)) };
  const pool = new CodecPool({ threads: context.threads });
  try {
    return { algorithm: name, ...(await decodeZstd(all, target, options, pool, context)) };
  } finally {
    pool.close();
  }
}

/** By its seek table, where it has one that covers it: then no compressed byte passes through this thread. */
async function decodeSeekable(
  { fd, size }: HostInput,
  target: DecodeTarget,
  options: DecodeOptions,
  context: Context,
): Promise<(DecodeResult & { readonly algorithm: string }) | undefined> {
  if (fd === undefined || size === undefined) return undefined;
  const frames = await readSeekTable({ size, read: (bytes, offset) => readFully(fd, bytes, offset) });
  if (frames === undefined || !frames.isGapless || frames.largest > MAX_WHOLE_FRAME_BYTES) return undefined;
  const pool = new CodecPool({ threads: context.threads });
  try {
    const result = await decodeZstdFrames(fd, frames, target, options, pool, context);
    return { ...result, bytesIn: size, algorithm: 'zstd' };
  } finally {
    pool.close();
  }
}

/** The first `count` bytes (or all there are), and the stream as if nothing had been taken. */
async function withHead(
  chunks: AsyncIterable<Uint8Array>,
  count: number,
): Promise<{ head: Uint8Array; all: AsyncIterable<Uint8Array> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < count) {
    const next = await iterator.next();
    if (next.done === true) break;
    first.push(next.value);
    head = Buffer.concat([head, next.value.subarray(0, count)]);
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield* first;
      for (;;) {
        const next = await iterator.next();
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { head, all: all() };
}

/**
 * @throws ImgoptError `corrupt` for damaged input, `system` for the host's refusals and an input that changed,
 * `usage` when output and input are one file; AbortError. No output is left then, and the input is untouched.
 */
export async function decompressFile(
  input: HostInput,
  request: DecompressRequest,
  context: Context,
): Promise<DecompressSummary> {
  const started = performance.now();
  const { output } = request;
  const file = 'path' in output ? await createOutput(input, output) : undefined;
  const progress = context.progress.start(`decompressing ${input.name}`, input.size ?? 0);
  const hash = request.sha256 && file === undefined ? createHash('sha256') : undefined;
  try {
    const isSparse = 'path' in output && output.sparse;
    const write: ByteSink =
      'sink' in output
        ? async (bytes) => {
            hash?.update(bytes);
            await output.sink(bytes);
          }
        : (bytes) => (isSparse ? file!.writeSparse(bytes) : file!.write(bytes));
    const target: DecodeTarget = {
      write,
      ...(file === undefined
        ? {}
        : { file: { fd: file.fd, sparse: isSparse, reserve: (length: number) => file.reserve(length) } }),
    };
    let written = 0;
    const options: DecodeOptions = {
      maxSize: request.maxSize,
      windowLogMax: request.windowLogMax,
      onPiece(bytesIn, bytesOut) {
        written += bytesOut;
        progress.advance(input.size === undefined ? bytesOut : bytesIn, `to ${formatSize(written)}`);
      },
    };
    const result =
      (await decodeSeekable(input, target, options, context)) ??
      (await decodeAny(input.chunks(context.signal), target, options, context));
    await input.assertUnchanged();
    let sha256 = hash?.digest('hex');
    if (file !== undefined) {
      if (request.sha256) sha256 = await hashFile(file.fd, context);
      context.signal.throwIfAborted();
      // Waiting for the disk would double the time, for bytes that the input can give again; unless it goes.
      await file.finish(request.remove);
    }
    const removed = request.remove && file !== undefined && (await input.remove());
    return {
      algorithm: result.algorithm,
      bytesIn: result.bytesIn,
      bytesOut: result.bytesOut,
      seconds: (performance.now() - started) / 1000,
      sha256: sha256 ?? null,
      removed,
    };
  } catch (error) {
    await file?.abort();
    throw input.toError(error);
  } finally {
    progress.done();
  }
}

async function createOutput(
  input: HostInput,
  output: { readonly path: string; readonly force: boolean },
): Promise<OutputFile> {
  if (input.path !== undefined && (await isSameFile(input.path, output.path)))
    throw usage('OUTPUT_IS_INPUT', `the output ${output.path} is the input itself`);
  return OutputFile.create(output.path, {
    force: output.force,
    ...(input.mode === undefined ? {} : { mode: input.mode }),
  });
}

/** SHA-256 of what an open file holds, read back from it. */
export async function hashFile(fd: number, context: Context): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of fileChunks(fd)) {
    context.signal.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest('hex');
}
