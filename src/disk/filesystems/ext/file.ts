/** Content of files and targets of symbolic links. */
import type { BlockExtent, BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { assertInside } from '../../../sources/file.ts';
import { memorySource } from '../../../sources/memory.ts';
import { inlineContinuation } from './inodes.ts';
import { INODE, INODE_FLAG, S_IFLNK, S_IFMT, S_IFREG } from './layout.ts';
import { BlockMapper } from './mapping.ts';
import { type RawInode, readInode, type Volume } from './volume.ts';

/** PATH_MAX, and the largest block: a target is shorter than both allow. */
const MAX_LINK_BYTES = 65536;
/** Extents per batch of `extents()`. */
const BATCH = 1024;
/** Reads of one call that may be in flight; fragments beyond it wait their turn. */
const PIECES_IN_FLIGHT = 32;

/** Content of a regular file (or of a symbolic link's block). @throws `unsupported` when it is encrypted */
export async function openFile(volume: Volume, number: number): Promise<BlockSource> {
  const raw = await readInode(volume, number);
  if (raw.inode.links === 0) throw corrupt('EXT_INODE_DELETED', 'the file is deleted');
  if (!Number.isSafeInteger(raw.inode.size))
    throw corrupt('EXT_FILE_SIZE', `its size is ${raw.inode.size} bytes`);
  const kind = raw.inode.mode & S_IFMT;
  if (kind !== S_IFREG && kind !== S_IFLNK) {
    throw corrupt('EXT_NOT_A_FILE', 'is neither a regular file nor a symbolic link');
  }
  if (raw.inode.flags & INODE_FLAG.encrypted) {
    throw unsupported('EXT_ENCRYPTED', 'its content is encrypted by the filesystem');
  }
  if (raw.inode.flags & INODE_FLAG.inlineData)
    return memorySource(inlineBytes(volume, raw), `inode ${number}`);
  return await mappedSource(volume, raw);
}

/** Target of a symbolic link: in i_block when short, else in a block, inline data or, encrypted, nowhere. */
export async function readLink(volume: Volume, number: number): Promise<Uint8Array> {
  const { geometry } = volume;
  const raw = await readInode(volume, number);
  const { inode, view } = raw;
  if ((inode.mode & S_IFMT) !== S_IFLNK) throw corrupt('EXT_NOT_A_LINK', 'is no symbolic link');
  if (inode.flags & INODE_FLAG.encrypted) {
    throw unsupported('EXT_ENCRYPTED', 'its target is encrypted by the filesystem');
  }
  if (inode.size > MAX_LINK_BYTES) throw corrupt('EXT_LINK_LENGTH', `its target is ${inode.size} bytes long`);
  // ext4_inode_is_fast_symlink: no blocks beside that of the attributes.
  const attributeSectors =
    inode.attributeBlock === 0 ? 0 : (geometry.blockSize * geometry.clusterBlocks) / 512;
  const isFast =
    (inode.flags & INODE_FLAG.inlineData) === 0 &&
    inode.size < INODE.i_blockSize &&
    inode.sectors - attributeSectors === 0;
  if (isFast) return bytesOf(view, INODE.i_block, inode.size);
  if (inode.flags & INODE_FLAG.inlineData) return inlineBytes(volume, raw);
  const source = await mappedSource(volume, raw);
  const target = new Uint8Array(inode.size);
  await source.read(target, 0);
  return target;
}

function bytesOf(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset + at, length).slice();
}

/** i_block's 60 bytes, then the attribute system.data; i_size says how much of both counts. */
function inlineBytes(volume: Volume, { inode, view }: RawInode): Uint8Array {
  const more = inlineContinuation(volume.geometry, view, 0);
  const room = INODE.i_blockSize + (more === undefined ? 0 : more[1] - more[0]);
  if (inode.size > room) {
    throw corrupt('EXT_INLINE_SIZE', `size is ${inode.size}, its inline data hold ${room} bytes`);
  }
  const target = new Uint8Array(inode.size);
  target.set(bytesOf(view, INODE.i_block, Math.min(inode.size, INODE.i_blockSize)));
  if (more !== undefined && inode.size > INODE.i_blockSize) {
    target.set(bytesOf(view, more[0], inode.size - INODE.i_blockSize), INODE.i_blockSize);
  }
  return target;
}

