/**
 * What the boot sector says, checked and in bytes.
 *
 * FAT has no magic number: whether a sector is a boot sector is decided by whether its fields make sense
 * together. So the same function serves detection (a reason means 'not mine') and opening (it is the error).
 */
import { formatSize } from '../../../core/size.ts';
import {
  BOOT_SECTOR_SIZE,
  BOOT_SIG_LABEL,
  BOOT_SIG_SERIAL,
  BOOT_SIGNATURE,
  BootSector,
  BootSector16,
  BootSector32,
  DIRECTORY_ENTRY_SIZE,
  EXT_FLAGS_NO_MIRROR,
  MAX_CLUSTERS_12,
  MAX_CLUSTERS_16,
  STATE_DIRTY,
} from './layout.ts';

export type FatBits = 12 | 16 | 32;

/** All offsets and sizes in bytes, from the start of the volume. */
export interface Geometry {
  readonly bits: FatBits;
  readonly sectorSize: number;
  readonly clusterSize: number;
  /** Clusters are numbered from 2 to `clusterCount` + 1. */
  readonly clusterCount: number;
  readonly fatStart: number;
  readonly fatSize: number;
  readonly fatCopies: number;
  /** The copy that counts when they are not mirrored; undefined when they all do. */
  readonly activeFat: number | undefined;
  /** FAT12 and FAT16: the fixed root directory; empty on FAT32. */
  readonly rootStart: number;
  readonly rootSize: number;
  /** FAT32: first cluster of the root directory; 0 otherwise. */
  readonly rootCluster: number;
  /** Where cluster 2 begins. */
  readonly dataStart: number;
  readonly size: number;
  readonly dirty: boolean;
  readonly serial: string | null;
  /** Label in the boot sector; blkid's LABEL is the one in the root directory. */
  readonly bootLabel: Uint8Array | null;
  /** FAT32 with another version than 0.0 must not be read (fatgen103, BPB_FSVer). */
  readonly version: number;
}

/** Boot sectors of others that carry a parameter block, or something in its place. */
const FOREIGN_OEM = ['NTFS    ', 'EXFAT   ', '-FVE-FS-', 'JFS     ', 'HPFS    '];
/** BitLocker To Go hides behind a FAT32 boot sector; this GUID at byte 424 tells. */
const BITLOCKER_TO_GO = [
  0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01,
];

const isPowerOfTwo = (value: number): boolean => value > 0 && (value & (value - 1)) === 0;

