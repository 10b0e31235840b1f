/** One cpio archive of the "new" format (cpio(5), `newc` and `crc`): a header of hexadecimal digits a member. */
import type { BlockSource } from '../../core/contracts/source.ts';
import { corrupt, unsupported } from '../../core/errors.ts';
import { FILE_TYPE, type FileType } from '../../core/file-table.ts';
import { MAX_ARCHIVE_MEMBERS, MAX_ARCHIVE_NAME_BYTES } from '../../core/limits.ts';
import { hex } from '../../core/text.ts';
import { readBytes } from '../../sources/read.ts';
import type { NewInode } from './file-tree.ts';

const MAGIC = /^07070[12]$/;
/** The magic, and 13 numbers of eight digits. */
const HEADER_BYTES = 110;
const FIELDS = [
  'ino',
  'mode',
  'uid',
  'gid',
  'nlink',
  'mtime',
  'filesize',
  'devmajor',
  'devminor',
  'rdevmajor',
  'rdevminor',
  'namesize',
  'check',
] as const;
const TRAILER = 'TRAILER!!!';
const ALIGN = 4;
/** Headers and the small files between them are read together. */
const WINDOW_BYTES = 128 * 1024;
/** Zeros are looked through in pieces of this. */
const ZERO_PIECE_BYTES = 64 * 1024;

export interface CpioMember {
  readonly name: string;
  /** Offsets in the archive's source. */
  readonly inode: NewInode;
  /** Names of one inode share it; null for what has one name. */
  readonly linkKey: string | null;
}

/** The mode's top four bits: S_IFMT >> 12. */
const TYPES: Readonly<Record<number, FileType>> = {
  1: FILE_TYPE.fifo,
  2: FILE_TYPE.character,
  4: FILE_TYPE.directory,
  6: FILE_TYPE.block,
  8: FILE_TYPE.file,
  10: FILE_TYPE.symlink,
  12: FILE_TYPE.socket,
};

export async function isCpioAt(source: BlockSource, at: number): Promise<boolean> {
  if (at + 6 > source.size) return false;
  const magic = Buffer.from(await readBytes(source, at, 6)).toString('latin1');
  if (magic === '070707')
    throw unsupported('CPIO_FORMAT', 'is a cpio archive of the old portable format (odc)', {
      advice: "make it with 'cpio -H newc', as Linux wants it",
    });
  return MAGIC.test(magic);
}

/** The first byte from `at` on that is not zero, or the end. */
export async function endOfZeros(source: BlockSource, at: number, signal: AbortSignal): Promise<number> {
  for (let position = at; position < source.size; ) {
    signal.throwIfAborted();
    const piece = await readBytes(source, position, Math.min(ZERO_PIECE_BYTES, source.size - position));
    const first = piece.findIndex((byte) => byte !== 0);
    if (first >= 0) return position + first;
    position += piece.length;
  }
  return source.size;
}

/**
 * @param before members of earlier archives, for the bound on all of them
 * @returns also where it ends, its trailer included
 * @throws ImgoptError `corrupt` for a broken header or an archive without its end
 */
export async function readCpio(
  source: BlockSource,
  start: number,
  before: number,
  signal: AbortSignal,
): Promise<{ members: CpioMember[]; end: number }> {
  const members: CpioMember[] = [];
  let window: Uint8Array = new Uint8Array(0);
  let windowAt = start;
  const bytesAt = async (at: number, length: number): Promise<Uint8Array> => {
    if (at + length > source.size) throw cutShort(at, source.size);
    if (at < windowAt || at + length > windowAt + window.length) {
      window = await readBytes(source, at, Math.min(Math.max(length, WINDOW_BYTES), source.size - at));
      windowAt = at;
    }
    return window.subarray(at - windowAt, at - windowAt + length);
  };
  for (let at = start; ; ) {
    if ((members.length & 0x3ff) === 0) signal.throwIfAborted();
    if (before + members.length > MAX_ARCHIVE_MEMBERS)
      throw unsupported('CPIO_TOO_MANY', `has more than ${MAX_ARCHIVE_MEMBERS} members`);
    const header = parseHeader(await bytesAt(at, HEADER_BYTES), at);
    if (header.namesize === 0 || header.namesize > MAX_ARCHIVE_NAME_BYTES + 1)
      throw corrupt('CPIO_NAME', `the member at ${hex(at)} has a name of ${header.namesize} bytes`);
    const nameBytes = await bytesAt(at + HEADER_BYTES, header.namesize);
    const name = Buffer.from(nameBytes).toString('latin1').replace(/\0.*$/s, '');
    const offset = aligned(at - start + HEADER_BYTES + header.namesize) + start;
    const next = aligned(offset - start + header.filesize) + start;
    if (offset + header.filesize > source.size) throw cutShort(at, source.size);
    if (name === TRAILER) return { members, end: Math.min(next, source.size) };
    members.push(await toMember(header, name, offset, bytesAt));
    at = next;
  }
}

const aligned = (at: number): number => Math.ceil(at / ALIGN) * ALIGN;

function cutShort(at: number, size: number): Error {
  return corrupt('CPIO_TRUNCATED', `ends at ${hex(size)}, in or before the member at ${hex(at)}`, {
    advice: 'the archive is cut short: copy or build it again',
  });
}

type Header = Record<(typeof FIELDS)[number], number>;

function parseHeader(bytes: Uint8Array, at: number): Header {
  const text = Buffer.from(bytes).toString('latin1');
  if (!MAGIC.test(text.slice(0, 6)) || !/^[0-9a-fA-F]{104}$/.test(text.slice(6))) {
    throw corrupt('CPIO_HEADER', `there is no header at ${hex(at)}, where one must be`, {
      advice: 'the archive is damaged: copy or build it again',
    });
  }
  const header = {} as Header;
  for (const [index, field] of FIELDS.entries())
    header[field] = Number.parseInt(text.slice(6 + index * 8, 14 + index * 8), 16);
  return header;
}

async function toMember(
  header: Header,
  name: string,
  offset: number,
  bytesAt: (at: number, length: number) => Promise<Uint8Array>,
): Promise<CpioMember> {
  const type = TYPES[header.mode >>> 12] ?? FILE_TYPE.unknown;
  const isLink = type === FILE_TYPE.symlink;
  if (isLink && header.filesize > MAX_ARCHIVE_NAME_BYTES)
    throw corrupt('CPIO_NAME', `a symbolic link has a target of ${header.filesize} bytes`);
  const target = isLink ? Buffer.from(await bytesAt(offset, header.filesize)).toString('latin1') : '';
  const stored = type === FILE_TYPE.file ? header.filesize : 0;
  return {
    name,
    inode: {
      type,
      mode: header.mode & 0o7777,
      uid: header.uid,
      gid: header.gid,
      modified: header.mtime,
      size: isLink ? target.length : stored,
      offset,
      stored,
      occupied: aligned(stored),
      runs: null,
      target,
    },
    linkKey:
      type === FILE_TYPE.file && header.nlink > 1
        ? `${header.devmajor}:${header.devminor}:${header.ino}`
        : null,
  };
}
