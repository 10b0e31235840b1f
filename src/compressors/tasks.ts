/**
 * What a worker does: one piece of bytes, compressed or decompressed by one synchronous call. Everything that
 * decides the output's bytes is in the task, nothing in the worker, so it does not matter who does which.
 *
 * A piece is either a stretch of a file, which the worker reads itself (the bytes then never pass through the main
 * thread), or bytes that were moved to it.
 */
import { readSync, writeSync } from 'node:fs';
import {
  constants,
  crc32,
  createZstdCompress,
  deflateRawSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib';
import { MAX_ZSTD_WINDOW_LOG } from '../core/limits.ts';
import { HOLE_BYTES } from '../core/output-file.ts';
import { dataRuns, isZero } from '../core/zeros.ts';
import { type ClusterStretch, decodeStretch } from './cluster-decode.ts';
import { type ClusterCodec, type ClusterResult, compressBatch } from './cluster-work.ts';
import { encodeOnce, type ZstdParameters, zstdParams } from './contexts.ts';
import { DEFLATE_WINDOW_BYTES } from './gzip-layout.ts';
import { release } from './release.ts';
import { assertRoundTrip } from './round-trip.ts';
import { readFrame } from './zstd-layout.ts';

/** A stretch of an open file; descriptors belong to the process, so workers share them. */
export interface FilePiece {
  readonly fd: number;
  readonly offset: number;
  readonly length: number;
}

export type Piece = FilePiece | Uint8Array<ArrayBuffer>;

/** Settings of one zstd frame. */
export interface ZstdFrameSettings {
  readonly level: number;
  /** log2 of the window; the level's own when not given. */
  readonly windowLog?: number | undefined;
  /** Long-distance matching. */
  readonly long?: boolean | undefined;
  /** log2 of the entries of the match finder's tables; the level's own when not given. */
  readonly tables?: { readonly hashLog: number; readonly chainLog: number } | undefined;
}

/** Compress a piece to one zstd frame with content size and checksum. */
export interface ZstdCompressTask extends ZstdFrameSettings {
  readonly kind: 'zstd-frame';
  readonly input: Piece;
  /** Also return the CRC-32 of the input. */
  readonly crc: boolean;
  /** Decode the frame again, compare, and return its CRC-32. */
  readonly seal?: boolean;
  /** Give `input` back, and count its units of this many bytes that are all zeros. */
  readonly zeroUnit?: number;
}

/** Compress a piece to deflate blocks that end on a byte (a sync flush), for joining into one stream. */
export interface DeflateTask {
  readonly kind: 'deflate-blocks';
  readonly level: number;
  readonly memLevel: number;
  readonly input: Piece;
  /** The bytes before: as bytes, or `previous` to read them from the file before the piece. */
  readonly dictionary?: Uint8Array<ArrayBuffer> | 'previous';
}

/** Decode one zstd frame of known content size. */
export interface ZstdDecompressTask {
  readonly kind: 'zstd-decode';
  readonly input: Piece;
  readonly contentSize: number;
  /** `return`: the bytes; `discard`: only verified; or written to a file at a position, zeros left out. */
  readonly output:
    | 'return'
    | 'discard'
    | { readonly fd: number; readonly position: number; readonly sparse: boolean };
  readonly crc: boolean;
}

/** Compress each unit of the input for itself: clusters of qcow2, grains of VMDK. */
export interface UnitsTask {
  readonly kind: 'units';
  readonly codec: ClusterCodec;
  readonly unit: number;
  /** A whole number of units. */
  readonly input: Uint8Array<ArrayBuffer>;
  /** Decode each again, compare, and return a CRC-32 of what is to be stored. */
  readonly seal: boolean;
}

/** Decode each of many clusters for itself. */
export interface DecodeUnitsTask extends ClusterStretch {
  readonly kind: 'decode-units';
  readonly input: Uint8Array<ArrayBuffer>;
}

export type CodecTask = ZstdCompressTask | DeflateTask | ZstdDecompressTask | UnitsTask | DecodeUnitsTask;

/** A piece done. */
export interface PieceResult {
  /** All zeros: nothing was compressed, and `bytes` is empty. */
  readonly zero: boolean;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Length of the piece, uncompressed. */
  readonly length: number;
  /** CRC-32 of the uncompressed bytes; 0 unless asked for, and for zeros. */
  readonly crc: number;
  /** CRC-32 of `bytes`, where a seal was asked for. */
  readonly seal?: number;
  /** The input, given back, and how many units of it are zeros: where asked for. */
  readonly input?: Uint8Array<ArrayBuffer>;
  readonly zeroUnits?: number;
}

/** `bytes`: the compressed units, one right after the other. */
export interface UnitsResult extends ClusterResult {
  /** The input, given back. */
  readonly input: Uint8Array<ArrayBuffer>;
}

/** The task's output, filled, and its input, given back. */
export interface DecodeUnitsResult {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly input: Uint8Array<ArrayBuffer>;
  /** Positions of clusters that do not decode. */
  readonly failed: readonly number[];
}

type TaskResult = PieceResult | UnitsResult | DecodeUnitsResult;

export type ResultOf<T extends CodecTask> = T extends UnitsTask
  ? UnitsResult
  : T extends DecodeUnitsTask
    ? DecodeUnitsResult
    : PieceResult;

/** Marks a file that ended before the piece did: it became shorter while it was read. */
export const SHORT_READ = 'IMGOPT_SHORT_READ';
/** Marks compressed input that does not decode. */
export const BAD_FRAME = 'IMGOPT_BAD_FRAME';

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

const NOTHING = new Uint8Array(0);
let scratch = Buffer.alloc(0);

/** Memory that the next piece reuses. */
function scratchOf(length: number): Buffer {
  if (scratch.length < length) scratch = Buffer.allocUnsafeSlow(length);
  return scratch.subarray(0, length);
}

function readInto(fd: number, target: Uint8Array, offset: number): void {
  let done = 0;
  while (done < target.length) {
    const count = readSync(fd, target, done, target.length - done, offset + done);
    if (count === 0) throw failure(SHORT_READ, `ends at ${offset + done}`);
    done += count;
  }
}

/** Reads into memory that the next piece reuses. */
function readRange(fd: number, offset: number, length: number): Buffer {
  const target = scratchOf(length);
  readInto(fd, target, offset);
  return target;
}

function bytesOf(piece: Piece): Uint8Array {
  return piece instanceof Uint8Array ? piece : readRange(piece.fd, piece.offset, piece.length);
}

/** Stays in a core's cache. */
const PROBE_BYTES = 256 * 1024;

/**
 * The bytes of a piece, or undefined when all of it is zero. Node does not tell where a file has holes; their zeros
 * are read again and again into the same few pages, which is several times faster than filling a whole piece.
 * @param before bytes in front of the piece that the result begins with
 */
function bytesUnlessZero(piece: Piece, before = 0): Uint8Array | undefined {
  if (piece instanceof Uint8Array) return isZero(piece) ? undefined : piece;
  const { fd, offset, length } = piece;
  for (let at = 0; at < length; at += PROBE_BYTES) {
    const size = Math.min(PROBE_BYTES, length - at);
    if (isZero(readRange(fd, offset + at, size))) continue;
    // What was found zero is not read again.
    const whole = scratchOf(before + length);
    whole.fill(0, before, before + at);
    readInto(fd, whole.subarray(0, before), offset - before);
    readInto(fd, whole.subarray(before + at), offset + at);
    return whole;
  }
  return undefined;
}

/** Room for the worst case, so that the one call never grows its output. */
function bound(length: number): number {
  return length + (length >> 7) + 1024;
}

/** In a buffer of its own: small ones come out of a pool that cannot move to another thread. */
function plain(bytes: Buffer): Uint8Array<ArrayBuffer> {
  if (bytes.length < 65536) return Uint8Array.from(bytes as Buffer<ArrayBuffer>);
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
}

/** One frame of `input`: content size in the header, checksum behind. */
export function compressFrame(input: Uint8Array, settings: ZstdFrameSettings): Uint8Array<ArrayBuffer> {
  return plain(
    zstdCompressSync(input, {
      chunkSize: bound(input.length),
      params: zstdParams(frameParameters(settings)),
    }),
  );
}

function frameParameters({ level, windowLog, long, tables }: ZstdFrameSettings): ZstdParameters {
  return { level, windowLog, long, ...tables, checksum: true };
}

/** The frame of the piece at work. */
let packing = Buffer.alloc(0);

/** As `compressFrame`, in a context and memory that are used again. */
function compressFrameOnce(input: Uint8Array, task: ZstdFrameSettings): Uint8Array<ArrayBuffer> {
  const room = bound(input.length);
  if (packing.length < room) packing = Buffer.allocUnsafeSlow(room);
  const length = encodeOnce(input, packing, { kind: 'zstd', ...frameParameters(task) });
  return length === undefined ? compressFrame(input, task) : Uint8Array.from(packing.subarray(0, length));
}

/** What is said of a frame beside its bytes. */
function sealOf(task: ZstdCompressTask, frame: Uint8Array, content?: Uint8Array): { seal?: number } {
  if (task.seal !== true) return {};
  assertRoundTrip(frame, content ?? bytesOf(task.input), 'zstd');
  return { seal: crc32(frame) };
}

/** What is said of the input beside its frame. */
function returned({ input, zeroUnit }: ZstdCompressTask): Pick<PieceResult, 'input' | 'zeroUnits'> {
  if (zeroUnit === undefined || !(input instanceof Uint8Array)) return {};
  let zeroUnits = 0;
  for (let at = 0; at < input.length; at += zeroUnit) {
    if (isZero(input.subarray(at, at + zeroUnit))) zeroUnits++;
  }
  return { input, zeroUnits };
}

/** Long frames are fed in this much: a native call cannot be interrupted. */
const FEED_BYTES = 1024 * 1024;

function isLongWork(task: ZstdCompressTask): boolean {
  return task.level > 12 || task.input.length > 16 * FEED_BYTES;
}

/**
 * As `compressFrame`, fed in pieces, so that a thread can be ended between them. zstd then matches through its ring
 * buffer, which gives other bytes than one call does; which of the two it is, and the pieces, depend on the level
 * and the frame's length alone.
 */
async function compressZstdInPieces(task: ZstdCompressTask): Promise<PieceResult> {
  const { input: piece } = task;
  const { length } = piece;
  const encoder = createZstdCompress({
    params: zstdParams(frameParameters(task)),
    pledgedSrcSize: length,
    chunkSize: FEED_BYTES,
  });
  const parts: Buffer[] = [];
  const finished = new Promise<void>((resolve, reject) => {
    encoder.on('data', (part: Buffer) => parts.push(part));
    encoder.on('end', resolve);
    encoder.on('error', reject);
  });
  finished.catch(() => {}); // awaited at the end, or a write has thrown the same
  const write = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => encoder.write(bytes, (error) => (error ? reject(error) : resolve())));
  const zeros = new Uint8Array(FEED_BYTES);
  // Leading zeros wait until something else comes: a frame of nothing else is not compressed at all.
  let waiting = 0;
  let isFed = false;
  let crc = 0;
  try {
    for (let at = 0; at < length; at += FEED_BYTES) {
      const size = Math.min(FEED_BYTES, length - at);
      const bytes =
        piece instanceof Uint8Array
          ? piece.subarray(at, at + size)
          : readRange(piece.fd, piece.offset + at, size);
      if (task.crc) crc = crc32(bytes, crc);
      if (!isFed && isZero(bytes)) {
        waiting += size;
        continue;
      }
      isFed = true;
      for (; waiting > 0; waiting -= FEED_BYTES) await write(zeros);
      await write(bytes);
    }
    if (!isFed && length > 0) return { zero: true, bytes: NOTHING, length, crc: 0, ...returned(task) };
    encoder.end();
    await finished;
  } finally {
    encoder.destroy();
  }
  const bytes = plain(Buffer.concat(parts));
  return { zero: false, bytes, length, crc, ...sealOf(task, bytes), ...returned(task) };
}

