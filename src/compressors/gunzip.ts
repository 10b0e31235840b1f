/**
 * Reads gzip: one or more members, each verified against its CRC and length. Inflating runs in libuv's pool while
 * this thread computes the CRC of what came before and another thread writes it. Node's own Gunzip is not used:
 * it ignores garbage behind the stream without a word, and does not tell where damage is.
 *
 * As gzip does, zeros behind the last member (the padding of tapes and block devices) are accepted; anything else
 * is refused.
 */
import type { TransformOptions } from 'node:stream';
import { crc32, createInflateRaw, type InflateRaw } from 'node:zlib';
import type { ByteSink } from '../core/contracts/compressor.ts';
import type { Context } from '../core/contracts/context.ts';
import { corrupt, ImgoptError, unsupported } from '../core/errors.ts';
import { hex } from '../core/text.ts';
import { isZero } from '../core/zeros.ts';
import { ByteReader } from './byte-reader.ts';
import { combineCrc32 } from './crc32.ts';
import {
  type DecodeOptions,
  type DecodeResult,
  type DecodeTarget,
  OutputBound,
  trailingGarbage,
} from './decode.ts';
import {
  CM_DEFLATE,
  FCOMMENT,
  FEXTRA,
  FHCRC,
  FLG_RESERVED,
  FNAME,
  GZIP_ID1,
  GZIP_ID2,
  GZIP_TRAILER_BYTES,
} from './gzip-layout.ts';

const INFLATE_CHUNK_BYTES = 512 * 1024;
const INFLATE_AHEAD_BYTES = 2 * 1024 * 1024;

/** Takes a member's header. The magic number was seen. */
async function skipHeader(reader: ByteReader): Promise<void> {
  const start = reader.offset;
  const fixed = await reader.read(10);
  if (fixed[2] !== CM_DEFLATE)
    throw unsupported('GZIP_METHOD', `the member at ${hex(start)} uses compression method ${fixed[2]}`);
  const flags = fixed[3]!;
  if (flags & FLG_RESERVED)
    throw corrupt('GZIP_FLAGS', `the member at ${hex(start)} sets reserved flags (${hex(flags)})`);
  let headerCrc = crc32(fixed);
  const take = async (length: number): Promise<Uint8Array> => {
    const bytes = await reader.read(length);
    headerCrc = crc32(bytes, headerCrc);
    return bytes;
  };
  if (flags & FEXTRA) {
    const length = await take(2);
    await take(length[0]! | (length[1]! << 8));
  }
  for (const flag of [FNAME, FCOMMENT]) {
    if ((flags & flag) === 0) continue;
    // Names have no length in the format; they pass by, whatever their length.
    for (;;) {
      const part = await reader.take();
      if (part === undefined) throw reader.truncated();
      const end = part.indexOf(0);
      const used = end < 0 ? part : part.subarray(0, end + 1);
      headerCrc = crc32(used, headerCrc);
      if (end < 0) continue;
      reader.untake(part.subarray(end + 1));
      break;
    }
  }
  if (flags & FHCRC) {
    const stored = await reader.read(2);
    if ((stored[0]! | (stored[1]! << 8)) !== (headerCrc & 0xffff))
      throw corrupt('GZIP_HEADER_CRC', `the header of the member at ${hex(start)} does not match its CRC`);
  }
}

function settled(engine: InflateRaw): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      engine.off('drain', done).off('end', done).off('close', done);
      resolve();
    };
    engine.once('drain', done).once('end', done).once('close', done);
  });
}

