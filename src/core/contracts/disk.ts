import type { ByteRange } from '../extents.ts';
import type { Context } from './context.ts';
import type { FilesystemDriver } from './filesystem.ts';
import type { BlockSource } from './source.ts';

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** Head and tail of a source, read once by the host and shown to every driver. */
export interface ProbeInput {
  /** The first bytes: up to PROBE_HEAD_BYTES, fewer when the source is smaller. */
  readonly head: Uint8Array;
  /** The last bytes: up to PROBE_TAIL_BYTES; `tail` ends at `size`. */
  readonly tail: Uint8Array;
  readonly size: number;
}

/**
 * A driver's answer to 'is this yours?'. `certain`: mine, whatever state it is in. `resembles`: most likely was
 * mine before it was damaged; used to tell the user what an unknown file looks like, never to open it.
 */
export interface Probe {
  readonly certainty: 'certain' | 'resembles';
  /** For messages: `qcow2 version 3`, `qcow2 with a damaged magic number`. */
  readonly description: string;
}

/** A file on the host that belongs to an image. */
export interface ImageFile {
  readonly path: string;
  readonly role: 'image' | 'extent' | 'data-file' | 'backing';
  /** qemu-img's name. */
  readonly format: string;
  readonly fileSize: number;
  /** Bytes that the host allocates for it: st_blocks × 512; the size where the platform does not tell. */
  readonly allocated: number;
}

/** A disk inside an image. */
export interface Disk {
  /** qemu-img's name: raw, qcow2, vmdk … */
  readonly format: string;
  /** For the report: version, cluster size, compression, snapshots … camelCase keys. */
  readonly details: { readonly [key: string]: JsonValue };
  /** What the guest sees. Its size is the virtual size. */
  readonly source: BlockSource;
  /** Every host file of it, the artifact's own first, then the backing chain from the top down. */
  readonly files: readonly ImageFile[];
  /** False when `extents()` cannot tell how the host stores the file (a sparse raw file). */
  readonly mapIsExact: boolean;
  /** Bytes of its own files that only internal snapshots hold. */
  readonly snapshotBytes: number;
  /** Bytes of its own files that belong to no disk and are no structure: a container's other members. */
  readonly otherBytes?: number;
  /** The image is an archive of files rather than a disk: what reads `source`. */
  readonly tree?: FilesystemDriver;
  /** The image is a container: the disks in it, which lie end to end in `source`. */
  readonly container?: Container;
  close(): Promise<void>;
}

/** One disk of a container. */
export interface ContainedDisk {
  /** As the container calls it: the name of its member. */
  readonly name: string;
  /** Where it lies in the container's `source`, in bytes. */
  readonly start: number;
  readonly size: number;
  /** Null when it could not be opened: the reason was reported, its bytes as they are stand in for it. */
  readonly disk: Disk | null;
  /** The member is compressed as a whole, and not just inside of its format. */
  readonly compressedWith: string | null;
}

/** What a container is, beside its disks. */
export interface Container {
  readonly disks: readonly ContainedDisk[];
  /**
   * The container's members in order, around other images of the same disks: what describes them (sizes, digests)
   * is corrected.
   * @param images one for each of `disks`
   * @returns also warnings, for what had to be left out
   */
  repack(images: readonly WrittenImage[]): Promise<Repacked>;
}

/** An image of a contained disk that was written again. */
export interface WrittenImage {
  readonly source: BlockSource;
  /** Bytes of the disk that it stores. */
  readonly populated: number;
  /** Bytes of the disk. */
  readonly virtualSize: number;
}

export interface Repacked {
  readonly members: readonly PackedMember[];
  readonly warnings: readonly string[];
}

/** A member of an archive that is to be written: a regular file, or a folder without `source`. */
export interface PackedMember {
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly modified: number;
  readonly source: BlockSource | null;
}

/** A host file that an image refers to. */
export interface OpenedFile {
  readonly source: BlockSource;
  readonly file: Omit<ImageFile, 'role' | 'format'>;
}

/** How an image reaches the files that it refers to; relative names are relative to the image's own folder. */
export interface ImageContext extends Context {
  /** Path of the image itself, for its `files`. */
  readonly file: Omit<ImageFile, 'role' | 'format'>;
  /** Opens a host file as bytes. @throws `unreadable` naming it when it is missing or outside what is allowed */
  openFile(reference: string): Promise<OpenedFile>;
  /** Opens an image (a backing file). `format` as the referrer declares it; detected when undefined. */
  openImage(reference: string, format?: string): Promise<Disk>;
  readonly members: MemberAccess;
}

/** How a container reaches what lies inside of its own file. */
export interface MemberAccess {
  /** Check the digests that the container carries, although it takes reading everything. */
  readonly verifiesDigests: boolean;
  /** Name of the format that is certain of these bytes; undefined for what could only be raw. */
  identify(source: BlockSource): Promise<string | undefined>;
  /**
   * Opens an image inside of this one, decompressed when it is compressed. Its `files` are the members that it
   * consists of, by their names.
   * @param sibling finds what that image refers to, by the name of the member
   */
  openImage(member: ImageMember, sibling: (name: string) => ImageMember | undefined): Promise<Disk>;
  /** The bytes inside of a compressed stretch; undefined when it is not compressed. */
  decompress(source: BlockSource): Promise<DecompressedSource | undefined>;
}

