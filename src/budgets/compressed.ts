/**
 * How large the artifact ships: what `imgopt compress` would make of its files.
 *
 * Small files are compressed to see. Of large ones a sample is: pieces of the size in which the compressor works, so
 * that nothing but chance stands between the sample and the truth, and how far chance goes is known. Where a limit
 * lies within that distance, the sample cannot tell, and all of it is compressed. A file that is compressed already
 * ships as it is.
 */
import { compressFile } from '../compressors/compress-file.ts';
import { detectCompressor, foreignCompression } from '../compressors/detect.ts';
import type { Context } from '../core/contracts/context.ts';
import type { Disk } from '../core/contracts/disk.ts';
import type { WriterUnits } from '../core/contracts/writer.ts';
import { formatCount } from '../core/size.ts';
import { predictSize } from '../optimize/predict.ts';
import { openFileSource } from '../sources/file.ts';
import type { Codec } from './budget.ts';
import type { CompressedSize } from './measure.ts';

const MiB = 1024 * 1024;

/** As the compressors cut and compress at their standard levels; the sample is half a gigabyte at most. */
const PIECES: Record<Codec, WriterUnits & { readonly samples: number }> = {
  zstd: { unit: 8 * MiB, codec: { algorithm: 'zstd', level: 3 }, samples: 64 },
  gzip: { unit: MiB, codec: { algorithm: 'deflate-raw', level: 6, memLevel: 6 }, samples: 256 },
};
const HEAD_BYTES = 16;

/**
 * The compressed size of an image's own files; backing files ship for themselves.
 * @param limits values that the size will be held against
 */
export async function measureCompressed(
  disk: Disk,
  codec: Codec,
  limits: readonly number[],
  context: Context,
): Promise<CompressedSize> {
  const files = disk.files.filter((one) => one.role !== 'backing').map((one) => one.path);
  const sampled = await sizeOf(files, codec, context, false);
  const isDecided = limits.every((limit) => Math.abs(sampled.bytes - limit) > sampled.error);
  return sampled.evidence === 'measured' || isDecided ? sampled : sizeOf(files, codec, context, true);
}

async function sizeOf(
  files: readonly string[],
  codec: Codec,
  context: Context,
  all: boolean,
): Promise<CompressedSize> {
  const { samples, ...units } = PIECES[codec];
  let bytes = 0;
  let variance = 0;
  let looked = 0;
  let pieces = 0;
  let ships = 0;
  for (const path of files) {
    const source = await openFileSource(path);
    try {
      const head = new Uint8Array(Math.min(HEAD_BYTES, source.size));
      await source.read(head, 0);
      const count = Math.ceil(source.size / units.unit);
      if (detectCompressor(head) !== undefined || foreignCompression(head) !== undefined) {
        bytes += source.size;
        ships++;
      } else if (all || count <= samples) {
        bytes += await compressedLength(path, codec, context);
        pieces += count;
        looked += count;
      } else {
        const prediction = await predictSize(source, units, context, samples);
        bytes += prediction.bytes;
        variance += prediction.error ** 2;
        pieces += prediction.units;
        looked += prediction.sampled;
      }
    } finally {
      await source.close();
    }
  }
  const isSampled = looked < pieces;
  return {
    bytes,
    evidence: isSampled ? 'sampled' : 'measured',
    error: Math.round(Math.sqrt(variance)),
    how: isSampled
      ? `${formatCount(looked)} of ${formatCount(pieces)} pieces compressed with ${codec}`
      : ships === files.length
        ? 'compressed already: ships as it is'
        : `compressed with ${codec}`,
  };
}

async function compressedLength(path: string, codec: Codec, context: Context): Promise<number> {
  const { bytesOut } = await compressFile(
    path,
    { name: 'nowhere', sink: () => {} },
    { algorithm: codec, verify: false, remove: false, sha256: false, force: false },
    context,
  );
  return bytesOut;
}
