/**
 * A compressed file as a source of the bytes inside.
 *
 * zstd in frames that tell their sizes (imgopt's own, with a seek table; pzstd and concatenations by walking the
 * headers) is read at random: a read decodes the frames that it touches, a few decoded frames are kept, and
 * overlapping reads of a frame share its decoding. Anything else, gzip above all, can only be decoded from the
 * start: it is spooled once to a private temporary file that loses its name as soon as it is open.
 */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdDecompress } from 'node:zlib';
import type { ByteSink, Decompressor } from '../core/contracts/compressor.ts';
import type { Context } from '../core/contracts/context.ts';
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import { corrupt, ImgoptError, system, unsupported } from '../core/errors.ts';
import type { ByteRange } from '../core/extents.ts';
import { FRAME_CACHE_BYTES, MAX_VIRTUAL_SIZE, MAX_ZSTD_WINDOW_LOG } from '../core/limits.ts';
import { HOLE_BYTES } from '../core/output-file.ts';
import { formatSize } from '../core/size.ts';
import { hex } from '../core/text.ts';
import { dataRuns } from '../core/zeros.ts';
import { assertInside, wholeAs } from '../sources/file.ts';
import { OutputBound } from './decode.ts';
import { decodeAny } from './decompress-file.ts';
import { detectCompressor } from './detect.ts';
import { type FrameIndex, readSeekTable, walkFrames } from './frame-index.ts';
import { MAX_FRAME_HEADER_BYTES, readFrame } from './zstd-layout.ts';

const decompress = promisify(zstdDecompress);

/** The bytes inside of a compressed file. */
export interface CompressedSource extends BlockSource {
  /** zstd, gzip, or what a plugin reads; for the report. */
  readonly algorithm: string;
  /** False when it was decompressed to a temporary file. */
  readonly isRandomAccess: boolean;
}

/**
 * Opens what a compressed file holds. Closing it leaves `file` open.
 * Reports COMPRESSED_SPOOLED (info) when it had to be decompressed to a temporary file.
 * @returns undefined when the file is not compressed with an algorithm that we read
 * @throws ImgoptError `corrupt` for damage, `system` when the temporary file cannot be written
 */
export async function openCompressedSource(
  file: BlockSource,
  context: Context,
): Promise<CompressedSource | undefined> {
  const head = new Uint8Array(Math.min(MAX_FRAME_HEADER_BYTES, file.size));
  await file.read(head, 0);
  const algorithm = detectCompressor(head)?.name;
  if (algorithm === undefined) return undefined;
  if (algorithm === 'zstd') {
    const frames = (await readSeekTable(file)) ?? (await walkFrames(file, context));
    if (frames !== undefined) return new FrameSource(file, frames);
  }
  return spool(file, algorithm, context, async (chunks, write) => {
    const options = { maxSize: MAX_VIRTUAL_SIZE, windowLogMax: MAX_ZSTD_WINDOW_LOG };
    await decodeAny(chunks, { write }, options, context);
  });
}

/**
 * The same with an algorithm that a plugin reads.
 * @throws ImgoptError `corrupt` or `unsupported` for what the decompressor says, `system` as above
 */
export async function openWith(
  file: BlockSource,
  decompressor: Decompressor,
  context: Context,
): Promise<CompressedSource> {
  const { name } = decompressor;
  return spool(file, name, context, async (chunks, write) => {
    const bound = new OutputBound(MAX_VIRTUAL_SIZE);
    const bounded: ByteSink = async (bytes) => {
      bound.add(bytes.length);
      await write(bytes);
    };
    try {
      await decompressor.decompress(chunks, bounded, context);
    } catch (error) {
      const { name: kind, message, code, errno } = error as NodeJS.ErrnoException;
      if (error instanceof ImgoptError || kind === 'AbortError' || errno !== undefined) throw error;
      if (kind !== 'Error') throw error; // a mistake in a program is no damage of the stream
      if (code === 'UNSUPPORTED')
        throw unsupported('COMPRESSION_FEATURE', `its ${name} cannot be read: ${message}`);
      throw corrupt('COMPRESSION_CORRUPT', `its ${name} cannot be read: ${message}`, {
        advice: 'copy or build it again',
        cause: error,
      });
    }
  });
}

/** Random access over frames. */
class FrameSource implements CompressedSource {
  readonly algorithm = 'zstd';
  readonly isRandomAccess = true;
  readonly size: number;
  readonly granularity: number;
  private readonly file: BlockSource;
  private readonly frames: FrameIndex;
  /** Decoded frames and those being decoded, the longest unused first. */
  private readonly kept = new Map<number, Promise<Uint8Array>>();
  private readonly keep: number;

