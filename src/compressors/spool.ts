/**
 * What can only be decoded from the start, decoded once to a private temporary file that loses its name as soon as
 * it is open.
 *
 * For gzip and zstd this is done in a thread of its own. Every piece that a decoder of Node's puts out is a new
 * buffer, and a thousand of them make the collector go through the heap dozens of times: a third of the processor
 * time where the heap is the command's, nothing that could be measured where it is a thread's. Checksums, the search
 * for zeros and the writing leave this thread as well. It only reads compressed chunks and hands them over.
 */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Context } from '../core/contracts/context.ts';
import type { DecompressedSource } from '../core/contracts/disk.ts';
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import { type ErrorFamily, ImgoptError, system } from '../core/errors.ts';
import type { ByteRange } from '../core/extents.ts';
import { moduleUrl } from '../core/module-url.ts';
import { formatSize } from '../core/size.ts';
import { FileReader } from '../sources/file.ts';
import { type Decode, decodeBuiltIn, type SpoolContent, spoolInto } from './spool-work.ts';

/** What the thread is told when it starts. Descriptors belong to the process. */
export interface SpoolJob {
  readonly fd: number;
  readonly threads: number;
}

/** Null: the end. */
export interface ChunkMessage {
  readonly chunk: Uint8Array<ArrayBuffer> | null;
}

export type SpoolAnswer =
  | { readonly kind: 'next' }
  | ({ readonly kind: 'done' } & SpoolContent)
  | {
      readonly kind: 'refused';
      readonly family: ErrorFamily;
      readonly code: string;
      readonly message: string;
      readonly advice?: string;
      readonly where: readonly string[];
    }
  | {
      readonly kind: 'failed';
      readonly message: string;
      readonly code: string | undefined;
      readonly errno: number | undefined;
    };

/** The content of a temporary file. */
export interface Spool extends DecompressedSource {
  readonly frames: null;
}

const CHUNK_BYTES = 1024 * 1024;
/** Chunks on their way to the thread: enough that it never waits for the disk. */
const CHUNKS_AHEAD = 4;
/** A thread takes 50 ms to start: less is decoded sooner than that. */
const IN_PLACE_BYTES = 4 * 1024 * 1024;
/** Extents of one batch of the map. */
const BATCH_EXTENTS = 16 * 1024;

/**
 * Decompresses all of `file`. Reports COMPRESSED_SPOOLED (info).
 * @param decode undefined for the algorithms that are built in
 * @throws ImgoptError of the decoder; `system` when the temporary file cannot be written; AbortError
 */
export async function spool(
  file: BlockSource,
  algorithm: string,
  context: Context,
  decode?: Decode,
): Promise<Spool> {
  const where = tmpdir();
  const folder = await mkdtemp(join(where, 'imgopt-')).catch((error: unknown) => {
    throw system(error, [where]);
  });
  try {
    const handle = await open(join(folder, 'content'), 'wx+', 0o600);
    const progress = context.progress.start(`decompressing ${algorithm}`, file.size);
    let content: SpoolContent;
    try {
      // Without a name nothing is left behind, whatever happens. Windows removes it when it is closed.
      if (process.platform !== 'win32') await rm(folder, { recursive: true });
      const chunks = chunksOf(file, context.signal, (bytes) => progress.advance(bytes));
      content =
        decode !== undefined || file.size <= IN_PLACE_BYTES
          ? await spoolInto(handle.fd, chunks, decode ?? decodeBuiltIn(context))
          : await spoolInThread(handle.fd, chunks, context);
      await handle.truncate(content.size);
    } catch (error) {
      await handle.close();
      throw error;
    } finally {
      progress.done();
    }
    const { size, zeros } = content;
    const reader = new FileReader(algorithm, handle, size);
    context.report(
      'info',
      'COMPRESSED_SPOOLED',
      `${algorithm} without frames can only be read from the start: decompressed to a temporary file of ${formatSize(size)}`,
    );
    return {
      algorithm,
      frames: null,
      size,
      dataBytes: size - lengthOf(zeros),
      granularity: 512,
      read: (target, offset) => reader.read(target, offset),
      extents: (range = { start: 0, end: size }) => mapOf(zeros, range),
      async close() {
        await handle.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    if (error instanceof ImgoptError || (error as Error).name === 'AbortError') throw error;
    const { errno, code, message } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    throw new ImgoptError('system', code ?? 'SYSTEM', message, {
      where: [where],
      advice: 'point TMPDIR to a folder with room for the decompressed image',
      cause: error,
    });
  }
}

/** Every chunk has a buffer of its own, so that it can move to another thread. */
async function* chunksOf(
  file: BlockSource,
  signal: AbortSignal,
  onChunk: (bytes: number) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < file.size; at += CHUNK_BYTES) {
    signal.throwIfAborted();
    const chunk = new Uint8Array(
      Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, file.size - at)).buffer as ArrayBuffer,
    );
    await file.read(chunk, at);
    onChunk(chunk.length);
    yield chunk;
  }
}

