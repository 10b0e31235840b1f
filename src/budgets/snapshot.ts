/**
 * What is compared: the sizes of an artifact at one time, whether they come from the artifact itself, a saved
 * report, a manifest or a recorded baseline.
 *
 * Lists may be cut: a report's at `--top`, a baseline's at a least size. So a list carries what is known of things
 * that it does not hold (`floor`), and nothing is called new that was only too small to be listed.
 */
import { basename } from 'node:path';
import type { Report } from '../core/contracts/report.ts';

/** Things by name, with their sizes. */
export interface SizeList<Item extends SizedItem = SizedItem> {
  readonly items: readonly Item[];
  /**
   * What is not in the list has at most this size: 0 when it is complete, infinite when nothing is known of the
   * rest.
   */
  readonly floor: number;
  /** Names that the list is about; all when undefined. */
  readonly covers?: (name: string) => boolean;
}

export interface SizedItem {
  readonly name: string;
  /** Bytes; null where that is not known. */
  readonly size: number | null;
}

export interface SnapshotPackage extends SizedItem {
  readonly manager: string;
  readonly version: string;
  readonly architecture: string | null;
  /** What its files occupy, and what the database declares. `size` is the first, or the second without it. */
  readonly allocated: number | null;
  readonly declared: number | null;
}

export interface SnapshotFilesystem extends SizedItem {
  /** Mount point, else label, else its number. `size` is what is used. */
  readonly name: string;
}

export interface Snapshot {
  /** As the user named it. */
  readonly path: string;
  readonly kind: 'image' | 'report' | 'manifest' | 'baseline';
  /** Of the artifact's file, without its folders. */
  readonly artifact: string;
  /** Of the artifact: qemu-img's name, or what the manifest is. */
  readonly format: string;
  /** Null where nobody measured. */
  readonly fileSize: number | null;
  readonly virtualSize: number | null;
  readonly allocated: number | null;
  readonly stale: number | null;
  readonly files: number | null;
  /** Content of files in the guest. */
  readonly content: number | null;
  readonly reclaimable: number | null;
  readonly filesystems: SizeList<SnapshotFilesystem>;
  readonly packages: SizeList<SnapshotPackage>;
  readonly kinds: SizeList;
  readonly directories: SizeList;
  readonly fileList: SizeList;
  /** Rule and title, with what it frees. Null in a baseline, which does not record them. */
  readonly suggestions: SizeList | null;
  /** What budgets measured, by name; of a baseline. */
  readonly budgets: ReadonlyMap<string, number>;
  /** Not all of it could be read. */
  readonly isDamaged: boolean;
}

/** The name of a filesystem that stays when others come and go before it. */
export function filesystemName(one: Report['filesystems'][number]): string {
  if (one.mountPoint !== null) return one.mountPoint;
  if (one.label !== null && one.label !== '') return `LABEL=${one.label}`;
  return `filesystem ${one.index}`;
}

/** @param path as the user named it */
export function snapshotOf(report: Report, path: string, kind: Snapshot['kind']): Snapshot {
  const { artifact, books, totals } = report;
  const measured = artifact.allocated !== null;
  return {
    path,
    kind,
    artifact: basename(artifact.path),
    format: artifact.format,
    fileSize: artifact.fileSize,
    virtualSize: artifact.virtualSize,
    allocated: artifact.allocated,
    stale: books.stale.bytes,
    files: totals.files,
    content: totals.allocated,
    reclaimable: totals.reclaimable,
    filesystems: {
      items: report.filesystems.map((one) => ({ name: filesystemName(one), size: one.used })),
      floor: 0,
    },
    packages: {
      items: report.packages.map((one) => ({
        manager: one.manager,
        name: one.name,
        version: one.version,
        architecture: one.architecture,
        size: one.allocated ?? one.installedSize,
        allocated: one.allocated,
        declared: one.installedSize,
      })),
      floor: 0,
    },
    kinds: {
      items: report.kinds.map((one) => ({ name: one.kind, size: one.allocated })),
      floor: measured ? 0 : Infinity,
    },
    directories: {
      items: report.directories.map((one) => ({ name: one.path, size: one.allocated })),
      // A report's short list leaves out what the listed directories inside explain, however large.
      floor: isComplete(report.directories.length, totals.directories) ? 0 : Infinity,
    },
    fileList: {
      items: report.files.map((one) => ({ name: one.path, size: one.allocated })),
      floor: isComplete(report.files.length, totals.files) ? 0 : (report.files.at(-1)?.allocated ?? Infinity),
    },
    suggestions: measured
      ? {
          items: report.suggestions.map((one) => ({
            name: `${one.rule}: ${one.title}`,
            size: one.reclaimable,
          })),
          floor: 0,
        }
      : null,
    budgets: new Map(),
    isDamaged: report.diagnostics.some((one) => one.severity === 'error'),
  };
}

/** True when the list holds all that there are. */
export function isComplete(listed: number, total: number | null): boolean {
  return total !== null && listed >= total;
}
