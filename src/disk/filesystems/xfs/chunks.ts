/** Inode chunks of all groups, sorted and without overlaps: the list that the scan and the metadata walk share. */
import { corrupt, ImgoptError } from '../../../core/errors.ts';
import { TREES, walkTrees } from './btree.ts';
import { type Chunk, decodeChunk } from './inodes.ts';
import { INODES_PER_CHUNK } from './layout.ts';
import type { Volume } from './volume.ts';

/**
 * Reads the inode btrees.
 * @param seen gets the trees' blocks
 * @param failed gets what cannot be read or contradicts itself; it may throw to stop
 */
export async function readChunks(
  volume: Volume,
  seen: Set<number>,
  failed: (error: ImgoptError) => void,
): Promise<Chunk[]> {
  const { geometry, groups } = volume;
  const chunks: Chunk[] = [];
  const inodes = new Float64Array(geometry.groups);
  const free = new Float64Array(geometry.groups);
  const isBroken = new Uint8Array(geometry.groups);
  const record = TREES.inodes.recordSize;
  const fail = (group: number, error: ImgoptError): void => {
    isBroken[group] = 1;
    failed(error);
  };
  const roots = groups.inodes.map((one) => one?.tree ?? null);
  await walkTrees(volume, TREES.inodes, roots, seen, {
    leaf: (group, view, at, count) => {
      for (let i = 0; i < count; i++) {
        try {
          const found = decodeChunk(geometry, group, view, at + i * record);
          chunks.push(found.chunk);
          inodes[group]! += found.count;
          free[group]! += found.free;
        } catch (error) {
          if (!(error instanceof ImgoptError)) throw error;
          fail(group, error.within(`group ${group}`));
        }
      }
    },
    failed: fail,
  });
  for (let group = 0; group < geometry.groups; group++) {
    const header = groups.inodes[group];
    if (header == null || isBroken[group] === 1) continue;
    if (header.count === inodes[group] && header.freeCount === free[group]) continue;
    const message = `the header counts ${header.count} inodes, ${header.freeCount} of them free; the btree holds ${inodes[group]} and ${free[group]}`;
    failed(corrupt('XFS_INODE_COUNTS', message, { where: [`group ${group}`] }));
  }
  chunks.sort((a, b) => a.first - b.first);
  return chunks.filter((chunk, index) => {
    const before = chunks[index - 1];
    if (before === undefined || chunk.first >= before.first + INODES_PER_CHUNK) return true;
    failed(corrupt('XFS_INODE_CHUNK', `the chunk of inode ${chunk.first} overlaps that of ${before.first}`));
    return false;
  });
}
