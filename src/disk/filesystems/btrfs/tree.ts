/**
 * Trees: walked whole, level by level with each level's nodes in disk order, several trees at once where they share
 * nodes; or searched for a range of keys, with the nodes on the way kept for the next search.
 */
import { corrupt, type ImgoptError, unsupported } from '../../../core/errors.ts';
import { BTRFS_NODE_CACHE_BYTES, MAX_BTRFS_NODES } from '../../../core/limits.ts';
import { RecentlyUsed } from '../../../core/recently-used.ts';
import { viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { big64, compareKeyAt, compareKeys, type Key, readKey } from './keys.ts';
import { NODE, POINTER } from './layout.ts';
import {
  countOf,
  dataAt,
  itemAt,
  type NodeReference,
  nameOf,
  problemOf,
  readNodes,
  sizeOf,
} from './nodes.ts';
import type { OwnerSet, OwnerUnion } from './owners.ts';
import type { TreeRoot, Volume } from './volume.ts';

/** A leaf that has been checked. */
export interface Leaf {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  /** Its first byte in both. */
  readonly at: number;
  readonly count: number;
}

export interface TreeVisitor {
  leaf(leaf: Leaf, owners: OwnerSet): void;
  /** Part of a tree cannot be read; may throw to stop. */
  failed(error: ImgoptError, owners: OwnerSet): void;
  /** Whether keys of [first, limit) are of interest; all are when it is left out. */
  wants?(first: Key | undefined, limit: Key | undefined): boolean;
  /** Told of every node that is met. */
  met?(bytenr: number): void;
}

interface Node extends NodeReference {
  /** One, or those of all places that name it; united when it is its turn. */
  owners: OwnerSet | Set<OwnerSet>;
}

export interface OwnedRoot extends TreeRoot {
  readonly owners: OwnerSet;
}

/** Walks the trees below `roots`, each node once, however many of them share it. */
export async function walkTrees(
  volume: Volume,
  roots: readonly OwnedRoot[],
  sets: OwnerUnion,
  visitor: TreeVisitor,
): Promise<void> {
  const levels: Map<number, Node>[] = Array.from({ length: NODE.maxLevel }, () => new Map());
  let total = 0;
  const ownersOf = ({ owners }: Node): OwnerSet => (owners instanceof Set ? sets.unionOf(owners) : owners);
  const enqueue = (node: Node & { owners: OwnerSet }): void => {
    const known = levels[node.level]!.get(node.bytenr);
    if (known === undefined) {
      if (++total > MAX_BTRFS_NODES) {
        throw unsupported('BTRFS_TOO_MANY_NODES', `more than ${MAX_BTRFS_NODES} nodes of trees`);
      }
      levels[node.level]!.set(node.bytenr, node);
      visitor.met?.(node.bytenr);
    } else if (!isSameReference(known, node)) {
      const message = 'two places that name it do not agree about it';
      visitor.failed(corrupt('BTRFS_NODE_TWICE', message, { where: [nameOf(node)] }), node.owners);
    } else if (known.owners instanceof Set) known.owners.add(node.owners);
    else if (known.owners !== node.owners) known.owners = new Set([known.owners, node.owners]);
  };
  for (const { bytenr, level, generation, tree, owners } of roots) {
    if (level >= NODE.maxLevel) {
      visitor.failed(corrupt('BTRFS_LEVEL', `its tree claims ${level + 1} levels`), owners);
    } else enqueue({ bytenr, level, generation, tree, first: undefined, limit: undefined, owners });
  }
  for (let level = NODE.maxLevel - 1; level >= 0; level--) {
    const nodes = [...levels[level]!.values()];
    levels[level]!.clear();
    if (nodes.length === 0) continue;
    await readNodes(volume, nodes, {
      visit: (node, view, at, bytes) => {
        const count = countOf(view, at);
        const owners = ownersOf(node);
        if (level === 0) visitor.leaf({ view, bytes, at, count }, owners);
        else {
          for (let i = 0; i < count; i++) {
            const child = childAt(node, view, at, count, i);
            if (visitor.wants?.(child.first, child.limit) ?? true) {
              enqueue({ ...child, owners });
            }
          }
        }
      },
      lost: (node, problem) => visitor.failed(problemOf(node, problem), ownersOf(node)),
    });
  }
}

/** Snapshots share nodes, and name them alike; roots state no key. */
function isSameReference(a: Node, b: Node): boolean {
  return (
    a.generation === b.generation &&
    (a.first === undefined || b.first === undefined || compareKeys(a.first, b.first) === 0)
  );
}

/** What pointer `index` of a node says. */
function childAt(
  node: NodeReference,
  view: DataView,
  at: number,
  count: number,
  index: number,
): NodeReference {
  const pointer = at + NODE.headerBytes + index * NODE.pointerBytes;
  return {
    bytenr: big64(view, pointer + POINTER.blockptr),
    generation: big64(view, pointer + POINTER.generation),
    level: node.level - 1,
    tree: node.tree,
    first: readKey(view, pointer),
    limit: index + 1 < count ? readKey(view, pointer + NODE.pointerBytes) : node.limit,
  };
}

/** Index of the first of `count` keys that is greater than `key`. */
function firstAfter(view: DataView, count: number, at: (index: number) => number, key: Key): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeyAt(view, at(middle), key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Walks one tree that nothing else shares. */
export async function walkTree(
  volume: Volume,
  root: TreeRoot,
  visitor: Pick<TreeVisitor, 'wants' | 'met'> & { leaf(leaf: Leaf): void; failed(error: ImgoptError): void },
): Promise<void> {
  await walkTrees(volume, [{ ...root, owners: ONE }], { unionOf: () => ONE }, visitor);
}

const ONE: OwnerSet = { id: 0, members: [0] };

/** One item that a search has found. */
export interface FoundItem {
  readonly key: Key;
  readonly view: DataView;
  readonly bytes: Uint8Array;
  /** Its data. */
  readonly at: number;
  readonly size: number;
}

/** Searches; see the head of this module. */
export class TreeSearch {
  private readonly volume: Volume;
  /** By address, the longest unused first. */
  private readonly kept = new RecentlyUsed<number, Uint8Array>(BTRFS_NODE_CACHE_BYTES);

  constructor(volume: Volume) {
    this.volume = volume;
  }

  /**
   * Shows all items from `first` to `last`, both included, in order; and before them, when nothing has the key `first`
   * itself, the last item that stands before it.
   * @throws `corrupt` when a node is damaged
   */
  async items(root: TreeRoot, first: Key, last: Key, take: (item: FoundItem) => void): Promise<void> {
    const { bytenr, level, generation, tree } = root;
    if (level >= NODE.maxLevel) throw corrupt('BTRFS_LEVEL', `its tree claims ${level + 1} levels`);
    const top = { bytenr, level, generation, tree, first: undefined, limit: undefined };
    await this.descend(top, first, last, take);
  }

  private async descend(
    node: NodeReference,
    first: Key,
    last: Key,
    take: (item: FoundItem) => void,
  ): Promise<void> {
    const bytes = await this.node(node);
    const view = viewOf(bytes);
    const count = countOf(view, 0);
    const keyAt = (index: number): number =>
      NODE.headerBytes + index * (node.level > 0 ? NODE.pointerBytes : NODE.itemBytes);
    let index = Math.max(0, firstAfter(view, count, keyAt, first) - 1);
    for (; index < count && compareKeyAt(view, keyAt(index), last) <= 0; index++) {
      if (node.level > 0) await this.descend(childAt(node, view, 0, count, index), first, last, take);
      else {
        const item = itemAt(0, index);
        take({ key: readKey(view, item), view, bytes, at: dataAt(view, 0, item), size: sizeOf(view, item) });
      }
    }
  }

  private node(node: NodeReference): Promise<Uint8Array> {
    return this.kept.get(node.bytenr, this.volume.superblock.nodeSize, () => this.load(node));
  }

  private async load(node: NodeReference): Promise<Uint8Array> {
    const { nodeSize } = this.volume.superblock;
    let found: Uint8Array | undefined;
    await readNodes(this.volume, [node], {
      visit: (_node, _view, at, bytes) => {
        found = bytes.slice(at, at + nodeSize);
      },
      lost: (one, problem) => {
        throw problemOf(one, problem);
      },
    });
    if (found === undefined) throw corrupt('BTRFS_NODE_UNREADABLE', `${hex(node.bytenr)} was not read`);
    return found;
  }
}
