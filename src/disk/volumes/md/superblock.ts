/**
 * A member of an array, by its superblock: of either kind, at one of four places, believed when its checksum holds
 * and when it says that it lies where it was found (one at the end of a disk may be that of its last partition).
 */

import { MAX_MD_DEVICES } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { decodeField, formatUuid } from '../../../core/text.ts';
import {
  DISK_FAULTY,
  DISK_SYNC,
  DISK_WORDS,
  FEATURE_BAD_BLOCKS,
  FEATURE_RECOVERY_OFFSET,
  FEATURES,
  FIRST_SPECIAL_ROLE,
  HARMLESS_FEATURES,
  MAX_DISKS_090,
  MAX_SUPERBLOCK_BYTES,
  MD_MAGIC,
  RESERVED_BYTES,
  ROLES_AT,
  SB_CSUM_AT,
  SECTOR,
  Superblock1,
  WORDS_090,
} from './layout.ts';

export interface Superblock {
  /** 0.90, 1.0, 1.1, 1.2 */
  readonly version: string;
  readonly uuid: string;
  /** As `mdadm --detail` prints it without the host's; of 0.90 its preferred minor. */
  readonly name: string;
  /** As `mdadm --examine` prints it: `raid1`. */
  readonly level: string;
  readonly raidDisks: number;
  /** Bytes from the member's start. */
  readonly dataStart: number;
  /** Bytes of one member that the array uses; the size of a mirror. */
  readonly dataBytes: number;
  readonly events: bigint;
  /** Its own number, an index of the roles. */
  readonly device: number;
  /** By device number: its place in the array, or null (spare, faulty). */
  readonly roles: readonly (number | null)[];
  /** Being rebuilt: its data is not all there. */
  readonly isRecovering: boolean;
  readonly hasBadBlocks: boolean;
  /** Names of features in the way of reading. */
  readonly obstacles: readonly string[];
}

export interface SuperblockPlace {
  readonly version: string;
  readonly at: number;
}

/** Where superblocks may lie in a member of this size; the ones nearer to its start first, as mdadm looks. */
export function superblockPlaces(size: number): SuperblockPlace[] {
  const sectors = Math.floor(size / SECTOR);
  const end = sectors - 16;
  return [
    { version: '1.1', at: 0 },
    { version: '1.2', at: 4096 },
    { version: '1.0', at: (end - (end % 8)) * SECTOR },
    { version: '0.90', at: Math.floor(size / RESERVED_BYTES) * RESERVED_BYTES - RESERVED_BYTES },
  ].filter(({ at }) => at >= 0 && at + MAX_SUPERBLOCK_BYTES <= size);
}

const LEVELS = new Map([
  [-4, 'multipath'],
  [-1, 'linear'],
  [-5, 'faulty'],
]);

function levelName(level: number): string {
  return LEVELS.get(level) ?? (level >= 0 ? `raid${level}` : `level ${level}`);
}

/**
 * Pure.
 * @param bytes MAX_SUPERBLOCK_BYTES from the place on
 * @returns undefined when there is none; `damaged` when its magic is there and its checksum is wrong
 */
export function parseSuperblock(
  bytes: Uint8Array,
  place: SuperblockPlace,
): Superblock | 'damaged' | undefined {
  return place.version === '0.90' ? parseOld(bytes) : parseNew(bytes, place);
}

/** Sums up words as the kernel does: 64 bits wide, folded once. */
function fold(sum: number): number {
  return ((sum % 2 ** 32) + Math.floor(sum / 2 ** 32)) % 2 ** 32;
}

