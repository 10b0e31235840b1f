/**
 * A thin pool's metadata: a superblock, and a tree that leads from a device's number to the device's own tree, which
 * leads from blocks of the device to blocks of data. Snapshots share blocks of data, and nodes of trees. Every node has
 * a checksum and its own number. Leaves are read in batches, in order of the device's blocks, so that neighbours join.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { crc32cUpdate } from '../../../core/crc32c.ts';
import { corrupt, type ImgoptError, isArtifactError, locate, unsupported } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { MAX_THIN_BLOCKS, MAX_THIN_DEPTH, MAX_THIN_NODES } from '../../../core/limits.ts';
import { readU64, viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { MappedRuns, mappedSource } from '../../../sources/mapped.ts';
import { readBytes } from '../../../sources/read.ts';
import { RunList, readRuns } from '../../../sources/runs.ts';
import type { SpannedSource } from '../../../sources/spanned.ts';
import { SECTOR } from './layout.ts';
import {
  BLOCK_BYTES,
  CSUM_FROM,
  FLAG_NEEDS_CHECK,
  INTERNAL_NODE,
  LEAF_NODE,
  NEWEST_VERSION,
  NODE_CSUM_XOR,
  NODE_HEADER_BYTES,
  Node,
  OLDEST_VERSION,
  SUPERBLOCK_CSUM_XOR,
  SUPERBLOCK_MAGIC,
  Superblock,
  TIME_BITS,
  VALUE_BYTES,
} from './thin-layout.ts';

/** Nodes that are read and held at once. */
const BATCH = 1024;

export interface ThinPool {
  readonly blockBytes: number;
  readonly transaction: number;
  /** The kernel found damage and wants the metadata checked before it is written. */
  readonly needsCheck: boolean;
  /** What each device maps, or why that is not known. */
  readonly devices: ReadonlyMap<number, MappedRuns | ImgoptError>;
  /** By block of data: how many places refer to it; 2 stands for more. */
  readonly references: Uint8Array;
  /** Nothing refers to blocks of data but what `references` counts. */
  readonly isAccounted: boolean;
}

/**
 * Reads a pool's metadata.
 * @param blockBytes of data, as LVM says
 * @param dataBytes of the pool's data volume
 * @throws ImgoptError `corrupt` or `unsupported`; what is wrong with one device is kept for that device
 */
export async function readThinPool(
  metadata: BlockSource,
  blockBytes: number,
  dataBytes: number,
  context: Context,
): Promise<ThinPool> {
  const blocks = Math.floor(dataBytes / blockBytes);
  if (blocks > MAX_THIN_BLOCKS)
    throw unsupported('LVM2_THIN_SIZE', `has ${blocks} blocks of data, more than ${MAX_THIN_BLOCKS}`);
  const references = new Uint8Array(blocks);
  const head = await readBytes(metadata, 0, BLOCK_BYTES);
  const devices = new Map<number, MappedRuns | ImgoptError>();
  if (head.every((byte) => byte === 0)) {
    // The kernel formats it when it is used for the first time.
    return { blockBytes, transaction: 0, needsCheck: false, devices, references, isAccounted: true };
  }
  const superblock = checkedSuperblock(head, blockBytes);
  const reader = new TreeReader(metadata, context);
  const roots = new Map<number, number>();
  await reader.walk(superblock.data_mapping_root, (device, high, low) =>
    roots.set(device, high * 2 ** 32 + low),
  );
  let isAccounted = superblock.held_root === 0;
  for (const [device, root] of roots) {
    try {
      const runs = new MappedRuns();
      await locate(`thin device ${device}`, () =>
        reader.walk(root, (block, high, low) => {
          const place = high * 2 ** (32 - TIME_BITS) + (low >>> TIME_BITS);
          if (place >= blocks)
            throw corrupt(
              'LVM2_THIN_MAPPING',
              `maps its block ${block} to ${place}, of ${blocks} blocks of data`,
            );
          runs.push(0, block, place, 1, 0);
          references[place] = Math.min(2, references[place]! + 1);
        }),
      );
      devices.set(device, runs);
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      devices.set(device, error);
      isAccounted = false;
    }
  }
  return {
    blockBytes,
    transaction: superblock.trans_id,
    needsCheck: (superblock.flags & FLAG_NEEDS_CHECK) !== 0,
    devices,
    references,
    isAccounted,
  };
}

