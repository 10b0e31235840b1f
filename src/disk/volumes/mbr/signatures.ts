/**
 * The bytes 55 AA close an MBR, but also the boot sector of FAT, NTFS and exFAT and the boot block that a
 * loader writes in front of ext. So before four records are believed, the sector must not be a filesystem's.
 *
 * The same knowledge tells the sector size, which an MBR does not record: the unit in which the partitions'
 * starts point at something.
 */
import { viewOf } from '../../../core/record.ts';

/** A FAT, NTFS or exFAT boot sector (fatgen103; NTFS and exFAT by their OEM names). */
export function isFilesystemBootSector(sector: Uint8Array): boolean {
  if (sector.length < 512) return false;
  const oem = Buffer.from(sector.buffer, sector.byteOffset + 3, 8).toString('latin1');
  if (oem === 'NTFS    ' || oem === 'EXFAT   ' || oem === '-FVE-FS-') return true;
  const jumps = (sector[0] === 0xeb && sector[2] === 0x90) || sector[0] === 0xe9;
  if (!jumps) return false;
  const view = viewOf(sector);
  const sectorSize = view.getUint16(11, true);
  const perCluster = sector[13]!;
  const media = sector[21]!;
  return (
    [512, 1024, 2048, 4096].includes(sectorSize) &&
    perCluster > 0 &&
    (perCluster & (perCluster - 1)) === 0 &&
    view.getUint16(14, true) > 0 &&
    sector[16]! >= 1 &&
    sector[16]! <= 2 &&
    (media === 0xf0 || media >= 0xf8)
  );
}

/** [offset, bytes] of what commonly stands at the start of a partition. */
const STARTS: readonly (readonly [number, readonly number[]])[] = [
  [510, [0x55, 0xaa]], // boot sector, or an extended partition's record
  [1080, [0x53, 0xef]], // ext
  [0, [0x58, 0x46, 0x53, 0x42]], // XFSB
  [512, [0x4c, 0x41, 0x42, 0x45, 0x4c, 0x4f, 0x4e, 0x45]], // LABELONE
  [0, [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe]], // LUKS
  [1024, [0x10, 0x20, 0xf5, 0xf2]], // F2FS
  [0, [0x68, 0x73, 0x71, 0x73]], // squashfs
  [4086, [0x53, 0x57, 0x41, 0x50, 0x53, 0x50, 0x41, 0x43, 0x45, 0x32]], // SWAPSPACE2
];
/** Bytes that `looksLikeContent` wants to see. */
export const START_BYTES = 4096;

/** True when a filesystem, an LVM label, swap or a partition record begins here. */
export function looksLikeContent(bytes: Uint8Array): boolean {
  return STARTS.some(([offset, magic]) => magic.every((byte, i) => bytes[offset + i] === byte));
}

/** ext's magic number in the first superblock of a disk without a partition table. */
export function holdsExt(head: Uint8Array): boolean {
  return head[1080] === 0x53 && head[1081] === 0xef;
}

/** ISO 9660's first volume descriptor (ECMA-119, 8.1) lies at byte 32768. */
export const ISO_DESCRIPTOR = 0x8000;

/** An optical disc's image, made bootable from a stick by a table that names parts of it. */
export function holdsIso9660(head: Uint8Array): boolean {
  return [0x43, 0x44, 0x30, 0x30, 0x31].every((byte, i) => head[ISO_DESCRIPTOR + 1 + i] === byte);
}
