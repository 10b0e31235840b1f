/**
 * Walks a tar archive: headers only, so that a member's content is a slice of the file and nothing is copied.
 *
 * Headers lie scattered between contents, so reading runs ahead in windows: small members come many to a window,
 * and large contents are stepped over without being read. Dialects: v7, ustar, pax (POSIX.1-2017) and GNU (long
 * names, base 256, the sparse formats 0.0, 0.1, 1.0 and the old one). An archive ends at a block of zeros or where
 * the file ends; what ends in the middle of a member is cut short, and corrupt.
 */
import type { BlockSource } from '../core/contracts/source.ts';
import { corrupt, locate, locateSync, unsupported } from '../core/errors.ts';
import { FILE_TYPE, type FileType } from '../core/file-table.ts';
import { MAX_ARCHIVE_MEMBERS, MAX_ARCHIVE_NAME_BYTES, MAX_TAR_EXTENSION_BYTES } from '../core/limits.ts';
import { escapeName, hex } from '../core/text.ts';
import { isZero } from '../core/zeros.ts';
import {
  isTarHeader,
  latin1,
  latin1Until,
  parseNumber,
  TAR_BLOCK,
  TAR_TYPE,
  type TarField,
  tarField,
  tarText,
} from './tar-layout.ts';
import { oldSparseRuns, paxSparse, type SparseRun } from './tar-sparse.ts';

export interface TarMember {
  /** Bytes as Latin-1 characters: the archive's own, whatever encoding its maker used. */
  readonly name: string;
  /** `link`: another name for an earlier member. */
  readonly type: FileType | 'link';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly modified: number;
  /** Apparent size. */
  readonly size: number;
  /** Where its content lies in the archive, and how many bytes that are, padding not counted. */
  readonly offset: number;
  readonly stored: number;
  /** Target of a link of either kind, as `name`; empty for others. */
  readonly target: string;
  /** For a sparse file: which stretches of it are stored, in order, one after another from `offset` on. */
  readonly runs: readonly SparseRun[] | null;
}

/** Read at once while headers come close together; also the longest content that is read rather than skipped. */
const WINDOW_BYTES = 256 * 1024;
/** After content was skipped: the next header, and with luck a few more. */
const FIRST_WINDOW_BYTES = 4 * 1024;

/** A window that moves forward over a source. */
class Window {
  private bytes: Uint8Array = new Uint8Array(0);
  private start = 0;
  private next = FIRST_WINDOW_BYTES;
  private readonly source: BlockSource;

  constructor(source: BlockSource) {
    this.source = source;
  }

  /** `length` bytes at `offset` if they are at hand, without waiting. */
  held(offset: number, length: number): Uint8Array | undefined {
    const from = offset - this.start;
    return from < 0 || from + length > this.bytes.length
      ? undefined
      : this.bytes.subarray(from, from + length);
  }

  /** Up to `length` bytes at `offset`; fewer at the end. Valid until the next call. */
  async at(offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(this.source.size, offset + length);
    if (offset < this.start || end > this.start + this.bytes.length) {
      // Contents that were stepped over mean that reading far ahead would read them for nothing.
      const isNear = offset <= this.start + this.bytes.length + FIRST_WINDOW_BYTES;
      this.next = isNear ? Math.min(WINDOW_BYTES, this.next * 4) : FIRST_WINDOW_BYTES;
      const wanted = Math.min(this.source.size - offset, Math.max(length, this.next));
      this.bytes = new Uint8Array(Math.max(0, wanted));
      this.start = offset;
      await this.source.read(this.bytes, offset);
    }
    return this.bytes.subarray(offset - this.start, Math.max(offset, end) - this.start);
  }
}

/** What pax headers and GNU's long names say of the member that follows. */
interface Extensions {
  readonly pax: ReadonlyMap<string, string>;
  readonly gnuName: string | undefined;
  readonly gnuTarget: string | undefined;
}

const NOTHING: Extensions = { pax: new Map(), gnuName: undefined, gnuTarget: undefined };
const UNSAFE_SIZE = 2 ** 46;

/**
 * All members, in the archive's order.
 * @throws ImgoptError `corrupt` for a broken header or an archive that is cut short, `unsupported` for parts of
 * archives and for more members than MAX_ARCHIVE_MEMBERS
 */