function checkedSuperblock(head: Uint8Array, blockBytes: number) {
  const superblock = Superblock.read(head);
  if (
    superblock.magic !== SUPERBLOCK_MAGIC ||
    superblock.csum !== checksum(viewOf(head), 0, SUPERBLOCK_CSUM_XOR)
  )
    throw corrupt('LVM2_THIN_SUPERBLOCK', 'the superblock of its metadata is damaged');
  const { version, incompat_flags: incompat } = superblock;
  if (version < OLDEST_VERSION || version > NEWEST_VERSION || incompat !== 0) {
    const what = `version ${version}${incompat === 0 ? '' : `, features ${hex(incompat)}`}`;
    throw unsupported('LVM2_THIN_VERSION', `its metadata is of a kind that is not read (${what})`);
  }
  if (superblock.data_block_size * SECTOR !== blockBytes)
    throw corrupt(
      'LVM2_THIN_SUPERBLOCK',
      `its metadata has blocks of ${superblock.data_block_size * SECTOR} bytes, its group says ${blockBytes}`,
    );
  return superblock;
}

function checksum(view: DataView, at: number, xor: number): number {
  return (crc32cUpdate(0xffffffff, view, at + CSUM_FROM, at + BLOCK_BYTES) ^ xor) >>> 0;
}

interface Entries {
  readonly isLeaf: boolean;
  readonly keys: Float64Array;
  /** Upper and lower halves of the values. */
  readonly high: Uint32Array;
  readonly low: Uint32Array;
}

class TreeReader {
  private readonly source: BlockSource;
  private readonly context: Context;
  private nodesLeft = MAX_THIN_NODES;

  constructor(source: BlockSource, context: Context) {
    this.source = source;
    this.context = context;
  }

  /** Shows all entries of a tree in ascending order of keys. */
  async walk(root: number, take: (key: number, high: number, low: number) => void): Promise<void> {
    const seen = new Set<number>();
    let last = -1;
    const visit = async (blocks: Float64Array, depth: number): Promise<void> => {
      if (depth > MAX_THIN_DEPTH)
        throw corrupt('LVM2_THIN_TREE', `a tree has more than ${MAX_THIN_DEPTH} levels`);
      for (let at = 0; at < blocks.length; at += BATCH) {
        const batch = blocks.subarray(at, at + BATCH);
        for (const block of batch) {
          if (seen.has(block)) throw corrupt('LVM2_THIN_TREE', `a tree has its node ${block} twice`);
          seen.add(block);
        }
        for (const { isLeaf, keys, high, low } of await this.read(batch)) {
          if (!isLeaf) {
            await visit(
              Float64Array.from(low, (half, i) => high[i]! * 2 ** 32 + half),
              depth + 1,
            );
            continue;
          }
          for (let i = 0; i < keys.length; i++) {
            if (keys[i]! <= last) throw corrupt('LVM2_THIN_TREE', 'the keys of a tree are out of order');
            last = keys[i]!;
            take(last, high[i]!, low[i]!);
          }
        }
      }
    };
    await visit(Float64Array.of(root), 1);
  }