/** Deflate blocks of `input` ending on a byte, none of them the last of a stream. */
export function deflateBlocks(
  input: Uint8Array,
  level: number,
  memLevel: number,
  dictionary?: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return plain(
    deflateRawSync(input, {
      level,
      memLevel,
      chunkSize: bound(input.length),
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(dictionary === undefined || dictionary.length === 0 ? {} : { dictionary }),
    }),
  );
}

function compressZstd(task: ZstdCompressTask): PieceResult {
  const { length } = task.input;
  const input = bytesUnlessZero(task.input);
  if (input === undefined) return { zero: true, bytes: NOTHING, length, crc: 0, ...returned(task) };
  const bytes = compressFrameOnce(input, task);
  const crc = task.crc ? crc32(input) : 0;
  return { zero: false, bytes, length, crc, ...sealOf(task, bytes, input), ...returned(task) };
}

function compressDeflate(task: DeflateTask): PieceResult {
  const { input: piece } = task;
  const { length } = piece;
  const isFile = !(piece instanceof Uint8Array);
  const before = isFile && task.dictionary === 'previous' ? Math.min(DEFLATE_WINDOW_BYTES, piece.offset) : 0;
  const whole = bytesUnlessZero(piece, before);
  if (whole === undefined) return { zero: true, bytes: NOTHING, length, crc: 0 };
  const dictionary = task.dictionary instanceof Uint8Array ? task.dictionary : whole.subarray(0, before);
  const input = whole.subarray(before);
  const bytes = deflateBlocks(input, task.level, task.memLevel, dictionary);
  return { zero: false, bytes, length, crc: crc32(input) };
}