function parseNew(bytes: Uint8Array, { version, at }: SuperblockPlace): Superblock | 'damaged' | undefined {
  const raw = Superblock1.read(bytes);
  if (raw.magic !== MD_MAGIC || raw.major_version !== 1) return undefined;
  if (raw.super_offset * BigInt(SECTOR) !== BigInt(at)) return undefined;
  if (raw.max_dev > MAX_MD_DEVICES || raw.dev_number >= raw.max_dev) return 'damaged';
  const view = viewOf(bytes);
  const length = ROLES_AT + 2 * raw.max_dev;
  let sum = 0;
  for (let i = 0; i + 4 <= length; i += 4) if (i !== SB_CSUM_AT) sum += view.getUint32(i, true);
  if (length % 4 === 2) sum += view.getUint16(length - 2, true);
  if (fold(sum) !== raw.sb_csum) return 'damaged';
  const dataStart = Number(raw.data_offset) * SECTOR;
  const dataBytes = Number(raw.size) * SECTOR;
  if (!Number.isSafeInteger(dataStart + dataBytes)) return 'damaged';
  const unknown = raw.feature_map & ~(HARMLESS_FEATURES | FEATURE_RECOVERY_OFFSET | FEATURE_BAD_BLOCKS);
  const known = FEATURES.filter(([bit]) => (raw.feature_map & bit) !== 0).map(([, name]) => name);
  const rest = FEATURES.reduce((left, [bit]) => left & ~bit, unknown) >>> 0;
  const fullName = decodeField(raw.set_name);
  return {
    version,
    uuid: formatUuid(raw.set_uuid),
    name: fullName.slice(fullName.indexOf(':') + 1) || formatUuid(raw.set_uuid),
    level: levelName(raw.level),
    raidDisks: raw.raid_disks,
    dataStart,
    dataBytes,
    events: raw.events,
    device: raw.dev_number,
    roles: Array.from({ length: raw.max_dev }, (_, i) => {
      const role = view.getUint16(ROLES_AT + 2 * i, true);
      return role >= FIRST_SPECIAL_ROLE ? null : role;
    }),
    isRecovering: (raw.feature_map & FEATURE_RECOVERY_OFFSET) !== 0,
    hasBadBlocks: (raw.feature_map & FEATURE_BAD_BLOCKS) !== 0,
    obstacles: rest === 0 ? known : [...known, `feature bits 0x${rest.toString(16)}`],
  };
}

function parseOld(bytes: Uint8Array): Superblock | 'damaged' | undefined {
  const view = viewOf(bytes);
  const little = view.getUint32(0, true) === MD_MAGIC;
  if (!little && view.getUint32(0, false) !== MD_MAGIC) return undefined;
  const word = (index: number): number => view.getUint32(4 * index, little);
  const { major_version, minor_version, sb_csum, disks, this_disk, events_lo, events_hi } = WORDS_090;
  if (word(major_version) !== 0 || word(minor_version) !== 90) return undefined;
  let sum = 0;
  for (let i = 0; i < MAX_SUPERBLOCK_BYTES / 4; i++) if (i !== sb_csum) sum += word(i);
  if (fold(sum) !== word(sb_csum)) return 'damaged';
  const device = word(this_disk);
  if (device >= MAX_DISKS_090) return 'damaged';
  const uuid = [5, 13, 14, 15].map((index) => word(index).toString(16).padStart(8, '0')).join('');
  // The two halves of the event count stand in the host's order too.
  const [low, high] = little ? [word(events_lo), word(events_hi)] : [word(events_hi), word(events_lo)];
  return {
    version: '0.90',
    uuid: uuid.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
    name: String(word(WORDS_090.md_minor)),
    level: levelName(word(WORDS_090.level) | 0),
    raidDisks: word(WORDS_090.raid_disks),
    dataStart: 0,
    dataBytes: word(WORDS_090.size) * 1024,
    events: (BigInt(high) << 32n) | BigInt(low),
    device,
    roles: Array.from({ length: MAX_DISKS_090 }, (_, i) => {
      const at = disks + i * DISK_WORDS;
      const state = word(at + 4);
      return (state & DISK_FAULTY) !== 0 || (state & DISK_SYNC) === 0 ? null : word(at + 3);
    }),
    isRecovering: false,
    hasBadBlocks: false,
    obstacles: [],
  };
}
