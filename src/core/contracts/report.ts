/**
 * The report, schema `imgopt.report/1`: what `imgopt analyze --json` prints and what `diff` and `check` read back.
 *
 * Sizes are bytes. `size` is the apparent size, `allocated` what it occupies in its filesystem; a hard-linked
 * file counts once. Lists are sorted by `allocated`, largest first, ties by name. What nobody measured is null,
 * never 0: a package list or an SBOM has no books and no files, and often no sizes. Fields may be added; none
 * changes its meaning within `/1`. The zod schema in src/manifests/report-schema.ts describes the same, and the
 * compiler holds the two together.
 */
import type { Severity } from './context.ts';
import type { JsonValue } from './disk.ts';

export type ReportSchemaId = 'imgopt.report/1';

/** `measured`: counted; `estimated`: bounded or shared out, never more than what is there; `unknown`: not read. */
export type Evidence = 'measured' | 'estimated' | 'unknown';

export interface BackingSection {
  readonly path: string;
  readonly format: string;
  readonly fileSize: number;
  readonly allocated: number;
}

/** The artifact's own files; a backing file's bytes are not the artifact's and stand in `backing`. */
export interface ArtifactSection {
  readonly path: string;
  /** qemu-img's name; what the manifest is (`dpkg`, `spdx` …) when it stands for the artifact. */
  readonly format: string;
  readonly formatDetails: { readonly [key: string]: JsonValue };
  /** Null with the two below when only a manifest of the artifact was read. */
  readonly fileSize: number | null;
  /** Bytes that the host allocates for its files. */
  readonly allocated: number | null;
  /** Bytes that the guest sees. */
  readonly virtualSize: number | null;
  /** From the top down. */
  readonly backing: readonly BackingSection[];
}

export interface PartitionSection {
  /** Position of its disk in `artifact.formatDetails.disks`; absent where there is one. */
  readonly disk?: number | undefined;
  /** Unique: `p2`, `vg0/root`, `vg0/root/p1`, `disk1/p2`; absent in older reports. */
  readonly volume?: string | undefined;
  /** Unique in its table only. */
  readonly index: number;
  /** gpt, mbr, lvm2 */
  readonly scheme: string;
  readonly type: string;
  readonly name: string | null;
  readonly start: number;
  readonly size: number;
}

/** A subvolume of btrfs: a tree that is mounted by itself, or a snapshot of one. */
export interface SubvolumeSection {
  /** As in `subvolid=`; 5 is the top level. */
  readonly id: number;
  /** From the top level, as in `subvol=`; empty for the top level. */
  readonly path: string;
  /** Where the guest mounts it by itself; null when nowhere. */
  readonly mountPoint: string | null;
  readonly uuid: string | null;
  readonly isSnapshot: boolean;
  /** `id` of the subvolume that it was a snapshot of; null when it is none, and when that one is gone. */
  readonly parent: number | null;
  readonly isReadOnly: boolean;
  /** It is mounted where no subvolume is asked for. */
  readonly isDefault: boolean;
  /** Bytes of file extents that it refers to, each once. */
  readonly referenced: number;
  /** Those that no other subvolume refers to: what its removal alone frees. */
  readonly exclusive: number;
}

export interface FilesystemSection {
  /** Position in this list; `files[].filesystem` and `directories[].filesystem` mean it. */
  readonly index: number;
  /** blkid's name. */
  readonly type: string;
  readonly label: string | null;
  readonly uuid: string | null;
  /** The partition's index; null for a filesystem directly on the disk. */
  readonly partition: number | null;
  /** The partition's `volume`; `disk1` directly on one of several disks, null on the only one; absent in older reports. */
  readonly volume?: string | null | undefined;
  /** Position of its disk in `artifact.formatDetails.disks`; absent where there is one. */
  readonly disk?: number | undefined;
  /** Where it begins on its disk, in bytes. */
  readonly start: number;
  readonly size: number;
  /** Null where it was not read. */
  readonly used: number | null;
  readonly unused: number | null;
  /** What unused blocks still hold that is not zero; null where it was not measured. */
  readonly stale: number | null;
  readonly mountPoint: string | null;
  /**
   * Everything that is neither a directory nor a symbolic link, hard links once, without snapshots of what the guest
   * mounts; null where it was not read.
   */
  readonly files: number | null;
  readonly directories: number | null;
  /** `clean`, `needs-recovery`, or `not-read` for what imgopt only recognises. */
  readonly state: 'clean' | 'needs-recovery' | 'not-read';
  /** The top level first; absent where the filesystem has no such notion. */
  readonly subvolumes?: readonly SubvolumeSection[] | undefined;
  /**
   * Bytes that only snapshots of what the guest mounts refer to, all together: their files are counted nowhere else.
   * Absent without `subvolumes`.
   */
  readonly snapshotBytes?: number | undefined;
}

export interface BookEntry {
  /** Null when only a manifest was read; `unknown` then. */
  readonly bytes: number | null;
  readonly evidence: Evidence;
}

/** Bytes of the artifact by what they are for; their sum is `artifact.allocated`. */
export interface Books {
  /** Content of files. */
  readonly files: BookEntry;
  /** Structures: of filesystems, partition tables and the image format. */
  readonly metadata: BookEntry;
  /** Unused blocks of filesystems: deleted data that is shipped with the image. */
  readonly stale: BookEntry;
  /** Volumes that imgopt does not read. */
  readonly unread: BookEntry;
  /** Gaps between volumes, boot loader, swap, internal snapshots, stored zeros. */
  readonly other: BookEntry;
}