function decompressZstd(task: ZstdDecompressTask): PieceResult {
  const input = bytesOf(task.input);
  const frame = readFrame(input);
  if (frame === undefined || frame.end !== input.length || frame.contentSize !== task.contentSize) {
    throw failure(BAD_FRAME, 'the frame is not what its table says');
  }
  let decoded: Buffer;
  try {
    // One byte more than promised, so that a frame that holds more is noticed.
    decoded = zstdDecompressSync(input, {
      chunkSize: Math.max(64, task.contentSize + 1),
      maxOutputLength: task.contentSize + 1,
      params: { [constants.ZSTD_d_windowLogMax]: MAX_ZSTD_WINDOW_LOG },
    });
  } catch (error) {
    throw failure(BAD_FRAME, (error as Error).message);
  }
  const { length } = decoded;
  if (length !== task.contentSize) {
    throw failure(BAD_FRAME, `holds ${length} bytes, not the ${task.contentSize} of its header`);
  }
  const crc = task.crc ? crc32(decoded) : 0;
  if (task.output === 'return') return { zero: false, bytes: plain(decoded), length, crc };
  if (task.output !== 'discard') {
    const { fd, position, sparse } = task.output;
    const runs = sparse ? dataRuns(decoded, HOLE_BYTES, position) : [0, length];
    for (let i = 0; i < runs.length; i += 2) {
      for (let at = runs[i]!; at < runs[i + 1]!; )
        at += writeSync(fd, decoded, at, runs[i + 1]! - at, position + at);
    }
  }
  release(decoded);
  return { zero: false, bytes: NOTHING, length, crc };
}