  /** Nodes, in the order of `blocks`. */
  private async read(blocks: Float64Array): Promise<Entries[]> {
    this.nodesLeft -= blocks.length;
    if (this.nodesLeft < 0)
      throw unsupported('LVM2_THIN_SIZE', `its trees have more than ${MAX_THIN_NODES} nodes`);
    const most = Math.floor(this.source.size / BLOCK_BYTES);
    const runs = new RunList();
    for (const block of blocks) {
      if (block === 0 || block >= most)
        throw corrupt('LVM2_THIN_TREE', `a tree has a node at block ${block}, of ${most}`);
      runs.add(block, 1);
    }
    const nodes = new Array<Entries>(blocks.length);
    await readRuns(this.source, BLOCK_BYTES, runs, this.context, {
      visit: (run, _offset, _count, view, at) => {
        nodes[run] = parseNode(view, at, blocks[run]!);
      },
      lost: (run, _offset, _count, message) => {
        throw corrupt('LVM2_THIN_TREE', `node ${blocks[run]} cannot be read: ${message}`);
      },
    });
    return nodes;
  }
}

function parseNode(view: DataView, at: number, block: number): Entries {
  const wrong = (what: string): Error => corrupt('LVM2_THIN_TREE', `node ${block} ${what}`);
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, BLOCK_BYTES);
  if (view.getUint32(at, true) !== checksum(view, at, NODE_CSUM_XOR))
    throw wrong('does not have the checksum of its content');
  const { flags, blocknr, nr_entries: count, max_entries: most, value_size } = Node.read(bytes);
  if (blocknr !== block) throw wrong(`says that it is node ${blocknr}`);
  const kind = flags & (INTERNAL_NODE | LEAF_NODE);
  if (kind !== INTERNAL_NODE && kind !== LEAF_NODE) throw wrong('is neither a leaf nor an inner node');
  if (
    value_size !== VALUE_BYTES ||
    NODE_HEADER_BYTES + most * (8 + VALUE_BYTES) > BLOCK_BYTES ||
    count > most
  )
    throw wrong(`has ${count} entries of ${most} with values of ${value_size} bytes`);
  const keys = new Float64Array(count);
  const high = new Uint32Array(count);
  const low = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    keys[i] = readU64(view, at + NODE_HEADER_BYTES + 8 * i, true);
    const place = at + NODE_HEADER_BYTES + 8 * (most + i);
    low[i] = view.getUint32(place, true);
    high[i] = view.getUint32(place + 4, true);
  }
  return { isLeaf: kind === LEAF_NODE, keys, high, low };
}

/** A thin volume over its pool's data: what it does not map is a hole. @param runs in ascending order */
export function thinSource(
  name: string,
  size: number,
  blockBytes: number,
  runs: MappedRuns,
  data: SpannedSource,
): SpannedSource {
  const content = mappedSource(data, name, size, blockBytes, runs);
  return {
    size,
    granularity: content.granularity,
    read: (target, offset) => content.read(target, offset),
    extents: (range) => content.extents(range),
    toMembers: (range) => placesOf(runs, blockBytes, range).flatMap((place) => data.toMembers(place)),
    async close() {},
  };
}

/** Where in the data a range of the volume lies. */
function placesOf(runs: MappedRuns, blockBytes: number, { start, end }: ByteRange): ByteRange[] {
  let low = 0;
  let high = runs.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((runs.logical[middle]! + runs.length[middle]!) * blockBytes > start) high = middle;
    else low = middle + 1;
  }
  const places: ByteRange[] = [];
  for (let run = low; run < runs.count; run++) {
    const first = runs.logical[run]! * blockBytes;
    if (first >= end) break;
    const from = Math.max(start, first);
    const to = Math.min(end, first + runs.length[run]! * blockBytes);
    const place = runs.start[run]! * blockBytes + from - first;
    places.push({ start: place, end: place + to - from });
  }
  return places;
}

/** Stretches of data, in bytes, of blocks whose mark is wanted. */
export function stretchesOf(
  marks: Uint8Array,
  blockBytes: number,
  isWanted: (mark: number) => boolean,
): ByteRange[] {
  const ranges: ByteRange[] = [];
  for (let block = 0; block < marks.length; ) {
    const first = block;
    while (block < marks.length && isWanted(marks[block]!)) block++;
    if (block > first) ranges.push({ start: first * blockBytes, end: block * blockBytes });
    else block++;
  }
  return ranges;
}
