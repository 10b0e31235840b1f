/**
 * What $Bitmap says is unused: complete and proved, or an error, because these bytes will be dropped.
 *
 * The bitmap has a bit per cluster, and the scan knows every run of every attribute: no run may use a cluster that is
 * free by the bitmap, and no two may use the same. What belongs to no cluster (the rest of the sectors, the copy of
 * the boot sector) is never unused; clusters of $BadClus are in use by the bitmap.
 */
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import { ExtentBuilder, type ExtentSet } from '../../../core/extents.ts';
import { MAX_NTFS_UNUSED_EXTENTS } from '../../../core/limits.ts';
import { mappedSource } from '../../../sources/mapped.ts';
import { assemble, findPieces, readFileRecords } from './attributes.ts';
import { FILE, TYPE } from './layout.ts';
import type { Mft, Volume } from './mft.ts';
import type { ScanFindings } from './scan.ts';

const PIECE_BYTES = 1024 * 1024;

/** Clusters that $Bitmap marks as free, in bytes. @throws `corrupt` when the bitmap does not cover the volume */
export async function readFree(volume: Volume, mft: Mft): Promise<ExtentSet> {
  const { geometry } = volume;
  const { clusters, clusterSize } = geometry;
  const source = await openBitmap(volume, mft, Math.ceil(clusters / 8));
  const builder = new ExtentBuilder();
  let start = -1;
  let count = 0;
  const end = (cluster: number): void => {
    if (++count > MAX_NTFS_UNUSED_EXTENTS)
      throw unsupported(
        'NTFS_TOO_FRAGMENTED',
        `more than ${MAX_NTFS_UNUSED_EXTENTS} stretches of unused clusters`,
      );
    builder.add(start * clusterSize, cluster * clusterSize);
    start = -1;
  };
  const piece = new Uint8Array(Math.min(PIECE_BYTES, source.size));
  for (let at = 0; at < source.size; at += piece.length) {
    volume.context.signal.throwIfAborted();
    const bytes = piece.subarray(0, Math.min(piece.length, source.size - at));
    await source.read(bytes, at);
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte === (start < 0 ? 0xff : 0)) continue;
      const first = (at + i) * 8;
      for (let bit = 0; bit < 8 && first + bit < clusters; bit++) {
        const isFree = ((byte >>> bit) & 1) === 0;
        if (isFree && start < 0) start = first + bit;
        else if (!isFree && start >= 0) end(first + bit);
      }
    }
  }
  if (start >= 0) end(clusters);
  return builder.build();
}

async function openBitmap(volume: Volume, mft: Mft, needed: number): Promise<BlockSource> {
  const { source, geometry } = volume;
  const pieces = findPieces(await readFileRecords(volume, mft, FILE.Bitmap), TYPE.DATA);
  const stream = pieces.length === 0 ? undefined : assemble(volume, pieces);
  if (stream === undefined || stream instanceof Uint8Array)
    throw corrupt('NTFS_BITMAP', '$Bitmap has no clusters');
  let covered = 0;
  for (const run of stream.runs.byOwner()) {
    if (stream.runs.logical[run] !== covered) break;
    covered += stream.runs.length[run]!;
  }
  // A hole would read as zeros, and zeros mean free.
  const held = Math.min(stream.size, stream.initialized, covered * geometry.clusterSize);
  if (held < needed || stream.flags !== 0)
    throw corrupt('NTFS_BITMAP', `$Bitmap holds ${held} bytes; the volume's clusters take ${needed}`);
  return mappedSource(source, '$Bitmap', needed, geometry.clusterSize, stream.runs);
}

/**
 * Holds the bitmap against the runs.
 * @throws `corrupt` when one of them is wrong or the runs are not all known
 */
export function checkUnused(
  { geometry, source }: Volume,
  free: ExtentSet,
  { runs, files, gap }: ScanFindings,
): void {
  const advice = 'run chkdsk on the volume';
  if (geometry.bytes > source.size)
    throw corrupt('NTFS_TRUNCATED', 'the filesystem is larger than what holds it', {
      advice: 'copy the image again',
    });
  if (gap !== undefined)
    throw corrupt('NTFS_DAMAGED', `what is unused is not proved: ${gap.message}`, {
      where: gap.where,
      advice,
    });
  const { clusterSize } = geometry;
  const nameOf = (run: number): string => `record ${files.record[runs.owner[run]!]}`;
  let last = -1;
  let end = 0;
  let range = 0;
  for (const run of runs.byPlace()) {
    const start = runs.start[run]!;
    if (start < end)
      throw corrupt(
        'NTFS_CROSS_LINKED',
        `cluster ${start} is in use by ${nameOf(last)} and by ${nameOf(run)}`,
        { advice },
      );
    end = start + runs.length[run]!;
    last = run;
    while (range < free.count && free.endOf(range) <= start * clusterSize) range++;
    if (range < free.count && free.startOf(range) < end * clusterSize) {
      const cluster = Math.max(start, free.startOf(range) / clusterSize);
      throw corrupt(
        'NTFS_FREE_IN_USE',
        `cluster ${cluster} is in use by ${nameOf(run)} and is marked as free`,
        { advice },
      );
    }
  }
}
