/**
 * A compressed file as a source of the bytes inside.
 *
 * zstd in frames that tell their sizes (imgopt's own, with a seek table; pzstd and concatenations by walking the
 * headers) is read at random: a read decodes the frames that it touches, a few decoded frames are kept, and
 * overlapping reads of a frame share its decoding; reads that go through the frames in order find the next ones being
 * decoded, in other threads. Anything else, gzip above all, can only be decoded from the start, and is (spool.ts).
 */
import { promisify } from 'node:util';
import { constants, zstdDecompress } from 'node:zlib';
import type { ByteSink, Decompressor } from '../core/contracts/compressor.ts';
import type { Context } from '../core/contracts/context.ts';
import type { DecompressedSource } from '../core/contracts/disk.ts';
import type { BlockExtent, BlockSource, StoredBytes, StoredPlace } from '../core/contracts/source.ts';
import { corrupt, ImgoptError, unsupported } from '../core/errors.ts';
import type { ByteRange } from '../core/extents.ts';
import { FRAME_CACHE_BYTES, MAX_VIRTUAL_SIZE, MAX_ZSTD_WINDOW_LOG } from '../core/limits.ts';
import { hex } from '../core/text.ts';
import { assertInside, wholeAs } from '../sources/file.ts';
import { OutputBound } from './decode.ts';
import { detectCompressor } from './detect.ts';
import { type FrameIndex, readSeekTable, walkFrames } from './frame-index.ts';
import { spool } from './spool.ts';
import { MAX_FRAME_HEADER_BYTES, readFrame } from './zstd-layout.ts';

const decompress = promisify(zstdDecompress);

/** The bytes inside of a compressed file. Its map tells data from zeros, and not what data takes compressed. */
export interface CompressedSource extends DecompressedSource {
  /** The same bytes with a map that does; null where nobody knows, since all was decompressed from the start. */
  readonly frames: BlockSource | null;
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
    if (frames !== undefined) return new FrameSource(file, frames, context.threads);
  }
  return spool(file, algorithm, context);
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
  readonly frames: BlockSource;
  readonly size: number;
  readonly granularity: number;
  private readonly index: FrameIndex;
  private readonly file: BlockSource;
  /** Decoded frames and those being decoded, the longest unused first. */
  private readonly kept = new Map<number, Promise<Uint8Array>>();
  private readonly keep: number;
  /** Frames that are decoded before they are asked for, while the frames are asked for in order. */
  private readonly ahead: number;
  /** The frame that was asked for last, and how many before it were asked for in order. */
  private last = -2;
  private inOrder = 0;

  constructor(file: BlockSource, index: FrameIndex, threads: number) {
    this.file = file;
    this.index = index;
    this.size = index.content[index.count]!;
    let largest = 1;
    let isEven = true;
    for (let i = 0; i < index.count; i++) {
      const length = index.content[i + 1]! - index.content[i]!;
      if (i + 1 < index.count && length !== index.content[1]!) isEven = false;
      largest = Math.max(largest, length);
    }
    const first = index.count > 0 ? index.content[1]! : 1;
    this.granularity = isEven && Number.isInteger(Math.log2(first)) ? first : 1;
    this.keep = Math.max(2, Math.floor(FRAME_CACHE_BYTES / largest));
    this.frames = {
      size: this.size,
      granularity: this.granularity,
      read: (target, offset) => this.read(target, offset),
      extents: (range) => this.frameExtents(range),
      close: () => this.close(),
    };
    this.ahead = Math.min(threads, this.keep - 1);
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, this.algorithm);
    const end = offset + target.length;
    const { content } = this.index;
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
    let high = this.index.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.index.content[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private frame(index: number): Promise<Uint8Array> {
    if (index !== this.last) this.inOrder = index === this.last + 1 ? this.inOrder + 1 : 0;
    this.last = index;
    const frame = this.startFrame(index);
    // Two frames side by side are what any file may touch; three are a reader that goes through.
    if (this.inOrder >= 2) {
      const end = Math.min(this.index.count, index + 1 + this.ahead);
      for (let next = index + 1; next < end; next++) this.startFrame(next);
    }
    return frame;
  }

  private startFrame(index: number): Promise<Uint8Array> {
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
    const { stored, lengths, content } = this.index;
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

  get dataBytes(): number {
    return this.size;
  }

  extents(range: ByteRange = { start: 0, end: this.size }): AsyncIterable<readonly BlockExtent[]> {
    return wholeAs('data', range);
  }

  /** Frames in the order of the file; only where nothing but frames is in front of the seek table. */
  get storedBytes(): StoredBytes | undefined {
    const { file, index } = this;
    if (!index.isGapless) return undefined;
    return {
      async *places() {
        const { content, stored, lengths } = index;
        const places: StoredPlace[] = [];
        for (let i = 0; i < index.count; i++) {
          const [start, end] = [content[i]!, content[i + 1]!];
          places.push({ start, end, codec: 'zstd', offset: stored[i]!, length: lengths[i]! });
        }
        yield places;
      },
      read: (target, offset) => file.read(target, offset),
    };
  }

  private async *frameExtents(
    range: ByteRange = { start: 0, end: this.size },
  ): AsyncGenerator<readonly BlockExtent[]> {
    const { content, lengths } = this.index;
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
