/**
 * The scan: the trees of all subvolumes are walked at once, each node once, however many snapshots share it; what a
 * leaf holds is taken over once for every subvolume that it belongs to. Then every entry is joined with its inode
 * (../tree.ts).
 *
 *   root tree ──► subvolumes ──► leaves ──► inodes (columns by slot), names, references to extents
 *
 * A directory's entry for a subvolume is that subvolume's root directory when the root tree says so too (ROOT_REF);
 * otherwise, as inside of a snapshot, the kernel shows an empty directory, and so do we.
 */
import { corrupt, type ImgoptError } from '../../../core/errors.ts';
import { FILE_FLAG, type FileTableBuilder } from '../../../core/file-table.ts';
import { doubled } from '../../../sources/runs.ts';
import { S_IFDIR, S_IFMT } from '../mode.ts';
import { addName, EntryColumns, joinTree } from '../tree.ts';
import { InodeColumns, type Numbering } from './inodes.ts';
import { big64 } from './keys.ts';
import { DIR, EXTENT, INODE, ITEM, ROOT_DIRECTORY_INODE } from './layout.ts';
import { dataAt, itemAt, sizeOf } from './nodes.ts';
import { type OwnerSet, OwnerSets } from './owners.ts';
import { linkKey, type Roots, type SubvolumeRoot } from './roots.ts';
import { ExtentReferences, type Share } from './sharing.ts';
import { type Leaf, walkTrees } from './tree.ts';
import type { Volume } from './volume.ts';

/** What the scan learned beside the entries. */
export interface ScanFindings {
  readonly references: ExtentReferences;
  readonly sets: OwnerSets;
  /** Addresses of all nodes of subvolumes. */
  readonly nodes: Float64Array;
  /** By subvolume, in the order of their roots. */
  readonly shares: readonly Share[];
  /** Table entries of subvolumes' root directories; -1 where nothing hangs them anywhere. */
  readonly entries: Int32Array;
  /** All trees were read whole. */
  readonly isWhole: boolean;
}

/** What stands in the place of a subvolume that is not there (new_simple_dir()); dated when somebody looks, so not at all. */
const EMPTY_DIRECTORY_MODE = S_IFDIR | 0o755;

export class BtrfsScan {
  private readonly volume: Volume;
  private readonly builder: FileTableBuilder;
  private readonly roots: Roots;
  private readonly subvolumes: readonly SubvolumeRoot[];
  private readonly numbering: Numbering;
  private readonly positions: ReadonlyMap<number, number>;
  private readonly first: number;
  private readonly sets = new OwnerSets();
  private readonly inodes: InodeColumns;
  private readonly entries = new EntryColumns();
  /** Number of each entry's directory, until that is known by its position. */
  private directoryOf = new Float64Array(4096);
  private readonly references: ExtentReferences;
  private nodes = new Float64Array(1024);
  private nodeCount = 0;
  /** Parents of directories, by number: pairs. */
  private readonly parents = new Map<number, number>();
  private readonly compressed: number[] = [];
  /** Directories in which an empty one stands for a subvolume, in order of those' numbers. */
  private readonly placeholders: number[] = [];
  private unlinked = 0;
  private isWhole = true;

  constructor(
    volume: Volume,
    builder: FileTableBuilder,
    roots: Roots,
    subvolumes: readonly SubvolumeRoot[],
    numbering: Numbering,
  ) {
    this.volume = volume;
    this.builder = builder;
    this.roots = roots;
    this.subvolumes = subvolumes;
    this.numbering = numbering;
    this.positions = new Map(subvolumes.map(({ tree }, index) => [tree, index]));
    this.first = builder.count;
    this.inodes = new InodeColumns(volume.superblock.sectorSize);
    this.references = new ExtentReferences(volume.superblock.sectorSize);
  }

