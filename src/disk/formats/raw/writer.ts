/**
 * Writing raw: data where it belongs, and nothing where there are zeros, which leaves holes in the file. A
 * sequential output (a pipe) cannot have holes and gets the zeros. With a compression the whole disk goes through
 * it in one pass, as `imgopt compress` would write it.
 */
import { CLUSTER_ZERO, compressClusters } from '../../../compressors/clusters.ts';
import { gzip } from '../../../compressors/gzip.ts';
import type { ZeroPiece } from '../../../compressors/pieces.ts';
import type { PieceResult } from '../../../compressors/tasks.ts';
import { writeZstd, zstd, zstdPool } from '../../../compressors/zstd.ts';
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockExtent, BlockSource } from '../../../core/contracts/source.ts';
import type { ImageOutput, ImageWriter, WriterOptions } from '../../../core/contracts/writer.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { allDone } from '../../../core/parallel.ts';

/** What is looked at for zeros: the block of every usual host filesystem. */
const UNIT_BYTES = 4096;
/** Frames and blocks of a compressed disk are larger: it compresses about as well as this predicts. */
const SAMPLE_BYTES = 256 * 1024;
/** Gaps of up to this are read as well: a call costs more than the bytes. */
const BRIDGE_BYTES = 64 * 1024;
/** Of a frame, side by side. */
const READ_BYTES = 2 * 1024 * 1024;
const ZEROS = new Uint8Array(1024 * 1024);

export const rawWriter: ImageWriter = {
  format: 'raw',
  subformats: [],
  compressions: ['none', 'zstd', 'gzip'],
  canStream: () => true,
  units({ compression, level }) {
    if (compression === 'none') return { unit: UNIT_BYTES, codec: null };
    const isZstd = compression === 'zstd';
    const chosen = level ?? (isZstd ? zstd : gzip).levels.standard;
    return { unit: SAMPLE_BYTES, codec: { algorithm: isZstd ? 'zstd' : 'deflate-raw', level: chosen } };
  },
  async write(source, output, options, context) {
    if (options.compression === 'none') return writePlain(source, output, options, context);
    if (options.compression === 'zstd') return writeFrames(source, output, options, context);
    let end = 0;
    const sink = async (bytes: Uint8Array): Promise<void> => {
      await output.write(bytes, end);
      end += bytes.length;
    };
    const chunks = wholeDisk(source, options, context);
    const { bytesOut } = await gzip.compress(chunks, sink, { level: options.level }, context);
    if (options.tally === undefined) return;
    options.tally.compressed = options.tally.plain;
    options.tally.plain = 0;
    options.tally.packed = bytesOut;
  },
};

/* ---------- zstd ---------- */

/**
 * Frames are filled straight from the source, those without data are never in memory, and the buffers of the others
 * come back from the threads that compressed them: at most one more than there are pieces under way.
 */
async function writeFrames(
  source: BlockSource,
  output: ImageOutput,
  { level = zstd.levels.standard, tally, seals }: WriterOptions,
  context: Context,
): Promise<void> {
  const settings = { level };
  const pool = zstdPool(context.threads, settings);
  const task = context.progress.start('writing', source.size);
  const pieces = new FramePieces(source, context);
  let end = 0;
  const sink = async (bytes: Uint8Array): Promise<void> => {
    await output.write(bytes, end);
    end += bytes.length;
  };
  try {
    const { bytesOut } = await writeZstd(pieces, sink, settings, pool, context, {
      seals,
      zeroUnit: UNIT_BYTES,
      onPiece: (bytesIn, _, result) => {
        pieces.take(result);
        task.advance(bytesIn);
      },
    });
    if (tally === undefined) return;
    tally.zero += pieces.zeroUnits * UNIT_BYTES;
    tally.compressed += (pieces.dataUnits - pieces.zeroUnits) * UNIT_BYTES;
    tally.packed += bytesOut;
  } finally {
    task.done();
    pool.close();
  }
}

/** The disk in frames. */
class FramePieces {
  /** Units that hold data by the map, and those of them that are zeros after all. */
  dataUnits = 0;
  zeroUnits = 0;
  private readonly source: BlockSource;
  private readonly context: Context;
  private readonly buffers: ArrayBuffer[] = [];

  constructor(source: BlockSource, context: Context) {
    this.source = source;
    this.context = context;
  }

  /** A piece is done. */
  take({ input, length, zeroUnits = 0 }: PieceResult): void {
    if (input === undefined) return;
    this.buffers.push(input.buffer);
    // Of the piece's units of zeros, those that hold no data by the map are none of ours: all of its units less
    // the data units that `pieces` added.
    this.zeroUnits += zeroUnits - Math.ceil(length / UNIT_BYTES);
  }

