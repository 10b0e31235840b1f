/** What every part of the driver works on, and the way to raw inodes. */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt } from '../../../core/errors.ts';
import { viewOf } from '../../../core/record.ts';
import { RunList, readRuns } from '../../../sources/runs.ts';
import { inodeIsIntact } from './checksum.ts';
import type { Groups } from './groups.ts';
import { decodeInode, type Inode } from './inodes.ts';
import type { Geometry } from './superblock.ts';

export interface Volume {
  readonly source: BlockSource;
  readonly context: Context;
  readonly geometry: Geometry;
  readonly groups: Groups;
}

/** First block of a group's inode table, or -1 when the descriptor points outside the filesystem. */
export function inodeTableOf({ geometry, groups }: Volume, group: number): number {
  const start = groups.inodeTable[group]!;
  return start > geometry.firstDataBlock && start + geometry.tableBlocks <= geometry.blocks ? start : -1;
}

/**
 * Reads the given inodes, in disk order.
 * @param visit gets each as it stands on disk, in use or not; the bytes are its own only during the call
 * @param lost gets those that cannot be read
 */
export async function readInodes(
  volume: Volume,
  numbers: ArrayLike<number>,
  visit: (inode: number, view: DataView, at: number) => void,
  lost: (inode: number, message: string) => void,
): Promise<void> {
  const { geometry } = volume;
  const runs = new RunList();
  const wanted: number[] = [];
  const offsets: number[] = [];
  for (let i = 0; i < numbers.length; i++) {
    const inode = numbers[i]!;
    const table = inodeTableOf(volume, Math.floor((inode - 1) / geometry.inodesPerGroup));
    if (table < 0) {
      lost(inode, 'its inode table is outside the filesystem');
      continue;
    }
    const offset = ((inode - 1) % geometry.inodesPerGroup) * geometry.inodeSize;
    runs.add(table + Math.floor(offset / geometry.blockSize), 1);
    wanted.push(inode);
    offsets.push(offset % geometry.blockSize);
  }
  await readRuns(volume.source, geometry.blockSize, runs, volume.context, {
    visit: (run, _offset, _count, view, at) => visit(wanted[run]!, view, at + offsets[run]!),
    lost: (run, _offset, _count, message) => lost(wanted[run]!, message),
  });
}

/** An inode with a copy of its raw bytes. */
export interface RawInode {
  readonly inode: Inode;
  readonly view: DataView;
}

/** @throws `corrupt` when the number is out of range, the inode is not in use, unreadable or fails its checksum */
export async function readInode(volume: Volume, number: number): Promise<RawInode> {
  const { geometry } = volume;
  if (!Number.isInteger(number) || number < 1 || number > geometry.inodes) {
    throw corrupt(
      'EXT_INODE_OUT_OF_RANGE',
      `there is no inode ${number}; the filesystem has ${geometry.inodes}`,
    );
  }
  let found: RawInode | undefined;
  let failure = '';
  await readInodes(
    volume,
    [number],
    (_number, view, at) => {
      const bytes = new Uint8Array(
        view.buffer as ArrayBuffer,
        view.byteOffset + at,
        geometry.inodeSize,
      ).slice();
      found = { inode: decodeInode(geometry, number, viewOf(bytes), 0), view: viewOf(bytes) };
    },
    (_number, message) => {
      failure = message;
    },
  );
  if (found === undefined) throw corrupt('EXT_INODE_UNREADABLE', failure);
  const { inode, view } = found;
  if (geometry.seed !== undefined && inode.mode !== 0) {
    if (!inodeIsIntact(geometry.seed, number, view, 0, geometry.inodeSize)) {
      throw corrupt('EXT_INODE_CHECKSUM', 'the inode fails its checksum');
    }
  }
  return found;
}
