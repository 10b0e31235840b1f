/**
 * The guest's own view of its filesystems: which one is the root, and what its /etc/fstab mounts where (fstab(5)).
 * Devices are matched by UUID, LABEL, PARTUUID, PARTLABEL, /dev/disk/by-*, logical volume names, and by the
 * number at the end of names such as /dev/sda2 or /dev/nvme0n1p2: an image does not know its device's name, but
 * partitions keep their numbers. Of a filesystem with
 * subvolumes each is mounted by itself, as the options say; without such an option, its default one (btrfs(5)).
 * Without an fstab entry, partitions of the types of the Discoverable Partitions
 * Specification are mounted where systemd would mount them.
 */
import type { Subvolume } from '../core/contracts/filesystem.ts';
import { FILE_TYPE, type FileTable } from '../core/file-table.ts';
import { decodeUtf8 } from '../core/text.ts';

export interface FstabLine {
  readonly device: string;
  /** Normal absolute path; empty for what is mounted nowhere (swap). */
  readonly mountPoint: string;
  readonly type: string;
  /** The subvolume that the options ask for; null when they do not. */
  readonly subvolume: SubvolumeChoice | null;
}

/** `subvol=` as a path without slashes at its ends, `subvolid=` as a number; where both stand, both must hold. */
export interface SubvolumeChoice {
  readonly path?: string;
  readonly id?: number;
}

/** Parses fstab(5): blanks separate, `#` comments, blanks in names are `\040`. Broken lines are left out. */
export function parseFstab(text: string): FstabLine[] {
  const lines: FstabLine[] = [];
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/[ \t]+/);
    if (fields.length < 3 || fields[0]!.startsWith('#')) continue;
    const [device, mountPoint, type] = fields.map(unescapeField) as [string, string, string];
    lines.push({
      device,
      // `none` and `swap` are no places.
      mountPoint: mountPoint.startsWith('/') ? normalPath(mountPoint) : '',
      type,
      subvolume: parseSubvolume(unescapeField(fields[3] ?? '')),
    });
  }
  return lines;
}

/** Of several options of one name the last one counts, as for the kernel. */
function parseSubvolume(options: string): SubvolumeChoice | null {
  let choice: SubvolumeChoice | undefined;
  for (const option of options.split(',')) {
    const match = /^(subvol|subvolid)=(.*)$/.exec(option);
    if (match === null) continue;
    if (match[1] === 'subvol') {
      choice = { ...choice, path: normalPath(match[2]!).slice(1) };
    } else if (/^\d+$/.test(match[2]!)) {
      // 0 is another word for the top level.
      choice = { ...choice, id: Number(match[2]) || TOP_LEVEL };
    }
  }
  return choice ?? null;
}

/** BTRFS_FS_TREE_OBJECTID. */
const TOP_LEVEL = 5;

/** Escapes stand for bytes, so those of one UTF-8 character are decoded together. */
function unescapeField(field: string): string {
  return field.replace(/(?:\\[0-3][0-7]{2})+/g, (run) =>
    decodeUtf8(Uint8Array.from(run.slice(1).split('\\'), (digits) => Number.parseInt(digits, 8))),
  );
}

/** Without empty, `.` and `..` parts: a hostile fstab mounts nothing above the root. */
function normalPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.' && part !== '..');
  return `/${parts.join('/')}`;
}

/** A filesystem as fstab may name it. */
export interface Mountable {
  /** Position in the table's sections. */
  readonly section: number;
  readonly uuid: string | null;
  readonly label: string | null;
  /** Of its partition; null when it stands on the whole disk. */
  readonly partitionUuid: string | null;
  readonly partitionName: string | null;
  readonly partitionType: string | null;
  /** As in /dev/sda2; 'disk' when it stands on the whole disk, null when on something else (a logical volume). */
  readonly partitionIndex: number | 'disk' | null;
  readonly devices: readonly string[];
  /** Position of its disk among several; absent when there is one. */
  readonly disk?: number;
  /** Empty where the filesystem has no such notion. */
  readonly subvolumes: readonly Subvolume[];
  /** Root directory of its section. */
  readonly entry: number;
  /** Position in `Inspection.filesystems`. */
  readonly index: number;
}

/** Name of a filesystem that the guest mounts nowhere, as a directory beside `/usr`. */
export function unmountedName(index: number, label: string | null): string {
  return `[filesystem ${index}${label === null ? '' : ` ${label.replaceAll('/', '_')}`}]`;
}

export interface Mount {
  readonly section: number;
  /** Root directory of what is mounted: the section's, or a subvolume's. */
  readonly entry: number;
  /** Normal absolute path; `/` for the root. */
  readonly mountPoint: string;
}

const same = (a: string | null, b: string): boolean => a !== null && a.toLowerCase() === b.toLowerCase();

