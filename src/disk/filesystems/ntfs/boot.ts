/**
 * What the boot sector says, checked and in bytes; and whether one is there.
 *
 * Its copy stands in the last sector of the volume, one behind what the filesystem counts as its sectors. A volume
 * whose first sector is gone is known by that copy, when a file record stands where it says the MFT or its mirror
 * begins: a copy alone may be left over from a filesystem that was there before.
 */
import type { ProbeInput } from '../../../core/contracts/disk.ts';
import type { FilesystemProbe } from '../../../core/contracts/filesystem.ts';
import { viewOf } from '../../../core/record.ts';
import { formatSize } from '../../../core/size.ts';
import {
  BOOT_SECTOR_SIZE,
  BootSector,
  END_OF_SECTOR_MARKER,
  FILE,
  MAX_CLUSTER_BYTES,
  MAX_CLUSTERS,
  OEM_ID,
  RECORD_BYTES,
  SECTOR_BYTES,
  TYPE,
} from './layout.ts';
import { decodeName } from './names.ts';
import { residentValue, unpackRecord, walkAttributes } from './record.ts';

/** Sizes in bytes; clusters and records by number. */
export interface Geometry {
  readonly sectorSize: number;
  readonly clusterSize: number;
  /** Whole clusters; what is left of the sectors belongs to none. */
  readonly clusters: number;
  /** Of the filesystem's sectors: the copy of the boot sector follows. */
  readonly bytes: number;
  readonly mftCluster: number;
  readonly mirrorCluster: number;
  readonly recordSize: number;
  /** As blkid prints it. */
  readonly uuid: string | null;
}

const isPowerOfTwo = (value: number): boolean => Number.isInteger(Math.log2(value));

/** A count of clusters, or above 128 the negative of a power of two of bytes. */
function encodedSize(encoded: number, unit: number): number {
  return encoded >= 0x80 ? 2 ** (256 - encoded) : encoded * unit;
}

/** @returns the geometry, or why these bytes are no boot sector of NTFS */
export function parseBoot(bytes: Uint8Array, at = 0): Geometry | string {
  if (bytes.length < at + BOOT_SECTOR_SIZE) return 'is shorter than a boot sector';
  const boot = BootSector.read(bytes, at);
  if (boot.oem_id !== OEM_ID) return 'does not name NTFS';
  const sectorSize = boot.bytes_per_sector;
  if (!isPowerOfTwo(sectorSize) || sectorSize < SECTOR_BYTES.min || sectorSize > SECTOR_BYTES.max)
    return `its sectors are ${sectorSize} bytes, not ${SECTOR_BYTES.min} to ${SECTOR_BYTES.max}`;
  // Above 128 the byte is the negative of the power of two of sectors (clusters of more than 64 KiB).
  const perCluster =
    boot.sectors_per_cluster > 0x80 ? 2 ** (256 - boot.sectors_per_cluster) : boot.sectors_per_cluster;
  const clusterSize = perCluster * sectorSize;
  if (!isPowerOfTwo(perCluster) || clusterSize > MAX_CLUSTER_BYTES)
    return `its clusters are ${perCluster} sectors`;
  if (boot.reserved_sectors + boot.fats + boot.root_entries + boot.sectors + boot.sectors_per_fat !== 0)
    return 'it has fields that are FAT’s alone';
  if (boot.end_of_sector_marker !== END_OF_SECTOR_MARKER) return 'its end marker is missing';
  const recordSize = encodedSize(boot.clusters_per_mft_record, clusterSize);
  if (!isPowerOfTwo(recordSize) || recordSize < RECORD_BYTES.min || recordSize > RECORD_BYTES.max)
    return `its file records are ${recordSize} bytes`;
  const sectors = Number(boot.number_of_sectors);
  const clusters = Math.floor(sectors / perCluster);
  if (clusters < 1 || clusters > MAX_CLUSTERS || sectors * sectorSize > Number.MAX_SAFE_INTEGER)
    return `it counts ${boot.number_of_sectors} sectors`;
  const mftCluster = Number(boot.mft_lcn);
  const mirrorCluster = Number(boot.mftmirr_lcn);
  if (mftCluster < 1 || mftCluster >= clusters) return `its MFT is at cluster ${boot.mft_lcn} of ${clusters}`;
  if (mirrorCluster < 1 || mirrorCluster >= clusters || mirrorCluster === mftCluster)
    return `its copy of the MFT is at cluster ${boot.mftmirr_lcn} of ${clusters}`;
  const uuid = boot.volume_serial_number.toString(16).toUpperCase().padStart(16, '0');
  return {
    sectorSize,
    clusterSize,
    clusters,
    bytes: sectors * sectorSize,
    mftCluster,
    mirrorCluster,
    recordSize,
    uuid,
  };
}