/** Inflates one deflate stream; leaves `reader` at its end. */
async function inflate(
  reader: ByteReader,
  onOutput: ByteSink,
  onInput: (count: number) => void,
): Promise<void> {
  const engine = createInflateRaw({
    chunkSize: INFLATE_CHUNK_BYTES,
    ...({ highWaterMark: INFLATE_AHEAD_BYTES } satisfies TransformOptions),
  });
  const start = reader.offset;
  /** Chunks that the engine may not have used up. */
  const fed: Uint8Array[] = [];
  let fedBytes = 0;
  let usedBytes = 0;
  let isOver = false;
  let feedError: unknown;
  const feed = async (): Promise<void> => {
    while (!isOver) {
      const chunk = await reader.take();
      if (isOver) {
        if (chunk !== undefined) reader.untake(chunk);
        return;
      }
      if (chunk === undefined) {
        engine.end();
        return;
      }
      fed.push(chunk);
      fedBytes += chunk.length;
      onInput(chunk.length);
      while (fed.length > 0 && usedBytes + fed[0]!.length <= engine.bytesWritten)
        usedBytes += fed.shift()!.length;
      if (!engine.write(chunk)) await settled(engine);
    }
  };
  const feeding = feed().catch((error: unknown) => {
    feedError = error;
    engine.destroy(error as Error);
  });
  try {
    for await (const output of engine) await onOutput(output as Uint8Array);
  } catch (error) {
    if (feedError !== undefined) throw feedError;
    const { code, message } = error as NodeJS.ErrnoException;
    const at = start + engine.bytesWritten;
    if (code === 'Z_BUF_ERROR')
      throw corrupt('TRUNCATED', `ends at byte ${hex(at)}, in the middle of compressed data`, {
        advice: 'it was cut short: copy or build it again',
      });
    if (typeof code === 'string' && code.startsWith('Z_'))
      throw corrupt('GZIP_CORRUPT', `damaged near byte ${hex(at)}: ${message}`, { cause: error });
    throw error;
  } finally {
    isOver = true;
    engine.destroy();
  }
  await feeding;
  let surplus = fedBytes - engine.bytesWritten;
  while (surplus > 0) {
    const chunk = fed.pop()!;
    const back = Math.min(surplus, chunk.length);
    reader.untake(chunk.subarray(chunk.length - back));
    surplus -= back;
  }
}

/**
 * Decodes all members of a gzip stream.
 * @throws ImgoptError `corrupt` for damage, truncation and what follows; `unreadable` past `maxSize`
 */
export async function decodeGzip(
  chunks: AsyncIterable<Uint8Array>,
  target: DecodeTarget,
  options: DecodeOptions,
  context: Context,
): Promise<DecodeResult> {
  const reader = new ByteReader(chunks);
  const bound = new OutputBound(options.maxSize);
  let total = 0;
  try {
    for (;;) {
      const head = await reader.peek(2);
      if (head.length === 0 && reader.offset > 0) break;
      if (head[0] !== GZIP_ID1 || head[1] !== GZIP_ID2) {
        await assertPadding(reader);
        break;
      }
      const memberStart = reader.offset;
      await skipHeader(reader);
      let crc = 0;
      let length = 0;
      let reported = 0;
      await inflate(
        reader,
        async (bytes) => {
          context.signal.throwIfAborted();
          bound.add(bytes.length);
          crc = crc32(bytes, crc);
          length += bytes.length;
          options.onPiece?.(0, bytes.length);
          await target.write(bytes);
        },
        (count) => {
          reported += count;
          options.onPiece?.(count, 0);
        },
      );
      const trailer = await reader.read(GZIP_TRAILER_BYTES);
      options.onPiece?.(reader.offset - memberStart - reported, 0);
      const view = new DataView(trailer.buffer, trailer.byteOffset);
      if (view.getUint32(0, true) !== crc)
        throw corrupt('GZIP_CRC', `the content of the member at ${hex(memberStart)} does not match its CRC`);
      if (view.getUint32(4, true) !== length % 2 ** 32)
        throw corrupt('GZIP_LENGTH', `the content of the member at ${hex(memberStart)} has another length`);
      total = combineCrc32(total, crc, length);
    }
  } finally {
    await reader.close();
  }
  return { bytesIn: reader.offset, bytesOut: bound.bytes, crc: total };
}

async function assertPadding(reader: ByteReader): Promise<void> {
  const { offset } = reader;
  if (offset === 0) throw new ImgoptError('unreadable', 'NOT_GZIP', 'is not a gzip stream');
  for (;;) {
    const part = await reader.take();
    if (part === undefined) return;
    if (!isZero(part)) throw trailingGarbage(offset);
  }
}

/** `Compressor.decompress` of gzip. */
export async function readGzip(
  input: AsyncIterable<Uint8Array>,
  output: ByteSink,
  context: Context,
): Promise<DecodeResult> {
  return decodeGzip(input, { write: output }, {}, context);
}
