/**
 * Run lists (mapping pairs). A pair is a byte with two sizes, then that many bytes of a length and of a distance
 * from where the run before began, both signed and in clusters; a run without distance is a hole; a zero ends them.
 */
import { corrupt } from '../../../core/errors.ts';
import type { Geometry } from './boot.ts';
import { ATTR } from './layout.ts';
import { big64 } from './record.ts';

/** Reads `size` bytes, 1 to 8, as a signed number. */
function signed(view: DataView, at: number, size: number): number {
  if (size > 6) {
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(at + i));
    return Number(BigInt.asIntN(8 * size, value));
  }
  let value = view.getInt8(at + size - 1);
  for (let i = size - 2; i >= 0; i--) value = value * 256 + view.getUint8(at + i);
  return value;
}

/** `cluster` is -1 for a hole. */
export type RunVisitor = (vcn: number, cluster: number, length: number) => void;

/**
 * Decodes the runs of one non-resident attribute that `walkAttributes` has passed.
 * @returns the cluster of the attribute (vcn) that follows them
 * @throws `corrupt` when they leave the volume, or do not reach as far as the attribute's header says
 */
export function decodeRuns(
  view: DataView,
  at: number,
  { clusters, clusterSize }: Geometry,
  visit: RunVisitor,
): number {
  const lowest = big64(view, at + ATTR.lowest_vcn);
  const end = at + view.getUint32(at + ATTR.length, true);
  const lastVcn = Number.MAX_SAFE_INTEGER / clusterSize;
  let place = at + view.getUint16(at + ATTR.mapping_pairs_offset, true);
  if (!(lowest <= lastVcn)) throw corrupt('NTFS_RUN_LIST', 'its runs begin beyond 2^53 bytes');
  let vcn = lowest;
  let cluster = 0;
  for (;;) {
    if (place >= end) throw corrupt('NTFS_RUN_LIST', 'its run list has no end');
    const sizes = view.getUint8(place++);
    if (sizes === 0) break;
    const lengthSize = sizes & 15;
    const offsetSize = sizes >>> 4;
    if (lengthSize === 0 || lengthSize > 8 || offsetSize > 8 || place + lengthSize + offsetSize > end)
      throw corrupt(
        'NTFS_RUN_LIST',
        `its run at cluster ${vcn} has sizes of ${lengthSize} and ${offsetSize} bytes`,
      );
    const length = signed(view, place, lengthSize);
    place += lengthSize;
    if (length <= 0 || !(vcn + length <= lastVcn))
      throw corrupt('NTFS_RUN_LIST', `its run at cluster ${vcn} is ${length} clusters long`);
    if (offsetSize === 0) visit(vcn, -1, length);
    else {
      cluster += signed(view, place, offsetSize);
      place += offsetSize;
      if (cluster < 0 || cluster + length > clusters)
        throw corrupt(
          'NTFS_RUN_OUTSIDE',
          `its run at cluster ${vcn} lies at ${cluster} to ${cluster + length - 1}, the volume has ${clusters} clusters`,
        );
      visit(vcn, cluster, length);
    }
    vcn += length;
  }
  // An empty attribute has the highest vcn -1.
  const highest = view.getBigInt64(at + ATTR.highest_vcn, true);
  if (BigInt(vcn) !== highest + 1n)
    throw corrupt('NTFS_RUN_LIST', `its runs end before cluster ${vcn}, its header says after ${highest}`);
  return vcn;
}
