/**
 * Zstandard in parallel: the input is cut into frames of a fixed size that depends on the level alone, each
 * compressed for itself, with its content size and checksum; a seek table (Zstandard Seekable Format) follows as
 * a skippable frame. Any zstd reads the result; readers that know the table, or walk the frames' headers, read any
 * part of it without the rest, and decode frames in parallel.
 *
 * The price is that no match reaches across a cut. Frames are therefore several windows long, larger at the
 * levels that have larger windows. Jobs of `zstd -T` overlap instead, which is smaller by a fraction of a percent
 * at the same size of job, but cannot be decoded in parallel or from the middle.
 *
 * A frame of zeros is compressed once and repeated.
 *
 * Node's streaming compressor with ZSTD_c_nbWorkers is not used: on Node 24 it loses data
 * (ERR_STREAM_PUSH_AFTER_EOF), and its output depends on timing.
 */

import type { ByteSink, CompressionCounts, Compressor } from '../core/contracts/compressor.ts';
import type { Context } from '../core/contracts/context.ts';
import { usage } from '../core/errors.ts';
import type { SealLog } from '../core/seals.ts';
import { combineCrc32 } from './crc32.ts';
import { type CompressionInput, type PiecewiseInput, piecesOf, type ZeroPiece } from './pieces.ts';
import { CodecPool, orderedMap } from './pool.ts';
import { assertRoundTrip, rethrowRoundTrip } from './round-trip.ts';
import {
  compressFrame,
  type Piece,
  type PieceResult,
  type ZstdCompressTask,
  type ZstdFrameSettings,
} from './tasks.ts';
import { readZstd } from './unzstd.ts';
import { ZeroPieces } from './zero-pieces.ts';
import { isSkippable, magicOf, SeekTable, ZSTD_MAGIC } from './zstd-layout.ts';

const MiB = 1024 * 1024;
export const ZSTD_LEVELS = { lowest: 1, highest: 22, standard: 3 } as const;
/** Windows that `windowLog` may ask for; frames are at least a window, and several are in memory at once. */
export const ZSTD_WINDOW_LOGS = { lowest: 10, highest: 27 } as const;

const NOTHING = new Uint8Array(0);

/** Zeros become the same few bytes at every level. */
const ZERO_SETTINGS: ZstdFrameSettings = { level: 1 };

export interface ZstdSettings {
  readonly level: number;
  readonly windowLog?: number | undefined;
}

/** What one frame holds, and how it is compressed. */
export interface FrameShape extends ZstdFrameSettings {
  /** Uncompressed size of a frame. */
  readonly bytes: number;
}

/**
 * Frames begin without history, which costs; a window as large as the frame, where zstd's own for the level is
 * smaller, wins that back. Measured on 150 MB of a Debian root against `zstd -T2`, size and processor time:
 * level 3 in 4 MiB 1.010, in 8 MiB 1.003 and 0.99 of its time; level 9 in 16 MiB with its own window 1.007, with
 * 8 MiB of window 0.998; level 19 in 32 MiB with a window of 32 MiB 0.983, in 64 MiB with 16 MiB 0.985.
 *
 * Level 3, the default, spends what the window wins on tables of half the size, which stay in a core's cache: on
 * 190 MiB of the same root 0.88 of the processor time for 1.010 of the bytes, which is still what `zstd -T2 -3` needs.
 */
export function frameShapeOf({ level, windowLog }: ZstdSettings): FrameShape {
  if (windowLog !== undefined)
    return { level, windowLog, long: true, bytes: Math.max(8 * MiB, 2 ** windowLog) };
  if (level <= 2) return { level, bytes: 4 * MiB };
  if (level === 3) {
    return { level, bytes: 8 * MiB, windowLog: 23, tables: { hashLog: 16, chainLog: 15 } };
  }
  if (level <= 5) return { level, bytes: 8 * MiB };
  if (level <= 12) return { level, bytes: 16 * MiB, windowLog: 23 };
  if (level <= 19) return { level, bytes: 32 * MiB, windowLog: 25 };
  return { level, bytes: 128 * MiB };
}

/** A pool for this work: long tasks are not handed out ahead. */
export function zstdPool(threads: number, settings: ZstdSettings): CodecPool {
  return new CodecPool({ threads, depth: frameShapeOf(settings).bytes > 8 * MiB ? 1 : 2 });
}

/** What is asked for beside the frames. */
export interface ZstdExtras {
  readonly onPiece?: (bytesIn: number, bytesOut: number, result: PieceResult) => void;
  /** Compute the CRC-32 of the input, for a later verification. */
  readonly crc?: boolean;
  /** Decode each frame as it is made, compare, and seal it there. */
  readonly seals?: SealLog | undefined;
  /** Give the input's pieces back with their results, and count in them the units of zeros of this size. */
  readonly zeroUnit?: number;
}

