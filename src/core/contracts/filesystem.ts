import type { ExtentSet } from '../extents.ts';
import type { FileTableBuilder } from '../file-table.ts';
import type { Decompressor } from './compressor.ts';
import type { Context } from './context.ts';
import type { Probe, ProbeInput } from './disk.ts';
import type { BlockSource } from './source.ts';

/** What stands on a volume, by blkid's names. */
export interface FilesystemProbe extends Probe {
  /** blkid's TYPE: ext4, vfat, xfs, swap, LVM2_member, crypto_LUKS … */
  readonly type: string;
  /** `swap` is no failure, `container` (LVM, RAID, LUKS) holds volumes rather than files. */
  readonly usage: 'filesystem' | 'swap' | 'container';
  readonly label: string | null;
  readonly uuid: string | null;
  /**
   * It covers the whole disk, and a partition table on that only names parts of it: a hybrid ISO image, which boots
   * from a stick as well. At the top the filesystem is read then, not the table.
   */
  readonly holdsTable?: true;
}

export interface FilesystemUsage {
  /** Bytes, as the filesystem counts them; used + unused = size. */
  readonly used: number;
  readonly unused: number;
}

/** A tree of its own inside of a filesystem, which a guest may mount by itself (btrfs). */
export interface Subvolume {
  /** Its number: `subvolid=` of mount(8). */
  readonly id: number;
  /** Its root directory, an entry of the table. */
  readonly entry: number;
  /** Path from the filesystem's top level, without a leading slash, as in `subvol=`; empty for the top level. */
  readonly path: string;
  readonly uuid: string | null;
  /** The subvolume that it was a snapshot of. */
  readonly parentUuid: string | null;
  readonly isReadOnly: boolean;
  /** It is mounted where no subvolume is asked for. */
  readonly isDefault: boolean;
  /** Bytes of file extents that it refers to, each counted once. */
  readonly referenced: number;
  /** Those of them that no other subvolume refers to: what its removal would free. */
  readonly exclusive: number;
}

/** What happens to a file's bytes when its last link goes. */
export interface RemovedContent {
  /** Bytes of the filesystem that this frees: less than the file is long where it is compressed. */
  readonly freed: number;
  /** Bytes that stay, because a snapshot or a clone refers to the same extents. */
  readonly kept: number;
}

export interface Filesystem {
  readonly type: string;
  readonly label: string | null;
  readonly uuid: string | null;
  /** `needs-recovery`: a journal waits to be replayed; the tree is read as it stands, nothing is dropped. */
  readonly state: 'clean' | 'needs-recovery';
  readonly blockSize: number;
  /** Bytes that it manages; at most its source's size. */
  readonly size: number;
  /** Feature names, as the filesystem's own tools print them. */
  readonly features: readonly string[];
  usage(): FilesystemUsage;
  /**
   * Appends its root and everything below it to the table, in one section that the caller has begun.
   * What cannot be read is reported through the context; only a filesystem without a readable root throws.
   */
  scan(builder: FileTableBuilder): Promise<void>;
  /**
   * The subvolumes that `scan` has found, the top level first. They are all in the filesystem's one section, whose
   * root is the top level: each at its place below that.
   */
  subvolumes?(): readonly Subvolume[];
  /**
   * Bytes of file extents that only these subvolumes (by their numbers) refer to: what removing all of them would
   * free. Called after `scan`; there when `subvolumes` is.
   */
  exclusiveTo?(subvolumes: readonly number[]): number;
  /**
   * What removing the file with this inode would free, where that is not simply what the table says it occupies.
   * Called after `scan`.
   */
  removing?(inode: number): RemovedContent;
  /** Content of the file with this inode (the table's `inode` column; a number unique in the filesystem). */
  open(inode: number): Promise<BlockSource>;
  /** Target of a symbolic link, as bytes. */
  readLink(inode: number): Promise<Uint8Array>;
  /** Extents of the source that no file and no structure uses: complete, or throws. */
  unusedExtents(): Promise<ExtentSet>;
  /**
   * Extents that hold structure rather than file content: superblocks, bitmaps, inode tables, journal,
   * directories. Called after `scan`. What is in neither set is file content.
   */
  metadataExtents(): Promise<ExtentSet>;
}

/** A driver for one family. Without `open` it only recognises: its bytes are reported as not read. */
export interface FilesystemDriver {
  readonly name: string;
  /** Pure: no I/O, no throw. Undefined means 'not mine'. */
  probe(input: ProbeInput): FilesystemProbe | undefined;
  /** @param decompressors what plugins contribute, for filesystems that are compressed inside */
  open?(source: BlockSource, context: Context, decompressors?: readonly Decompressor[]): Promise<Filesystem>;
}
