/** Partitions and logical volumes, as their tables list them. */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { PartitionSection } from '../core/contracts/report.ts';

export function analyzePartitions({ disk, partitions }: Inspection): PartitionSection[] {
  const isSeveral = (disk.container?.disks.length ?? 1) > 1;
  return partitions.map(({ disk: of, volume, index, scheme, type, name, start, size }) => ({
    ...(isSeveral && of !== undefined ? { disk: of } : {}),
    volume,
    index,
    scheme,
    type,
    name,
    start,
    size,
  }));
}
