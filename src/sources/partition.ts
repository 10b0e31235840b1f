/**
 * A partition as a volume: one stretch of a disk, whichever table says so. What a table claims is compared with
 * the disk at hand, because an image is often cut short (a failed copy) and tables outlive disks.
 */
import type { Context } from '../core/contracts/context.ts';
import type { Volume } from '../core/contracts/disk.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import { corrupt } from '../core/errors.ts';
import { hex } from '../core/text.ts';
import { sliceSource } from './slice.ts';

/** What a table says of a partition; `start` and `size` in bytes. */
export type PartitionEntry = Omit<Volume, 'source' | 'toDisk' | 'devices'> & {
  /** As sfdisk names them: `RequiredPartition`, `LegacyBIOSBootable`, `GUID:60`; MBR: `bootable`. */
  readonly attributes: readonly string[];
};

/** A volume with what only a partition has. */
export interface Partition extends Volume {
  readonly attributes: readonly string[];
}

/**
 * The partition on this disk, cut at the disk's end.
 * Reports PARTITION_TRUNCATED when it was cut, PARTITION_OUTSIDE_DISK when nothing of it is there.
 * @returns undefined when nothing of it lies on the disk
 */
export function partitionOn(
  disk: BlockSource,
  entry: PartitionEntry,
  context: Context,
): Partition | undefined {
  const place = context.at(`partition ${entry.index}`);
  const claimedEnd = entry.start + entry.size;
  if (entry.start >= disk.size) {
    place.report(
      'error',
      'PARTITION_OUTSIDE_DISK',
      `starts at ${hex(entry.start)}, past the end of the disk (${hex(disk.size)}): the image is cut short or the table belongs to a larger disk`,
    );
    return undefined;
  }
  if (claimedEnd > disk.size) {
    place.report(
      'error',
      'PARTITION_TRUNCATED',
      `ends at ${hex(claimedEnd)}, past the end of the disk (${hex(disk.size)}): the image is cut short; copy it again`,
    );
  }
  const { start } = entry;
  const size = Math.min(claimedEnd, disk.size) - start;
  return {
    ...entry,
    devices: [],
    size,
    source: sliceSource(disk, start, size),
    toDisk(range) {
      if (range.start < 0 || range.end > size || range.end < range.start) {
        throw corrupt(
          'RANGE_OUTSIDE_VOLUME',
          `${hex(range.start)} to ${hex(range.end)} is not inside ${hex(size)} bytes`,
        );
      }
      return range.end > range.start ? [{ start: start + range.start, end: start + range.end }] : [];
    },
  };
}

/** Reports every partition that begins before another one ends; containers hold others by design. */
export function reportOverlaps(partitions: readonly Volume[], context: Context): void {
  const sorted = partitions.filter((partition) => !partition.isContainer).sort((a, b) => a.start - b.start);
  let widest: Volume | undefined;
  for (const partition of sorted) {
    if (widest !== undefined && partition.start < widest.start + widest.size) {
      context
        .at(`partition ${partition.index}`)
        .report(
          'error',
          'PARTITIONS_OVERLAP',
          `starts at ${hex(partition.start)}, inside partition ${widest.index} (${hex(widest.start)} to ${hex(widest.start + widest.size)})`,
        );
    }
    if (widest === undefined || partition.start + partition.size > widest.start + widest.size)
      widest = partition;
  }
}
