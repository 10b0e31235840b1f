/** Content of files and targets of symbolic links. */
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import { viewOf } from '../../../core/record.ts';
import type { MappedRuns } from '../../../sources/mapped.ts';
import { mappedSource } from '../../../sources/mapped.ts';
import { memorySource } from '../../../sources/memory.ts';
import { readBytes } from '../../../sources/read.ts';
import { S_IFLNK, S_IFMT, S_IFREG } from '../mode.ts';
import { sealProblem } from './checksum.ts';
import { DIFLAG, FORMAT, SYMLINK } from './layout.ts';
import { ForkMapper } from './mapping.ts';
import { type RawInode, readInode, type Volume } from './volume.ts';

/** Content of a regular file; of a symbolic link its target. @throws `unsupported` for a file on a realtime device */
export async function openFile(volume: Volume, number: number): Promise<BlockSource> {
  const { geometry, source } = volume;
  const raw = await readInode(volume, number);
  const { inode } = raw;
  const kind = inode.mode & S_IFMT;
  if (kind === S_IFLNK) return memorySource(await targetOf(volume, raw), `inode ${number}`);
  if (kind !== S_IFREG) {
    throw corrupt('XFS_NOT_A_FILE', 'is neither a regular file nor a symbolic link');
  }
  if (inode.flags & DIFLAG.realtime) {
    throw unsupported('XFS_REALTIME', 'its content is on a realtime device, which imgopt cannot read');
  }
  if (!Number.isSafeInteger(inode.size)) throw corrupt('XFS_FILE_SIZE', 'its size exceeds 2^53 bytes');
  if (inode.data.format !== FORMAT.extents && inode.data.format !== FORMAT.btree) {
    throw corrupt('XFS_INODE_FORK', `a regular file of format ${inode.data.format}`);
  }
  const runs = await runsOf(volume, raw);
  return mappedSource(source, `inode ${number}`, inode.size, geometry.blockSize, runs);
}

/** Target of a symbolic link: inside of the inode, or in blocks. */
export async function readLink(volume: Volume, number: number): Promise<Uint8Array> {
  const raw = await readInode(volume, number);
  if ((raw.inode.mode & S_IFMT) !== S_IFLNK) throw corrupt('XFS_NOT_A_LINK', 'is no symbolic link');
  return await targetOf(volume, raw);
}

/** The map of the data fork. @throws `corrupt` when any of it is damaged or extents overlap */
async function runsOf(volume: Volume, { inode, view }: RawInode): Promise<MappedRuns> {
  const { source, geometry, context } = volume;
  const mapper = new ForkMapper(source, geometry, context, (_owner, error) => {
    throw error;
  });
  mapper.add(0, inode.number, inode.data, view);
  await mapper.resolve();
  const { runs } = mapper;
  let end = 0;
  for (const run of runs.byOwner()) {
    if (runs.logical[run]! < end) {
      throw corrupt('XFS_EXTENT_ORDER', `two extents hold its block ${runs.logical[run]}`);
    }
    end = runs.logical[run]! + runs.length[run]!;
  }
  return runs;
}

async function targetOf(volume: Volume, raw: RawInode): Promise<Uint8Array> {
  const { source, geometry } = volume;
  const { blockSize, hasCrc } = geometry;
  const { inode, view } = raw;
  const { size, data } = inode;
  if (size > SYMLINK.maxLength) throw corrupt('XFS_LINK_LENGTH', `its target is ${size} bytes long`);
  if (data.format === FORMAT.local) {
    if (size > data.size) {
      throw corrupt('XFS_LINK_LENGTH', `its target is ${size} bytes long, the inode holds ${data.size}`);
    }
    return new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset + data.at, size).slice();
  }
  const target = new Uint8Array(size);
  const runs = await runsOf(volume, raw);
  let done = 0;
  for (const run of runs.byOwner()) {
    if (done === size) break;
    // Each extent is one buffer with one header; a target of 1024 bytes takes few of the smallest blocks.
    const block = runs.start[run]!;
    const length = runs.length[run]! * blockSize;
    if (length > 2 * Math.max(blockSize, SYMLINK.maxLength + SYMLINK.headerSize)) {
      throw corrupt('XFS_LINK_LENGTH', `its target of ${size} bytes stands in ${length}`);
    }
    const bytes = await readBytes(source, block * blockSize, length);
    const header = hasCrc ? SYMLINK.headerSize : 0;
    const take = Math.min(size - done, length - header);
    if (hasCrc) checkTarget(volume, inode.number, viewOf(bytes), block, done, take);
    target.set(bytes.subarray(header, header + take), done);
    done += take;
  }
  if (done < size) throw corrupt('XFS_LINK_LENGTH', `${done} of ${size} bytes of its target are there`);
  return target;
}

function checkTarget(
  { geometry }: Volume,
  inode: number,
  view: DataView,
  block: number,
  offset: number,
  length: number,
): void {
  if (view.getUint32(0) !== SYMLINK.magic) {
    throw corrupt('XFS_LINK_MAGIC', `block ${block} holds no target of a symbolic link`);
  }
  const problem = sealProblem(geometry, SYMLINK, view, 0, view.byteLength, block, inode);
  if (problem !== undefined) throw corrupt('XFS_LINK_CHECKSUM', `the block of its target ${problem}`);
  if (view.getUint32(SYMLINK.offset) !== offset || view.getUint32(SYMLINK.bytes) !== length) {
    throw corrupt(
      'XFS_LINK_LENGTH',
      `block ${block} says that it holds ${view.getUint32(SYMLINK.bytes)} bytes from ${view.getUint32(SYMLINK.offset)} on`,
    );
  }
}
