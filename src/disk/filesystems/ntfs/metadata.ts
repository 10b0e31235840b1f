/**
 * Which extents are structure rather than file content.
 *
 * The rule is that of ext: `size - unused - metadata` is what all files occupy that are no directories, once per
 * cluster. So everything of a file counts as its content, named streams and attributes that did not fit into its
 * record too; directories with all of theirs, the system files ($MFT, $LogFile, bad clusters …) and what is below
 * $Extend are metadata, and so is what belongs to no cluster.
 */
import { ExtentSet } from '../../../core/extents.ts';
import { STATE } from './columns.ts';
import type { Volume } from './mft.ts';
import { typeOfTag } from './reparse.ts';
import type { ScanFindings } from './scan.ts';

export function metadataExtents(
  { geometry }: Volume,
  size: number,
  { runs, files }: ScanFindings,
): ExtentSet {
  const { clusters, clusterSize } = geometry;
  const ranges = [{ start: clusters * clusterSize, end: size }];
  for (let run = 0; run < runs.count; run++) {
    if (!isStructure(files, runs.owner[run]!)) continue;
    const start = runs.start[run]! * clusterSize;
    ranges.push({ start, end: start + runs.length[run]! * clusterSize });
  }
  return ExtentSet.from(ranges).clip(0, size);
}

/** A junction is a directory that the table shows as a link. */
function isStructure(files: ScanFindings['files'], slot: number): boolean {
  const state = files.state[slot]!;
  if ((state & STATE.system) !== 0) return true;
  return (state & STATE.directory) !== 0 && typeOfTag(files.tag[slot]!) === undefined;
}