  constructor(file: BlockSource, frames: FrameIndex) {
    this.file = file;
    this.frames = frames;
    this.size = frames.content[frames.count]!;
    let largest = 1;
    let isEven = true;
    for (let i = 0; i < frames.count; i++) {
      const length = frames.content[i + 1]! - frames.content[i]!;
      if (i + 1 < frames.count && length !== frames.content[1]!) isEven = false;
      largest = Math.max(largest, length);
    }
    const first = frames.count > 0 ? frames.content[1]! : 1;
    this.granularity = isEven && Number.isInteger(Math.log2(first)) ? first : 1;
    this.keep = Math.max(2, Math.floor(FRAME_CACHE_BYTES / largest));
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, this.algorithm);
    const end = offset + target.length;
    const { content } = this.frames;
    for (let index = this.frameAt(offset), at = offset; at < end; index++) {
      const start = content[index]!;
      const stop = Math.min(end, content[index + 1]!);
      const frame = await this.frame(index);
      target.set(frame.subarray(at - start, stop - start), at - offset);
      at = stop;
    }
  }

  /** The last frame that begins at or before `offset`. */
  private frameAt(offset: number): number {
    let low = 0;
    let high = this.frames.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.frames.content[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private frame(index: number): Promise<Uint8Array> {
    let frame = this.kept.get(index);
    if (frame === undefined) {
      frame = this.decode(index);
      frame.catch(() => this.kept.delete(index));
    } else this.kept.delete(index);
    this.kept.set(index, frame);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= this.keep) break;
      this.kept.delete(oldest);
    }
    return frame;
  }

  private async decode(index: number): Promise<Uint8Array> {
    const { stored, lengths, content } = this.frames;
    const at = stored[index]!;
    const size = content[index + 1]! - content[index]!;
    const bytes = new Uint8Array(lengths[index]!);
    await this.file.read(bytes, at);
    const outline = readFrame(bytes);
    if (outline === undefined || outline.end !== bytes.length || outline.contentSize !== size)
      throw corrupt('ZSTD_INDEX', `the seek table is wrong about the frame at ${hex(at)}`, {
        advice: 'the file is damaged: get it again',
      });
    try {
      const decoded = await decompress(bytes, {
        chunkSize: size + 1,
        maxOutputLength: size + 1,
        params: { [constants.ZSTD_d_windowLogMax]: MAX_ZSTD_WINDOW_LOG },
      });
      if (decoded.length === size) return decoded;
      throw new Error(`holds ${decoded.length} bytes, not ${size}`);
    } catch (error) {
      throw corrupt('ZSTD_CORRUPT', `the frame at ${hex(at)} is damaged: ${(error as Error).message}`, {
        advice: 'copy or build it again',
        cause: error,
      });
    }
  }

  async *extents(range: ByteRange = { start: 0, end: this.size }): AsyncGenerator<readonly BlockExtent[]> {
    const { content, lengths } = this.frames;
    const batch: BlockExtent[] = [];
    for (let index = this.frameAt(range.start), at = range.start; at < range.end; index++) {
      const end = Math.min(range.end, content[index + 1]!);
      const share = (end - at) / (content[index + 1]! - content[index]!);
      const stored = Math.round(lengths[index]! * share);
      batch.push({ start: at, end, kind: 'data', stored, compressed: true });
      at = end;
    }
    if (batch.length > 0) yield batch;
  }

  async close(): Promise<void> {
    this.kept.clear();
  }
}

async function* chunksOf(file: BlockSource, onChunk: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  const step = 1024 * 1024;
  for (let at = 0; at < file.size; at += step) {
    const chunk = new Uint8Array(Math.min(step, file.size - at));
    await file.read(chunk, at);
    onChunk(chunk.length);
    yield chunk;
  }
}

/** Decompresses all of it to a file that nobody else sees. */
async function spool(
  file: BlockSource,
  algorithm: string,
  context: Context,
  decode: (chunks: AsyncIterable<Uint8Array>, write: ByteSink) => Promise<void>,
): Promise<CompressedSource> {
  const where = tmpdir();
  const folder = await mkdtemp(join(where, 'imgopt-')).catch((error: unknown) => {
    throw system(error, [where]);
  });
  const path = join(folder, 'content');
  try {
    const handle = await open(path, 'wx+', 0o600);
    // Without a name nothing is left behind, whatever happens. Windows removes it when it is closed.
    if (process.platform !== 'win32') await rm(folder, { recursive: true });
    const progress = context.progress.start(`decompressing ${algorithm}`, file.size);
    let size = 0;
    try {
      const chunks = chunksOf(file, (bytes) => progress.advance(bytes));
      const put = async (bytes: Uint8Array, start: number): Promise<void> => {
        const runs = dataRuns(bytes, HOLE_BYTES, start);
        for (let i = 0; i < runs.length; i += 2) {
          for (let at = runs[i]!; at < runs[i + 1]!; ) {
            const { bytesWritten } = await handle.write(bytes, at, runs[i + 1]! - at, start + at);
            at += bytesWritten;
          }
        }
      };
      // One piece is written while the next is decoded.
      let writing: Promise<void> = Promise.resolve();
      try {
        await decode(chunks, async (bytes) => {
          await writing;
          writing = put(bytes, size);
          writing.catch(() => {}); // whoever waits next hears of it
          size += bytes.length;
        });
      } finally {
        await writing.catch(() => {}); // the file is closed next
      }
      await writing;
      await handle.truncate(size);
    } catch (error) {
      await handle.close();
      throw error;
    } finally {
      progress.done();
    }
    context.report(
      'info',
      'COMPRESSED_SPOOLED',
      `${algorithm} without frames can only be read from the start: decompressed to a temporary file of ${formatSize(size)}`,
    );
    return {
      algorithm,
      isRandomAccess: false,
      size,
      granularity: 512,
      async read(target, offset) {
        assertInside(target.length, offset, size, algorithm);
        for (let at = 0; at < target.length; ) {
          const { bytesRead } = await handle.read(target, at, target.length - at, offset + at);
          if (bytesRead === 0) throw corrupt('SHRUNK', 'the temporary file became shorter');
          at += bytesRead;
        }
      },
      extents: (range = { start: 0, end: size }) => wholeAs('data', range),
      async close() {
        await handle.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    if (error instanceof ImgoptError || (error as Error).name === 'AbortError') throw error;
    throw (error as NodeJS.ErrnoException).errno === undefined
      ? error
      : new ImgoptError(
          'system',
          (error as NodeJS.ErrnoException).code ?? 'SYSTEM',
          (error as Error).message,
          {
            where: [where],
            advice: 'point TMPDIR to a folder with room for the decompressed image',
            cause: error,
          },
        );
  }
}
