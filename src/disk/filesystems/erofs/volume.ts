/** What all parts of the driver share: the source, the superblock, and single inodes with their content. */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { MAX_EROFS_INDEX_BYTES, MAX_READ_BYTES } from '../../../core/limits.ts';
import { hex } from '../../../core/text.ts';
import { readBytes } from '../../../sources/read.ts';
import { clusterMap, indexRange, mapHeaderPlace, parseMapHeader } from './cluster-map.ts';
import { ContentMap, chunkListRange, chunkMap, flatMap } from './content-map.ts';
import { ClusterCache, ErofsFile } from './file.ts';
import { type Inode, parseInode, placeOfInode } from './inodes.ts';
import { EXTENDED, LAYOUT, MAP_HEADER } from './layout.ts';
import type { Superblock } from './superblock.ts';

export class Volume {
  readonly source: BlockSource;
  readonly context: Context;
  readonly superblock: Superblock;
  private readonly cache: ClusterCache;
  private packed: Promise<BlockSource> | undefined;

  constructor(source: BlockSource, context: Context, superblock: Superblock) {
    this.source = source;
    this.context = context;
    this.superblock = superblock;
    this.cache = new ClusterCache(source, superblock);
  }

  /** The bytes that an inode may take, without what follows it. @throws ImgoptError `corrupt` */
  rangeOfInode(number: number): ByteRange {
    const start = placeOfInode(this.superblock, number);
    return { start, end: Math.min(start + EXTENDED.size, this.superblock.size) };
  }

  async inode(number: number): Promise<Inode> {
    const { start, end } = this.rangeOfInode(number);
    return parseInode(this.superblock, number, start, await readBytes(this.source, start, end - start));
  }

  /** What else must be read to have the map, at first: nothing, a list of chunks or the header of an index. */
  firstRange(inode: Inode): ByteRange {
    const { layout, size } = inode;
    if (layout === LAYOUT.chunkBased) return this.inside(chunkListRange(this.superblock, inode));
    if (!isClustered(inode) || size === 0) return { start: 0, end: 0 };
    const start = mapHeaderPlace(inode);
    return this.inside({ start, end: start + MAP_HEADER.size });
  }

  /** @param first the bytes of `firstRange` */
  secondRange(inode: Inode, first: Uint8Array): ByteRange {
    if (!isClustered(inode) || inode.size === 0) return { start: 0, end: 0 };
    const { superblock } = this;
    return this.inside(indexRange(superblock, inode, parseMapHeader(superblock, inode, first)));
  }

  /**
   * @param first the bytes of `firstRange`
   * @param second the bytes of `secondRange`
   */
  mapOf(inode: Inode, first: Uint8Array, second: Uint8Array): ContentMap {
    const { superblock } = this;
    if (inode.layout === LAYOUT.chunkBased) return chunkMap(superblock, inode, first);
    if (!isClustered(inode)) return flatMap(superblock, inode);
    if (inode.size === 0) return new ContentMap(0);
    return clusterMap(superblock, inode, parseMapHeader(superblock, inode, first), second);
  }

  private inside(range: ByteRange): ByteRange {
    if (range.end > this.superblock.size)
      throw corrupt('EROFS_INDEX', `its map at ${hex(range.start)} reaches past the end of the filesystem`);
    if (range.end - range.start > MAX_EROFS_INDEX_BYTES)
      throw unsupported('EROFS_INDEX', `its map has more than ${MAX_EROFS_INDEX_BYTES} bytes`);
    return range;
  }

  async map(inode: Inode): Promise<ContentMap> {
    const first = await this.read(this.firstRange(inode));
    return this.mapOf(inode, first, await this.read(this.secondRange(inode, first)));
  }

  private async read({ start, end }: ByteRange): Promise<Uint8Array> {
    if (end > this.source.size) await readBytes(this.source, start, 1 + this.source.size - start);
    const bytes = new Uint8Array(end - start);
    for (let at = 0; at < bytes.length; at += MAX_READ_BYTES)
      await this.source.read(bytes.subarray(at, at + MAX_READ_BYTES), start + at);
    return bytes;
  }

  /** Content by its map. */
  async file(map: ContentMap): Promise<BlockSource> {
    const { packed: number } = this.superblock;
    const hasFragment = map.fragmentBytes > 0 && number !== undefined;
    if (hasFragment) this.packed ??= this.openPacked(number);
    return new ErofsFile(this.cache, map, hasFragment ? await this.packed : undefined);
  }

  /** The packed inode has no fragments itself. */
  private async openPacked(number: number): Promise<BlockSource> {
    return new ErofsFile(this.cache, await this.map(await this.inode(number)), undefined);
  }
}

function isClustered({ layout }: Inode): boolean {
  return layout === LAYOUT.compressedFull || layout === LAYOUT.compressedCompact;
}
