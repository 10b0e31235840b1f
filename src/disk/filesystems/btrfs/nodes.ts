/**
 * Nodes of the trees: what one must look like, and how many of them are read at once in disk order.
 *
 * Every node is checked for its checksum, address, filesystem, level, owner and generation, and its keys for order
 * and for the range that the node above promises. The range is also what ends circles: two places of a tree cannot
 * name the same node, since both would have to name its first key. A node that fails is read again from the chunk's
 * other copies.
 */
import { hasChecksum } from '../../../core/block-checksum.ts';
import { corrupt, isArtifactError } from '../../../core/errors.ts';
import { viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { RunList, readRuns } from '../../../sources/runs.ts';
import { big64, compareKeyAt, compareKeysAt, type Key } from './keys.ts';
import { CHECKSUM_BYTES, FIRST_FREE_OBJECTID, ITEM_PLACE, NEGATIVE, NODE, TREE } from './layout.ts';
import type { Volume } from './volume.ts';

/** A node as what points to it describes it. */
export interface NodeReference {
  readonly bytenr: number;
  readonly level: number;
  readonly generation: number;
  /** Number of its tree; nodes of subvolumes may be shared, so theirs may be any subvolume's. */
  readonly tree: number;
  /** Undefined for the root of a tree. */
  readonly first: Key | undefined;
  /** Key that all of its own are less than. */
  readonly limit: Key | undefined;
}

export interface Problem {
  readonly code: string;
  readonly message: string;
}

export const isSubvolume = (tree: number): boolean => tree === TREE.filesystem || tree >= FIRST_FREE_OBJECTID;

/** Items or pointers of a node. */
export function countOf(view: DataView, at: number): number {
  return view.getUint32(at + NODE.nritems, true);
}

/** Place of item `index`'s key. */
export function itemAt(at: number, index: number): number {
  return at + NODE.headerBytes + index * NODE.itemBytes;
}

/** Place of an item's data. */
export function dataAt(view: DataView, at: number, item: number): number {
  return at + NODE.headerBytes + view.getUint32(item + ITEM_PLACE.offset, true);
}

export function sizeOf(view: DataView, item: number): number {
  return view.getUint32(item + ITEM_PLACE.size, true);
}

/** What is wrong with the node at byte `at`, or undefined. */
export function nodeProblem(
  { superblock }: Volume,
  node: NodeReference,
  view: DataView,
  at: number,
  bytes: Uint8Array,
): Problem | undefined {
  const { nodeSize, metadataUuid, checksum } = superblock;
  const header = (message: string): Problem => ({ code: 'BTRFS_NODE_HEADER', message });
  if (!hasChecksum(checksum, bytes, at + CHECKSUM_BYTES, at + nodeSize, view, at)) {
    return { code: 'BTRFS_NODE_CHECKSUM', message: 'it fails its checksum' };
  }
  if (big64(view, at + NODE.bytenr) !== node.bytenr) return header('it says that it is another node');
  for (let i = 0; i < 16; i += 4) {
    if (view.getUint32(at + NODE.fsid + i) !== metadataUuid.getUint32(i)) {
      return header("it carries another filesystem's UUID");
    }
  }
  const generation = big64(view, at + NODE.generation);
  if (generation !== node.generation) {
    return header(`it is of generation ${generation}, ${node.generation} is expected`);
  }
  const level = view.getUint8(at + NODE.level);
  if (level !== node.level) return header(`it is of level ${level}, ${node.level} is expected`);
  if (!isOwner(node.tree, view, at + NODE.owner)) return header("it is another tree's");
  const count = countOf(view, at);
  const entry = level === 0 ? NODE.itemBytes : NODE.pointerBytes;
  const room = Math.floor((nodeSize - NODE.headerBytes) / entry);
  if (count > room) return header(`it counts ${count} entries, ${room} fit`);
  if (count === 0) return node.first === undefined && level === 0 ? undefined : header('it is empty');
  return (
    keyProblem(node, view, at, count, entry) ??
    (level === 0 ? itemProblem(view, at, count, nodeSize) : undefined)
  );
}

function isOwner(tree: number, view: DataView, at: number): boolean {
  const high = view.getUint32(at + 4, true);
  if (high === NEGATIVE.high) {
    // Relocation swaps nodes of its own trees for those of subvolumes.
    return isSubvolume(tree) && view.getUint32(at, true) === NEGATIVE.relocationTree;
  }
  const owner = big64(view, at);
  return isSubvolume(tree) ? isSubvolume(owner) : owner === tree;
}

function keyProblem(
  { first, limit }: NodeReference,
  view: DataView,
  at: number,
  count: number,
  entry: number,
): Problem | undefined {
  const keys = at + NODE.headerBytes;
  const wrong = (message: string): Problem => ({ code: 'BTRFS_NODE_KEYS', message });
  if (first !== undefined && compareKeyAt(view, keys, first) !== 0) {
    return wrong('it does not begin with the key that the node above says');
  }
  for (let i = 1; i < count; i++) {
    if (compareKeysAt(view, keys + (i - 1) * entry, keys + i * entry) >= 0) {
      return wrong(`its keys ${i - 1} and ${i} are out of order`);
    }
  }
  if (limit !== undefined && compareKeyAt(view, keys + (count - 1) * entry, limit) >= 0) {
    return wrong("its last key is the next node's");
  }
  return undefined;
}

function itemProblem(view: DataView, at: number, count: number, nodeSize: number): Problem | undefined {
  const room = nodeSize - NODE.headerBytes;
  const least = count * NODE.itemBytes;
  for (let i = 0; i < count; i++) {
    const item = itemAt(at, i);
    const offset = view.getUint32(item + ITEM_PLACE.offset, true);
    if (offset < least || offset + view.getUint32(item + ITEM_PLACE.size, true) > room) {
      return { code: 'BTRFS_NODE_ITEMS', message: `its item ${i} does not lie in it` };
    }
  }
  return undefined;
}

export interface NodeVisitor<N extends NodeReference> {
  /** A sound node stands at byte `at`. */
  visit(node: N, view: DataView, at: number, bytes: Uint8Array): void;
  /** No copy of it is sound. */
  lost(node: N, problem: Problem): void;
}

/** Reads nodes, in whatever order the disk offers; the best copy of each. */
export async function readNodes<N extends NodeReference>(
  volume: Volume,
  nodes: readonly N[],
  visitor: NodeVisitor<N>,
): Promise<void> {
  const reader = new NodeReader(volume, visitor);
  let pending: Attempt<N>[] = nodes.map((node) => ({ node, problem: undefined }));
  for (let copy = 0; pending.length > 0; copy++) pending = await reader.round(pending, copy);
}

interface Attempt<N> {
  readonly node: N;
  /** Of the first copy that was read. */
  readonly problem: Problem | undefined;
}

class NodeReader<N extends NodeReference> {
  private readonly volume: Volume;
  private readonly visitor: NodeVisitor<N>;

  constructor(volume: Volume, visitor: NodeVisitor<N>) {
    this.volume = volume;
    this.visitor = visitor;
  }

  /** Reads one copy of each. @returns what the next copy is to be tried for */
  async round(pending: readonly Attempt<N>[], copy: number): Promise<Attempt<N>[]> {
    const { volume, visitor } = this;
    const { sectorSize, nodeSize } = volume.superblock;
    const next: Attempt<N>[] = [];
    const runs = new RunList();
    const attempts: Attempt<N>[] = [];
    const split: Attempt<N>[] = [];
    for (const attempt of pending) {
      const { bytenr } = attempt.node;
      const chunk = volume.chunks.find(bytenr, nodeSize);
      const isThere = chunk !== undefined && copy < chunk.copies.length;
      if (!isThere || bytenr % sectorSize !== 0) {
        visitor.lost(attempt.node, attempt.problem ?? absent(chunk === undefined));
        continue;
      }
      const source = chunk.copies[copy];
      if (source == null) {
        next.push(attempt);
        continue;
      }
      const start = bytenr - chunk.logical;
      const places = source.toMembers({ start, end: start + nodeSize });
      const place = places[0]!.start;
      if (places.length > 1 || place % sectorSize !== 0) split.push(attempt);
      else {
        runs.add(place / sectorSize, nodeSize / sectorSize);
        attempts.push(attempt);
      }
    }
    await readRuns(volume.source, sectorSize, runs, volume.context, {
      wholeRuns: true,
      visit: (run, _offset, _count, view, at, bytes) =>
        this.take(attempts[run]!, copy, view, at, bytes, next),
      lost: (run, _offset, _count, message) =>
        next.push(failed(attempts[run]!, { code: 'BTRFS_NODE_UNREADABLE', message })),
    });
    for (const attempt of split) await this.readSplit(attempt, copy, next);
    return next;
  }

  /** A node across the edge of a stripe: no kernel of today makes one. */
  private async readSplit(attempt: Attempt<N>, copy: number, next: Attempt<N>[]): Promise<void> {
    const { volume } = this;
    const { bytenr } = attempt.node;
    const { nodeSize } = volume.superblock;
    const chunk = volume.chunks.find(bytenr, nodeSize)!;
    const bytes = new Uint8Array(nodeSize);
    try {
      await chunk.copies[copy]!.read(bytes, bytenr - chunk.logical);
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      next.push(failed(attempt, { code: 'BTRFS_NODE_UNREADABLE', message: error.message }));
      return;
    }
    this.take(attempt, copy, viewOf(bytes), 0, bytes, next);
  }

  private take(
    attempt: Attempt<N>,
    copy: number,
    view: DataView,
    at: number,
    bytes: Uint8Array,
    next: Attempt<N>[],
  ): void {
    const { volume, visitor } = this;
    const problem = nodeProblem(volume, attempt.node, view, at, bytes);
    if (problem !== undefined) {
      next.push(failed(attempt, problem));
      return;
    }
    if (attempt.problem !== undefined) {
      const message = `${attempt.problem.message}; copy ${copy + 1} of it is used`;
      volume.context.at(nameOf(attempt.node)).report('warning', 'BTRFS_COPY_USED', message);
    }
    visitor.visit(attempt.node, view, at, bytes);
  }
}

function failed<N>({ node, problem }: Attempt<N>, now: Problem): Attempt<N> {
  return { node, problem: problem ?? now };
}

function absent(isOutside: boolean): Problem {
  return isOutside
    ? { code: 'BTRFS_ADDRESS', message: 'it is in no chunk' }
    : { code: 'BTRFS_NODE_UNREADABLE', message: 'no device that holds it is here' };
}

/** As it stands in places of errors. */
export function nameOf({ bytenr }: NodeReference): string {
  return `node ${hex(bytenr)}`;
}

export function problemOf(node: NodeReference, { code, message }: Problem) {
  return corrupt(code, message, { where: [nameOf(node)] });
}
