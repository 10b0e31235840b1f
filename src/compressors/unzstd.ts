/**
 * Reads Zstandard streams of any number of frames, from anybody. The outline of a frame (see zstd-layout.ts) is
 * cheap to follow without decoding, so every frame is cut out of the stream exactly: damage has a place, and what
 * follows the last frame is noticed.
 *
 * A frame that tells its content size, and is not too large, is decoded whole by a worker: many at once, each
 * writing into its own place of the output file. Anything else is decoded as a stream, in libuv's pool.
 */
import type { TransformOptions } from 'node:stream';
import { constants, crc32, createZstdDecompress } from 'node:zlib';
import type { ByteSink } from '../core/contracts/compressor.ts';
import type { Context } from '../core/contracts/context.ts';
import { corrupt, type ImgoptError, unreadable, unsupported } from '../core/errors.ts';
import { DEFAULT_ZSTD_WINDOW_LOG, MAX_WHOLE_FRAME_BYTES, MAX_ZSTD_WINDOW_LOG } from '../core/limits.ts';
import { formatSize } from '../core/size.ts';
import { hex } from '../core/text.ts';
import { ByteReader } from './byte-reader.ts';
import { combineCrc32 } from './crc32.ts';
import {
  type DecodeOptions,
  type DecodeResult,
  type DecodeTarget,
  OutputBound,
  trailingGarbage,
} from './decode.ts';
import type { FrameIndex } from './frame-index.ts';
import { CodecPool } from './pool.ts';
import { BAD_FRAME, type Piece, type PieceResult, type ZstdDecompressTask } from './tasks.ts';
import {
  BLOCK_HEADER_BYTES,
  FRAME_CHECKSUM_BYTES,
  type FrameHeader,
  isSkippable,
  MAX_FRAME_HEADER_BYTES,
  magicOf,
  readBlockHeader,
  readFrameHeader,
  SKIPPABLE_HEADER_BYTES,
  ZSTD_MAGIC,
} from './zstd-layout.ts';

const STREAM_CHUNK_BYTES = 1024 * 1024;
/** Compressed bytes are handed to a streaming decoder in at least this much. */
const FEED_BYTES = 256 * 1024;

interface Pending {
  readonly at: number;
  readonly storedLength: number;
  readonly result: Promise<PieceResult>;
}

/** Bytes taken from a reader: views, as few as there are, or joined in a buffer of just their size. */
class Parts {
  length = 0;
  readonly parts: Uint8Array[] = [];
  private readonly reader: ByteReader;

  constructor(reader: ByteReader) {
    this.reader = reader;
  }

  async take(length: number): Promise<void> {
    for (let rest = length; rest > 0; ) {
      const part = await this.reader.take(rest);
      if (part === undefined) throw this.reader.truncated();
      this.add(part);
      rest -= part.length;
    }
    this.length += length;
  }

  private add(part: Uint8Array): void {
    const last = this.parts.at(-1);
    const isNext = last?.buffer === part.buffer && last.byteOffset + last.length === part.byteOffset;
    if (!isNext) this.parts.push(part);
    else
      this.parts[this.parts.length - 1] = new Uint8Array(
        last.buffer,
        last.byteOffset,
        last.length + part.length,
      );
  }

  join(): Uint8Array<ArrayBuffer> {
    const joined = new Uint8Array(Buffer.allocUnsafeSlow(this.length).buffer as ArrayBuffer);
    let at = 0;
    for (const part of this.parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }
}

class ZstdDecoder {
  private readonly reader: ByteReader;
  private readonly target: DecodeTarget;
  private readonly options: DecodeOptions;
  private readonly pool: CodecPool;
  private readonly context: Context;
  private readonly bound: OutputBound;
  private readonly pending: Pending[] = [];
  private crc = 0;

  constructor(
    chunks: AsyncIterable<Uint8Array>,
    target: DecodeTarget,
    options: DecodeOptions,
    pool: CodecPool,
    context: Context,
  ) {
    this.reader = new ByteReader(chunks);
    this.target = target;
    this.options = options;
    this.pool = pool;
    this.context = context;
    this.bound = new OutputBound(options.maxSize);
  }

  async decode(): Promise<DecodeResult> {
    const { reader } = this;
    try {
      for (;;) {
        this.context.signal.throwIfAborted();
        const at = reader.offset;
        const head = await reader.peek(MAX_FRAME_HEADER_BYTES);
        if (head.length === 0 && at > 0) break;
        const magic = magicOf(head);
        if (magic === ZSTD_MAGIC) await this.frame(head, at);
        else if (magic !== undefined && isSkippable(magic)) await this.skippable(head);
        else if (at === 0) throw notZstd(magic);
        else throw trailingGarbage(at);
      }
      await this.settle(0);
    } finally {
      await reader.close();
    }
    return { bytesIn: reader.offset, bytesOut: this.bound.bytes, crc: this.crc };
  }

