/** Partitions and logical volumes, as their tables list them. */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { PartitionSection } from '../core/contracts/report.ts';

export function analyzePartitions({ partitions }: Inspection): PartitionSection[] {
  return partitions.map(({ index, scheme, type, name, start, size }) => ({
    index,
    scheme,
    type,
    name,
    start,
    size,
  }));
}
