/** Content of files and targets of symbolic links. */
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import { mappedSource } from '../../../sources/mapped.ts';
import { memorySource } from '../../../sources/memory.ts';
import { S_IFLNK, S_IFMT, S_IFREG } from '../mode.ts';
import { inlineContinuation } from './inodes.ts';
import { INODE, INODE_FLAG } from './layout.ts';
import { BlockMapper } from './mapping.ts';
import { type RawInode, readInode, type Volume } from './volume.ts';

/** PATH_MAX, and the largest block: a target is shorter than both allow. */
const MAX_LINK_BYTES = 65536;

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
  return await contentOf(volume, raw);
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
  const source = await contentOf(volume, raw);
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

async function contentOf(volume: Volume, { inode, view }: RawInode): Promise<BlockSource> {
  const { geometry, source, context } = volume;
  const mapper = new BlockMapper(source, geometry, context, (_owner, error) => {
    throw error;
  });
  const isExtents = (inode.flags & INODE_FLAG.extents) !== 0;
  const { number, generation } = inode;
  mapper.add({ owner: 0, inode: number, generation, isExtents }, view, INODE.i_block);
  await mapper.resolve();
  return mappedSource(source, `inode ${number}`, inode.size, geometry.blockSize, mapper.runs);
}
