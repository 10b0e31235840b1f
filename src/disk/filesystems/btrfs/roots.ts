/**
 * The root tree: where all other trees begin, which of them are subvolumes, where those hang and which is mounted by
 * default. It also holds the files of the old free-space cache.
 */
import { corrupt, type ImgoptError, unsupported } from '../../../core/errors.ts';
import { MAX_BTRFS_SUBVOLUMES } from '../../../core/limits.ts';
import { formatUuid } from '../../../core/text.ts';
import { big64, readKey } from './keys.ts';
import { DIR, EXTENT, FIRST_FREE_OBJECTID, ITEM, NEGATIVE, ROOT, ROOT_REF, TREE } from './layout.ts';
import { dataAt, isSubvolume, itemAt, sizeOf } from './nodes.ts';
import { type Leaf, walkTree } from './tree.ts';
import type { TreeRoot, Volume } from './volume.ts';

/** A subvolume, before it has been scanned. */
export interface SubvolumeRoot extends TreeRoot {
  readonly uuid: string | null;
  readonly parentUuid: string | null;
  readonly isReadOnly: boolean;
  /** 0: it was deleted, and the next mount goes on freeing it. */
  readonly references: number;
}

/** Where a subvolume hangs: ROOT_REF. */
export interface SubvolumeLink {
  readonly parent: number;
  readonly child: number;
  /** Inode of the directory in the parent. */
  readonly directory: number;
  /** As Latin-1, to be compared. */
  readonly name: string;
}

export interface Roots {
  /** All trees that begin somewhere, by number. Of those with several items (relocation) the last. */
  readonly trees: ReadonlyMap<number, SubvolumeRoot>;
  /** By `linkKey`. */
  readonly links: ReadonlyMap<string, SubvolumeLink>;
  /** Number of the subvolume that is mounted where none is asked for. */
  readonly defaultSubvolume: number;
  /** File extents of the old free-space cache: the filesystem's own. */
  readonly cacheExtents: readonly { readonly start: number; readonly end: number }[];
  /** Roots of trees that are none of these: relocation's. */
  readonly otherRoots: readonly number[];
  readonly isBalancing: boolean;
  /** All of it was read. */
  readonly isWhole: boolean;
}

export const linkKey = (parent: number, child: number): string => `${parent} ${child}`;

/** @param failed gets what of the root tree cannot be read */
export async function readRoots(volume: Volume, failed: (error: ImgoptError) => void): Promise<Roots> {
  const { root, rootLevel, generation } = volume.superblock;
  const reader = new RootsReader(failed);
  await walkTree(
    volume,
    { tree: TREE.root, bytenr: root, level: rootLevel, generation },
    {
      leaf: (leaf) => reader.take(leaf),
      failed: (error) => reader.fail(error),
    },
  );
  return reader;
}

class RootsReader implements Roots {
  readonly trees = new Map<number, SubvolumeRoot>();
  readonly links = new Map<string, SubvolumeLink>();
  readonly cacheExtents: { start: number; end: number }[] = [];
  readonly otherRoots: number[] = [];
  defaultSubvolume: number = TREE.filesystem;
  isBalancing = false;
  isWhole = true;
  private readonly failed: (error: ImgoptError) => void;

  constructor(failed: (error: ImgoptError) => void) {
    this.failed = failed;
  }

  fail(error: ImgoptError): void {
    this.isWhole = false;
    this.failed(error.within('root tree'));
  }

  take({ view, at, count }: Leaf): void {
    for (let i = 0; i < count; i++) {
      const item = itemAt(at, i);
      const { high, low, type } = readKey(view, item);
      const objectid = big64(view, item);
      const data = dataAt(view, at, item);
      const size = sizeOf(view, item);
      if (type === ITEM.rootItem) {
        if (Number.isFinite(objectid)) this.takeRoot(view, data, size, objectid);
        else if (size >= ROOT.shortBytes) this.otherRoots.push(big64(view, data + ROOT.bytenr));
      } else if (type === ITEM.rootRef) this.takeLink(view, item, data, size);
      else if (type === ITEM.dirItem && objectid === TREE.rootDirectory) this.takeDefault(view, data, size);
      else if (type === ITEM.extentData) this.takeCache(view, data, size);
      else if (type === ITEM.temporaryItem && high === NEGATIVE.high && low === NEGATIVE.balance) {
        this.isBalancing = true;
      }
    }
  }

