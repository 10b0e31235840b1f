/** Books and disks for specs of rules that look at the artifact rather than at files. */

import type { Inspection } from '../../../src/core/contracts/inspection.ts';
import type { MeasuredBooks } from '../../../src/core/contracts/report.ts';
import type { BlockExtent, BlockSource } from '../../../src/core/contracts/source.ts';

export const MiB = 1024 * 1024;

export function books(part: { files?: number; metadata?: number; stale?: number }): MeasuredBooks {
  const entry = (bytes = 0) => ({ bytes, evidence: 'measured' as const });
  return {
    files: entry(part.files),
    metadata: entry(part.metadata),
    stale: entry(part.stale),
    unread: entry(),
    other: entry(),
  };
}

/** What an inspection says of its disk: content at every multiple of 64 KiB by `fill`. */
export function disk(
  format: string,
  options: {
    details?: Record<string, string>;
    snapshotBytes?: number;
    virtualSize?: number;
    data?: number;
    compressed?: boolean;
    fill?: (bytes: Uint8Array, offset: number) => void;
  },
): Partial<Inspection> {
  const data = options.data ?? 0;
  const extent: BlockExtent = {
    start: 0,
    end: data,
    kind: 'data',
    stored: data,
    ...(options.compressed === true ? { compressed: true } : {}),
  };
  const source: BlockSource = {
    size: data,
    granularity: 65536,
    async read(target, offset) {
      target.fill(0);
      options.fill?.(target, offset);
    },
    async *extents() {
      yield [extent];
    },
    async close() {},
  };
  return {
    disk: {
      format,
      details: options.details ?? {},
      source,
      files: [],
      mapIsExact: true,
      snapshotBytes: options.snapshotBytes ?? 0,
      async close() {},
    },
    artifact: {
      path: `disk.${format}`,
      format,
      formatDetails: {},
      fileSize: data,
      allocated: data,
      virtualSize: options.virtualSize ?? data,
      backing: [],
    },
  };
}
