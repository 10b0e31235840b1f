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
import { EXT2_NDIR_BLOCKS, INO, INODE, INODE_FLAG } from './layout.ts';
import { BlockMapper } from './mapping.ts';
import type { ScanFindings } from './scan.ts';
import { type Geometry, systemInodes } from './superblock.ts';
import { readInodes, type Volume } from './volume.ts';

/** Pointers in i_block: direct ones, then a single, a double and a triple indirect one. */
const EXT2_N_BLOCKS = EXT2_NDIR_BLOCKS + 3;
const DOUBLE_INDIRECT = EXT2_NDIR_BLOCKS + 1;

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
  /** Of the resize inode: the block that names the reserved group descriptor blocks. */
  let resizeBlock = 0;
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
      if (number === INO.resize && !isExtents) {
        resizeBlock = reservedDescriptorsBlock(geometry, view, at + INODE.i_block);
        if (resizeBlock !== 0) return;
      }
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
  if (resizeBlock !== 0) ranges.push({ start: resizeBlock * blockSize, end: (resizeBlock + 1) * blockSize });
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

/**
 * The resize inode maps the blocks that are reserved for group descriptors, through one double indirect block: that
 * block's number, or 0 when the inode maps anything else. What it maps belongs to the layout, so its thousand
 * indirect blocks, most of what a scan would read in small pieces, need not be read.
 */
function reservedDescriptorsBlock(geometry: Geometry, view: DataView, iBlock: number): number {
  const pointer = (index: number): number => view.getUint32(iBlock + 4 * index, true);
  for (let i = 0; i < EXT2_N_BLOCKS; i++) if (i !== DOUBLE_INDIRECT && pointer(i) !== 0) return 0;
  const block = pointer(DOUBLE_INDIRECT);
  const isInside = block > geometry.firstDataBlock && block < geometry.blocks;
  return geometry.reservedDescriptorBlocks > 0 && isInside ? block : 0;
}