  private takeRoot(view: DataView, at: number, size: number, tree: number): void {
    if (size < ROOT.shortBytes) {
      this.fail(corrupt('BTRFS_ROOT_ITEM', `the item of tree ${tree} has ${size} bytes`));
      return;
    }
    const hasUuids = size >= ROOT.bytes;
    const generation = big64(view, at + ROOT.generation);
    // An old kernel that writes the item leaves the newer part as it was: its second generation tells.
    const isCurrent = hasUuids && big64(view, at + ROOT.generationV2) === generation;
    if (isSubvolume(tree) && this.trees.size >= MAX_BTRFS_SUBVOLUMES) {
      throw unsupported('BTRFS_TOO_MANY_SUBVOLUMES', `more than ${MAX_BTRFS_SUBVOLUMES} subvolumes`);
    }
    this.trees.set(tree, {
      tree,
      bytenr: big64(view, at + ROOT.bytenr),
      level: view.getUint8(at + ROOT.level),
      generation,
      uuid: isCurrent ? uuidAt(view, at + ROOT.uuid) : null,
      parentUuid: isCurrent ? uuidAt(view, at + ROOT.parentUuid) : null,
      isReadOnly: (view.getUint32(at + ROOT.flags, true) & ROOT.readOnly) !== 0,
      references: view.getUint32(at + ROOT.refs, true),
    });
  }

  private takeLink(view: DataView, item: number, at: number, size: number): void {
    const length = size > ROOT_REF.name ? view.getUint16(at + ROOT_REF.nameLength, true) : 0;
    const parent = big64(view, item);
    const child = big64(view, item + 9);
    if (length === 0 || ROOT_REF.name + length > size || !Number.isFinite(parent + child)) {
      this.fail(corrupt('BTRFS_ROOT_REF', `the reference from tree ${parent} to tree ${child} has no name`));
      return;
    }
    const name = Buffer.from(view.buffer, view.byteOffset + at + ROOT_REF.name, length).toString('latin1');
    const directory = big64(view, at + ROOT_REF.dirid);
    this.links.set(linkKey(parent, child), { parent, child, directory, name });
  }

  /** The entry `default` of the root tree's directory. */
  private takeDefault(view: DataView, at: number, size: number): void {
    if (size < DIR.name) return;
    const location = big64(view, at + DIR.location);
    const name = Buffer.from(
      view.buffer,
      view.byteOffset + at + DIR.name,
      Math.min(size - DIR.name, view.getUint16(at + DIR.nameLength, true)),
    );
    if (name.toString('latin1') === 'default' && isSubvolume(location)) this.defaultSubvolume = location;
  }

  private takeCache(view: DataView, at: number, size: number): void {
    if (size < EXTENT.bytes || view.getUint8(at + EXTENT.type) === EXTENT.inline) return;
    const start = big64(view, at + EXTENT.diskBytenr);
    const length = big64(view, at + EXTENT.diskBytes);
    if (start > 0 && Number.isSafeInteger(start + length))
      this.cacheExtents.push({ start, end: start + length });
  }
}

function uuidAt(view: DataView, at: number): string | null {
  const bytes = new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset + at, 16);
  return bytes.every((byte) => byte === 0) ? null : formatUuid(bytes);
}

/** Subvolumes that are in use, the top level first, then by number. */
export function subvolumesOf({ trees }: Roots): SubvolumeRoot[] {
  return [...trees.values()]
    .filter(
      ({ tree, references }) => tree === TREE.filesystem || (tree >= FIRST_FREE_OBJECTID && references > 0),
    )
    .sort((a, b) => a.tree - b.tree);
}