  async *pieces(length: number): AsyncGenerator<Uint8Array<ArrayBuffer> | ZeroPiece> {
    const data = new DataCursor(this.source);
    for (let start = 0; start < this.source.size; start += length) {
      this.context.signal.throwIfAborted();
      const end = Math.min(this.source.size, start + length);
      const { runs, units } = await data.within(start, end);
      if (units === 0) {
        yield { zeros: end - start };
        continue;
      }
      const bytes = new Uint8Array(this.buffers.pop() ?? new ArrayBuffer(length), 0, end - start);
      const reads: Promise<void>[] = [];
      let filled = start;
      for (const run of runs) {
        bytes.fill(0, filled - start, run.start - start);
        filled = run.end;
        for (let at = run.start; at < run.end; at += READ_BYTES) {
          const stop = Math.min(run.end, at + READ_BYTES);
          reads.push(this.source.read(bytes.subarray(at - start, stop - start), at));
        }
      }
      bytes.fill(0, filled - start);
      await allDone(reads);
      this.dataUnits += units;
      this.zeroUnits += units;
      yield bytes;
    }
  }
}

/** The map in stretches of the disk that are asked for one after the other. */
class DataCursor {
  private readonly batches: AsyncIterator<readonly BlockExtent[]>;
  private batch: readonly BlockExtent[] = [];
  private next = 0;

  constructor(source: BlockSource) {
    this.batches = source.extents()[Symbol.asyncIterator]();
  }

  /** What to read of [start, end), and how many units data touches there. */
  async within(start: number, end: number): Promise<{ runs: ByteRange[]; units: number }> {
    const runs: { start: number; end: number }[] = [];
    let units = 0;
    let counted = 0; // units up to there, from the disk's beginning
    for (;;) {
      const extent = this.batch[this.next];
      if (extent === undefined) {
        const { done, value } = await this.batches.next();
        if (done === true) break;
        this.batch = value;
        this.next = 0;
        continue;
      }
      if (extent.start >= end) break;
      if (extent.kind === 'data' && extent.end > start) {
        const from = Math.max(start, extent.start);
        const to = Math.min(end, extent.end);
        const run = runs.at(-1);
        if (run !== undefined && from - run.end <= BRIDGE_BYTES) run.end = to;
        else runs.push({ start: from, end: to });
        const stop = Math.ceil(to / UNIT_BYTES);
        units += Math.max(0, stop - Math.max(counted, Math.floor(from / UNIT_BYTES)));
        counted = stop;
      }
      if (extent.end > end) break;
      this.next++;
    }
    return { runs, units };
  }
}

/* ---------- others ---------- */

/** Stretches of data that are not zero, ascending, as views that are valid until the next is asked for. */
async function* dataOf(
  source: BlockSource,
  options: WriterOptions,
  context: Context,
): AsyncGenerator<{ offset: number; bytes: Uint8Array }> {
  const { tally } = options;
  const units = { clusterSize: UNIT_BYTES, codec: null, tally };
  for await (const { clusters, bytes, lengths } of compressClusters(source, units, context)) {
    for (let i = 0; i < clusters.length; ) {
      if (lengths[i] === CLUSTER_ZERO) {
        i++;
        continue;
      }
      let next = i + 1;
      while (
        next < clusters.length &&
        lengths[next] !== CLUSTER_ZERO &&
        clusters[next] === clusters[next - 1]! + 1
      )
        next++;
      const offset = clusters[i]! * UNIT_BYTES;
      const length = Math.min((next - i) * UNIT_BYTES, source.size - offset);
      yield { offset, bytes: bytes.subarray(i * UNIT_BYTES, i * UNIT_BYTES + length) };
      i = next;
    }
  }
}

async function writePlain(
  source: BlockSource,
  output: ImageOutput,
  options: WriterOptions,
  context: Context,
): Promise<void> {
  if (!output.isSequential) await output.setSize(source.size);
  if (output.isSequential) {
    let end = 0;
    for await (const bytes of wholeDisk(source, options, context)) {
      await output.write(bytes, end);
      end += bytes.length;
    }
    return;
  }
  for await (const { offset, bytes } of dataOf(source, options, context)) await output.write(bytes, offset);
}

/** Every byte of the disk, in order. */
async function* wholeDisk(
  source: BlockSource,
  options: WriterOptions,
  context: Context,
): AsyncGenerator<Uint8Array> {
  let end = 0;
  for await (const { offset, bytes } of dataOf(source, options, context)) {
    yield* zerosBetween(end, offset);
    yield bytes;
    end = offset + bytes.length;
  }
  yield* zerosBetween(end, source.size);
}

function* zerosBetween(start: number, end: number): Generator<Uint8Array> {
  for (let at = start; at < end; at += ZEROS.length) {
    yield ZEROS.subarray(0, Math.min(ZEROS.length, end - at));
  }
}