function compressUnits({ input, unit, codec, seal }: UnitsTask): UnitsResult {
  return { ...compressBatch(input, unit, codec, seal), input };
}

/** Does a task here and now. @throws Error with `code` BAD_FRAME, SHORT_READ or one of the system's */
export function performTask<T extends CodecTask>(task: T): ResultOf<T> | Promise<ResultOf<T>>;
export function performTask(task: CodecTask): TaskResult | Promise<PieceResult> {
  switch (task.kind) {
    case 'zstd-frame':
      return isLongWork(task) ? compressZstdInPieces(task) : compressZstd(task);
    case 'deflate-blocks':
      return compressDeflate(task);
    case 'zstd-decode':
      return decompressZstd(task);
    case 'units':
      return compressUnits(task);
    case 'decode-units':
      return { bytes: task.output, input: task.input, failed: decodeStretch(task) };
  }
}

/** Buffers that move with a task to its worker. */
export function taskTransfers(task: CodecTask): ArrayBuffer[] {
  const moved: ArrayBuffer[] = [];
  if (task.input instanceof Uint8Array) moved.push(task.input.buffer);
  if (task.kind === 'deflate-blocks' && task.dictionary instanceof Uint8Array)
    moved.push(task.dictionary.buffer);
  if (task.kind === 'decode-units') moved.push(task.output.buffer);
  return moved;
}

/** Buffers that move with a result back. */
export function resultTransfers(result: TaskResult): ArrayBuffer[] {
  const moved = result.bytes.length > 0 ? [result.bytes.buffer] : [];
  if ('input' in result && result.input !== undefined) moved.push(result.input.buffer);
  if ('lengths' in result) moved.push(result.lengths.buffer);
  return moved;
}