export async function* walkTar(source: BlockSource, signal: AbortSignal): AsyncGenerator<TarMember> {
  const window = new Window(source);
  let globals: ReadonlyMap<string, string> = new Map();
  let extensions = NOTHING;
  let count = 0;
  let extensionCount = 0;
  for (let at = 0; at < source.size; ) {
    if ((count & 0x3ff) === 0) signal.throwIfAborted();
    const block = window.held(at, TAR_BLOCK) ?? (await window.at(at, TAR_BLOCK));
    if (block.length < TAR_BLOCK) throw cutShort(at, source.size);
    if (isZero(block)) return;
    if (!isTarHeader(block)) {
      throw corrupt('TAR_HEADER', `the header at ${hex(at)} has a wrong checksum`, {
        advice: 'the archive is damaged: copy or build it again',
      });
    }
    const type = String.fromCharCode(tarField(block, 'typeflag')[0]!);
    const place = `member at ${hex(at)}`;
    const isExtension =
      type === TAR_TYPE.pax ||
      type === TAR_TYPE.solarisPax ||
      type === TAR_TYPE.paxGlobal ||
      type === TAR_TYPE.gnuLongName ||
      type === TAR_TYPE.gnuLongLink;
    if (isExtension) {
      if (++extensionCount > 3 * MAX_ARCHIVE_MEMBERS) throw tooMany();
      const ownSize = locateSync(place, () => parseNumber(tarField(block, 'size'), 'size'));
      const bytes = await locate(place, () => extensionBytes(source, window, at, ownSize));
      if (type === TAR_TYPE.gnuLongName) extensions = { ...extensions, gnuName: latin1Until(bytes) };
      else if (type === TAR_TYPE.gnuLongLink) extensions = { ...extensions, gnuTarget: latin1Until(bytes) };
      else {
        const values = locateSync(place, () => parsePax(bytes));
        if (type === TAR_TYPE.paxGlobal) globals = new Map([...globals, ...values]);
        else extensions = { ...extensions, pax: values };
      }
      at += TAR_BLOCK + padded(ownSize);
      continue;
    }
    if (++count > MAX_ARCHIVE_MEMBERS) throw tooMany();
    const { pax } = extensions;
    let outline = locateSync(place, () => outlineOf(source.size, at, block, type, globals, extensions));
    if (type === TAR_TYPE.gnuSparse || pax.size > 0) {
      const copy = block.slice(); // the window moves on
      outline = await locate(place, () => withSparseMap(window, outline, copy, type, pax));
    }
    const { member, end } = outline;
    if (end > source.size && member.offset + member.stored > source.size) throw cutShort(at, source.size);
    extensions = NOTHING;
    if (outline.isShown) yield member;
    at = end;
  }
}

const padded = (size: number): number => Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;

function cutShort(at: number, size: number): Error {
  return corrupt('TAR_TRUNCATED', `ends at ${hex(size)}, in the middle of the member at ${hex(at)}`, {
    advice: 'the archive is cut short: copy it again',
  });
}

function tooMany(): Error {
  return unsupported('TAR_TOO_MANY', `has more than ${MAX_ARCHIVE_MEMBERS} members`);
}

async function extensionBytes(
  source: BlockSource,
  window: Window,
  at: number,
  size: number,
): Promise<Uint8Array> {
  if (size < 0 || size > MAX_TAR_EXTENSION_BYTES)
    throw corrupt('TAR_EXTENSION', `has an extended header of ${size} bytes`);
  if (at + TAR_BLOCK + padded(size) > source.size) throw cutShort(at, source.size);
  return (await window.at(at + TAR_BLOCK, size)).slice();
}

/** `LENGTH KEY=VALUE\n` records; values as Latin-1. Repeated keys of GNU's sparse format 0.0 are joined by commas. */
function parsePax(bytes: Uint8Array): Map<string, string> {
  const text = latin1(bytes);
  const values = new Map<string, string>();
  for (let at = 0; at < text.length && text[at] !== '\0'; ) {
    const match = /^([1-9]\d{0,7}) /.exec(text.slice(at, at + 10));
    const length = Number(match?.[1] ?? 0);
    const record = text.slice(at, at + length);
    const equals = record.indexOf('=');
    if (match === null || record.length !== length || equals < 0 || !record.endsWith('\n')) {
      throw corrupt('TAR_PAX', 'has a broken pax header');
    }
    const key = record.slice(match[0].length, equals);
    const value = record.slice(equals + 1, -1);
    const before = values.get(key);
    const isList = key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes';
    values.set(key, isList && before !== undefined ? `${before},${value}` : value);
    at += length;
  }
  return values;
}

function paxNumber(text: string, what: string): number {
  if (!/^-?\d{1,20}(?:\.\d*)?$/.test(text)) throw corrupt('TAR_PAX', `its ${what} is no number`);
  const value = Math.floor(Number(text));
  if (!Number.isSafeInteger(value)) throw corrupt('TAR_NUMBER', `its ${what} does not fit 53 bits`);
  return value;
}

const TYPES: Readonly<Record<string, FileType | 'link'>> = {
  [TAR_TYPE.file]: FILE_TYPE.file,
  [TAR_TYPE.oldFile]: FILE_TYPE.file,
  [TAR_TYPE.contiguous]: FILE_TYPE.file,
  [TAR_TYPE.gnuSparse]: FILE_TYPE.file,
  [TAR_TYPE.link]: 'link',
  [TAR_TYPE.symlink]: FILE_TYPE.symlink,
  [TAR_TYPE.character]: FILE_TYPE.character,
  [TAR_TYPE.block]: FILE_TYPE.block,
  [TAR_TYPE.directory]: FILE_TYPE.directory,
  [TAR_TYPE.gnuDumpDirectory]: FILE_TYPE.directory,
  [TAR_TYPE.fifo]: FILE_TYPE.fifo,
};
/** Only these have content behind their header (POSIX; a hard link may have, in pax archives of cpio's kind). */
const WITH_CONTENT: ReadonlySet<string> = new Set([
  TAR_TYPE.file,
  TAR_TYPE.oldFile,
  TAR_TYPE.contiguous,
  TAR_TYPE.gnuSparse,
]);

