/**
 * Which extents are structure rather than file content: nodes of all trees in every copy, the files of the old
 * free-space cache, the superblock's copies and the reserved beginning of each device. Inline content of files is in
 * nodes, and so it is structure here.
 */
import type { ImgoptError } from '../../../core/errors.ts';
import { ExtentSet } from '../../../core/extents.ts';
import { reservedExtents } from './reserved.ts';
import type { Roots } from './roots.ts';
import { placesOf, readSpace } from './space.ts';
import type { Volume } from './volume.ts';

export async function metadataExtents(volume: Volume, roots: Roots): Promise<ExtentSet> {
  const report = (error: ImgoptError): void => {
    const place = error.where.reduce((at, one) => at.at(one), volume.context);
    place.report('error', error.code.replace(/^IMGOPT_/, ''), error.message);
  };
  const { metadata } = await readSpace(volume, roots, report);
  const cache = roots.cacheExtents.filter(
    ({ start, end }) => volume.chunks.find(start, end - start) !== undefined,
  );
  const addresses = metadata.union(ExtentSet.from(cache));
  return placesOf(volume, addresses).union(reservedExtents(volume)).clip(0, volume.source.size);
}
