/** The volume descriptors: which trees there are, where they begin, how large the volume is. */
import type { ProbeInput } from '../../../core/contracts/disk.ts';
import type { FilesystemProbe } from '../../../core/contracts/filesystem.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import type { RecordOf } from '../../../core/record.ts';
import { decodeField } from '../../../core/text.ts';
import {
  DESCRIPTOR_TYPE,
  EL_TORITO_ID,
  FIRST_DESCRIPTOR,
  JOLIET_ESCAPES,
  SECTOR_SIZE,
  STANDARD_ID,
  volumeDescriptor,
} from './layout.ts';

/** Descriptors that are looked at; real discs have three to five. */
export const MAX_DESCRIPTORS = 16;
export const DESCRIPTORS_START = FIRST_DESCRIPTOR * SECTOR_SIZE;

type Descriptor = RecordOf<typeof volumeDescriptor.fields>;

export interface Volume {
  readonly label: string | null;
  readonly uuid: string | null;
  readonly blockSize: number;
  /** Bytes, as the descriptor counts them. */
  readonly size: number;
  /** Directory records of the roots: 34 bytes. */
  readonly root: Uint8Array;
  readonly jolietRoot: Uint8Array | undefined;
  readonly isBootable: boolean;
}

const utf16 = new TextDecoder('utf-16be');

const isDescriptor = (bytes: Uint8Array, at: number): boolean =>
  at + SECTOR_SIZE <= bytes.length &&
  Buffer.from(bytes.subarray(at + 1, at + 6)).toString('latin1') === STANDARD_ID;

/**
 * @param bytes sectors from FIRST_DESCRIPTOR on
 * @returns undefined when there is no primary descriptor
 */
function collect(bytes: Uint8Array): {
  primary: Descriptor | undefined;
  joliet: Descriptor | undefined;
  isBootable: boolean;
} {
  let primary: Descriptor | undefined;
  let joliet: Descriptor | undefined;
  let isBootable = false;
  for (let i = 0; i < MAX_DESCRIPTORS && isDescriptor(bytes, i * SECTOR_SIZE); i++) {
    const at = i * SECTOR_SIZE;
    const one = volumeDescriptor.read(bytes, at);
    if (one.type === DESCRIPTOR_TYPE.terminator) break;
    if (one.type === DESCRIPTOR_TYPE.primary) primary ??= one;
    else if (one.type === DESCRIPTOR_TYPE.supplementary && JOLIET_ESCAPES.includes(one.escape_sequences))
      joliet ??= one;
    else if (one.type === DESCRIPTOR_TYPE.boot) {
      const id = Buffer.from(bytes.subarray(at + 7, at + 7 + EL_TORITO_ID.length)).toString('latin1');
      isBootable ||= id === EL_TORITO_ID;
    }
  }
  return { primary, joliet, isBootable };
}

/** A date of 16 digits in blkid's spelling; null when it is not set. */
function dateOf(digits: string): string | null {
  if (!/^\d{16}$/.test(digits) || /^0+$/.test(digits)) return null;
  return digits.replace(/^(....)(..)(..)(..)(..)(..)(..)$/, '$1-$2-$3-$4-$5-$6-$7');
}

function labelOf(primary: Descriptor, joliet: Descriptor | undefined): string | null {
  const plain = decodeField(primary.volume_id);
  if (plain !== '') return plain;
  const wide = joliet === undefined ? '' : utf16.decode(joliet.volume_id).replace(/\0.*$/s, '').trimEnd();
  return wide === '' ? null : wide;
}

/** A bridge disc carries UDF too, which is what systems then mount: such a volume is not ours. */
function isUdf(bytes: Uint8Array): boolean {
  for (let i = 0; i < MAX_DESCRIPTORS && (i + 1) * SECTOR_SIZE <= bytes.length; i++) {
    const id = Buffer.from(bytes.subarray(i * SECTOR_SIZE + 1, i * SECTOR_SIZE + 6)).toString('latin1');
    if (id === 'NSR02' || id === 'NSR03') return true;
  }
  return false;
}

export function probeDescriptors({ head, size }: ProbeInput): FilesystemProbe | undefined {
  const bytes = head.subarray(DESCRIPTORS_START);
  if (!isDescriptor(bytes, 0) || isUdf(bytes)) return undefined;
  const { primary, joliet, isBootable } = collect(bytes);
  if (primary === undefined) return undefined;
  const volume = primary.volume_space_size * primary.logical_block_size;
  return {
    certainty: 'certain',
    description: isBootable ? 'bootable ISO 9660' : 'ISO 9660',
    type: 'iso9660',
    usage: 'filesystem',
    label: labelOf(primary, joliet),
    uuid: dateOf(primary.modification) ?? dateOf(primary.creation),
    // A volume that fills the disk is no remnant of what was there before the table: the table names parts of it.
    ...(volume >= size * WHOLE_DISK_SHARE ? { holdsTable: true as const } : {}),
  };
}

/** Appended partitions and padding may lie outside of the volume, but not most of the disk. */
const WHOLE_DISK_SHARE = 0.75;

/** @throws ImgoptError `corrupt`, `unsupported` */
export function parseDescriptors(bytes: Uint8Array): Volume {
  const { primary, joliet, isBootable } = collect(bytes);
  if (primary === undefined) throw corrupt('ISO_DESCRIPTOR', 'there is no primary volume descriptor');
  const blockSize = primary.logical_block_size;
  if (![512, 1024, 2048].includes(blockSize))
    throw unsupported('ISO_BLOCK_SIZE', `logical blocks of ${blockSize} bytes are not read`);
  return {
    label: labelOf(primary, joliet),
    uuid: dateOf(primary.modification) ?? dateOf(primary.creation),
    blockSize,
    size: primary.volume_space_size * blockSize,
    root: primary.root,
    jolietRoot: joliet?.root,
    isBootable,
  };
}