/** Certain by the name in the first sector, whatever else is wrong with it. */
export function probeBoot({ head, tail, size }: ProbeInput): FilesystemProbe | undefined {
  if (head.length < BOOT_SECTOR_SIZE) return undefined;
  if (Buffer.from(head.buffer, head.byteOffset + 3, OEM_ID.length).toString('latin1') !== OEM_ID)
    return undefined;
  const first = parseBoot(head);
  const copy = typeof first === 'string' ? parseCopy({ head, tail, size }) : undefined;
  const geometry = typeof first === 'string' ? copy : first;
  if (geometry === undefined) return answer('NTFS with a damaged boot sector', null, null);
  return answer(describe(geometry), labelInHead(head, geometry), geometry.uuid);
}

/** Certain by the copy of the boot sector and a file record where it points to. */
export function probeBackup(input: ProbeInput): FilesystemProbe | undefined {
  const { head } = input;
  const geometry = parseCopy(input);
  if (geometry === undefined) return undefined;
  const isRecord = (cluster: number): boolean => {
    const at = cluster * geometry.clusterSize;
    return (
      at + geometry.recordSize <= head.length &&
      unpackRecord(head.subarray(at), geometry.recordSize, 0) !== undefined
    );
  };
  if (!isRecord(geometry.mftCluster) && !isRecord(geometry.mirrorCluster)) return undefined;
  return answer(
    `${describe(geometry)}, by the copy of its boot sector`,
    labelInHead(head, geometry),
    geometry.uuid,
  );
}

function answer(description: string, label: string | null, uuid: string | null): FilesystemProbe {
  return { certainty: 'certain', description, type: 'ntfs', usage: 'filesystem', label, uuid };
}

/** The copy is in the last sector, however large sectors are. */
function parseCopy({ tail, size }: ProbeInput): Geometry | undefined {
  for (let sector: number = SECTOR_BYTES.min; sector <= SECTOR_BYTES.max; sector *= 2) {
    if (tail.length < sector) return undefined;
    const geometry = parseBoot(tail, tail.length - sector);
    if (typeof geometry !== 'string' && geometry.sectorSize === sector && geometry.bytes + sector === size)
      return geometry;
  }
  return undefined;
}

/** Places where the copy may be, for a source whose first sector is damaged. */
export function copyOffsets(size: number): number[] {
  const offsets: number[] = [];
  for (let sector: number = SECTOR_BYTES.min; sector <= SECTOR_BYTES.max; sector *= 2)
    if (size >= 2 * sector) offsets.push(size - sector);
  return offsets;
}

/** The label is an attribute of the fourth file record, when that lies near enough. */
function labelInHead(
  head: Uint8Array,
  { mftCluster, mirrorCluster, clusterSize, recordSize }: Geometry,
): string | null {
  for (const cluster of [mftCluster, mirrorCluster]) {
    const at = cluster * clusterSize + FILE.Volume * recordSize;
    if (at + recordSize > head.length) continue;
    const bytes = unpackRecord(head.subarray(at), recordSize, FILE.Volume);
    if (bytes === undefined) continue;
    return labelOf(bytes);
  }
  return null;
}

/** The label in $Volume's record. */
export function labelOf(bytes: Uint8Array): string | null {
  const view = viewOf(bytes);
  let label: string | null = null;
  walkAttributes(view, 0, bytes.length, (type, at) => {
    if (type !== TYPE.VOLUME_NAME) return;
    const value = residentValue(view, at);
    if (value !== undefined && value.length > 0) label = decodeName(view, value.at, value.length >>> 1);
  });
  return label;
}

function describe({ clusterSize, bytes }: Geometry): string {
  return `NTFS, ${formatSize(bytes)} in clusters of ${formatSize(clusterSize)}`;
}