/** A file inside of a container. */
export interface ImageMember {
  /** Path in the container, without a leading slash. */
  readonly name: string;
  readonly source: BlockSource;
}

export interface DecompressedSource extends BlockSource {
  /** zstd, gzip …, for the report. */
  readonly algorithm: string;
  /** Bytes that its map calls data; all others are zero. What compression spends is shared out over them. */
  readonly dataBytes: number;
}

export interface ImageFormat {
  /** qemu-img's name. */
  readonly name: string;
  /** Holds images, and so does not lie in a container itself. */
  readonly isContainer?: true;
  /** Pure: no I/O, no throw. Undefined means 'not mine'. */
  probe(input: ProbeInput): Probe | undefined;
  /** @throws `unsupported` naming the feature, `corrupt` naming the place */
  open(file: BlockSource, context: ImageContext): Promise<Disk>;
}

/** A partition, or another volume that lies in one member. */
export interface Volume {
  /** As the kernel numbers it: 1 for sda1; 5 and up for logical partitions. */
  readonly index: number;
  /** Partition type: GPT's type GUID or MBR's `0x83`. */
  readonly type: string;
  /** GPT's partition name; null where there is none. */
  readonly name: string | null;
  /** PARTUUID as blkid prints it; null where there is none. */
  readonly uuid: string | null;
  /** Device names that a guest's fstab may use beside /dev/sdXN. */
  readonly devices: readonly string[];
  readonly start: number;
  readonly size: number;
  readonly source: BlockSource;
  /** Where a range of the volume lies in the member at hand (the disk): in order, of the same total length. */
  toDisk(range: ByteRange): ByteRange[];
  /** Holds other volumes and no data of its own (an extended partition). */
  readonly isContainer: boolean;
}

export interface VolumeLayout {
  /** gpt, mbr */
  readonly scheme: string;
  readonly uuid: string | null;
  readonly sectorSize: number;
  readonly volumes: readonly Volume[];
  /** Bytes of the member that the tables themselves occupy. */
  readonly tables: readonly ByteRange[];
  /** Bytes of the member that the scheme proves unused; gaps of a partition table are not. */
  readonly unused: readonly ByteRange[];
}

/** A table on one member: from one source to the volumes in it. */
export interface VolumeTable {
  readonly name: string;
  /** Pure: no I/O, no throw. */
  probe(input: ProbeInput): Probe | undefined;
  open(source: BlockSource, context: Context): Promise<VolumeLayout>;
}

/** What a group is made of: a disk or volume that a group's driver has claimed. */
export interface VolumeMember {
  readonly source: BlockSource;
  /** For what concerns this member alone; stands at the member's own place. */
  readonly context: Context;
}

/** A stretch of one member; `member` is its position among those that `assemble` was given. */
export interface MemberRange extends ByteRange {
  readonly member: number;
}

/** A volume that may lie in several members: a logical volume, an array. */
export interface GroupVolume {
  /** lvs's segment type (`linear`, `striped`, `raid1` …), mdadm's level. */
  readonly type: string;
  readonly name: string;
  readonly uuid: string | null;
  /** Device names that a guest's fstab may use: `/dev/vg0/root`, `/dev/mapper/vg0-root`. */
  readonly devices: readonly string[];
  /** Of what is not read, as far as it is known. */
  readonly size: number;
  /** Null when it is not read; the driver has reported why. */
  readonly source: BlockSource | null;
  /** All that holds it, copies and helpers too; of what is not read, as far as it is known. */
  readonly places: readonly MemberRange[];
  /** Why nothing of it may be dropped although it is read: its blocks are also another volume's. */
  readonly pinned: string | null;
  /** Where a range of it lies, in any order; a mirrored one lies in each copy. Only of what is read. */
  toMembers(range: ByteRange): MemberRange[];
}

export interface VolumeGroup {
  /** Names the group in places: the volume group's name; null when its volumes' names are enough. */
  readonly name: string | null;
  readonly volumes: readonly GroupVolume[];
  /** What the group's own structures occupy. */
  readonly tables: readonly MemberRange[];
  /** What the group proves unused: LVM's unallocated extents. */
  readonly unused: readonly MemberRange[];
  /** What it uses in ways that are not read. */
  readonly unread: readonly MemberRange[];
}

/** Volumes that are spread over several members: LVM's groups, software RAID. */
export interface VolumeGroupSystem {
  readonly name: string;
  /**
   * What it puts together is a filesystem over its members (btrfs) rather than another device: it looks like a member
   * itself and is none, and a guest may name any of its members to mount it.
   */
  readonly isFilesystem?: true;
  /** Pure: no I/O, no throw. */
  probe(input: ProbeInput): Probe | undefined;
  /**
   * Puts together all members that the walk over the disk has found, of however many groups.
   * A member that cannot be read is reported through its own context and is part of no group: its bytes then count
   * as not read. What misses members, or needs a feature that we lack, is a volume without source.
   * @param context stands at the system; for what concerns a volume, one place further in by group and volume
   */
  assemble(members: readonly VolumeMember[], context: Context): Promise<readonly VolumeGroup[]>;
}

export type VolumeSystem = VolumeTable | VolumeGroupSystem;
