/**
 * The content of a file, whatever it is made of. What is stored as it is comes straight from the source; clusters are
 * decoded whole, through one bounded cache of all open files; a fragment is read from the packed inode.
 */
import type { BlockExtent, BlockSource } from '../../../core/contracts/source.ts';
import { corrupt } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { IMAGE_CACHE_BYTES } from '../../../core/limits.ts';
import { inParallel } from '../../../core/parallel.ts';
import { RecentlyUsed } from '../../../core/recently-used.ts';
import { hex } from '../../../core/text.ts';
import { ExtentBatch } from '../../../sources/extent-batch.ts';
import { assertInside } from '../../../sources/file.ts';
import { readBytes } from '../../../sources/read.ts';
import { decodeCluster } from './codec.ts';
import { type ContentMap, FORM } from './content-map.ts';
import type { Superblock } from './superblock.ts';

/** Extents of one read that are decoded at once. */
const IN_FLIGHT = 8;

/** Reads clusters, and keeps what was used last. */
export class ClusterCache {
  readonly source: BlockSource;
  readonly superblock: Superblock;
  /** By place and length. */
  private readonly kept = new RecentlyUsed<string, Uint8Array>(IMAGE_CACHE_BYTES);

  constructor(source: BlockSource, superblock: Superblock) {
    this.source = source;
    this.superblock = superblock;
  }

  /** The decoded bytes of an extent that is compressed or interlaced. */
  extent(map: ContentMap, index: number): Promise<Uint8Array> {
    const length = map.endOf(index) - map.from[index]!;
    // Files may share a cluster and take different lengths of it, or turn it differently.
    const turned = map.form[index] === FORM.interlaced ? map.from[index]! % this.superblock.blockSize : -1;
    const key = `${map.place[index]} ${length} ${turned}`;
    return this.kept.get(key, length, () => this.load(map, index, length));
  }

  private async load(map: ContentMap, index: number, length: number): Promise<Uint8Array> {
    const place = map.place[index]!;
    const stored = map.stored[index]!;
    const { size, isPaddedInFront, blockSize } = this.superblock;
    if (place + stored > Math.min(size, this.source.size))
      throw corrupt(
        'EROFS_EXTENT',
        `the extent at ${hex(place)} lies past the end of what holds the filesystem`,
      );
    const packed = await readBytes(this.source, place, stored);
    const form = map.form[index]!;
    if (form === FORM.interlaced) return turnedBack(packed, map.from[index]! % blockSize, length, blockSize);
    const isPartial = map.partial[index] === 1;
    return decodeCluster(form - FORM.compressed, packed, length, isPartial, isPaddedInFront);
  }
}

/** What stands before a block's end in the file stands before the end of the last block; the rest from the first on. */
function turnedBack(packed: Uint8Array, offset: number, length: number, blockSize: number): Uint8Array {
  const first = blockSize - offset;
  if (first > packed.length)
    throw corrupt(
      'EROFS_CLUSTER',
      `an interlaced cluster of ${packed.length} bytes begins at byte ${offset}`,
    );
  const bytes = new Uint8Array(length);
  const taken = Math.min(first, length);
  bytes.set(packed.subarray(packed.length - first, packed.length - first + taken));
  bytes.set(packed.subarray(0, length - taken), taken);
  return bytes;
}

export class ErofsFile implements BlockSource {
  readonly size: number;
  readonly granularity: number;
  private readonly cache: ClusterCache;
  private readonly map: ContentMap;
  private readonly packed: BlockSource | undefined;

  /** @param packed the packed inode's content, for a map with a fragment */
  constructor(cache: ClusterCache, map: ContentMap, packed: BlockSource | undefined) {
    this.cache = cache;
    this.map = map;
    this.packed = packed;
    this.size = map.size;
    this.granularity = cache.superblock.blockSize;
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, 'file');
    const { map } = this;
    const end = offset + target.length;
    const jobs: (() => Promise<void>)[] = [];
    for (let at = offset, index = map.indexAt(offset); at < end; index++) {
      const stop = Math.min(end, map.endOf(index));
      const from = at - map.from[index]!;
      const part = target.subarray(at - offset, stop - offset);
      jobs.push(() => this.copy(index, from, part));
      at = stop;
    }
    await inParallel(jobs, IN_FLIGHT);
  }

  private async copy(index: number, from: number, target: Uint8Array): Promise<void> {
    const { map, cache, packed } = this;
    const form = map.form[index]!;
    if (form === FORM.hole) target.fill(0);
    else if (form === FORM.plain) await cache.source.read(target, map.place[index]! + from);
    else if (form === FORM.fragment) {
      if (packed === undefined)
        throw corrupt('EROFS_FRAGMENT', 'its end is a fragment, and there is no packed inode');
      await packed.read(target, map.place[index]! + from);
    } else {
      const bytes = await cache.extent(map, index);
      target.set(bytes.subarray(from, from + target.length));
    }
  }

  /** A part of a cluster has that part of its stored bytes; a fragment has what its part of the packed inode has. */
  async *extents(range: ByteRange = { start: 0, end: this.size }): AsyncGenerator<readonly BlockExtent[]> {
    assertInside(range.end - range.start, range.start, this.size, 'file');
    const { map } = this;
    const batch = new ExtentBatch();
    for (let at = range.start, index = map.indexAt(at); at < range.end; index++) {
      const end = Math.min(range.end, map.endOf(index));
      const form = map.form[index]!;
      const length = end - at;
      if (form === FORM.hole) batch.add({ start: at, end, kind: 'hole', stored: 0 });
      else if (form < FORM.fragment) batch.add({ start: at, end, kind: 'data', stored: length });
      else {
        const share = length / (map.endOf(index) - map.from[index]!);
        const stored =
          form === FORM.fragment
            ? await this.fragmentStored(map.place[index]! + at - map.from[index]!, length)
            : Math.floor(map.stored[index]! * share);
        batch.add({ start: at, end, kind: 'data', stored, compressed: true });
      }
      at = end;
      const full = batch.takeFull();
      if (full !== undefined) yield full;
    }
    const rest = batch.takeRest();
    if (rest !== undefined) yield rest;
  }

  private async fragmentStored(start: number, length: number): Promise<number> {
    const { packed } = this;
    if (packed === undefined || start + length > packed.size) return 0;
    let stored = 0;
    for await (const batch of packed.extents({ start, end: start + length }))
      for (const extent of batch) stored += extent.stored;
    return stored;
  }

  async close(): Promise<void> {}
}