async function mappedSource(volume: Volume, { inode, view }: RawInode): Promise<BlockSource> {
  const { geometry, source, context } = volume;
  const mapper = new BlockMapper(source, geometry, context, (_owner, error) => {
    throw error;
  });
  const isExtents = (inode.flags & INODE_FLAG.extents) !== 0;
  const { number, generation } = inode;
  mapper.add({ owner: 0, inode: number, generation, isExtents }, view, INODE.i_block);
  await mapper.resolve();
  const { runs } = mapper;
  const order = runs.byOwner();
  const from = new Float64Array(order.length);
  const to = new Float64Array(order.length);
  const disk = new Float64Array(order.length);
  const unwritten = new Uint8Array(order.length);
  let count = 0;
  for (const run of order) {
    const start = runs.logical[run]! * geometry.blockSize;
    const end = Math.min(start + runs.length[run]! * geometry.blockSize, inode.size);
    if (start >= end) continue;
    const place = runs.start[run]! * geometry.blockSize;
    const last = count - 1;
    // Indirect blocks stand between the data blocks that they map, so runs join only here.
    if (
      last >= 0 &&
      to[last] === start &&
      disk[last]! + start - from[last]! === place &&
      unwritten[last] === runs.unwritten[run]
    ) {
      to[last] = end;
      continue;
    }
    from[count] = start;
    to[count] = end;
    disk[count] = place;
    unwritten[count++] = runs.unwritten[run]!;
  }
  return new ExtFile(source, inode.number, inode.size, geometry.blockSize, {
    count,
    from,
    to,
    disk,
    unwritten,
  });
}

/** Runs of a file in bytes: [from, to) of the file stands at `disk`; what no run covers is a hole. */
interface FileMap {
  readonly count: number;
  readonly from: Float64Array;
  readonly to: Float64Array;
  readonly disk: Float64Array;
  readonly unwritten: Uint8Array;
}

class ExtFile implements BlockSource {
  readonly size: number;
  readonly granularity: number;
  private readonly source: BlockSource;
  private readonly number: number;
  private readonly map: FileMap;

  constructor(source: BlockSource, number: number, size: number, granularity: number, map: FileMap) {
    this.source = source;
    this.number = number;
    this.size = size;
    this.granularity = granularity;
    this.map = map;
  }

  /** Index of the first run that ends after `offset`. */
  private firstAfter(offset: number): number {
    let low = 0;
    let high = this.map.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.map.to[middle]! > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, `inode ${this.number}`);
    const { count, from, to, disk, unwritten } = this.map;
    const end = offset + target.length;
    let done = offset;
    let pending: Promise<void>[] = [];
    for (let run = this.firstAfter(offset); run < count && from[run]! < end; run++) {
      const start = Math.max(offset, from[run]!);
      const stop = Math.min(end, to[run]!);
      if (start > done) target.fill(0, done - offset, start - offset);
      done = stop;
      if (unwritten[run] === 1) target.fill(0, start - offset, stop - offset);
      else
        pending.push(
          this.source.read(target.subarray(start - offset, stop - offset), disk[run]! + start - from[run]!),
        );
      if (pending.length === PIECES_IN_FLIGHT) {
        await Promise.all(pending);
        pending = [];
      }
    }
    if (done < end) target.fill(0, done - offset);
    await Promise.all(pending);
  }

  async *extents(range: ByteRange = { start: 0, end: this.size }): AsyncGenerator<readonly BlockExtent[]> {
    const { count, from, to, unwritten } = this.map;
    let batch: BlockExtent[] = [];
    let done = range.start;
    const push = (end: number, kind: BlockExtent['kind']): void => {
      if (end <= done) return;
      const last = batch.at(-1);
      const stored = kind === 'data' ? end - done : 0;
      // Neighbours in the file that lie apart on the disk are one extent of the file.
      if (last !== undefined && last.kind === kind) {
        batch[batch.length - 1] = { start: last.start, end, kind, stored: last.stored + stored };
      } else batch.push({ start: done, end, kind, stored });
      done = end;
    };
    for (let run = this.firstAfter(range.start); run < count && from[run]! < range.end; run++) {
      push(Math.min(from[run]!, range.end), 'hole');
      push(Math.min(to[run]!, range.end), unwritten[run] === 1 ? 'zero' : 'data');
      if (batch.length > BATCH) {
        const last = batch.pop()!;
        yield batch;
        batch = [last];
      }
    }
    push(range.end, 'hole');
    if (batch.length > 0) yield batch;
  }

  async close(): Promise<void> {}
}