  /** @throws `corrupt` when there is no readable root directory */
  async run(): Promise<ScanFindings> {
    const { builder, volume, subvolumes, sets, inodes } = this;
    const { context } = volume;
    const root = this.numbering.numberOf(0, ROOT_DIRECTORY_INODE);
    builder.add(-1, new Uint8Array(0));
    this.addEntry(root, root, 2);
    const owned = subvolumes.map((one, index) => ({ ...one, owners: sets.single(index) }));
    const progress = context.progress.start('trees', this.volume.superblock.usedBytes);
    await walkTrees(volume, owned, sets, {
      leaf: (leaf, owners) => {
        this.takeLeaf(leaf, owners);
        progress.advance(volume.superblock.nodeSize);
      },
      failed: (error, owners) => this.reportError(owners, error),
      met: (bytenr) => this.meet(bytenr),
    });
    progress.done();
    this.addPlaceholders();
    inodes.seal();
    for (const number of this.compressed) {
      const slot = inodes.slotOf(number);
      if (slot >= 0) inodes.compressed[slot] = 1;
    }
    const rootSlot = inodes.slotOf(root);
    if (rootSlot < 0 || (inodes.mode[rootSlot]! & S_IFMT) !== S_IFDIR) {
      throw corrupt(
        'BTRFS_ROOT',
        'inode 256 of the top level is no directory: there is no root to start from',
        {
          advice: 'run btrfs check on the image, or build it again',
        },
      );
    }
    if (this.unlinked > 0) {
      const message = `${this.unlinked} inodes are unlinked but not yet freed; the next mount frees them`;
      context.report('info', 'BTRFS_UNLINKED', message);
    }
    this.join(root);
    return {
      references: this.references,
      sets,
      nodes: this.nodes.subarray(0, this.nodeCount),
      shares: this.references.shares(sets, subvolumes.length),
      entries: this.rootEntries(),
      isWhole: this.isWhole,
    };
  }

  private meet(bytenr: number): void {
    if (this.nodeCount === this.nodes.length) this.nodes = doubled(this.nodes);
    this.nodes[this.nodeCount++] = bytenr;
  }

  private addEntry(inode: number, directory: number, type: number): void {
    const index = this.entries.count;
    this.entries.add(inode, 0, type);
    if (index === this.directoryOf.length) this.directoryOf = doubled(this.directoryOf);
    this.directoryOf[index] = directory;
  }

  private nameOf(owners: OwnerSet): string {
    const { tree } = this.subvolumes[owners.members[0]!]!;
    const others = owners.members.length - 1;
    return others === 0 ? `subvolume ${tree}` : `subvolume ${tree} and ${others} more`;
  }

  private reportError(owners: OwnerSet, error: ImgoptError): void {
    this.isWhole = false;
    let context = this.volume.context.at(this.nameOf(owners));
    for (const place of error.where) context = context.at(place);
    context.report('error', error.code.replace(/^IMGOPT_/, ''), error.message);
  }

  private reportItem(owners: OwnerSet, inode: number, code: string, message: string): void {
    this.isWhole = false;
    this.volume.context.at(this.nameOf(owners)).at(`inode ${inode}`).report('error', code, message);
  }

  private takeLeaf(leaf: Leaf, owners: OwnerSet): void {
    const { view, at, count } = leaf;
    for (const [position, subvolume] of owners.members.entries()) {
      this.inodes.startRun();
      for (let i = 0; i < count; i++) {
        const item = itemAt(at, i);
        const type = view.getUint8(item + 8);
        if (
          type !== ITEM.inodeItem &&
          type !== ITEM.dirIndex &&
          type !== ITEM.inodeRef &&
          type !== ITEM.extentData
        ) {
          continue;
        }
        const inode = big64(view, item);
        const number = this.numbering.numberOf(subvolume, inode);
        if (number < 0) {
          // Tree-wide items of the log's and of orphans have numbers that count down from 2^64.
          if (Number.isFinite(inode) && position === 0)
            this.reportItem(owners, inode, 'BTRFS_INODE_NUMBER', 'its number is larger than is read');
          continue;
        }
        const data = dataAt(view, at, item);
        const size = sizeOf(view, item);
        if (type === ITEM.inodeItem) this.takeInode(owners, inode, number, view, data, size);
        else if (type === ITEM.dirIndex) this.takeName(owners, subvolume, inode, number, leaf, data, size);
        else if (type === ITEM.inodeRef) {
          const parent = this.numbering.numberOf(subvolume, big64(view, item + 9));
          if (parent >= 0) this.lastReference(inode, number, parent);
        } else this.takeExtent(owners, position, inode, number, view, data, size);
      }
    }
  }