  /** Frames that workers read for themselves, from where the index says. */
  async decodeIndexed(fd: number, frames: FrameIndex): Promise<DecodeResult> {
    const { stored, lengths, content } = frames;
    let bytesIn = 0;
    for (let i = 0; i < frames.count; i++) {
      const offset = stored[i]!;
      const length = lengths[i]!;
      await this.whole({ fd, offset, length }, length, content[i + 1]! - content[i]!, offset);
      bytesIn = offset + length;
    }
    await this.settle(0);
    return { bytesIn, bytesOut: this.bound.bytes, crc: this.crc };
  }

  private async skippable(head: Uint8Array): Promise<void> {
    if (head.length < SKIPPABLE_HEADER_BYTES) throw this.reader.truncated();
    const length = new DataView(head.buffer, head.byteOffset).getUint32(4, true);
    await this.reader.skip(SKIPPABLE_HEADER_BYTES + length);
    this.options.onPiece?.(SKIPPABLE_HEADER_BYTES + length, 0);
  }

  private async frame(head: Uint8Array, at: number): Promise<void> {
    const header = readFrameHeader(head);
    if (header === undefined) throw this.reader.truncated();
    this.checkWindow(header, at);
    const { contentSize } = header;
    if (contentSize === undefined || contentSize > MAX_WHOLE_FRAME_BYTES) {
      await this.settle(0);
      await this.stream(header, at);
      return;
    }
    // Blocks that hold little are legal, so compressed may be larger than content; but not without end.
    const most = contentSize + (contentSize >> 6) + 4096;
    const parts = new Parts(this.reader);
    await parts.take(header.headerLength);
    for (let isLast = false; !isLast; ) {
      const blockHeader = await this.reader.peek(BLOCK_HEADER_BYTES);
      if (blockHeader.length < BLOCK_HEADER_BYTES) throw this.reader.truncated();
      const block = readBlockHeader(blockHeader);
      const length = BLOCK_HEADER_BYTES + block.storedLength;
      if (parts.length + length > most) {
        await this.settle(0);
        await this.stream(header, at, parts.join());
        return;
      }
      await parts.take(length);
      isLast = block.isLast;
    }
    if (header.hasChecksum) await parts.take(FRAME_CHECKSUM_BYTES);
    await this.whole(parts.join(), parts.length, contentSize, at);
  }

  private async whole(input: Piece, storedLength: number, contentSize: number, at: number): Promise<void> {
    this.bound.add(contentSize);
    const { file, discard } = this.target;
    const output: ZstdDecompressTask['output'] =
      file !== undefined
        ? { fd: file.fd, position: file.reserve(contentSize), sparse: file.sparse }
        : discard === true
          ? 'discard'
          : 'return';
    const crc = this.options.crc === true;
    const result = this.pool.run({ kind: 'zstd-decode', input, contentSize, output, crc });
    result.catch(() => {}); // awaited in its turn
    this.pending.push({ at, storedLength, result });
    await this.settle(this.pool.limit);
  }

  /** Waits, in order, until at most `remaining` frames are being decoded. */
  private async settle(remaining: number): Promise<void> {
    while (this.pending.length > remaining) {
      const { at, storedLength, result } = this.pending.shift()!;
      let piece: PieceResult;
      try {
        piece = await result;
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (code !== BAD_FRAME) throw error;
        throw damaged(at, message);
      }
      this.context.signal.throwIfAborted();
      this.crc = combineCrc32(this.crc, piece.crc, piece.length);
      this.options.onPiece?.(storedLength, piece.length);
      if (piece.bytes.length > 0) await this.target.write(piece.bytes);
    }
  }

  private checkWindow({ windowSize, contentSize }: FrameHeader, at: number): void {
    const max = this.options.windowLogMax ?? DEFAULT_ZSTD_WINDOW_LOG;
    // A frame smaller than its window needs no more memory than its content.
    if (Math.min(windowSize, contentSize ?? Number.POSITIVE_INFINITY) <= 2 ** max) return;
    const needed = Math.ceil(Math.log2(windowSize));
    throw unsupported(
      'ZSTD_WINDOW_TOO_LARGE',
      `the frame at ${hex(at)} needs a window of ${formatSize(windowSize)}, more than the allowed ${formatSize(2 ** max)}`,
      { advice: needed <= MAX_ZSTD_WINDOW_LOG ? `allow it with --long ${needed}` : 'no decoder supports it' },
    );
  }

