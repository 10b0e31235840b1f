/**
 * What the free-space btrees say is unused: complete and proved, or an error, because these bytes will be dropped.
 *
 * Each group keeps its free space twice, by place and by length. Both must hold the same records, inside of the
 * group, without overlaps, and add up to what the group's header counts; nothing that is in use by the
 * filesystem's own structures or by the reverse map may be among it. Blocks that the free list sets aside for the
 * btrees count as free in `df`, but may be written to without asking, and are kept.
 */
import { corrupt, type ImgoptError, unsupported } from '../../../core/errors.ts';
import { ExtentBuilder, ExtentSet } from '../../../core/extents.ts';
import { unwritableFeatures } from './features.ts';
import { readStructure, type Stretches } from './structure.ts';
import { blocksOfGroup, type Geometry } from './superblock.ts';
import type { Volume } from './volume.ts';

/**
 * @returns unused extents in bytes, ascending
 * @throws `corrupt` when a btree or header contradicts itself, `unsupported` when a feature may use more space
 */
export async function unusedExtents(volume: Volume): Promise<ExtentSet> {
  const { source, geometry, groups } = volume;
  const unknown = unwritableFeatures(geometry.features);
  if (unknown.length > 0) {
    throw unsupported(
      'XFS_FEATURE',
      `uses ${unknown.join(', ')}, which may use space that imgopt takes for free`,
    );
  }
  if (geometry.blocks * geometry.blockSize > source.size) {
    throw corrupt('XFS_TRUNCATED', 'the filesystem is larger than what holds it', {
      advice: 'copy the image again',
    });
  }
  for (let group = 0; group < geometry.groups; group++) {
    if (groups.freeSpace[group] == null || groups.inodes[group] == null || groups.lists[group] == null) {
      throw corrupt('XFS_GROUP_DAMAGED', 'a header of the group is damaged', { where: [`group ${group}`] });
    }
  }
  const structure = await readStructure(volume, (error: ImgoptError) => {
    throw error;
  });
  const order = checkedOrder(volume, structure.freeByPlace);
  const other = checkedOrder(volume, structure.freeByLength);
  const builder = new ExtentBuilder();
  for (const [i, index] of order.entries()) {
    const start = structure.freeByPlace.start[index]!;
    const length = structure.freeByPlace.length[index]!;
    const twin = other[i];
    if (
      twin === undefined ||
      structure.freeByLength.start[twin] !== start ||
      structure.freeByLength.length[twin] !== length
    ) {
      throw corrupt('XFS_FREE_SPACE', `block ${start} is free by place and not by length`, {
        where: [`group ${Math.floor(start / geometry.groupBlocks)}`],
      });
    }
    builder.add(start * geometry.blockSize, (start + length) * geometry.blockSize);
  }
  const unused = builder.build();
  refuseUsed(geometry, unused, structure.extents, 'holds structure');
  if (structure.used !== undefined) {
    const { start, length } = structure.used;
    const used = ExtentSet.from(
      start.map((block, i) => ({
        start: block * geometry.blockSize,
        end: (block + length[i]!) * geometry.blockSize,
      })),
    );
    refuseUsed(geometry, unused, used, 'is in use by the reverse map');
  }
  return unused;
}

/** Indices in order of place. @throws `corrupt` unless they are inside, apart, and as many as the headers count */
function checkedOrder({ geometry, groups }: Volume, { start, length }: Stretches): number[] {
  const total = new Float64Array(geometry.groups);
  const longest = new Float64Array(geometry.groups);
  const order = start.map((_, index) => index).sort((a, b) => start[a]! - start[b]!);
  let end = 0;
  for (const index of order) {
    const block = start[index]!;
    const group = Math.min(geometry.groups - 1, Math.floor(block / geometry.groupBlocks));
    const inGroup = block - group * geometry.groupBlocks;
    if (length[index] === 0 || inGroup + length[index]! > blocksOfGroup(geometry, group) || block < end) {
      throw corrupt(
        'XFS_FREE_SPACE',
        `${length[index]} free blocks from block ${inGroup} on overlap others or the group's end`,
        { where: [`group ${group}`] },
      );
    }
    end = block + length[index]!;
    total[group]! += length[index]!;
    longest[group] = Math.max(longest[group]!, length[index]!);
  }
  for (let group = 0; group < geometry.groups; group++) {
    const { freeBlocks, longest: claimed } = groups.freeSpace[group]!;
    if (total[group] === freeBlocks && longest[group] === claimed) continue;
    throw corrupt(
      'XFS_FREE_COUNT',
      `${total[group]} blocks are free by the btree, ${longest[group]} at a stretch; ${freeBlocks} and ${claimed} by the header`,
      { where: [`group ${group}`], advice: 'run xfs_repair' },
    );
  }
  return order;
}

function refuseUsed({ blockSize }: Geometry, unused: ExtentSet, used: ExtentSet, why: string): void {
  const contradiction = unused.intersect(used);
  if (contradiction.isEmpty) return;
  throw corrupt(
    'XFS_FREE_IN_USE',
    `block ${contradiction.startOf(0) / blockSize} ${why} and is marked as free`,
    {
      advice: 'run xfs_repair',
    },
  );
}
