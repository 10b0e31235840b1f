/** What every part of the driver works on, and the way to one raw inode. */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt } from '../../../core/errors.ts';
import { viewOf } from '../../../core/record.ts';
import { readBytes } from '../../../sources/read.ts';
import type { Groups } from './groups.ts';
import { decodeInode, type Inode, inodeProblem } from './inodes.ts';
import { type Geometry, placeOfInode } from './superblock.ts';

export interface Volume {
  readonly source: BlockSource;
  readonly context: Context;
  readonly geometry: Geometry;
  readonly groups: Groups;
}

/** An inode with its raw bytes, from byte 0 of `view` on. */
export interface RawInode {
  readonly inode: Inode;
  readonly view: DataView;
}

/** @throws `corrupt` when the number is out of range, the inode is not in use, unreadable or fails its checksum */
export async function readInode(volume: Volume, number: number): Promise<RawInode> {
  const { geometry, source } = volume;
  const place = Number.isSafeInteger(number) && number > 0 ? placeOfInode(geometry, number) : undefined;
  if (place === undefined || place.block < 0) {
    throw corrupt('XFS_INODE_OUT_OF_RANGE', `there is no place for an inode ${number}`);
  }
  const offset = place.block * geometry.blockSize + place.index * geometry.inodeSize;
  const view = viewOf(await readBytes(source, offset, geometry.inodeSize));
  const problem = inodeProblem(geometry, view, 0, number);
  if (problem !== undefined) throw corrupt('XFS_INODE_DAMAGED', problem);
  const inode = decodeInode(geometry, number, view, 0);
  if (inode.mode === 0 || inode.links === 0) throw corrupt('XFS_INODE_UNUSED', 'the inode is not in use');
  return { inode, view };
}