/** Reads a boot sector. @returns the geometry, or why this is none */
export function readGeometry(sector: Uint8Array): Geometry | string {
  if (sector.length < BOOT_SECTOR_SIZE) return 'is shorter than a boot sector';
  const boot = BootSector.read(sector);
  if (FOREIGN_OEM.includes(boot.BS_OEMName)) return `is ${boot.BS_OEMName.trim()}'s`;
  if (BITLOCKER_TO_GO.every((byte, i) => sector[424 + i] === byte)) return "is BitLocker's";
  const sectorSize = boot.BPB_BytsPerSec;
  if (!isPowerOfTwo(sectorSize) || sectorSize < 512 || sectorSize > 4096)
    return `its sectors are ${sectorSize} bytes, not 512 to 4096`;
  if (!isPowerOfTwo(boot.BPB_SecPerClus)) return `its clusters are ${boot.BPB_SecPerClus} sectors`;
  if (boot.BPB_RsvdSecCnt === 0) return 'it reserves no sector for itself';
  if (boot.BPB_NumFATs === 0 || boot.BPB_NumFATs > 4) return `it has ${boot.BPB_NumFATs} FATs`;
  if (boot.BPB_Media !== 0xf0 && boot.BPB_Media < 0xf8) return `its medium is ${boot.BPB_Media}`;
  const boot32 = BootSector32.read(sector);
  const boot16 = BootSector16.read(sector);
  // As the kernel decides: a FAT too large for 16 bits of sectors is FAT32, however few its clusters.
  const is32 = boot.BPB_FATSz16 === 0;
  const typeName = is32 ? boot32.BS_FilSysType : boot16.BS_FilSysType;
  const jump = boot.BS_jmpBoot;
  const signed = boot.Signature_word === BOOT_SIGNATURE && (jump === 0xeb || jump === 0xe9);
  if (!signed && !typeName.startsWith('FAT')) return 'neither boot signature nor type name';
  const fatSectors = is32 ? boot32.BPB_FATSz32 : boot.BPB_FATSz16;
  const totalSectors = boot.BPB_TotSec16 === 0 ? boot.BPB_TotSec32 : boot.BPB_TotSec16;
  if (fatSectors === 0) return 'its FAT has no sectors';
  if (totalSectors === 0) return 'it has no sectors';
  if (is32 && boot.BPB_RootEntCnt !== 0) return 'it is FAT32 with a fixed root directory';
  if (!is32 && boot.BPB_RootEntCnt === 0) return 'it has no root directory';
  const rootSectors = Math.ceil((boot.BPB_RootEntCnt * DIRECTORY_ENTRY_SIZE) / sectorSize);
  const rootSector = boot.BPB_RsvdSecCnt + boot.BPB_NumFATs * fatSectors;
  const dataSector = rootSector + rootSectors;
  if (dataSector >= totalSectors)
    return `its tables (${dataSector} sectors) leave no room in ${totalSectors} sectors`;
  const inData = Math.floor((totalSectors - dataSector) / boot.BPB_SecPerClus);
  const bits: FatBits = is32 ? 32 : inData > MAX_CLUSTERS_12 ? 16 : 12;
  // The FAT may be shorter than the data area; what it cannot number does not exist (as the kernel counts).
  const inFat = Math.floor((fatSectors * sectorSize * 8) / bits) - 2;
  const clusterCount = Math.min(inData, inFat);
  if (clusterCount < 1) return 'it has no clusters';
  if (bits === 16 && clusterCount > MAX_CLUSTERS_16) return `${clusterCount} clusters are too many for FAT16`;
  if (clusterCount > 0x0ffffff5) return `${clusterCount} clusters are too many for FAT32`;
  const rootCluster = is32 ? boot32.BPB_RootClus : 0;
  const mirrored = !is32 || (boot32.BPB_ExtFlags & EXT_FLAGS_NO_MIRROR) === 0;
  const activeFat = mirrored ? undefined : boot32.BPB_ExtFlags & 0x0f;
  if (activeFat !== undefined && activeFat >= boot.BPB_NumFATs)
    return `its active FAT is number ${activeFat} of ${boot.BPB_NumFATs}`;
  const { BS_BootSig, BS_VolID, BS_VolLab, BS_Reserved1 } = is32 ? boot32 : boot16;
  const hasSerial = is32 || BS_BootSig === BOOT_SIG_SERIAL || BS_BootSig === BOOT_SIG_LABEL;
  return {
    bits,
    sectorSize,
    clusterSize: boot.BPB_SecPerClus * sectorSize,
    clusterCount,
    fatStart: boot.BPB_RsvdSecCnt * sectorSize,
    fatSize: fatSectors * sectorSize,
    fatCopies: boot.BPB_NumFATs,
    activeFat,
    rootStart: rootSector * sectorSize,
    rootSize: boot.BPB_RootEntCnt * DIRECTORY_ENTRY_SIZE,
    rootCluster,
    dataStart: dataSector * sectorSize,
    size: totalSectors * sectorSize,
    dirty: (BS_Reserved1 & STATE_DIRTY) !== 0,
    serial: hasSerial ? serialText(BS_VolID) : null,
    bootLabel: BS_BootSig === BOOT_SIG_LABEL ? BS_VolLab : null,
    version: is32 ? boot32.BPB_FSVer : 0,
  };
}

/** The volume's serial number as blkid and Windows print it: `1A2B-3C4D`; null when it is zero. */
function serialText(id: Uint8Array): string | null {
  if (id.every((byte) => byte === 0)) return null;
  const text = [...id].reverse().map((byte) => byte.toString(16).padStart(2, '0'));
  return `${text[0]}${text[1]}-${text[2]}${text[3]}`.toUpperCase();
}

/** Offset of a cluster. */
export function clusterOffset(geometry: Geometry, cluster: number): number {
  return geometry.dataStart + (cluster - 2) * geometry.clusterSize;
}

/** For messages: `FAT32, 512 MiB`. */
export function describe(geometry: Geometry): string {
  return `FAT${geometry.bits}, ${formatSize(geometry.size)}`;
}