type FrameWork = ZstdCompressTask | ZeroPiece;

function toWork(
  piece: Piece | ZeroPiece,
  { bytes, ...settings }: FrameShape,
  { crc = false, seals, zeroUnit }: ZstdExtras,
): FrameWork {
  if ('zeros' in piece) return piece;
  const seal = seals !== undefined;
  return {
    kind: 'zstd-frame',
    ...settings,
    input: piece,
    crc,
    seal,
    ...(zeroUnit === undefined ? {} : { zeroUnit }),
  };
}

function* workOf(pieces: Iterable<Piece>, shape: FrameShape, extras: ZstdExtras): Generator<FrameWork> {
  for (const piece of pieces) yield toWork(piece, shape, extras);
}

async function* workOfStream(
  pieces: AsyncIterable<Piece | ZeroPiece>,
  shape: FrameShape,
  extras: ZstdExtras,
): AsyncGenerator<FrameWork> {
  for await (const piece of pieces) yield toWork(piece, shape, extras);
}

function check({ level, windowLog }: ZstdSettings): void {
  if (!Number.isInteger(level) || level < ZSTD_LEVELS.lowest || level > ZSTD_LEVELS.highest)
    throw usage('BAD_LEVEL', `zstd has the levels 1 to 22, not ${level}`);
  const { lowest, highest } = ZSTD_WINDOW_LOGS;
  if (windowLog !== undefined && !(windowLog >= lowest && windowLog <= highest))
    throw usage('BAD_WINDOW', `the window is ${lowest} to ${highest} (log2 of bytes), not ${windowLog}`);
}

/**
 * Writes `input` as frames and a seek table.
 * @throws Error of tasks.ts when the input cannot be read; whatever `sink` throws; ImgoptError `failed-check` when
 *   a frame does not decode to what it was made of, where seals are asked for
 */
export async function writeZstd(
  input: CompressionInput | PiecewiseInput,
  sink: ByteSink,
  settings: ZstdSettings,
  pool: CodecPool,
  context: Context,
  extras: ZstdExtras = {},
): Promise<CompressionCounts & { readonly crc: number }> {
  check(settings);
  const { crc = false, seals, onPiece } = extras;
  const shape = frameShapeOf(settings);
  seals?.begin(shape.bytes, 'zstd');
  const pieces = 'pieces' in input ? input.pieces(shape.bytes) : piecesOf(input, shape.bytes);
  const work =
    Symbol.asyncIterator in pieces ? workOfStream(pieces, shape, extras) : workOf(pieces, shape, extras);
  const zeros = new ZeroPieces((bytes) => {
    const frame = compressFrame(bytes, ZERO_SETTINGS);
    if (seals !== undefined) assertRoundTrip(frame, bytes, 'zstd');
    return frame;
  });
  const run = async (one: FrameWork): Promise<PieceResult> =>
    'zeros' in one ? { zero: true, bytes: NOTHING, length: one.zeros, crc: 0 } : pool.run(one);
  const table = new SeekTable();
  let frames = 0;
  let bytesIn = 0;
  let bytesOut = 0;
  let sum = 0;
  const put = async (bytes: Uint8Array): Promise<void> => {
    bytesOut += bytes.length;
    await sink(bytes);
  };
  try {
    for await (const result of orderedMap(work, run, pool.limit + 1)) {
      context.signal.throwIfAborted();
      const piece = result.zero ? zeros.of(result.length) : result;
      table.add(piece.bytes.length, result.length);
      bytesIn += result.length;
      if (crc) sum = combineCrc32(sum, piece.crc, result.length);
      seals?.add([frames], [piece.bytes.length], piece.seal!);
      frames++;
      onPiece?.(result.length, piece.bytes.length, result);
      await put(piece.bytes);
    }
  } catch (error) {
    rethrowRoundTrip(error as NodeJS.ErrnoException);
  }
  if (bytesIn === 0) {
    const empty = compressFrame(new Uint8Array(0), ZERO_SETTINGS);
    table.add(empty.length, 0);
    await put(empty);
  }
  await put(table.toBytes());
  return { bytesIn, bytesOut, crc: sum };
}

export const zstd: Compressor = {
  name: 'zstd',
  suffix: '.zst',
  levels: ZSTD_LEVELS,
  probe(head) {
    const magic = magicOf(head);
    return magic !== undefined && (magic === ZSTD_MAGIC || isSkippable(magic));
  },
  async compress(chunks, output, options, context) {
    const settings = { level: options.level ?? ZSTD_LEVELS.standard, windowLog: options.windowLog };
    const pool = zstdPool(context.threads, settings);
    try {
      return await writeZstd({ chunks }, output, settings, pool, context);
    } finally {
      pool.close();
    }
  },
  decompress: readZstd,
};