/** @throws as `spool`; the thread has ended by then, and writes no more */
async function spoolInThread(
  fd: number,
  chunks: AsyncGenerator<Uint8Array<ArrayBuffer>>,
  { signal, threads }: Context,
): Promise<SpoolContent> {
  const worker = new Worker(moduleUrl('compressors/spool-worker'), {
    name: 'imgopt-spool',
    workerData: { fd, threads } satisfies SpoolJob,
  });
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<SpoolContent>((resolve, reject) => {
      let wanted = CHUNKS_AHEAD;
      let isSending = false;
      const send = async (): Promise<void> => {
        if (isSending) return;
        isSending = true;
        while (wanted > 0) {
          wanted--;
          const { done, value } = await chunks.next();
          if (done === true) {
            worker.postMessage({ chunk: null } satisfies ChunkMessage);
            return; // for good: there is nothing more to send
          }
          worker.postMessage({ chunk: value } satisfies ChunkMessage, [value.buffer]);
        }
        isSending = false;
      };
      onAbort = () => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      worker.on('error', reject);
      worker.on('exit', () => reject(new Error('the decompressing thread ended')));
      worker.on('message', (answer: SpoolAnswer) => {
        if (answer.kind === 'next') {
          wanted++;
          send().catch(reject);
        } else if (answer.kind === 'done') resolve(answer);
        else reject(errorOf(answer));
      });
      send().catch(reject);
    });
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
    worker.removeAllListeners();
    await worker.terminate();
    await chunks.return(undefined);
  }
}

function errorOf(answer: Extract<SpoolAnswer, { kind: 'refused' | 'failed' }>): Error {
  if (answer.kind === 'failed') {
    const { message, code, errno } = answer;
    return Object.assign(new Error(message), { code, errno });
  }
  const { family, code, message, advice, where } = answer;
  return new ImgoptError(family, code, message, { where, ...(advice === undefined ? {} : { advice }) });
}

function lengthOf(zeros: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < zeros.length; i += 2) sum += zeros[i + 1]! - zeros[i]!;
  return sum;
}

/** Data between the stretches of zeros. */
async function* mapOf(
  zeros: Float64Array,
  { start, end }: ByteRange,
): AsyncGenerator<readonly BlockExtent[]> {
  let batch: BlockExtent[] = [];
  const data = (from: number, to: number): void => {
    if (to > from) batch.push({ start: from, end: to, kind: 'data', stored: to - from });
  };
  let at = start;
  for (let i = firstEndingAfter(zeros, start); i < zeros.length && zeros[i]! < end; i += 2) {
    data(at, zeros[i]!);
    at = Math.max(at, zeros[i]!);
    const stop = Math.min(end, zeros[i + 1]!);
    batch.push({ start: at, end: stop, kind: 'zero', stored: 0 });
    at = stop;
    if (batch.length < BATCH_EXTENTS) continue;
    yield batch;
    batch = [];
  }
  data(at, end);
  if (batch.length > 0) yield batch;
}

/** Index of the first pair that ends after `offset`. */
function firstEndingAfter(zeros: Float64Array, offset: number): number {
  let low = 0;
  let high = zeros.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (zeros[2 * middle + 1]! > offset) high = middle;
    else low = middle + 1;
  }
  return 2 * low;
}
