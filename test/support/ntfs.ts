/** What the fixtures of test/fixtures/ntfs hold (see make.sh there), and NTFS opened for a test. */
import type { DiagnosticLog } from '../../src/core/context.ts';
import type { Filesystem } from '../../src/core/contracts/filesystem.ts';
import type { BlockSource } from '../../src/core/contracts/source.ts';
import type { FileTable } from '../../src/core/file-table.ts';
import { ntfsDriver } from '../../src/disk/filesystems/ntfs/ntfs.ts';
import { fixtureBytes } from './fixtures.ts';
import { scanFilesystem } from './volumes.ts';

/** As ntfs-3g shows it; `allocated` is the sum over ntfsinfo's attributes. */
export interface NtfsEntry {
  readonly inode: number;
  readonly mode: number;
  readonly size: number;
  readonly allocated: number;
  readonly modified: number;
  readonly sha256?: string;
  readonly target?: string;
}

export interface NtfsImage {
  /** Of the image. */
  readonly bytes: number;
  readonly tags: { readonly TYPE: string; readonly LABEL: string; readonly UUID: string };
  readonly version: string;
  readonly flags: string;
  readonly sectorSize: number;
  readonly clusterSize: number;
  readonly clusters: number;
  readonly recordSize: number;
  readonly freeClusters: number;
  /** By $Bitmap, as ntfscat gives it: first cluster, number of clusters. */
  readonly free: readonly [number, number][];
  readonly mftHasList: boolean;
  readonly entries: Readonly<Record<string, NtfsEntry>>;
}

export const NTFS_IMAGES: Readonly<Record<string, NtfsImage>> = JSON.parse(
  fixtureBytes('ntfs/expected.json').toString(),
);
export const CLEAN_NTFS: readonly string[] = ['windows', 'pieces', 'small', 'sectors', 'clusters', 'system'];

let images: Buffer | undefined;

/** A copy of an image: they lie end to end in one file, in the order of their descriptions. */
export function ntfsImage(name: string): Buffer {
  images ??= fixtureBytes('ntfs/images');
  let at = 0;
  for (const [one, { bytes }] of Object.entries(NTFS_IMAGES)) {
    if (one === name) return Buffer.from(images.subarray(at, at + bytes));
    at += bytes;
  }
  throw new Error(`no image ${name}`);
}

export interface OpenedNtfs {
  readonly filesystem: Filesystem;
  readonly table: FileTable;
  readonly log: DiagnosticLog;
}

export function openNtfs(volume: Uint8Array | BlockSource): Promise<OpenedNtfs> {
  return scanFilesystem(ntfsDriver, volume);
}

/** Free clusters in bytes. */
export function freeRanges({ free, clusterSize }: NtfsImage): { start: number; end: number }[] {
  return free.map(([start, count]) => ({ start: start * clusterSize, end: (start + count) * clusterSize }));
}
