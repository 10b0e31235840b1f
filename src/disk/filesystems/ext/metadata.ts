/**
 * Which extents are structure rather than file content.
 *
 * The rule: `size - unused - metadata` is what `du` counts for everything that is no directory. i_blocks counts
 * a file's own map (extent nodes, indirect blocks), its block of extended attributes and the inodes that hold
 * its large attribute values (ea_inode), so these are content; directories with all their blocks, the journal,
 * the resize and quota inodes, the orphan file and the layout itself are metadata. On a consistent filesystem
 * the sum of `allocated` over primary links of non-directories then equals content to the block, with these
 * exceptions: what several inodes share (attribute blocks and values with a reference count, shared_blocks) du
 * counts once per inode, and a large attribute value of a directory is content here.
 */
import type { ImgoptError } from '../../../core/errors.ts';
import { ExtentSet } from '../../../core/extents.ts';
import type { RunList } from '../../../sources/runs.ts';
import { layoutExtents } from './groups.ts';
import { attributeBlockOf } from './inodes.ts';
import { INODE, INODE_FLAG } from './layout.ts';
import { BlockMapper } from './mapping.ts';
import type { ScanFindings } from './scan.ts';
import { systemInodes } from './superblock.ts';
import { readInodes, type Volume } from './volume.ts';

export async function metadataExtents(volume: Volume, findings: ScanFindings): Promise<ExtentSet> {
  const { source, context, geometry, groups } = volume;
  const { blockSize, blocks } = geometry;
  const inodes = systemInodes(geometry);
  const failed = (owner: number, error: ImgoptError): void => {
    const code = error.code.replace(/^IMGOPT_/, '');
    context.at(`inode ${inodes[owner]}`).report('error', code, error.message);
  };
  const mapper = new BlockMapper(source, geometry, context, failed);
  const attributes = new Set<number>();
  const ownerOf = new Map(inodes.map((inode, owner) => [inode, owner]));
  await readInodes(
    volume,
    inodes,
    (number, view, at) => {
      const flags = view.getUint32(at + INODE.i_flags, true);
      if (flags & INODE_FLAG.inlineData) return;
      const block = attributeBlockOf(geometry, view, at);
      if (block !== 0) attributes.add(block);
      const isExtents = (flags & INODE_FLAG.extents) !== 0;
      const generation = view.getUint32(at + INODE.i_generation, true);
      mapper.add(
        { owner: ownerOf.get(number)!, inode: number, generation, isExtents },
        view,
        at + INODE.i_block,
      );
    },
    (number, message) => context.at(`inode ${number}`).report('error', 'EXT_INODE_UNREADABLE', message),
  );
  await mapper.resolve();

  const { attributeBlocks } = findings;
  const ofFiles = new Set<number>();
  for (let i = 0; i < attributeBlocks.count; i++) {
    const block = attributeBlocks.block[i]!;
    if (attributeBlocks.ofDirectory[i] === 1) attributes.add(block);
    else ofFiles.add(block);
  }
  const ranges: { start: number; end: number }[] = [];
  for (const block of attributes) {
    if (!ofFiles.has(block) && block < blocks)
      ranges.push({ start: block * blockSize, end: (block + 1) * blockSize });
  }
  const addRuns = (runs: RunList): void => {
    for (let i = 0; i < runs.count; i++) {
      const start = runs.start[i]! * blockSize;
      ranges.push({ start, end: start + runs.length[i]! * blockSize });
    }
  };
  for (const runs of [...findings.directoryRuns, ...findings.indexRuns, mapper.runs, mapper.index])
    addRuns(runs);
  // A cluster belongs to one inode, whichever of its blocks are in use.
  return ExtentSet.from(ranges)
    .alignOutward(blockSize * geometry.clusterBlocks)
    .clip(0, blocks * blockSize)
    .union(layoutExtents(geometry, groups));
}
