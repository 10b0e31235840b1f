/**
 * gzip in parallel, as pigz does it: the input is cut into blocks, each deflated for itself with the 32 KiB before
 * it as dictionary, so that matches reach across the cut; a sync flush ends each on a byte, so that the results
 * simply follow one another; an empty last block closes the stream. CRCs of blocks are combined, not computed
 * again. What comes out is one ordinary member that any gunzip reads.
 *
 * A block of zeros is compressed once, without dictionary, which makes it valid in any place, and then repeated.
 *
 * Speed over pigz comes from the deflate inside Node (Chromium's: SIMD hashing and matching). It finds slightly
 * fewer matches; smaller deflate blocks (memLevel 6) win the difference back at the levels that are asked for size.
 */

import type { ByteSink, CompressionCounts, Compressor } from '../core/contracts/compressor.ts';
import type { Context } from '../core/contracts/context.ts';
import { usage } from '../core/errors.ts';
import { combineCrc32 } from './crc32.ts';
import { readGzip } from './gunzip.ts';
import {
  CM_DEFLATE,
  DEFLATE_WINDOW_BYTES,
  FINAL_EMPTY_BLOCK,
  GZIP_ID1,
  GZIP_ID2,
  gzipHeader,
  gzipTrailer,
} from './gzip-layout.ts';
import { type CompressionInput, piecesOf } from './pieces.ts';
import { CodecPool, orderedMap } from './pool.ts';
import { type DeflateTask, deflateBlocks, type Piece, type PieceResult } from './tasks.ts';
import { ZeroPieces } from './zero-pieces.ts';

/** Cost of a cut: a flush, a cold start and 32 KiB read twice; 1 MiB makes it nothing and keeps latency low. */
export const GZIP_BLOCK_BYTES = 1024 * 1024;
export const GZIP_LEVELS = { lowest: 1, highest: 9, standard: 6 } as const;

/** @see the module's essay; at the fastest levels larger deflate blocks are faster */
function memLevelOf(level: number): number {
  return level <= 1 ? 9 : level <= 4 ? 7 : 6;
}

export interface GzipSettings {
  readonly level: number;
}

function* withDictionary(task: Omit<DeflateTask, 'input'>, pieces: Iterable<Piece>): Generator<DeflateTask> {
  for (const input of pieces) yield { ...task, input, dictionary: 'previous' };
}

async function* withDictionaryCopied(
  task: Omit<DeflateTask, 'input'>,
  pieces: AsyncIterable<Piece>,
): AsyncGenerator<DeflateTask> {
  let dictionary: Uint8Array<ArrayBuffer> | undefined;
  for await (const input of pieces) {
    if (!(input instanceof Uint8Array)) continue; // streams yield bytes
    const tail = input.slice(Math.max(0, input.length - DEFLATE_WINDOW_BYTES)); // before `input` moves away
    yield { ...task, input, ...(dictionary === undefined ? {} : { dictionary }) };
    dictionary = tail;
  }
}

/**
 * Writes `input` as one gzip member.
 * @returns sizes, and the CRC-32 of the input
 * @throws Error of tasks.ts when the input cannot be read; whatever `sink` throws
 */
export async function writeGzip(
  input: CompressionInput,
  sink: ByteSink,
  settings: GzipSettings,
  pool: CodecPool,
  context: Context,
  onPiece: (bytesIn: number, bytesOut: number) => void = () => {},
): Promise<CompressionCounts & { readonly crc: number }> {
  const { level } = settings;
  if (!Number.isInteger(level) || level < GZIP_LEVELS.lowest || level > GZIP_LEVELS.highest)
    throw usage('BAD_LEVEL', `gzip has the levels 1 to 9, not ${level}`);
  const memLevel = memLevelOf(level);
  const task = { kind: 'deflate-blocks', level, memLevel } as const;
  const pieces = piecesOf(input, GZIP_BLOCK_BYTES);
  const tasks =
    Symbol.asyncIterator in pieces ? withDictionaryCopied(task, pieces) : withDictionary(task, pieces);
  const zeros = new ZeroPieces((bytes) => deflateBlocks(bytes, level, memLevel));
  let bytesIn = 0;
  let bytesOut = 0;
  let crc = 0;
  const put = async (bytes: Uint8Array): Promise<void> => {
    bytesOut += bytes.length;
    await sink(bytes);
  };
  await put(gzipHeader(level));
  for await (const result of orderedMap(tasks, (one) => pool.run(one), pool.limit + 1)) {
    context.signal.throwIfAborted();
    const { bytes, crc: pieceCrc } = restored(result, zeros);
    bytesIn += result.length;
    crc = combineCrc32(crc, pieceCrc, result.length);
    await put(bytes);
    onPiece(result.length, bytes.length);
  }
  await put(FINAL_EMPTY_BLOCK);
  await put(gzipTrailer(crc, bytesIn));
  return { bytesIn, bytesOut, crc };
}

function restored(result: PieceResult, zeros: ZeroPieces): { bytes: Uint8Array; crc: number } {
  return result.zero ? zeros.of(result.length) : result;
}

export const gzip: Compressor = {
  name: 'gzip',
  suffix: '.gz',
  levels: GZIP_LEVELS,
  probe(head) {
    return head[0] === GZIP_ID1 && head[1] === GZIP_ID2 && head[2] === CM_DEFLATE;
  },
  async compress(chunks, output, options, context) {
    const pool = new CodecPool({ threads: context.threads });
    try {
      return await writeGzip(
        { chunks },
        output,
        { level: options.level ?? GZIP_LEVELS.standard },
        pool,
        context,
      );
    } finally {
      pool.close();
    }
  },
  decompress: readGzip,
};
