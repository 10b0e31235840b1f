/** Inodes of every type, basic and extended, as one shape. Extended attributes are not read. */
import { corrupt } from '../../../core/errors.ts';
import { FILE_TYPE, type FileType } from '../../../core/file-table.ts';
import { readU64, viewOf } from '../../../core/record.ts';
import {
  BLOCK_SIZE_MASK,
  DIR,
  DIRECTORY_EXTRA,
  INODE,
  LDIR,
  LREG,
  NO_FRAGMENT,
  OTHER,
  REG,
  SYMLINK,
  TYPE,
} from './layout.ts';
import type { MetadataTable } from './metadata.ts';

export interface Inode {
  readonly type: FileType;
  readonly mode: number;
  /** Positions in the table of ids. */
  readonly uid: number;
  readonly gid: number;
  readonly modified: number;
  readonly number: number;
  readonly links: number;
  /** As stat says: bytes of a file or target, of a directory what its listing has. */
  readonly size: number;
  /** A directory's listing: its block in the directory table and the byte in it, and its length. */
  readonly listing?: { readonly block: number; readonly offset: number; readonly length: number };
  readonly data?: FileData;
  /** A symbolic link's target: its position in the inode table. */
  readonly target?: number;
  /** Bytes of it in the inode table. */
  readonly length: number;
}

/** Where a file's content is. */
export interface FileData {
  /** Of the first block; the others follow without gaps. */
  readonly start: number;
  /** Sizes of the blocks as stored: their number, and their position in the inode table. */
  readonly blocks: number;
  readonly list: number;
  /** Its tail: in which fragment, from where, how long; undefined when blocks hold everything. */
  readonly tail: { readonly fragment: number; readonly offset: number; readonly length: number } | undefined;
}

const FILE_TYPES: Readonly<Record<number, FileType>> = {
  [TYPE.directory]: FILE_TYPE.directory,
  [TYPE.file]: FILE_TYPE.file,
  [TYPE.symlink]: FILE_TYPE.symlink,
  [TYPE.block]: FILE_TYPE.block,
  [TYPE.character]: FILE_TYPE.character,
  [TYPE.fifo]: FILE_TYPE.fifo,
  [TYPE.socket]: FILE_TYPE.socket,
};

/** By the basic type that a directory entry states. */
export function typeOfEntry(type: number): FileType {
  return FILE_TYPES[type] ?? FILE_TYPE.unknown;
}

/** A reference to an inode is 48 bits: its block's place in the table, and 16 bits of the byte in it. */
export function readInode(table: MetadataTable, reference: number, blockSize: number): Inode {
  const at = table.position(Math.floor(reference / 65536), reference % 65536);
  table.assertThere(at, INODE.size);
  const view = viewOf(table.bytes);
  const number = view.getUint16(at + INODE.inode_type, true);
  const isExtended = number > TYPE.extended;
  const type = typeOfEntry(isExtended ? number - TYPE.extended : number);
  const common = {
    type,
    mode: view.getUint16(at + INODE.mode, true),
    uid: view.getUint16(at + INODE.uid, true),
    gid: view.getUint16(at + INODE.guid, true),
    modified: view.getInt32(at + INODE.mtime, true),
    number: view.getUint32(at + INODE.inode_number, true),
  };
  const u32 = (offset: number): number => view.getUint32(at + offset, true);
  switch (type) {
    case FILE_TYPE.directory: {
      const form = isExtended ? LDIR : DIR;
      table.assertThere(at, form.size);
      const size = isExtended ? u32(LDIR.file_size) : view.getUint16(at + DIR.file_size, true);
      const listing = {
        block: u32(form.start_block),
        offset: view.getUint16(at + form.offset, true),
        length: Math.max(0, size - DIRECTORY_EXTRA),
      };
      // The index that an extended one has serves lookups by name.
      return { ...common, links: u32(form.nlink), size, listing, length: form.size };
    }
    case FILE_TYPE.file: {
      const form = isExtended ? LREG : REG;
      table.assertThere(at, form.size);
      const size = isExtended ? readU64(view, at + LREG.file_size, true) : u32(REG.file_size);
      const fragment = u32(form.fragment);
      const whole = Math.floor(size / blockSize);
      const rest = size - whole * blockSize;
      const isTail = fragment !== NO_FRAGMENT && rest > 0;
      const blocks = whole + (isTail || rest === 0 ? 0 : 1);
      table.assertThere(at + form.size, 4 * blocks);
      const data = {
        start: isExtended ? readU64(view, at + LREG.start_block, true) : u32(REG.start_block),
        blocks,
        list: at + form.size,
        tail: isTail ? { fragment, offset: u32(form.offset), length: rest } : undefined,
      };
      const links = isExtended ? u32(LREG.nlink) : 1;
      return { ...common, links, size, data, length: form.size + 4 * blocks };
    }
    case FILE_TYPE.symlink: {
      table.assertThere(at, SYMLINK.size);
      const size = u32(SYMLINK.symlink_size);
      table.assertThere(at + SYMLINK.size, size);
      const length = SYMLINK.size + size;
      return { ...common, links: u32(SYMLINK.nlink), size, target: at + SYMLINK.size, length };
    }
    case FILE_TYPE.unknown:
      throw corrupt('SQUASHFS_INODE_TYPE', `inodes have no type ${number}`);
    default:
      table.assertThere(at, OTHER.size);
      return { ...common, links: u32(OTHER.nlink), size: 0, length: OTHER.size };
  }
}

/** Bytes that a file's blocks occupy, without its tail. */
export function storedInBlocks(table: MetadataTable, { blocks, list }: FileData): number {
  const view = viewOf(table.bytes);
  let sum = 0;
  for (let i = 0; i < blocks; i++) sum += view.getUint32(list + 4 * i, true) & BLOCK_SIZE_MASK;
  return sum;
}