function unquote(text: string): string {
  return /^(["']).*\1$/.test(text) ? text.slice(1, -1) : text;
}

/** `\x20` as udev writes it in /dev/disk/by-label. */
function udevName(text: string): string {
  return text.replace(/\\x([0-9a-fA-F]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

/** `/dev/sda2` → disk `sda`, partition 2; `/dev/nvme0n1p2` → disk `nvme0n1`; a whole disk has partition null. */
export function parseDiskName(device: string): { disk: string; partition: number | null } | undefined {
  const match = /^\/dev\/(?:((?:sd|vd|xvd|hd)[a-z]+)(\d+)?|((?:nvme\d+n|mmcblk|loop)\d+)(?:p(\d+))?)$/.exec(
    device,
  );
  if (match === null) return undefined;
  const number = match[2] ?? match[4];
  return { disk: (match[1] ?? match[3])!, partition: number === undefined ? null : Number(number) };
}

/** Linux names the disks of one machine in their order: `sdb` and `nvme1n1` are second ones. */
function diskPosition(name: string): number {
  const number = /^(?:nvme|mmcblk|loop)(\d+)/.exec(name);
  if (number !== null) return Number(number[1]);
  const letters = name.replace(/^(?:sd|vd|xvd|hd)/, '');
  return [...letters].reduce((sum, letter) => sum * 26 + (letter.charCodeAt(0) - 96), 0) - 1;
}

/**
 * The filesystem that a device field means, or undefined.
 * @param disk what the guest calls the disk at hand (`sda`); names of other disks mean nothing here
 */
export function matchDevice(
  device: string,
  mountables: readonly Mountable[],
  disk?: string,
): Mountable | undefined {
  const tag =
    /^(UUID|LABEL|PARTUUID|PARTLABEL)=(.*)$/.exec(device) ??
    /^\/dev\/disk\/by-(uuid|label|partuuid|partlabel)\/(.*)$/.exec(device);
  if (tag !== null) {
    const value = device.startsWith('/') ? udevName(tag[2]!) : unquote(tag[2]!);
    switch (tag[1]!.toUpperCase()) {
      case 'UUID':
        return mountables.find((one) => same(one.uuid, value));
      case 'LABEL':
        return mountables.find((one) => one.label === value);
      case 'PARTUUID':
        return mountables.find((one) => same(one.partitionUuid, value));
      default:
        return mountables.find((one) => one.partitionName === value);
    }
  }
  const byName = mountables.find((one) => one.devices.includes(device));
  if (byName !== undefined) return byName;
  // udev's names by hardware: the image does not know its disk's, but the part at the end tells the partition.
  const byHardware = /^\/dev\/disk\/by-(?:id|path)\/.*-part(\d+)$/.exec(device);
  if (byHardware !== null) return mountables.find((one) => one.partitionIndex === Number(byHardware[1]));
  const name = parseDiskName(device);
  if (name === undefined) return undefined;
  if (mountables.some((one) => (one.disk ?? 0) > 0)) {
    const position = diskPosition(name.disk);
    return mountables.find(
      (one) => (one.disk ?? 0) === position && one.partitionIndex === (name.partition ?? 'disk'),
    );
  }
  if (disk !== undefined && name.disk !== disk) return undefined;
  return mountables.find((one) => one.partitionIndex === (name.partition ?? 'disk'));
}

/**
 * Root directory of what a mount with these options shows of a filesystem; undefined when there is no such
 * subvolume, so that the mount fails.
 */
export function entryToMount(one: Mountable, choice: SubvolumeChoice | null): number | undefined {
  if (one.subvolumes.length === 0) return one.entry;
  const { path, id } = choice ?? {};
  const { byPath, byId, preset } = indexOf(one.subvolumes);
  if (path === undefined) return (id === undefined ? preset : byId.get(id))?.entry;
  const named = byPath.get(path);
  return id === undefined || named?.id === id ? named?.entry : undefined;
}

interface SubvolumeIndex {
  readonly byPath: ReadonlyMap<string, Subvolume>;
  readonly byId: ReadonlyMap<number, Subvolume>;
  readonly preset: Subvolume | undefined;
}

/** Thousands of snapshots and a hostile fstab of thousands of lines. */
const indexes = new WeakMap<readonly Subvolume[], SubvolumeIndex>();

function indexOf(subvolumes: readonly Subvolume[]): SubvolumeIndex {
  let index = indexes.get(subvolumes);
  if (index === undefined) {
    index = {
      byPath: new Map(subvolumes.map((one) => [one.path, one])),
      byId: new Map(subvolumes.map((one) => [one.id, one])),
      preset: subvolumes.find(({ isDefault }) => isDefault),
    };
    indexes.set(subvolumes, index);
  }
  return index;
}

/**
 * Does the fstab found there say that this is its own `/`? What a system's true root does, and a copy of it not.
 * @param entry root directory of the filesystem, or of the subvolume
 */
export function namesItselfRoot(
  one: Mountable,
  entry: number,
  mountables: readonly Mountable[],
  fstab: string,
): boolean {
  const line = parseFstab(fstab).findLast(({ mountPoint }) => mountPoint === '/');
  return (
    line !== undefined &&
    matchDevice(line.device, mountables) === one &&
    entryToMount(one, line.subvolume) === entry
  );
}

/**
 * What the guest calls its disk: as its fstab names the root when it does so by device, else the name of a first
 * disk that fstab uses; undefined when it names none.
 */
function diskNameOf(lines: readonly FstabLine[]): string | undefined {
  const root = lines.find(({ mountPoint }) => mountPoint === '/');
  const ofRoot = root === undefined ? undefined : parseDiskName(root.device);
  if (ofRoot !== undefined) return ofRoot.disk;
  const names = lines.flatMap(({ device }) => parseDiskName(device)?.disk ?? []);
  return names.find((name) => FIRST_DISKS.has(name)) ?? (names.length > 0 ? '' : undefined);
}

const FIRST_DISKS = new Set(['sda', 'vda', 'xvda', 'hda', 'nvme0n1', 'mmcblk0']);

/** How much a directory looks like a root: 0 not at all. */
export function rootScore(table: FileTable, root: number): number {
  if (root >= table.count) return 0;
  const has = (...parts: string[]): boolean => {
    let entry = root;
    for (const part of parts) {
      entry = table.child(entry, part);
      if (entry < 0) return false;
    }
    return true;
  };
  let score = 0;
  if (has('etc', 'fstab')) score += 4;
  if (has('etc', 'os-release') || has('usr', 'lib', 'os-release')) score += 4;
  if (has('etc', 'passwd')) score += 2;
  if (has('usr', 'bin') || has('bin')) score += 1;
  if (has('var', 'lib', 'dpkg') || has('var', 'lib', 'rpm') || has('lib', 'apk')) score += 2;
  if (has('etc') && has('usr')) score += 1;
  return score >= 4 ? score : 0;
}

/** Discoverable Partitions Specification, and the EFI system partition; the first folder that is empty is used. */
const WELL_KNOWN: Record<string, readonly string[]> = {
  'c12a7328-f81f-11d2-ba4b-00a0c93ec93b': ['/efi', '/boot/efi', '/boot'],
  'bc13c2ff-59e6-4262-a352-b275fd6f7172': ['/boot'],
  '933ac7e1-2eb4-4f13-b844-0e14e2aef915': ['/home'],
  '3b8f8425-20e0-4f3b-907f-1a25a76f98e8': ['/srv'],
  '4d21b016-b534-45c2-a9fb-5c16e091fd2d': ['/var'],
  '7ec6f557-3bc5-4aca-b293-16ef5df639d1': ['/var/tmp'],
  '8484680c-9521-48c6-9c11-b0720656f69e': ['/usr'], // x86-64
  'b0e01050-ee5f-4390-949a-9101b17104e9': ['/usr'], // arm64
};

/**
 * Decides what is mounted where.
 * @param entry root directory of the guest's `/`, in `root`
 * @param fstab content of the root's /etc/fstab, or undefined
 * @param isEmptyDirectory whether the root filesystem has this folder, with nothing in it
 * @returns mounts, the root first, outer ones before inner ones; unknown devices are left out
 */
export function planMounts(
  root: Mountable,
  entry: number,
  mountables: readonly Mountable[],
  fstab: Uint8Array | undefined,
  isEmptyDirectory: (path: string) => boolean,
): Mount[] {
  const mounts = new Map<string, Mount>();
  const placed = new Set<number>();
  const used = new Set<number>();
  const mount = ({ section }: Mountable, at: number, mountPoint: string): void => {
    mounts.set(mountPoint, { section, entry: at, mountPoint });
    placed.add(at);
    used.add(section);
  };
  mount(root, entry, '/');
  const lines = fstab === undefined ? [] : parseFstab(decodeUtf8(fstab));
  const disk = diskNameOf(lines);
  for (const line of lines) {
    if (line.mountPoint === '' || line.mountPoint === '/' || line.type === 'swap') continue;
    const match = matchDevice(line.device, mountables, disk);
    if (match === undefined || mounts.has(line.mountPoint)) continue;
    const at = entryToMount(match, line.subvolume);
    if (at !== undefined && !placed.has(at)) mount(match, at, line.mountPoint);
  }
  for (const one of mountables) {
    if (used.has(one.section) || one.partitionType === null) continue;
    const places = WELL_KNOWN[one.partitionType.toLowerCase()] ?? [];
    const place = places.find((path) => !mounts.has(path) && isEmptyDirectory(path));
    const at = entryToMount(one, null);
    if (place !== undefined && at !== undefined) mount(one, at, place);
  }
  return [...mounts.values()].sort(
    (a, b) => a.mountPoint.length - b.mountPoint.length || (a.mountPoint < b.mountPoint ? -1 : 1),
  );
}

/** True when the directory exists below this root and holds nothing. */
export function isEmptyDirectory(table: FileTable, root: number, path: string): boolean {
  let entry = root;
  for (const part of path.split('/').filter((one) => one !== '')) {
    entry = table.child(entry, part);
    if (entry < 0) return false;
  }
  return table.type[entry] === FILE_TYPE.directory && table.children(entry).length === 0;
}
