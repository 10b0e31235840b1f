/**
 * Which extents are structure rather than file content.
 *
 * The rule is that of ext: `size - unused - metadata` is what `du` counts for everything that is no directory, once
 * per block. di_nblocks counts a file's own map and its attribute blocks, so these are content; directories with
 * all of theirs, quota files, group headers, free lists, btrees, inode chunks and the log are metadata. On a
 * consistent filesystem the sum of `allocated` over primary links of non-directories then equals content to the
 * block, unless extents are shared (reflink): du counts those once per file, the disk holds them once.
 */
import { ImgoptError } from '../../../core/errors.ts';
import { ExtentSet } from '../../../core/extents.ts';
import type { RunList } from '../../../sources/runs.ts';
import { ForkMapper } from './mapping.ts';
import type { ScanFindings } from './scan.ts';
import { readStructure } from './structure.ts';
import { readInode, type Volume } from './volume.ts';

export async function metadataExtents(volume: Volume, findings: ScanFindings): Promise<ExtentSet> {
  const { source, context, geometry } = volume;
  const { blockSize, blocks, systemInodes } = geometry;
  const report = (error: ImgoptError): void => {
    const place = error.where.reduce((at, one) => at.at(one), context);
    place.report('error', error.code.replace(/^IMGOPT_/, ''), error.message);
  };
  const structure = await readStructure(volume, report);
  const mapper = new ForkMapper(source, geometry, context, (owner, error) =>
    report(error.within(`inode ${systemInodes[owner]}`)),
  );
  for (const [owner, number] of systemInodes.entries()) {
    try {
      const { inode, view } = await readInode(volume, number);
      mapper.add(owner, number, inode.data, view);
      mapper.add(owner, number, inode.attributes, view);
    } catch (error) {
      if (!(error instanceof ImgoptError) || error.family === 'system') throw error;
      report(error.within(`inode ${number}`));
    }
  }
  await mapper.resolve();
  const ranges: { start: number; end: number }[] = [];
  const addRuns = (runs: RunList): void => {
    for (let i = 0; i < runs.count; i++) {
      const start = runs.start[i]! * blockSize;
      ranges.push({ start, end: start + runs.length[i]! * blockSize });
    }
  };
  for (const runs of [...findings.directoryRuns, mapper.runs, mapper.index]) addRuns(runs);
  return ExtentSet.from(ranges)
    .union(structure.extents)
    .clip(0, blocks * blockSize);
}
