/**
 * Writing raw: data where it belongs, and nothing where there are zeros, which leaves holes in the file. A
 * sequential output (a pipe) cannot have holes and gets the zeros. With a compression the whole disk goes through
 * it in one pass, as `imgopt compress` would write it.
 */
import { CLUSTER_ZERO, compressClusters } from '../../../compressors/clusters.ts';
import { gzip } from '../../../compressors/gzip.ts';
import { zstd } from '../../../compressors/zstd.ts';
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import type { ImageOutput, ImageWriter, WriterOptions } from '../../../core/contracts/writer.ts';

/** What is looked at for zeros: the block of every usual host filesystem. */
const UNIT_BYTES = 4096;
/** Frames and blocks of a compressed disk are larger: it compresses about as well as this predicts. */
const SAMPLE_BYTES = 256 * 1024;
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
    const compressor = options.compression === 'zstd' ? zstd : gzip;
    let end = 0;
    const sink = async (bytes: Uint8Array): Promise<void> => {
      await output.write(bytes, end);
      end += bytes.length;
    };
    const counts = await compressor.compress(
      wholeDisk(source, options, context),
      sink,
      { level: options.level },
      context,
    );
    if (options.tally !== undefined) {
      options.tally.compressed = options.tally.plain;
      options.tally.plain = 0;
      options.tally.packed = counts.bytesOut;
    }
  },
};

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