  /** Keeps the parents of directories, as far as the inode's item in front tells; a root's parent the root tree says. */
  private lastReference(inode: number, number: number, parent: number): void {
    const { inodes } = this;
    const slot = inodes.count - 1;
    const isOther = inodes.number[slot] === number && (inodes.mode[slot]! & S_IFMT) !== S_IFDIR;
    if (!isOther && inode !== ROOT_DIRECTORY_INODE) this.parents.set(number, parent);
  }

  private takeInode(
    owners: OwnerSet,
    inode: number,
    number: number,
    view: DataView,
    at: number,
    size: number,
  ): void {
    if (size < INODE.bytes) {
      this.reportItem(owners, inode, 'BTRFS_INODE', `its item has ${size} bytes`);
      return;
    }
    const { inodes } = this;
    const slot = inodes.take(number, view, at);
    if (inodes.links[slot] === 0) {
      inodes.mode[slot] = 0;
      this.unlinked++;
      return;
    }
    if (inodes.size[slot]! > Number.MAX_SAFE_INTEGER || inodes.allocated[slot]! > Number.MAX_SAFE_INTEGER) {
      this.reportItem(owners, inode, 'BTRFS_INODE_SIZE', 'claims to be longer than 2^53 bytes');
      inodes.size[slot] = 0;
      inodes.allocated[slot] = 0;
    }
  }

  private takeName(
    owners: OwnerSet,
    subvolume: number,
    inode: number,
    number: number,
    { view, bytes }: Leaf,
    at: number,
    size: number,
  ): void {
    const length = size > DIR.name ? view.getUint16(at + DIR.nameLength, true) : 0;
    if (length === 0 || length > 255 || DIR.name + length > size) {
      this.reportItem(owners, inode, 'BTRFS_DIRENT', `an entry has a name of ${length} bytes`);
      return;
    }
    const target = big64(view, at + DIR.location);
    const kind = view.getUint8(at + DIR.location + 8);
    let found = -1;
    if (kind === ITEM.inodeItem) found = this.numbering.numberOf(subvolume, target);
    else if (kind === ITEM.rootItem)
      found = this.subvolumeAt(subvolume, inode, number, target, bytes, at, length);
    if (found < 0) {
      this.reportItem(owners, inode, 'BTRFS_DIRENT', `an entry leads to no inode (${target}, type ${kind})`);
      return;
    }
    if (!addName(this.builder, bytes, at + DIR.name, length)) {
      this.reportItem(owners, inode, 'BTRFS_DIRENT', "a name holds '/' or NUL");
    }
    this.addEntry(found, number, view.getUint8(at + DIR.type));
  }

  /** The root directory of the subvolume that an entry names, or an empty directory in its place. */
  private subvolumeAt(
    parent: number,
    directory: number,
    directoryNumber: number,
    tree: number,
    bytes: Uint8Array,
    at: number,
    length: number,
  ): number {
    const link = this.roots.links.get(linkKey(this.subvolumes[parent]!.tree, tree));
    const position = this.positions.get(tree);
    if (
      link !== undefined &&
      position !== undefined &&
      position !== 0 &&
      link.directory === directory &&
      Buffer.from(bytes.buffer, bytes.byteOffset + at + DIR.name, length).toString('latin1') === link.name
    ) {
      const root = this.numbering.numberOf(position, ROOT_DIRECTORY_INODE);
      this.parents.set(root, directoryNumber);
      return root;
    }
    return this.numbering.numberOf(this.subvolumes.length, this.placeholders.push(directoryNumber));
  }

