/**
 * Maps of compressed files. A file is cut into logical clusters, usually of one block, and an index has an entry for
 * each: either an extent begins in it (a head: where, and at which block its compressed bytes begin) or it goes on.
 * Read from the first entry to the last, the heads alone say where every extent begins and ends; the distances that
 * the other entries carry serve random access and are not needed.
 *
 * Three encodings: full (8 bytes an entry), compact (4 bytes, or 2 in stretches of 16), and a list of extents at
 * byte addresses (with the feature 48bit). The last extent may stand behind the index, or in the packed inode.
 */
import { corrupt, unsupported } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { readU64, viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { ContentMap, checked, FORM } from './content-map.ts';
import type { Inode } from './inodes.ts';
import {
  ADVISE,
  D0_CBLKCNT,
  EXTENT,
  FRAGMENT_INODE,
  FULL_INDEX,
  LAYOUT,
  LCLUSTER,
  MAP_HEADER,
  PARTIAL_REF,
} from './layout.ts';
import type { Superblock } from './superblock.ts';

export interface MapHeader {
  readonly advise: number;
  readonly clusterBits: number;
  /** Of heads of the first kind and of the second. */
  readonly algorithms: readonly [number, number];
  /** Where the end of the file, or all of it, begins in the packed inode: its lower bits. */
  readonly fragmentOffset: number;
  /** All of it lies in the packed inode. */
  readonly isFragment: boolean;
  /** Bytes of the last extent behind the index; 0 when it is not there. */
  readonly inlineBytes: number;
  /** Of a list of extents; undefined for an index. */
  readonly extents: number | undefined;
}

const MAX_COMPACT_CLUSTER_BITS = 14;
const MAX_COMPACT_2B_CLUSTER_BITS = 12;

/** Where the map's header stands: MAP_HEADER.size bytes. */
export function mapHeaderPlace(inode: Inode): number {
  return Math.ceil(inode.end / 8) * 8;
}

/** @throws ImgoptError `corrupt` */
export function parseMapHeader(superblock: Superblock, inode: Inode, bytes: Uint8Array): MapHeader {
  const view = viewOf(bytes);
  const bits = bytes[MAP_HEADER.h_clusterbits]!;
  const isFragment = (bits & FRAGMENT_INODE) !== 0;
  if (isFragment) {
    const rest = Uint8Array.from(bytes);
    rest[MAP_HEADER.h_clusterbits]! &= ~FRAGMENT_INODE;
    const fragmentOffset = readU64(viewOf(rest), 0, true);
    const none = {
      advise: 0,
      clusterBits: 0,
      algorithms: [0, 0],
      inlineBytes: 0,
      extents: undefined,
    } as const;
    return { ...none, isFragment, fragmentOffset };
  }
  const advise = view.getUint16(MAP_HEADER.h_advise, true);
  const clusterBits = superblock.blockBits + (bits & 15);
  const algorithms = bytes[MAP_HEADER.h_algorithmtype]!;
  const has = (flag: number): boolean => (advise & flag) !== 0;
  const isList = inode.layout === LAYOUT.compressedFull && has(ADVISE.extents);
  if (inode.layout === LAYOUT.compressedCompact && has(ADVISE.bigPcluster1) !== has(ADVISE.bigPcluster2))
    throw corrupt('EROFS_MAP', 'only one kind of its heads has large clusters');
  const isShared = has(ADVISE.fragmentPcluster);
  return {
    advise,
    clusterBits,
    algorithms: [algorithms & 15, algorithms >>> 4],
    isFragment,
    fragmentOffset: view.getUint32(MAP_HEADER.h_fragmentoff, true),
    inlineBytes:
      !isShared && !isList && has(ADVISE.inlinePcluster) ? view.getUint16(MAP_HEADER.h_idata_size, true) : 0,
    extents: isList
      ? view.getUint32(MAP_HEADER.h_extents_lo, true) +
        view.getUint16(MAP_HEADER.h_extents_hi, true) * 2 ** 32
      : undefined,
  };
}

/** Bytes of one record of a list of extents: 4, 8, 16 or 32. */
function recordSize({ advise }: MapHeader): number {
  return 4 << ((advise >>> 1) & 3);
}

function clusterCount(inode: Inode, header: MapHeader): number {
  return Math.ceil(inode.size / 2 ** header.clusterBits);
}

/** The stretches of a compact index: 4 bytes an entry up to a multiple of 32, then 2, then 4 for the rest. */
function compactStretches(
  superblock: Superblock,
  inode: Inode,
  header: MapHeader,
): readonly { readonly entries: number; readonly width: 2 | 4 }[] {
  const count = clusterCount(inode, header);
  const base = mapHeaderPlace(inode) + MAP_HEADER.size;
  const total = Math.ceil(inode.size / superblock.blockSize);
  const first = Math.floor((32 - (base % 32)) / 4) & 7;
  const isNarrow = (header.advise & ADVISE.compacted2b) !== 0 && first < total;
  const narrow = isNarrow ? Math.floor((total - first) / 16) * 16 : 0;
  const stretches: { entries: number; width: 2 | 4 }[] = [];
  let left = count;
  for (const [entries, width] of [
    [first, 4],
    [narrow, 2],
    [count, 4],
  ] as const) {
    const taken = Math.min(left, entries);
    if (taken > 0) stretches.push({ entries: taken, width });
    left -= taken;
  }
  return stretches;
}

/** Entries of one width share a number of a block between them: 2 of 4 bytes, 16 of 2. */
function packEntries(width: 2 | 4): number {
  return width === 4 ? 2 : 16;
}

/** Where the index or list stands that `clusterMap` wants. */
export function indexRange(superblock: Superblock, inode: Inode, header: MapHeader): ByteRange {
  const start = mapHeaderPlace(inode) + MAP_HEADER.size;
  if (header.isFragment) return { start, end: start };
  if (header.extents !== undefined) {
    const unit = recordSize(header);
    const first = Math.ceil(start / unit) * unit;
    if (unit > 8) return { start: first, end: first + unit * header.extents };
    return { start: first, end: first + (unit === 4 ? 8 : 0) + unit * clusterCount(inode, header) };
  }
  if (inode.layout === LAYOUT.compressedFull) {
    const first = start + FULL_INDEX.reserved;
    return { start: first, end: first + FULL_INDEX.size * clusterCount(inode, header) };
  }
  let end = start;
  for (const { entries, width } of compactStretches(superblock, inode, header)) {
    const pack = packEntries(width);
    end += Math.ceil(entries / pack) * pack * width;
  }
  return { start, end };
}

/**
 * @param index the bytes of `indexRange`
 * @throws ImgoptError `corrupt` or `unsupported`
 */
export function clusterMap(
  superblock: Superblock,
  inode: Inode,
  header: MapHeader,
  index: Uint8Array,
): ContentMap {
  const map = new ContentMap(inode.size);
  if (header.isFragment) map.add(0, header.fragmentOffset, 0, FORM.fragment);
  else if (header.extents !== undefined) {
    if (recordSize(header) > 8) takeRecords(map, superblock, header, index);
    else takeFixedRecords(map, superblock, header, index);
  } else {
    const heads =
      inode.layout === LAYOUT.compressedFull
        ? fullHeads(inode, header, index)
        : compactHeads(superblock, inode, header, index);
    const { end } = indexRange(superblock, inode, header);
    takeHeads(map, superblock, header, heads, end, inode.layout === LAYOUT.compressedFull);
  }
  return checked(map, superblock, true);
}

/** Where extents begin, in columns. */
interface Heads {
  readonly from: number[];
  readonly type: number[];
  readonly block: number[];
  /** Compressed blocks; 0 where the index does not say. */
  readonly blocks: number[];
  readonly partial: boolean[];
}

/** Puts heads together from the entries of an index, which come in order. */
class HeadCollector implements Heads {
  readonly from: number[] = [];
  readonly type: number[] = [];
  readonly block: number[] = [];
  readonly blocks: number[] = [];
  readonly partial: boolean[] = [];
  private readonly header: MapHeader;
  private cluster = 0;
  /** The last entry was a head whose count of blocks the next one may carry. */
  private isOpen = false;

  constructor(header: MapHeader) {
    this.header = header;
  }

  head(type: number, offset: number, block: number, isPartial: boolean): void {
    const size = 2 ** this.header.clusterBits;
    if (offset >= size)
      throw corrupt('EROFS_INDEX', `an extent begins ${offset} bytes into a cluster of ${size}`);
    if (this.cluster === 0 && offset !== 0)
      throw corrupt('EROFS_INDEX', `the first extent begins at byte ${offset}`);
    this.from.push(this.cluster++ * size + offset);
    this.type.push(type);
    this.block.push(block);
    this.blocks.push(1);
    this.partial.push(isPartial);
    const flag = type === LCLUSTER.head1 ? ADVISE.bigPcluster1 : ADVISE.bigPcluster2;
    this.isOpen = (this.header.advise & flag) !== 0;
  }

  /** @param blocks the count that the entry carries; undefined for a distance */
  goesOn(blocks: number | undefined): void {
    if (this.cluster++ === 0)
      throw corrupt('EROFS_INDEX', 'the first cluster goes on with an extent before it');
    if (this.isOpen) {
      // The last extent needs none when it is stored elsewhere, so what is missing shows where it is used.
      this.blocks[this.blocks.length - 1] = blocks ?? 0;
    }
    this.isOpen = false;
  }
}

function fullHeads(inode: Inode, header: MapHeader, index: Uint8Array): Heads {
  const view = viewOf(index);
  const collector = new HeadCollector(header);
  const end = clusterCount(inode, header) * FULL_INDEX.size;
  for (let at = 0; at < end; at += FULL_INDEX.size) {
    const advise = view.getUint16(at + FULL_INDEX.di_advise, true);
    const type = advise & 3;
    if (type === LCLUSTER.nonhead) {
      const delta = view.getUint16(at + FULL_INDEX.di_u, true);
      collector.goesOn((delta & D0_CBLKCNT) !== 0 ? delta & ~D0_CBLKCNT : undefined);
    } else {
      const offset = view.getUint16(at + FULL_INDEX.di_clusterofs, true);
      const block = view.getUint32(at + FULL_INDEX.di_u, true);
      collector.head(type, offset, block, (advise & PARTIAL_REF) !== 0);
    }
  }
  return collector;
}

/**
 * A pack holds entries of a few bits (a type above an offset, distance or count), then the number of the block where
 * the first extent that begins in it is stored, or of the one before that: the others follow without gaps.
 */
function compactHeads(superblock: Superblock, inode: Inode, header: MapHeader, index: Uint8Array): Heads {
  const { clusterBits, advise } = header;
  const collector = new HeadCollector(header);
  const isBig = (advise & ADVISE.bigPcluster1) !== 0;
  const view = viewOf(index);
  const lowBits = Math.max(clusterBits, 12);
  let at = 0;
  for (const { entries, width } of compactStretches(superblock, inode, header)) {
    const most = width === 4 ? MAX_COMPACT_CLUSTER_BITS : MAX_COMPACT_2B_CLUSTER_BITS;
    if (clusterBits > most)
      throw unsupported('EROFS_INDEX', `has a compact index of clusters of ${2 ** clusterBits} bytes`);
    const perPack = packEntries(width);
    const packBytes = perPack * width;
    const bits = ((packBytes - 4) * 8) / perPack;
    for (let first = 0; first < entries; first += perPack, at += packBytes) {
      let block = view.getUint32(at + packBytes - 4, true) + (isBig ? 0 : 1);
      let wasHead = false;
      for (let i = 0; i < Math.min(perPack, entries - first); i++) {
        // 16 bits at most, within 4 bytes of the pack or its last ones.
        const bit = i * bits;
        const word = view.getUint32(at + (bit >>> 3), true) >>> (bit & 7);
        const low = word & ((1 << lowBits) - 1);
        const type = (word >>> lowBits) & 3;
        if (type !== LCLUSTER.nonhead) {
          collector.head(type, low, block, false);
          block++;
          wasHead = true;
          continue;
        }
        const blocks = (low & D0_CBLKCNT) !== 0 ? low & ~D0_CBLKCNT : undefined;
        if (blocks !== undefined) {
          if (!isBig || (i > 0 && !wasHead))
            throw corrupt('EROFS_INDEX', 'a count of blocks stands where there can be none');
          block += blocks - (wasHead ? 1 : 0);
        }
        collector.goesOn(blocks);
        wasHead = false;
      }
    }
  }
  return collector;
}

/** @param behind where the index ends */
function takeHeads(
  map: ContentMap,
  superblock: Superblock,
  header: MapHeader,
  heads: Heads,
  behind: number,
  isFull: boolean,
): void {
  const { blockSize } = superblock;
  const { advise, algorithms, inlineBytes, fragmentOffset } = header;
  const isInterlaced = (advise & ADVISE.interlacedPcluster) !== 0;
  let last = heads.from.length - 1;
  while (last > 0 && heads.from[last]! >= map.size) last--;
  for (let i = 0; i <= last; i++) {
    const from = heads.from[i]!;
    const type = heads.type[i]!;
    const plain = isInterlaced ? FORM.interlaced : FORM.plain;
    const form =
      type === LCLUSTER.plain ? plain : FORM.compressed + algorithms[type === LCLUSTER.head2 ? 1 : 0];
    if (i === last && (advise & ADVISE.fragmentPcluster) !== 0) {
      // A full index has room for the upper bits of the offset.
      map.add(from, fragmentOffset + (isFull ? heads.block[i]! * 2 ** 32 : 0), 0, FORM.fragment);
    } else if (i === last && inlineBytes > 0) {
      if ((behind % blockSize) + inlineBytes > blockSize)
        throw corrupt(
          'EROFS_TAIL',
          `its last ${inlineBytes} compressed bytes behind the index leave the block`,
        );
      map.add(from, behind, inlineBytes, form, heads.partial[i]);
    } else {
      if (heads.blocks[i] === 0)
        throw corrupt('EROFS_INDEX', `the extent at ${hex(from)} has no count of blocks`);
      map.add(from, heads.block[i]! * blockSize, heads.blocks[i]! * blockSize, form, heads.partial[i]);
    }
  }
}

/** Of what follows `from`; `plen` holds a length, and how it is stored. */
function takeRecord(
  map: ContentMap,
  superblock: Superblock,
  header: MapHeader,
  from: number,
  place: number,
  plen: number,
): void {
  const stored = plen % (EXTENT.lengthMask + 1);
  const format = plen >>> EXTENT.formatShift;
  const isAligned = place % superblock.blockSize === 0 && stored % superblock.blockSize === 0;
  const isInterlaced = (header.advise & ADVISE.interlacedPcluster) !== 0 && isAligned;
  if (stored === 0) map.add(from, 0, 0, FORM.hole);
  else if (format > 0)
    map.add(from, place, stored, FORM.compressed + format - 1, (plen & EXTENT.partial) !== 0);
  else map.add(from, place, stored, isInterlaced ? FORM.interlaced : FORM.plain);
}

/** Records of 16 or 32 bytes say where each extent begins. */
function takeRecords(map: ContentMap, superblock: Superblock, header: MapHeader, list: Uint8Array): void {
  const view = viewOf(list);
  const unit = recordSize(header);
  let previous = 0;
  for (let at = 0; at < list.length; at += unit) {
    const from =
      view.getUint32(at + EXTENT.lstart_lo, true) +
      (unit > 16 ? view.getUint32(at + EXTENT.lstart_hi, true) * 2 ** 32 : 0);
    if (from < previous || from > map.size)
      throw corrupt('EROFS_INDEX', `an extent begins at ${hex(from)}, out of order or past the end`);
    if (at === 0 && from > 0) map.add(0, 0, 0, FORM.hole);
    const low = view.getUint32(at + EXTENT.pstart_lo, true);
    const high = view.getUint32(at + EXTENT.pstart_hi, true);
    const plen = view.getUint32(at + EXTENT.plen, true);
    if (at + unit >= list.length && (header.advise & ADVISE.fragmentPcluster) !== 0)
      map.add(from, plen + low * 2 ** 32, 0, FORM.fragment);
    else takeRecord(map, superblock, header, from, low + high * 2 ** 32, plen);
    previous = from;
  }
  if (map.count === 0) map.add(0, 0, 0, FORM.hole);
}

/** Records of 4 or 8 bytes, one for every cluster; those of 4 are stored one behind the other. */
function takeFixedRecords(
  map: ContentMap,
  superblock: Superblock,
  header: MapHeader,
  list: Uint8Array,
): void {
  const view = viewOf(list);
  const unit = recordSize(header);
  const size = 2 ** header.clusterBits;
  let at = unit === 4 ? 8 : 0;
  let place = unit === 4 ? Number(view.getBigUint64(0, true)) : 0;
  for (let from = 0; from < map.size; from += size, at += unit) {
    const plen = view.getUint32(at + EXTENT.plen, true);
    const low = unit === 8 ? view.getUint32(at + EXTENT.pstart_lo, true) : 0;
    if (unit === 8) place = low;
    if (from + size >= map.size && (header.advise & ADVISE.fragmentPcluster) !== 0)
      map.add(from, plen + low * 2 ** 32, 0, FORM.fragment);
    else takeRecord(map, superblock, header, from, place, plen);
    place += plen % (EXTENT.lengthMask + 1);
  }
}
