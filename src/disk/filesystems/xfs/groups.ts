/** Headers of the allocation groups: AGF (free space), AGI (inodes) and AGFL (blocks set aside), in columns. */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, ImgoptError } from '../../../core/errors.ts';
import { RunList, readRuns } from '../../../sources/runs.ts';
import { isIntact, isOwnUuid } from './checksum.ts';
import { AGF_CRC, AGFL, AGI_CRC, agfRecord, agiRecord, XFS_AGF_MAGIC, XFS_AGI_MAGIC } from './layout.ts';
import { blocksOfGroup, type Geometry } from './superblock.ts';

/** Roots of a group's btrees: block within the group, and levels. */
export interface Root {
  readonly block: number;
  readonly levels: number;
}

export interface FreeSpace {
  readonly byPlace: Root;
  readonly byLength: Root;
  readonly reverseMap: Root;
  readonly referenceCounts: Root;
  readonly freeBlocks: number;
  readonly longest: number;
  /** Blocks that the free-space and reverse-map btrees use beside their roots. */
  readonly treeBlocks: number;
  readonly listCount: number;
}

export interface Inodes {
  readonly tree: Root;
  readonly freeTree: Root;
  readonly count: number;
  readonly freeCount: number;
  /** Some inodes are unlinked and not yet freed. */
  readonly hasUnlinked: boolean;
}

/** By group; null where the header is damaged, which was reported. */
export interface Groups {
  readonly freeSpace: readonly (FreeSpace | null)[];
  readonly inodes: readonly (Inodes | null)[];
  /** Blocks of the AGFL, within the group. */
  readonly lists: readonly (readonly number[] | null)[];
}

/** Blocks that the headers of a group share with nothing else. */
export function headerBlocks({ sectorSize, blockSize }: Geometry): number {
  return Math.ceil((4 * sectorSize) / blockSize);
}

/** Reads the headers of all groups; damage is reported and leaves null. */
export async function readGroups(source: BlockSource, geometry: Geometry, context: Context): Promise<Groups> {
  const freeSpace = new Array<FreeSpace | null>(geometry.groups).fill(null);
  const inodes = new Array<Inodes | null>(geometry.groups).fill(null);
  const lists = new Array<readonly number[] | null>(geometry.groups).fill(null);
  const runs = new RunList();
  const length = headerBlocks(geometry);
  for (let group = 0; group < geometry.groups; group++) runs.add(group * geometry.groupBlocks, length);
  const sector = geometry.sectorSize;
  // Headers of one group may be cut by the pieces of a read (sectors as large as blocks): they are put together.
  const header = new Uint8Array(length * geometry.blockSize);
  const view = new DataView(header.buffer);
  let filled = 0;
  await readRuns(source, geometry.blockSize, runs, context, {
    visit: (group, offset, count, _view, at, bytes) => {
      if (offset === 0) filled = 0;
      header.set(bytes.subarray(at, at + count * geometry.blockSize), offset * geometry.blockSize);
      filled += count;
      if (offset + count < length || filled < length) return;
      const take = <T>(place: string, read: () => T): T | null => {
        try {
          return read();
        } catch (error) {
          if (!(error instanceof ImgoptError)) throw error;
          const code = error.code.replace(/^IMGOPT_/, '');
          context.at(`group ${group}`).at(place).report('error', code, error.message);
          return null;
        }
      };
      const space = take('AGF', () => parseAgf(geometry, group, header, view, sector));
      freeSpace[group] = space;
      inodes[group] = take('AGI', () => parseAgi(geometry, group, header, view, 2 * sector));
      if (space !== null) {
        lists[group] = take('AGFL', () => parseList(geometry, group, header, view, sector, 3 * sector));
      }
    },
    lost: (group, offset, _count, message) => {
      context
        .at(`group ${group}`)
        .report('error', 'XFS_GROUP_UNREADABLE', `header block ${offset}: ${message}`);
    },
  });
  return { freeSpace, inodes, lists };
}

function checkHeader(
  geometry: Geometry,
  group: number,
  view: DataView,
  at: number,
  crcAt: number,
  uuidAt: number,
  found: { magic: string; wanted: string; version: number; seqno: number; length: number },
): void {
  if (found.magic !== found.wanted) {
    throw corrupt('XFS_GROUP_MAGIC', `the header has no magic number ${found.wanted}`);
  }
  if (geometry.hasCrc && !isIntact(view, at, geometry.sectorSize, crcAt)) {
    throw corrupt('XFS_GROUP_CHECKSUM', 'the header fails its checksum');
  }
  if (geometry.hasCrc && !isOwnUuid(geometry, view, at + uuidAt)) {
    throw corrupt('XFS_GROUP_UUID', "the header carries another filesystem's UUID");
  }
  if (found.version !== 1) throw corrupt('XFS_GROUP_VERSION', `the header is of version ${found.version}`);
  if (found.seqno !== group || found.length !== blocksOfGroup(geometry, group)) {
    throw corrupt(
      'XFS_GROUP_HEADER',
      `the header is that of group ${found.seqno} with ${found.length} blocks; ${blocksOfGroup(geometry, group)} are expected`,
    );
  }
}