  /** Decodes a frame as a stream; `start` is what was already taken of it. */
  private async stream(header: FrameHeader, at: number, start?: Uint8Array): Promise<void> {
    const { reader, options } = this;
    const windowLog = Math.min(
      MAX_ZSTD_WINDOW_LOG,
      Math.max(DEFAULT_ZSTD_WINDOW_LOG, options.windowLogMax ?? 0),
    );
    const engine = createZstdDecompress({
      chunkSize: STREAM_CHUNK_BYTES,
      ...({ highWaterMark: 2 * STREAM_CHUNK_BYTES } satisfies TransformOptions),
      params: { [constants.ZSTD_d_windowLogMax]: windowLog },
    });
    const put = (bytes: Uint8Array): Promise<void> | undefined => {
      options.onPiece?.(bytes.length, 0);
      if (engine.destroyed || engine.write(bytes)) return undefined;
      return new Promise((resolve) => {
        const done = (): void => {
          engine.off('drain', done).off('close', done);
          resolve();
        };
        engine.on('drain', done).on('close', done);
      });
    };
    const feed = async (): Promise<void> => {
      let batch = new Parts(reader);
      const flush = async (): Promise<void> => {
        const { parts } = batch;
        batch = new Parts(reader);
        for (const part of parts) await put(part);
      };
      const give = async (length: number): Promise<void> => {
        await batch.take(length);
        if (batch.length >= FEED_BYTES) await flush();
      };
      if (start === undefined) await give(header.headerLength);
      else await put(start);
      for (let isLast = false; !isLast; ) {
        const blockHeader = await reader.peek(BLOCK_HEADER_BYTES);
        if (blockHeader.length < BLOCK_HEADER_BYTES) throw reader.truncated();
        const block = readBlockHeader(blockHeader);
        await give(BLOCK_HEADER_BYTES + block.storedLength);
        isLast = block.isLast;
      }
      if (header.hasChecksum) await give(FRAME_CHECKSUM_BYTES);
      await flush();
      engine.end();
    };
    let feedError: unknown;
    const feeding = feed().catch((error: unknown) => {
      feedError = error;
      engine.destroy(error as Error);
    });
    let length = 0;
    try {
      for await (const output of engine) {
        const bytes = output as Buffer;
        this.context.signal.throwIfAborted();
        this.bound.add(bytes.length);
        length += bytes.length;
        if (options.crc === true) this.crc = combineCrc32(this.crc, crc32(bytes), bytes.length);
        options.onPiece?.(0, bytes.length);
        await this.target.write(bytes);
      }
    } catch (error) {
      if (feedError !== undefined) throw feedError;
      const { code } = error as NodeJS.ErrnoException;
      if (typeof code === 'string' && code.startsWith('ZSTD_')) throw damaged(at, (error as Error).message);
      throw error;
    } finally {
      engine.destroy();
    }
    await feeding;
    if (feedError !== undefined) throw feedError;
    if (header.contentSize !== undefined && length !== header.contentSize)
      throw damaged(at, `holds ${length} bytes, not the ${header.contentSize} of its header`);
  }
}

function damaged(at: number, message: string): ImgoptError {
  return corrupt('ZSTD_CORRUPT', `the frame at ${hex(at)} is damaged: ${message}`, {
    advice: 'copy or build it again',
  });
}

function notZstd(magic: number | undefined): ImgoptError {
  if (magic !== undefined && magic >= 0xfd2fb522 && magic < ZSTD_MAGIC)
    return unsupported('ZSTD_LEGACY', 'was written by a version of zstd before 1.0');
  return unreadable('NOT_ZSTD', 'is not a zstd stream');
}

/**
 * Decodes all frames of a zstd stream.
 * @throws ImgoptError `corrupt` for damage, truncation and what follows; `unsupported` for dictionaries and windows
 * past `windowLogMax`; `unreadable` past `maxSize`
 */
export function decodeZstd(
  chunks: AsyncIterable<Uint8Array>,
  target: DecodeTarget,
  options: DecodeOptions,
  pool: CodecPool,
  context: Context,
): Promise<DecodeResult> {
  return new ZstdDecoder(chunks, target, options, pool, context).decode();
}

/**
 * Decodes an open file whose frames are known and cover it.
 * @throws ImgoptError as `decodeZstd`, also when the index is wrong
 */
export function decodeZstdFrames(
  fd: number,
  frames: FrameIndex,
  target: DecodeTarget,
  options: DecodeOptions,
  pool: CodecPool,
  context: Context,
): Promise<DecodeResult> {
  return new ZstdDecoder(nothing(), target, options, pool, context).decodeIndexed(fd, frames);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** `Compressor.decompress` of zstd. */
export async function readZstd(
  input: AsyncIterable<Uint8Array>,
  output: ByteSink,
  context: Context,
): Promise<DecodeResult> {
  const pool = new CodecPool({ threads: context.threads });
  try {
    return await decodeZstd(input, { write: output }, {}, pool, context);
  } finally {
    pool.close();
  }
}