export interface OsSection {
  /** os-release's ID. */
  readonly id: string;
  readonly versionId: string | null;
  readonly prettyName: string | null;
  /** As `uname -m` says: x86_64, aarch64 … */
  readonly architecture: string | null;
}

/**
 * Over all filesystems. `size` and `allocated` are those of everything but directories, so that
 * `packaged` + `unpackaged` = `allocated`; directories' own blocks are metadata. All null without files.
 */
export interface TotalsSection {
  /** Everything that is neither a directory nor a symbolic link, hard links once. */
  readonly files: number | null;
  readonly directories: number | null;
  readonly symlinks: number | null;
  readonly size: number | null;
  readonly allocated: number | null;
  readonly packaged: number | null;
  readonly unpackaged: number | null;
  /** Sum of all suggestions. */
  readonly reclaimable: number | null;
}

export interface PackageSection {
  readonly manager: string;
  readonly name: string;
  /** Empty where a list names none. */
  readonly version: string;
  readonly architecture: string | null;
  /** As the database declares it. */
  readonly installedSize: number | null;
  /** Measured over its own files, directories not counted; a file of several packages counts at the first. */
  readonly allocated: number | null;
  /** Entries that it owns, directories not counted. */
  readonly files: number | null;
  /** Installed only because something needs it; null where that is not recorded. */
  readonly automatic: boolean | null;
  /** Names of installed packages that require it, or something that it provides. */
  readonly requiredBy: readonly string[];
  /** The manager's word for it when it is not simply installed: `config-files`, `half-installed` … */
  readonly state: string | null;
}

export interface FileSection {
  readonly path: string;
  readonly filesystem: number;
  readonly size: number;
  readonly allocated: number;
  readonly links: number;
  /** Name of the package that owns it. */
  readonly package: string | null;
}

/** Cumulative, within its filesystem, as `du -x` counts: `allocated` with the blocks of directories themselves. */
export interface DirectorySection {
  readonly path: string;
  readonly filesystem: number;
  /** Apparent sizes of files and links below it; a directory's own apparent size does not count. */
  readonly size: number;
  readonly allocated: number;
  /** Everything below it that is neither a directory nor a symbolic link. */
  readonly files: number;
  /** `allocated` without the directories below it that this list holds too. */
  readonly exclusive: number;
  /** Of `allocated`: files that no package owns. */
  readonly unpackaged: number;
}

/** What files are for, by their place, name and mode: content is not read. */
export interface KindSection {
  readonly kind: string;
  readonly files: number;
  readonly size: number;
  readonly allocated: number;
}

export type Safety = 'safe' | 'review' | 'risky';

/** What commands are written in when it is not sh. */
export type CommandShell = 'powershell';

/** Something that could be removed. No byte is counted in two suggestions. */
export interface Suggestion {
  readonly rule: string;
  readonly title: string;
  readonly safety: Safety;
  readonly reclaimable: number;
  readonly paths: readonly string[];
  readonly packages: readonly string[];
  readonly commands: readonly string[];
  readonly reason: string;
  /** What kind of thing it is: packages, kernels, logs … */
  readonly family: string;
  /** The artifact only becomes smaller once unused blocks are dropped (fstrim, imgopt optimize). */
  readonly needsUnusedDropped: boolean;
  /** What `commands` are written in; sh when absent. */
  readonly shell?: CommandShell | undefined;
}

/** Something that should not be published with an image (`--profile publish`). */
export interface HygieneSection {
  readonly rule: string;
  readonly title: string;
  readonly severity: Severity;
  readonly paths: readonly string[];
  readonly commands: readonly string[];
  readonly reason: string;
}

/** What `imgopt optimize` would write, before and after what --what-if names has gone. */
export interface PredictionSection {
  readonly before: PredictedSize;
  readonly after: PredictedSize;
  /** Half the width of the interval that holds `after.compressed` 95 times in 100. */
  readonly error: number;
  /** Clusters that were read and compressed to tell. */
  readonly sampled: number;
}

/** Bytes of a qcow2 image without what is unused; `uncompressed` by the image's map, `compressed` sampled with zstd. */
export interface PredictedSize {
  readonly uncompressed: number;
  readonly compressed: number;
}

export interface DiagnosticSection {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly where: string;
}

export interface Report {
  readonly schema: ReportSchemaId;
  readonly generator: { readonly name: string; readonly version: string };
  readonly artifact: ArtifactSection;
  readonly partitions: readonly PartitionSection[];
  readonly filesystems: readonly FilesystemSection[];
  readonly books: Books;
  readonly os: OsSection | null;
  readonly totals: TotalsSection;
  readonly packages: readonly PackageSection[];
  readonly kinds: readonly KindSection[];
  readonly files: readonly FileSection[];
  readonly directories: readonly DirectorySection[];
  readonly suggestions: readonly Suggestion[];
  /** Worst first; empty unless it was asked for. */
  readonly hygiene: readonly HygieneSection[];
  /** Only with --what-if. */
  readonly prediction?: PredictionSection | undefined;
  readonly diagnostics: readonly DiagnosticSection[];
}

type Known<T> = { readonly [Key in keyof T]: NonNullable<T[Key]> };

/** The books of an image. */
export type MeasuredBooks = { readonly [Name in keyof Books]: Known<BookEntry> };

/** A report that was made from the artifact itself, so that its sizes are known; see `isMeasured`. */
export interface MeasuredReport extends Report {
  readonly artifact: Known<ArtifactSection>;
  readonly books: MeasuredBooks;
  readonly totals: Known<TotalsSection>;
  readonly packages: readonly MeasuredPackage[];
}

export type MeasuredPackage = Omit<PackageSection, 'allocated' | 'files'> &
  Known<Pick<PackageSection, 'allocated' | 'files'>>;
