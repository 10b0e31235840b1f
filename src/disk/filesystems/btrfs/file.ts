/**
 * Content of files and targets of symbolic links. A file is a list of extents: inline in the tree, on the disk as they
 * are, on the disk compressed (then decoded whole, whatever part of it the file refers to), or allocated and never
 * written. What no extent covers is a hole.
 */
import type { BlockExtent, BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { IMAGE_CACHE_BYTES, MAX_BTRFS_COMPRESSED_BYTES, MAX_FILE_EXTENTS } from '../../../core/limits.ts';
import { inParallel } from '../../../core/parallel.ts';
import { ExtentBatch } from '../../../sources/extent-batch.ts';
import { assertInside } from '../../../sources/file.ts';
import { S_IFLNK, S_IFMT, S_IFREG } from '../mode.ts';
import { checkCompression, decompress } from './codec.ts';
import type { DataReader } from './data.ts';
import { big64, keyOf, lastKeyOf } from './keys.ts';
import { EXTENT, INODE, INODE_FLAG, ITEM } from './layout.ts';
import type { FoundItem, TreeSearch } from './tree.ts';
import type { TreeRoot, Volume } from './volume.ts';

/** Pieces of one read that are worked on at once. */
const IN_FLIGHT = 8;
/** A path is no longer, and so no target: PATH_MAX. */
const MAX_TARGET_BYTES = 4096;

/** An extent as a file refers to it: bytes [from, to) of the file. */
interface FileExtent {
  readonly from: number;
  readonly to: number;
  readonly compression: number;
  /** Inline: the bytes as they are stored. */
  readonly inline: Uint8Array | undefined;
  /** Allocated, never written. */
  readonly isZero: boolean;
  /** Address and length of the whole extent as it is stored. */
  readonly start: number;
  readonly stored: number;
  /** Bytes of the whole extent, decoded; and where in them the file's part begins. */
  readonly decoded: number;
  readonly offset: number;
}

/** Decoded extents of all open files, the longest unused first; each counts as the largest that there can be. */
export class DecodedExtents {
  private readonly kept = new Map<string, Promise<Uint8Array>>();

  get(key: string, decode: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const extent = this.kept.get(key) ?? decode();
    this.kept.delete(key);
    this.kept.set(key, extent);
    if (this.kept.size > IMAGE_CACHE_BYTES / MAX_BTRFS_COMPRESSED_BYTES) {
      const [oldest] = this.kept.keys();
      this.kept.delete(oldest!);
    }
    return extent;
  }
}

/** What opening a file takes. */
export interface Files {
  readonly volume: Volume;
  readonly search: TreeSearch;
  readonly data: DataReader;
  readonly decoded: DecodedExtents;
}

/** Content of a regular file; of a symbolic link its target. */
export async function openFile(files: Files, root: TreeRoot, inode: number): Promise<BlockSource> {
  const { mode, size, isChecked } = await readInode(files, root, inode);
  const kind = mode & S_IFMT;
  if (kind !== S_IFREG && kind !== S_IFLNK) {
    throw corrupt('BTRFS_NOT_A_FILE', 'is neither a regular file nor a symbolic link');
  }
  if (!Number.isSafeInteger(size)) throw corrupt('BTRFS_FILE_SIZE', 'its size exceeds 2^53 bytes');
  return new BtrfsFile(files, `inode ${inode}`, size, isChecked, await extentsOf(files, root, inode));
}

export async function readLink(files: Files, root: TreeRoot, inode: number): Promise<Uint8Array> {
  const { mode, size } = await readInode(files, root, inode);
  if ((mode & S_IFMT) !== S_IFLNK) throw corrupt('BTRFS_NOT_A_LINK', 'is no symbolic link');
  if (size > MAX_TARGET_BYTES) throw corrupt('BTRFS_LINK_LENGTH', `its target is ${size} bytes long`);
  const target = new Uint8Array(size);
  await (await openFile(files, root, inode)).read(target, 0);
  return target;
}

interface FileInode {
  readonly mode: number;
  readonly size: number;
  readonly isChecked: boolean;
}

async function readInode({ search }: Files, root: TreeRoot, inode: number): Promise<FileInode> {
  let found: FileInode | undefined;
  const key = keyOf(inode, ITEM.inodeItem, 0);
  await search.items(root, key, key, ({ key: { high, low, type }, view, at, size }) => {
    if (high !== key.high || low !== key.low || type !== ITEM.inodeItem) return;
    if (size < INODE.bytes) throw corrupt('BTRFS_INODE', `its item has ${size} bytes`);
    if (view.getUint32(at + INODE.nlink, true) === 0) return;
    found = {
      mode: view.getUint32(at + INODE.mode, true),
      size: big64(view, at + INODE.size),
      isChecked: (view.getUint32(at + INODE.flags, true) & INODE_FLAG.nodatasum) === 0,
    };
  });
  if (found === undefined) throw corrupt('BTRFS_INODE_UNUSED', 'the inode is not in use');
  return found;
}

/** In order. @throws `corrupt` when one contradicts itself, or two hold the same bytes of the file */
async function extentsOf(files: Files, root: TreeRoot, inode: number): Promise<FileExtent[]> {
  const extents: FileExtent[] = [];
  const first = keyOf(inode, ITEM.extentData, 0);
  await files.search.items(root, first, lastKeyOf(inode, ITEM.extentData), (item) => {
    const { high, low, type } = item.key;
    if (high !== first.high || low !== first.low || type !== ITEM.extentData) return;
    const extent = parseExtent(files.volume, item);
    if (extent === undefined) return;
    if (extent.from < (extents.at(-1)?.to ?? 0)) {
      throw corrupt('BTRFS_EXTENT_ORDER', `two extents hold its byte ${extent.from}`);
    }
    if (extents.push(extent) > MAX_FILE_EXTENTS) {
      throw unsupported('TOO_MANY_EXTENTS', `more than ${MAX_FILE_EXTENTS} extents`);
    }
  });
  return extents;
}

/** Undefined for a hole. */
function parseExtent(
  { superblock }: Volume,
  { key, view, bytes, at, size }: FoundItem,
): FileExtent | undefined {
  const { sectorSize } = superblock;
  const from = key.offsetHigh * 4294967296 + key.offsetLow;
  const wrong = (what: string): Error => corrupt('BTRFS_EXTENT', `its extent at byte ${from} ${what}`);
  if (size < EXTENT.diskBytenr) throw wrong(`has an item of ${size} bytes`);
  if (view.getUint8(at + EXTENT.encryption) !== 0 || view.getUint16(at + EXTENT.otherEncoding, true) !== 0) {
    throw unsupported('BTRFS_ENCODING', 'an extent is encrypted or encoded in a way that is not known');
  }
  const compression = view.getUint8(at + EXTENT.compression);
  const isCompressed = checkCompression(compression);
  const decoded = big64(view, at + EXTENT.ramBytes);
  if (isCompressed && decoded > MAX_BTRFS_COMPRESSED_BYTES) throw wrong(`claims to hold ${decoded} bytes`);
  const type = view.getUint8(at + EXTENT.type);
  if (type === EXTENT.inline) {
    const inline = bytes.slice(at + EXTENT.diskBytenr, at + size);
    const length = isCompressed ? decoded : Math.min(decoded, inline.length);
    const [start, stored, offset] = [0, inline.length, 0];
    return { from, to: from + length, compression, inline, isZero: false, start, stored, decoded, offset };
  }
  if (type !== EXTENT.regular && type !== EXTENT.preallocated) throw wrong(`is of type ${type}`);
  if (size < EXTENT.bytes) throw wrong(`has an item of ${size} bytes`);
  const start = big64(view, at + EXTENT.diskBytenr);
  const stored = big64(view, at + EXTENT.diskBytes);
  const offset = big64(view, at + EXTENT.offset);
  const length = big64(view, at + EXTENT.length);
  const to = from + length;
  if (!Number.isSafeInteger(to) || length === 0 || from % sectorSize !== 0)
    throw wrong(`has ${length} bytes`);
  if (start === 0) return undefined;
  if (!Number.isSafeInteger(start + stored) || start % sectorSize !== 0 || stored % sectorSize !== 0) {
    throw wrong(`stands at ${start}, ${stored} bytes long`);
  }
  if (isCompressed && stored > MAX_BTRFS_COMPRESSED_BYTES)
    throw wrong(`is ${stored} bytes long, and compressed`);
  const whole = isCompressed ? decoded : stored;
  if (offset + length > whole) throw wrong(`refers to byte ${offset + length} of an extent of ${whole}`);
  const isZero = type === EXTENT.preallocated;
  return { from, to, compression, inline: undefined, isZero, start, stored, decoded: whole, offset };
}

class BtrfsFile implements BlockSource {
  readonly size: number;
  readonly granularity: number;
  private readonly files: Files;
  private readonly name: string;
  private readonly isChecked: boolean;
  private readonly list: readonly FileExtent[];

  constructor(files: Files, name: string, size: number, isChecked: boolean, list: readonly FileExtent[]) {
    this.files = files;
    this.name = name;
    this.size = size;
    this.granularity = files.volume.superblock.sectorSize;
    this.isChecked = isChecked;
    this.list = list;
  }

  /** Index of the first extent that ends after `offset`. */
  private firstAfter(offset: number): number {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.list[middle]!.to > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, this.name);
    const end = offset + target.length;
    let done = offset;
    const jobs: (() => Promise<void>)[] = [];
    for (let i = this.firstAfter(offset); i < this.list.length && this.list[i]!.from < end; i++) {
      const extent = this.list[i]!;
      const start = Math.max(offset, extent.from);
      const stop = Math.min(end, extent.to);
      if (start > done) target.fill(0, done - offset, start - offset);
      done = stop;
      const part = target.subarray(start - offset, stop - offset);
      jobs.push(() => this.fill(extent, part, start - extent.from));
    }
    if (done < end) target.fill(0, done - offset);
    await inParallel(jobs, IN_FLIGHT);
  }

  /** Fills `target` with the extent's part that begins at byte `skip` of the file's piece of it. */
  private async fill(extent: FileExtent, target: Uint8Array, skip: number): Promise<void> {
    if (extent.isZero) {
      target.fill(0);
      return;
    }
    const from = extent.offset + skip;
    if (extent.compression === 0) {
      if (extent.inline === undefined) {
        await this.files.data.read(target, extent.start + from, this.isChecked);
      } else target.set(extent.inline.subarray(from, from + target.length));
      return;
    }
    const decoded = await this.decode(extent);
    const part = decoded.subarray(from, from + target.length);
    target.set(part);
    // The encoder may leave out the zeros that fill the last sector.
    target.fill(0, part.length);
  }

  private decode({ inline, start, stored, decoded, compression }: FileExtent): Promise<Uint8Array> {
    const { files, isChecked } = this;
    const { sectorSize } = files.volume.superblock;
    const capacity = Math.ceil(decoded / sectorSize) * sectorSize;
    if (inline !== undefined) return decompress(compression, inline, capacity, sectorSize);
    return files.decoded.get(`${start} ${stored} ${decoded} ${compression}`, async () => {
      const packed = new Uint8Array(stored);
      await files.data.read(packed, start, isChecked);
      return await decompress(compression, packed, capacity, sectorSize);
    });
  }

  /** The share of a compressed extent that is the file's is estimated: as much of it as of what it holds decoded. */
  async *extents(range: ByteRange = { start: 0, end: this.size }): AsyncGenerator<readonly BlockExtent[]> {
    assertInside(range.end - range.start, range.start, this.size, this.name);
    const batch = new ExtentBatch();
    let done = range.start;
    const push = (end: number, kind: BlockExtent['kind'], stored: number, compressed = false): void => {
      if (end <= done) return;
      batch.add({ start: done, end, kind, stored, ...(compressed ? { compressed } : {}) });
      done = end;
    };
    for (let i = this.firstAfter(range.start); i < this.list.length && this.list[i]!.from < range.end; i++) {
      const extent = this.list[i]!;
      push(Math.min(extent.from, range.end), 'hole', 0);
      const end = Math.min(extent.to, range.end);
      if (extent.isZero) push(end, 'zero', 0);
      else if (extent.compression === 0) push(end, 'data', end - done);
      else push(end, 'data', Math.floor((extent.stored * (end - done)) / extent.decoded), true);
      const full = batch.takeFull();
      if (full !== undefined) yield full;
    }
    push(range.end, 'hole', 0);
    const rest = batch.takeRest();
    if (rest !== undefined) yield rest;
  }

  async close(): Promise<void> {}
}
