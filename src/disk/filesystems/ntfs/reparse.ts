/**
 * Reparse points ([MS-FSCC] 2.1.2): a tag that tells which driver makes what of the file, and data for that. Links and
 * the special files of the Windows Subsystem for Linux are understood; of others the content is not where the file's
 * own data is, so it is refused by name.
 */
import { corrupt } from '../../../core/errors.ts';
import { FILE_TYPE, type FileType } from '../../../core/file-table.ts';
import { viewOf } from '../../../core/record.ts';
import { REPARSE, REPARSE_HEADER_SIZE } from './layout.ts';
import { encodeName } from './names.ts';

/** What a tag makes of a file; undefined when it stays what it is. */
export function typeOfTag(tag: number): FileType | undefined {
  switch (tag) {
    case REPARSE.SYMLINK:
    case REPARSE.MOUNT_POINT:
    case REPARSE.LX_SYMLINK:
      return FILE_TYPE.symlink;
    case REPARSE.AF_UNIX:
      return FILE_TYPE.socket;
    case REPARSE.LX_FIFO:
      return FILE_TYPE.fifo;
    case REPARSE.LX_CHR:
      return FILE_TYPE.character;
    case REPARSE.LX_BLK:
      return FILE_TYPE.block;
    default:
      return undefined;
  }
}

const NAMES = new Map<number, string>([
  [REPARSE.WOF, 'is compressed by the Windows overlay filter (CompactOS or WIMBoot)'],
  [REPARSE.DEDUP, 'is deduplicated: its content is in the chunk store'],
  [0x9000001a, 'is a cloud file'],
  [0xc0000004, 'is kept on another medium (HSM)'],
  [0x80000006, 'is kept on another medium (HSM)'],
  [0x80000008, 'is in a WIM archive'],
  [0x8000001b, 'is an app execution link'],
  [0x80000014, 'is a link of the NFS server'],
  [0x9000001c, 'is a projected file'],
]);

/** Why the content of a file with this tag is not its own data. */
export function describeTag(tag: number): string {
  // Cloud files have 16 tags, which differ in four bits.
  const known = NAMES.get(tag) ?? NAMES.get((tag & 0xffff0fff) >>> 0);
  return known ?? `is a reparse point of an unknown kind (tag 0x${tag.toString(16)})`;
}

/**
 * The target of a link as Windows shows it: the print name, else the substitute name without its `\??\`.
 * @param value the whole reparse point
 * @returns UTF-8
 * @throws `corrupt` when it does not fit
 */
export function linkTarget(value: Uint8Array): Uint8Array {
  const view = viewOf(value);
  if (value.length < REPARSE_HEADER_SIZE)
    throw corrupt('NTFS_REPARSE_POINT', `its reparse point is ${value.length} bytes long`);
  const tag = view.getUint32(0, true);
  const end = REPARSE_HEADER_SIZE + view.getUint16(4, true);
  if (end > value.length)
    throw corrupt('NTFS_REPARSE_POINT', `its reparse point claims ${end} bytes, ${value.length} are there`);
  if (tag === REPARSE.LX_SYMLINK) {
    if (end < REPARSE_HEADER_SIZE + 4) throw corrupt('NTFS_REPARSE_POINT', 'its reparse point has no target');
    return value.slice(REPARSE_HEADER_SIZE + 4, end); // behind a version
  }
  // SymbolicLinkReparseBuffer has flags between the lengths and the names.
  const names = REPARSE_HEADER_SIZE + (tag === REPARSE.SYMLINK ? 12 : 8);
  if (names > end) throw corrupt('NTFS_REPARSE_POINT', 'its reparse point has no target');
  const part = (field: number): { at: number; units: number } => {
    const at = names + view.getUint16(REPARSE_HEADER_SIZE + field, true);
    const length = view.getUint16(REPARSE_HEADER_SIZE + field + 2, true);
    if (at + length > end)
      throw corrupt('NTFS_REPARSE_POINT', 'its target lies outside of its reparse point');
    return { at, units: length >>> 1 };
  };
  const substitute = part(0);
  const print = part(4);
  const { at, units } = print.units > 0 ? print : withoutPrefix(view, substitute);
  const target = new Uint8Array(3 * units);
  const length = encodeName(view, at, units, target, 0, true);
  return target.subarray(0, length < 0 ? ~length : length);
}

function withoutPrefix(view: DataView, name: { at: number; units: number }): { at: number; units: number } {
  const prefix = '\\??\\';
  if (name.units < prefix.length) return name;
  for (let i = 0; i < prefix.length; i++)
    if (view.getUint16(name.at + 2 * i, true) !== prefix.charCodeAt(i)) return name;
  return { at: name.at + 2 * prefix.length, units: name.units - prefix.length };
}
