/**
 * The guest's own view of its filesystems: which one is the root, and what its /etc/fstab mounts where (fstab(5)).
 * Devices are matched by UUID, LABEL, PARTUUID, PARTLABEL, /dev/disk/by-*, logical volume names, and by the
 * number at the end of names such as /dev/sda2 or /dev/nvme0n1p2: an image does not know its device's name, but
 * partitions keep their numbers. Without an fstab entry, partitions of the types of the Discoverable Partitions
 * Specification are mounted where systemd would mount them.
 */
import { FILE_TYPE, type FileTable } from '../core/file-table.ts';
import { decodeUtf8 } from '../core/text.ts';

export interface FstabLine {
  readonly device: string;
  readonly mountPoint: string;
  readonly type: string;
}

/** Parses fstab(5): blanks separate, `#` comments, blanks in names are `\040`. Broken lines are left out. */
export function parseFstab(text: string): FstabLine[] {
  const lines: FstabLine[] = [];
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/[ \t]+/);
    if (fields.length < 3 || fields[0]!.startsWith('#')) continue;
    const [device, mountPoint, type] = fields.map(unescapeField) as [string, string, string];
    lines.push({ device, mountPoint: normalPath(mountPoint), type });
  }
  return lines;
}

function unescapeField(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
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
  /** Of its partition; all null and empty when it stands on the whole disk. */
  readonly partitionUuid: string | null;
  readonly partitionName: string | null;
  readonly partitionType: string | null;
  readonly partitionIndex: number | null;
  readonly devices: readonly string[];
}

export interface Mount {
  readonly section: number;
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

/** The filesystem that a device field means, or undefined. */
export function matchDevice(device: string, mountables: readonly Mountable[]): Mountable | undefined {
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
  const number = /^\/dev\/(?:(?:sd|vd|xvd|hd)[a-z]+|(?:nvme\d+n\d+|mmcblk\d+|loop\d+)p)(\d+)$/.exec(device);
  if (number !== null) return mountables.find((one) => one.partitionIndex === Number(number[1]));
  if (/^\/dev\/(?:(?:sd|vd|xvd|hd)[a-z]+|nvme\d+n\d+|mmcblk\d+|loop\d+)$/.test(device)) {
    return mountables.find((one) => one.partitionIndex === null);
  }
  return undefined;
}

/** How much a filesystem looks like a root: 0 not at all. */
export function rootScore(table: FileTable, section: number): number {
  const at = table.sections[section]!;
  if (at.first === at.end) return 0;
  const has = (...parts: string[]): boolean => {
    let entry = at.first;
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

/** Discoverable Partitions Specification, and the EFI system partition; the first existing folder is used. */
const WELL_KNOWN: Record<string, readonly string[]> = {
  'c12a7328-f81f-11d2-ba4b-00a0c93ec93b': ['/efi', '/boot/efi', '/boot'],
  'bc13c2ff-59e6-4262-a352-b275fd6f7172': ['/boot'],
  '933ac7e1-2eb4-4f13-b844-0e14e2aef915': ['/home'],
  '3b8f8425-20e0-4f3b-907f-1a25a76f98e8': ['/srv'],
  '4d21b016-b534-45c2-a9fb-5c16e091fd2d': ['/var'],
};

/**
 * Decides what is mounted where.
 * @param fstab content of the root's /etc/fstab, or undefined
 * @param isEmptyDirectory whether the root filesystem has this folder, with nothing in it
 * @returns mounts, the root first, outer ones before inner ones; unknown devices are left out
 */
export function planMounts(
  root: Mountable,
  mountables: readonly Mountable[],
  fstab: Uint8Array | undefined,
  isEmptyDirectory: (path: string) => boolean,
): Mount[] {
  const mounts = new Map<string, number>([['/', root.section]]);
  const placed = new Set([root.section]);
  for (const line of fstab === undefined ? [] : parseFstab(decodeUtf8(fstab))) {
    if (!line.mountPoint.startsWith('/') || line.mountPoint === '/' || line.type === 'swap') continue;
    const match = matchDevice(line.device, mountables);
    if (match === undefined || placed.has(match.section) || mounts.has(line.mountPoint)) continue;
    mounts.set(line.mountPoint, match.section);
    placed.add(match.section);
  }
  for (const one of mountables) {
    if (placed.has(one.section) || one.partitionType === null) continue;
    const places = WELL_KNOWN[one.partitionType.toLowerCase()] ?? [];
    const place = places.find((path) => !mounts.has(path) && isEmptyDirectory(path));
    if (place === undefined) continue;
    mounts.set(place, one.section);
    placed.add(one.section);
  }
  return [...mounts]
    .map(([mountPoint, section]) => ({ mountPoint, section }))
    .sort((a, b) => a.mountPoint.length - b.mountPoint.length || (a.mountPoint < b.mountPoint ? -1 : 1));
}

/** True when the directory exists in this filesystem and holds nothing. */
export function isEmptyDirectory(table: FileTable, section: number, path: string): boolean {
  let entry = table.sections[section]!.first;
  for (const part of path.split('/').filter((one) => one !== '')) {
    entry = table.child(entry, part);
    if (entry < 0) return false;
  }
  return table.type[entry] === FILE_TYPE.directory && table.children(entry).length === 0;
}
