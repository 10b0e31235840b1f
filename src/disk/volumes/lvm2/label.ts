/**
 * One physical volume by itself: its label and header, and the newest copy of the group's metadata that its
 * metadata areas hold. An area is a header and a ring of text, in which each commit is written behind the last; the
 * header says where the committed one lies, and it may wrap around. Every part has a checksum.
 */
import type { VolumeMember } from '../../../core/contracts/disk.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { rawCrc32 } from '../../../core/crc32.ts';
import { corrupt, isArtifactError } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { MAX_LVM_AREAS, MAX_LVM_TEXT_BYTES } from '../../../core/limits.ts';
import { hex } from '../../../core/text.ts';
import { readBytes } from '../../../sources/read.ts';
import {
  AREA_HEADER_BYTES,
  AREA_MAGIC,
  AreaHeader,
  CRC_SEED,
  DiskLocation,
  LABEL_CRC_FROM,
  LABEL_ID,
  LABEL_SECTORS,
  LABEL_TYPE,
  LabelHeader,
  PV_EXT_USED,
  PvHeader,
  PvHeaderExtension,
  RAW_LOCATION_AT,
  RAW_LOCATION_IGNORED,
  RawLocation,
  SECTOR,
} from './layout.ts';
import { parseText, type Section } from './text.ts';

export interface PhysicalVolume {
  /** Position among the members. */
  readonly member: number;
  readonly source: BlockSource;
  /** Without dashes, as on disk. */
  readonly id: string;
  /** Metadata areas, label and header. */
  readonly tables: readonly ByteRange[];
  /** The sound copies of its group's metadata. */
  readonly texts: readonly Section[];
  /** No group has it: its areas are sound and empty, and its header does not say that it is used. */
  readonly isOrphan: boolean;
}

export type LabelState = { readonly sector: number; readonly at: number } | 'damaged' | undefined;

/** Finds the label in the first sectors. Pure. `damaged`: it has the magic, and its checksum is wrong. */
export function findLabel(head: Uint8Array): LabelState {
  let state: LabelState;
  for (let sector = 0; sector < LABEL_SECTORS && (sector + 1) * SECTOR <= head.length; sector++) {
    const bytes = head.subarray(sector * SECTOR, (sector + 1) * SECTOR);
    const label = LabelHeader.read(bytes);
    if (label.id !== LABEL_ID || label.type !== LABEL_TYPE) continue;
    const isSound =
      rawCrc32(bytes.subarray(LABEL_CRC_FROM), CRC_SEED) === label.crc_xl &&
      label.sector_xl === BigInt(sector) &&
      label.offset_xl + PvHeader.size <= SECTOR;
    if (isSound) return { sector, at: sector * SECTOR + label.offset_xl };
    state = 'damaged';
  }
  return state;
}

/**
 * @throws ImgoptError `corrupt` when label or header cannot be believed
 */
export async function readPhysicalVolume(
  { source, context }: VolumeMember,
  member: number,
): Promise<PhysicalVolume> {
  const head = await readBytes(source, 0, Math.min(LABEL_SECTORS * SECTOR, source.size));
  const label = findLabel(head);
  if (label === undefined || label === 'damaged')
    throw corrupt('LVM2_LABEL', 'the label of the physical volume is damaged');
  const sector = head.subarray(0, (label.sector + 1) * SECTOR);
  const { pv_uuid: id } = PvHeader.read(sector, label.at);
  let at = label.at + PvHeader.size;
  const list = (): ByteRange[] => {
    const ranges: ByteRange[] = [];
    for (;;) {
      const { offset, size } = DiskLocation.read(sector, at);
      at += DiskLocation.size;
      if (offset === 0n) return ranges; // a data area's size may be zero: all that there is
      ranges.push({ start: Number(offset), end: Number(offset + size) });
    }
  };
  list(); // data areas: what the metadata says of the extents is what counts
  const areas = list();
  const hasExtension = at + PvHeaderExtension.size <= sector.length;
  const { version, flags } = hasExtension ? PvHeaderExtension.read(sector, at) : { version: 0, flags: 0 };
  const isUsed = version >= 2 && (flags & PV_EXT_USED) !== 0;
  if (areas.length > MAX_LVM_AREAS)
    throw corrupt('LVM2_AREAS', `it has ${areas.length} metadata areas, more than ${MAX_LVM_AREAS}`);
  const texts: Section[] = [];
  let isEmpty = areas.length > 0;
  for (const area of areas) {
    try {
      const text = await readArea(source, area);
      if (text !== undefined) texts.push(text);
      if (text !== undefined) isEmpty = false;
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      isEmpty = false;
      // One copy more or less: what is decided in the end says whether that was an error.
      const severity = error.code === 'IMGOPT_LVM2_AREA_IGNORED' ? 'info' : 'warning';
      context.report(
        severity,
        'LVM2_AREA_SKIPPED',
        `the metadata area at ${hex(area.start)}: ${error.message}`,
      );
    }
  }
  return {
    member,
    source,
    id,
    tables: [{ start: 0, end: sector.length }, ...areas.filter(({ end }) => end <= source.size)],
    texts,
    isOrphan: isEmpty && !isUsed,
  };
}

/** The committed text of one area; undefined when it holds none. */
async function readArea(source: BlockSource, { start, end }: ByteRange): Promise<Section | undefined> {
  if (!(end <= source.size) || end - start < 2 * AREA_HEADER_BYTES)
    throw corrupt('LVM2_AREA', `it does not lie inside the volume (${hex(source.size)})`);
  const bytes = await readBytes(source, start, AREA_HEADER_BYTES);
  const header = AreaHeader.read(bytes);
  if (header.magic !== AREA_MAGIC || header.version !== 1)
    throw corrupt('LVM2_AREA', 'its header has no magic number');
  if (rawCrc32(bytes.subarray(4), CRC_SEED) !== header.checksum_xl)
    throw corrupt('LVM2_AREA', 'the checksum of its header is wrong');
  if (Number(header.start) !== start || Number(header.size) !== end - start)
    throw corrupt('LVM2_AREA', 'its header says that it lies elsewhere');
  const location = RawLocation.read(bytes, RAW_LOCATION_AT);
  if ((location.flags & RAW_LOCATION_IGNORED) !== 0)
    throw corrupt('LVM2_AREA_IGNORED', 'it is set aside and not kept up to date');
  if (location.offset === 0n) return undefined;
  const ring = { start: start + AREA_HEADER_BYTES, end };
  const offset = Number(location.offset);
  const size = Number(location.size);
  if (offset < AREA_HEADER_BYTES || start + offset >= end || size > ring.end - ring.start || size === 0)
    throw corrupt('LVM2_AREA', `its text of ${size} bytes at ${hex(offset)} does not lie inside it`);
  if (size > MAX_LVM_TEXT_BYTES)
    throw corrupt('LVM2_AREA', `its text of ${size} bytes is longer than ${MAX_LVM_TEXT_BYTES}`);
  const text = new Uint8Array(size);
  const first = Math.min(size, end - (start + offset));
  await source.read(text.subarray(0, first), start + offset);
  if (first < size) await source.read(text.subarray(first), ring.start); // the ring wraps behind its header
  if (rawCrc32(text, CRC_SEED) !== location.checksum)
    throw corrupt('LVM2_AREA', 'the checksum of its text is wrong');
  return parseText(Buffer.from(text.buffer).toString('latin1'));
}