/** A member as its header tells it. */
interface Outline {
  readonly member: TarMember;
  /** Where the next header begins. */
  readonly end: number;
  /** False for what only its maker understands. */
  readonly isShown: boolean;
}

/** Waits for nothing: one call per file of a system. */
function outlineOf(
  archiveSize: number,
  at: number,
  block: Uint8Array,
  typeflag: string,
  globals: ReadonlyMap<string, string>,
  { pax, gnuName, gnuTarget }: Extensions,
): Outline {
  if (typeflag === TAR_TYPE.gnuMultiVolume) {
    throw unsupported('TAR_VOLUMES', 'continues a member of another archive (a multi-volume tar)', {
      advice: 'put the volumes together first',
    });
  }
  const value = (key: string): string | undefined => pax.get(key) ?? globals.get(key);
  const number = (key: TarField): number => {
    const text = value(key);
    return text === undefined || text === '' ? parseNumber(tarField(block, key), key) : paxNumber(text, key);
  };
  const size = number('size');
  if (size < 0 || size > UNSAFE_SIZE) throw corrupt('TAR_SIZE', `has a size of ${size} bytes`);
  const magic = latin1(tarField(block, 'magic'));
  // GNU archives use the place of the prefix for times and sparse maps.
  const prefix = magic === 'ustar\0' ? tarText(block, 'prefix') : '';
  const plainName = tarText(block, 'name');
  const name =
    pax.get('GNU.sparse.name') ??
    value('path') ??
    gnuName ??
    (prefix === '' ? plainName : `${prefix}/${plainName}`);
  const target = value('linkpath') ?? gnuTarget ?? tarText(block, 'linkname');
  for (const text of [name, target]) {
    if (text.length > MAX_ARCHIVE_NAME_BYTES || text.includes('\0'))
      throw corrupt('TAR_NAME', `has a name that is broken or ${text.length} bytes long`);
  }
  const type = TYPES[typeflag];
  const hasContent =
    WITH_CONTENT.has(typeflag) || typeflag === TAR_TYPE.gnuDumpDirectory || type === undefined;
  const offset = at + TAR_BLOCK;
  const stored = hasContent || (typeflag === TAR_TYPE.link && pax.has('size')) ? size : 0;
  const end = offset + padded(stored);
  // Sparse maps may move the content on; the rest is looked at here.
  if (end > archiveSize && offset + stored > archiveSize) throw cutShort(at, archiveSize);
  // Before ustar, a directory was a file whose name ends with a slash.
  const isOldDirectory =
    type === FILE_TYPE.file && name.endsWith('/') && (!magic.startsWith('ustar') || stored === 0);
  return {
    member: {
      name,
      type: isOldDirectory ? FILE_TYPE.directory : (type ?? FILE_TYPE.file),
      mode: parseNumber(tarField(block, 'mode'), 'mode') & 0o7777,
      uid: number('uid'),
      gid: number('gid'),
      modified: number('mtime'),
      size: type === FILE_TYPE.symlink ? target.length : stored,
      offset,
      stored,
      target: type === 'link' || type === FILE_TYPE.symlink ? target : '',
      runs: null,
    },
    end,
    // Capitals are their makers' own (a volume's label, access control lists); anything else is a file (POSIX).
    isShown: type !== undefined || !/[A-Z]/.test(typeflag),
  };
}

/** The outline of a member that may be sparse: its map says where its content lies. */
async function withSparseMap(
  window: Window,
  outline: Outline,
  block: Uint8Array,
  typeflag: string,
  pax: ReadonlyMap<string, string>,
): Promise<Outline> {
  const { member } = outline;
  const { offset, stored, type } = member;
  const isOld = typeflag === TAR_TYPE.gnuSparse;
  const sparse = isOld
    ? await oldSparseRuns(block, (position) => window.at(position, TAR_BLOCK), offset)
    : await paxSparse(pax, (position, length) => window.at(position, length), offset, stored);
  if (sparse === undefined) return outline;
  const { runs, contentAt } = sparse;
  // The old format's blocks stand before the content; 1.0's map is the content's beginning, and counts in its size.
  const rest = isOld ? stored : stored - (contentAt - offset);
  if (runs.reduce((sum, one) => sum + one.length, 0) > rest)
    throw corrupt('TAR_SPARSE', `the map of '${show(member.name)}' names more than is stored`);
  return {
    ...outline,
    member: {
      ...member,
      size: type === FILE_TYPE.symlink ? member.size : sparse.size,
      offset: contentAt,
      stored: rest,
      runs,
    },
    end: isOld ? contentAt + padded(stored) : outline.end,
  };
}

/** For messages: a name's bytes as the UTF-8 that they most likely are. */
export function show(name: string): string {
  return escapeName(Buffer.from(name, 'latin1').toString());
}