function parseAgf(
  geometry: Geometry,
  group: number,
  bytes: Uint8Array,
  view: DataView,
  at: number,
): FreeSpace {
  const agf = agfRecord.read(bytes, at);
  checkHeader(geometry, group, view, at, AGF_CRC, 64, {
    magic: agf.agf_magicnum,
    wanted: XFS_AGF_MAGIC,
    version: agf.agf_versionnum,
    seqno: agf.agf_seqno,
    length: agf.agf_length,
  });
  const blocks = agf.agf_length;
  if (
    agf.agf_freeblks > blocks ||
    agf.agf_longest > blocks ||
    agf.agf_btreeblks > blocks ||
    agf.agf_flcount > blocks
  ) {
    throw corrupt(
      'XFS_GROUP_COUNTS',
      `counts ${agf.agf_freeblks} free and ${agf.agf_btreeblks} btree blocks of ${blocks}`,
    );
  }
  return {
    byPlace: { block: agf.agf_bno_root, levels: agf.agf_bno_level },
    byLength: { block: agf.agf_cnt_root, levels: agf.agf_cnt_level },
    reverseMap: { block: agf.agf_rmap_root, levels: agf.agf_rmap_level },
    referenceCounts: { block: agf.agf_refcount_root, levels: agf.agf_refcount_level },
    freeBlocks: agf.agf_freeblks,
    longest: agf.agf_longest,
    treeBlocks: agf.agf_btreeblks,
    listCount: agf.agf_flcount,
  };
}

function parseAgi(geometry: Geometry, group: number, bytes: Uint8Array, view: DataView, at: number): Inodes {
  const agi = agiRecord.read(bytes, at);
  checkHeader(geometry, group, view, at, AGI_CRC, 296, {
    magic: agi.agi_magicnum,
    wanted: XFS_AGI_MAGIC,
    version: agi.agi_versionnum,
    seqno: agi.agi_seqno,
    length: agi.agi_length,
  });
  return {
    tree: { block: agi.agi_root, levels: agi.agi_level },
    freeTree: { block: agi.agi_free_root, levels: agi.agi_free_level },
    count: agi.agi_count,
    freeCount: agi.agi_freecount,
    hasUnlinked: agi.agi_unlinked.some((byte) => byte !== 0xff),
  };
}

/** The blocks that the AGFL sets aside for growing btrees: a ring of block numbers. */
function parseList(
  geometry: Geometry,
  group: number,
  bytes: Uint8Array,
  view: DataView,
  agfAt: number,
  at: number,
): number[] {
  const { hasCrc, sectorSize } = geometry;
  const { agf_flfirst: first, agf_fllast: last, agf_flcount: count } = agfRecord.read(bytes, agfAt);
  if (hasCrc) {
    if (view.getUint32(at) !== AGFL.magic || view.getUint32(at + AGFL.seqno) !== group) {
      throw corrupt('XFS_GROUP_MAGIC', `the header is not that of the free list of group ${group}`);
    }
    if (!isIntact(view, at, sectorSize, AGFL.crc)) {
      throw corrupt('XFS_GROUP_CHECKSUM', 'the free list fails its checksum');
    }
    if (!isOwnUuid(geometry, view, at + AGFL.uuid)) {
      throw corrupt('XFS_GROUP_UUID', "the free list carries another filesystem's UUID");
    }
  }
  const start = hasCrc ? at + AGFL.headerSize : at;
  const size = Math.floor((at + sectorSize - start) / 4);
  if (count === 0) return [];
  const active = last >= first ? last - first + 1 : size - first + last + 1;
  if (first >= size || last >= size || count > size || active !== count) {
    throw corrupt(
      'XFS_FREE_LIST',
      `the free list counts ${count} blocks from ${first} to ${last} of ${size}: the kernel would reset it`,
    );
  }
  const found: number[] = [];
  for (let i = 0; i < count; i++) {
    const block = view.getUint32(start + 4 * ((first + i) % size));
    if (block >= blocksOfGroup(geometry, group)) {
      throw corrupt('XFS_FREE_LIST', `the free list names block ${block}, outside of the group`);
    }
    found.push(block);
  }
  return found;
}