  private takeExtent(
    owners: OwnerSet,
    position: number,
    inode: number,
    number: number,
    view: DataView,
    at: number,
    size: number,
  ): void {
    if (size < EXTENT.diskBytenr) {
      if (position === 0)
        this.reportItem(owners, inode, 'BTRFS_EXTENT', `an extent's item has ${size} bytes`);
      return;
    }
    if (view.getUint8(at + EXTENT.compression) !== 0 && this.compressed.at(-1) !== number) {
      this.compressed.push(number);
    }
    // One leaf, one extent: whose it is the set says.
    if (position > 0) return;
    if (view.getUint8(at + EXTENT.type) === EXTENT.inline) {
      this.references.addInline(size - EXTENT.diskBytenr, owners, inode);
      return;
    }
    if (size < EXTENT.bytes) {
      this.reportItem(owners, inode, 'BTRFS_EXTENT', `an extent's item has ${size} bytes`);
      return;
    }
    const start = big64(view, at + EXTENT.diskBytenr);
    const length = big64(view, at + EXTENT.diskBytes);
    if (start === 0) return; // a hole
    const { sectorSize } = this.volume.superblock;
    if (length === 0 || length % sectorSize !== 0 || this.volume.chunks.find(start, length) === undefined) {
      this.reportItem(
        owners,
        inode,
        'BTRFS_EXTENT',
        `an extent of ${length} bytes at ${start} is in no chunk`,
      );
      return;
    }
    this.references.add(start, length, owners, inode);
  }

  private addPlaceholders(): void {
    const { inodes, numbering, parents, subvolumes } = this;
    inodes.startRun();
    for (const [i, directory] of this.placeholders.entries()) {
      const number = numbering.numberOf(subvolumes.length, i + 1);
      const slot = inodes.append(number);
      inodes.mode[slot] = EMPTY_DIRECTORY_MODE;
      inodes.links[slot] = 1;
      parents.set(number, directory);
    }
  }

  /** Directories get their positions, entries theirs; then everything is joined. */
  private join(root: number): void {
    const { inodes, entries, builder, volume, parents, subvolumes, numbering } = this;
    parents.set(root, root);
    const directories = { count: 0, slot: [] as number[], parent: [] as number[], self: [] as number[] };
    const positions = new Map<number, number>();
    const addDirectory = (slot: number, number: number): number => {
      positions.set(number, directories.count);
      directories.slot.push(slot);
      directories.parent.push(parents.get(number) ?? 0);
      directories.self.push(number);
      return directories.count++;
    };
    for (let slot = 0; slot < inodes.count; slot++) {
      if ((inodes.mode[slot]! & S_IFMT) === S_IFDIR) addDirectory(slot, inodes.number[slot]!);
    }
    let last = -1;
    let position = -1;
    for (let i = 0; i < entries.count; i++) {
      const directory = this.directoryOf[i]!;
      if (directory !== last) {
        last = directory;
        // Names without their directory: a slot that is not in use stands for it, and nothing below it is attached.
        position = positions.get(directory) ?? addDirectory(inodes.append(directory), directory);
      }
      entries.directory[i] = position;
    }
    inodes.finish();
    const system = new Set(subvolumes.map((_, index) => numbering.numberOf(index, ROOT_DIRECTORY_INODE)));
    joinTree({
      builder,
      context: volume.context,
      first: this.first,
      inodes,
      directories,
      entries,
      rootInode: root,
      prefix: 'BTRFS',
      repair: 'btrfs check',
      inodeFlags: (slot) => (inodes.compressed[slot] === 1 ? FILE_FLAG.compressed : 0),
      isNameless: (slot) => system.has(inodes.numberOf(slot)),
    });
  }

  private rootEntries(): Int32Array {
    const { inodes, subvolumes, numbering } = this;
    return Int32Array.from(subvolumes, (_, index) => {
      const slot = inodes.slotOf(numbering.numberOf(index, ROOT_DIRECTORY_INODE));
      return slot < 0 ? -1 : inodes.entry[slot]!;
    });
  }
}
