/** Inodes, compact and extended, as one shape. Extended attributes are not read, only passed over. */
import { corrupt, unsupported } from '../../../core/errors.ts';
import { readU64, viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../mode.ts';
import {
  CHUNK,
  COMPACT,
  EXTENDED,
  FORMAT,
  INODE,
  INODE_SLOT,
  LAYOUT,
  NULL_ADDR_32,
  NULL_ADDR_48,
  XATTR_HEADER_SIZE,
} from './layout.ts';
import type { Superblock } from './superblock.ts';

export interface Inode {
  readonly number: number;
  /** st_mode, with the type. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly size: number;
  readonly modified: number;
  readonly layout: number;
  /** First byte behind inode and xattrs: a tail, or a map. */
  readonly end: number;
  /** Of flat layouts: the first block; undefined when nothing is stored. */
  readonly startBlock: number | undefined;
  /** Of chunks: their format. */
  readonly chunkFormat: number;
  /** Of a directory: it has no entry '.'. */
  readonly hasNoDot: boolean;
}

/** Where an inode stands. @throws ImgoptError `corrupt` when that is outside of the filesystem */
export function placeOfInode(superblock: Superblock, number: number): number {
  const place = superblock.inodes + number * INODE_SLOT;
  if (place + COMPACT.size > superblock.size)
    throw corrupt('EROFS_INODE', `inode ${number} would stand at ${hex(place)}, outside of the filesystem`);
  return place;
}

/** Files, directories and links have content that a map describes. */
export function hasContent(mode: number): boolean {
  return [S_IFREG, S_IFDIR, S_IFLNK].includes(mode & S_IFMT);
}

/**
 * @param bytes from the inode's place on: EXTENDED.size of them, or fewer at the end of the filesystem
 * @throws ImgoptError `corrupt` or, for layouts from the future, `unsupported`
 */
export function parseInode(superblock: Superblock, number: number, place: number, bytes: Uint8Array): Inode {
  const view = viewOf(bytes);
  const format = view.getUint16(INODE.i_format, true);
  const layout = (format >>> FORMAT.layoutShift) & FORMAT.layoutMask;
  if (format > FORMAT.all || layout > LAYOUT.chunkBased)
    throw unsupported('EROFS_INODE_FORMAT', `has a format that is not known (${hex(format)})`);
  const mode = view.getUint16(INODE.i_mode, true);
  const kind = mode & S_IFMT;
  if (![0x1000, 0x2000, S_IFDIR, 0x6000, S_IFREG, S_IFLNK, 0xc000].includes(kind))
    throw corrupt('EROFS_INODE_MODE', `has a mode that no file has (${hex(mode)})`);
  const isExtended = (format & FORMAT.extended) !== 0;
  const length = isExtended ? EXTENDED.size : COMPACT.size;
  if (length > bytes.length) throw corrupt('EROFS_INODE', 'reaches past the end of the filesystem');
  const attributes = view.getUint16(INODE.i_xattr_icount, true);
  const xattrBytes = attributes === 0 ? 0 : XATTR_HEADER_SIZE + 4 * (attributes - 1);
  const isDirectory = kind === S_IFDIR;
  const hasBit4 = (format & FORMAT.bit4) !== 0;
  const nb = view.getUint16(INODE.i_nb, true);
  // Compact inodes have room for a link count or for the upper bits of a block number.
  const isNarrow = !isExtended && (isDirectory || !hasBit4);
  const low = view.getUint32(isExtended ? EXTENDED.i_u : COMPACT.i_u, true);
  const block = low + (isNarrow ? 0 : nb * 2 ** 32);
  const isNull = layout === LAYOUT.flatPlain && block === (isNarrow ? NULL_ADDR_32 : NULL_ADDR_48);
  const chunkFormat = low & 0xffff;
  if (layout === LAYOUT.chunkBased && chunkFormat > CHUNK.all)
    throw unsupported('EROFS_CHUNK_FORMAT', `has chunks of a format that is not known (${hex(chunkFormat)})`);
  const common = {
    number,
    mode,
    layout,
    end: place + length + xattrBytes,
    startBlock: isNull ? undefined : block,
    chunkFormat,
    hasNoDot: isDirectory && hasBit4,
  };
  if (isExtended) {
    return {
      ...common,
      uid: view.getUint32(EXTENDED.i_uid, true),
      gid: view.getUint32(EXTENDED.i_gid, true),
      links: view.getUint32(EXTENDED.i_nlink, true),
      size: readU64(view, EXTENDED.i_size, true),
      modified: Number(view.getBigInt64(EXTENDED.i_mtime, true)),
    };
  }
  return {
    ...common,
    uid: view.getUint16(COMPACT.i_uid, true),
    gid: view.getUint16(COMPACT.i_gid, true),
    links: isNarrow ? nb : 1,
    size: view.getUint32(COMPACT.i_size, true),
    modified: superblock.epoch + view.getUint32(COMPACT.i_mtime, true),
  };
}
