/** Types of files as POSIX modes and directory entries state them; the numbers are the same in ext, XFS and btrfs. */
import { FILE_TYPE, type FileType } from '../../core/file-table.ts';

export const S_IFMT = 0xf000;
export const S_IFDIR = 0x4000;
export const S_IFREG = 0x8000;
export const S_IFLNK = 0xa000;

/** FILE_TYPE by the top four bits of a mode. */
const TYPE_OF_MODE: readonly FileType[] = Array.from({ length: 16 }, (_, bits) => {
  const types: Record<number, FileType> = {
    1: FILE_TYPE.fifo,
    2: FILE_TYPE.character,
    4: FILE_TYPE.directory,
    6: FILE_TYPE.block,
    8: FILE_TYPE.file,
    10: FILE_TYPE.symlink,
    12: FILE_TYPE.socket,
  };
  return types[bits] ?? FILE_TYPE.unknown;
});

/** FILE_TYPE by the type that a directory entry states. */
const TYPE_OF_DIRENT: readonly FileType[] = [
  FILE_TYPE.unknown,
  FILE_TYPE.file,
  FILE_TYPE.directory,
  FILE_TYPE.character,
  FILE_TYPE.block,
  FILE_TYPE.fifo,
  FILE_TYPE.socket,
  FILE_TYPE.symlink,
];

export function typeOfMode(mode: number): FileType {
  return TYPE_OF_MODE[mode >>> 12]!;
}

export function typeOfDirent(type: number): FileType {
  return TYPE_OF_DIRENT[type] ?? FILE_TYPE.unknown;
}
