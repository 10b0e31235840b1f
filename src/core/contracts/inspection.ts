import type { ByteRange, ExtentSet } from '../extents.ts';
import type { FileTable } from '../file-table.ts';
import type { Diagnostic } from './context.ts';
import type { Disk, JsonValue } from './disk.ts';
import type { Filesystem, Subvolume } from './filesystem.ts';
import type { Package, RootTree } from './package.ts';
import type { BlockSource } from './source.ts';

/** What was opened, as the report's `artifact` says it. */
export interface InspectedArtifact {
  /** As the user gave it. */
  readonly path: string;
  readonly format: string;
  readonly formatDetails: { readonly [key: string]: JsonValue };
  /** Sums over the artifact's own files (image, extents, data file); backing files are listed apart. */
  readonly fileSize: number;
  readonly allocated: number;
  readonly virtualSize: number;
  readonly backing: readonly {
    readonly path: string;
    readonly format: string;
    readonly fileSize: number;
    readonly allocated: number;
  }[];
}

export interface InspectedPartition {
  /** Its name among all volumes: `p2`, `vg0/root`, `md/0`; of a table on one of them `vg0/root/p1`, on several disks `disk1/p2`. */
  readonly volume: string;
  /** Position in `Inspection.partitions` of the volume that its table stands on; null where that is a disk, or several. */
  readonly parent: number | null;
  /** Position of its disk in a container; absent outside of one. */
  readonly disk?: number;
  /** As the kernel numbers a partition; logical volumes and arrays count on behind the last of them. */
  readonly index: number;
  /** gpt, mbr, lvm2, md */
  readonly scheme: string;
  readonly type: string;
  readonly name: string | null;
  readonly uuid: string | null;
  /** Bytes from the start of the disk; of a volume in several pieces, where its first byte lies. */
  readonly start: number;
  readonly size: number;
  /** Its place in diagnostics: `disk.raw > gpt > 2`, `disk.raw > lvm2 > vg0 > root`. */
  readonly where: readonly string[];
}

export interface InspectedMount {
  /** The root directory of what is mounted: of a filesystem, or of one of its subvolumes. */
  readonly entry: number;
  /** Normal absolute path; `/` for the root. */
  readonly mountPoint: string;
}

export interface InspectedSubvolume extends Subvolume {
  /** Where the guest's fstab mounts it by itself; null when nowhere. */
  readonly mountPoint: string | null;
  /** Its root directory in the merged tree, as `Inspection.pathOf` says it. */
  readonly guestPath: string;
  /**
   * A snapshot of what the guest mounts: its entries are flagged `snapshot`, have a root of their own in the table and
   * are counted nowhere; what it holds alone is `exclusive`.
   */
  readonly isAside: boolean;
}

/** Whatever stands on a volume or directly on the disk, read or only recognised. */
export interface InspectedFilesystem {
  /** Position in `Inspection.filesystems`. */
  readonly index: number;
  /** blkid's TYPE. */
  readonly type: string;
  readonly label: string | null;
  readonly uuid: string | null;
  readonly usage: 'filesystem' | 'swap' | 'container';
  /** Position in `Inspection.partitions`, or null when it stands directly on the disk. */
  readonly partition: number | null;
  /** As `InspectedPartition.volume`; of what stands directly on one of several disks `disk1`, of the only one null. */
  readonly volume: string | null;
  /** Position of its disk in a container; absent outside of one. */
  readonly disk?: number;
  /** Bytes from the start of its disk. */
  readonly start: number;
  readonly size: number;
  /** Bytes; null when it was not read. */
  readonly used: number | null;
  readonly unusedBytes: number | null;
  readonly state: 'clean' | 'needs-recovery' | null;
  /** Where the guest's fstab mounts it, the outermost place of several; null when nowhere. */
  readonly mountPoint: string | null;
  /** All places where it is mounted, outer ones first; several when its subvolumes are. */
  readonly mounts: readonly InspectedMount[];
  /** Empty where the filesystem has no such notion. */
  readonly subvolumes: readonly InspectedSubvolume[];
  readonly blockSize: number;
  /** Position in `table.sections`; null when its tree was not read. */
  readonly section: number | null;
  /** The volume's bytes. */
  readonly source: BlockSource;
  /** The open driver; null when it was only recognised, or opening failed. */
  readonly filesystem: Filesystem | null;
  /** In the filesystem's own coordinates; null when the maps could not be read or proved. */
  readonly unused: ExtentSet | null;
  readonly metadata: ExtentSet | null;
  /** Why nothing of it may be dropped: its volume's blocks are also another's (LVM's snapshots). Null: it may. */
  readonly pinned: string | null;
  /**
   * Where a range of the filesystem lies on the disk (in a container, in all of its disks end to end), in any order; on a mirror, in
   * each copy.
   */
  toDisk(range: ByteRange): readonly ByteRange[];
  readonly where: readonly string[];
}

/** A stretch of the disk that is no filesystem's. */
export interface DiskRegion {
  /**
   * `table`: partition tables and the like. `boot`: boot loader area. `unread`: a volume whose content is unknown
   * or not supported. `empty`: a volume that holds only zeros at its start and end. `gap`: outside of volumes.
   * `unused`: proved unused by the volume system (LVM's free extents).
   */
  readonly kind: 'table' | 'boot' | 'unread' | 'empty' | 'gap' | 'unused';
  readonly ranges: ExtentSet;
  /** Position in `Inspection.partitions`, or null. */
  readonly partition: number | null;
}

export interface InspectedOs {
  readonly id: string;
  readonly versionId: string | null;
  readonly prettyName: string | null;
  /** As `uname -m` would say: x86_64, aarch64 … */
  readonly architecture: string | null;
}

/** All that is known of an artifact: complete, frozen, and the only thing that analyzers see. */
export interface Inspection {
  readonly artifact: InspectedArtifact;
  readonly disk: Disk;
  readonly partitions: readonly InspectedPartition[];
  readonly filesystems: readonly InspectedFilesystem[];
  readonly regions: readonly DiskRegion[];
  readonly table: FileTable;
  /**
   * Path of an entry in the merged tree: mount point and path; its own filesystem's path when that is not mounted, and
   * that below `/[filesystem N]` when only other subvolumes of it are.
   */
  pathOf(entry: number): string;
  /** Position in `filesystems` of the one that holds the entry. */
  filesystemOf(entry: number): number;
  /** Null when no filesystem looks like a root. */
  readonly root: RootTree | null;
  readonly os: InspectedOs | null;
  /** By the order in which databases are asked, name, architecture, version: the first that claims a file owns it. */
  readonly packages: readonly Package[];
  /** Position in `packages` of the first owner of each entry, or -1. */
  readonly owner: Int32Array;
  readonly diagnostics: readonly Diagnostic[];
  /** All of the artifact was read: no diagnostic is an error. */
  readonly isComplete: boolean;
  close(): Promise<void>;
}
