/**
 * The last step of a scan: joins what the inodes say with what the directories say. Drivers read both in disk order,
 * so a directory's entries may come before the directory's own entry; here every entry gets its inode's attributes
 * and its directory, hard links get their primary name, and what only the whole tree shows is checked.
 */
import type { Context } from '../../core/contracts/context.ts';
import { FILE_FLAG, FILE_TYPE, type FileTableBuilder } from '../../core/file-table.ts';
import { doubled } from '../../sources/runs.ts';
import { typeOfDirent, typeOfMode } from './mode.ts';

/** Inodes in use, in columns by slot. */
export interface TreeInodes {
  readonly count: number;
  /** -1 when the inode is not in use or was not read. */
  slotOf(inode: number): number;
  numberOf(slot: number): number;
  /** 0 for a slot that is not in use. */
  readonly mode: ArrayLike<number>;
  readonly links: ArrayLike<number>;
  readonly uid: ArrayLike<number>;
  readonly gid: ArrayLike<number>;
  readonly size: ArrayLike<number>;
  readonly allocated: ArrayLike<number>;
  readonly modified: ArrayLike<number>;
  /** Table entry of the primary link; -1 at first, set here. */
  readonly entry: Int32Array;
}

/** Directories met, in columns. */
export interface TreeDirectories {
  readonly count: number;
  readonly slot: ArrayLike<number>;
  /** Inode numbers that its `..` and `.` name; 0 when they were not seen. */
  readonly parent: ArrayLike<number>;
  readonly self: ArrayLike<number>;
}

/** Entries met, by table entry minus the section's first; the root is number 0, with itself as directory. */
export interface TreeEntries {
  readonly count: number;
  readonly inode: ArrayLike<number>;
  /** Position in TreeDirectories. */
  readonly directory: { [index: number]: number };
  /** As the entry states it; 0 unknown. */
  readonly type: ArrayLike<number>;
}

/** Entries as the directories name them, in columns that grow. */
export class EntryColumns implements TreeEntries {
  count = 0;
  inode: Float64Array<ArrayBuffer> = new Float64Array(4096);
  directory: Uint32Array<ArrayBuffer> = new Uint32Array(4096);
  type: Uint8Array<ArrayBuffer> = new Uint8Array(4096);

  add(inode: number, directory: number, type: number): void {
    if (this.count === this.inode.length) {
      this.inode = doubled(this.inode);
      this.directory = doubled(this.directory);
      this.type = doubled(this.type);
    }
    this.inode[this.count] = inode;
    this.directory[this.count] = directory;
    this.type[this.count++] = type;
  }
}

const SLASH = 0x2f;
const QUESTION_MARK = 0x3f;
const cleanName = new Uint8Array(256);

/**
 * Appends an entry with this name of at most 255 bytes, parent not yet known.
 * @returns false when the name holds '/' or NUL, which no name can: they become '?'
 */
export function addName(
  builder: FileTableBuilder,
  bytes: Uint8Array,
  start: number,
  length: number,
): boolean {
  let isClean = true;
  for (let i = start; i < start + length; i++) {
    const byte = bytes[i]!;
    if (byte === SLASH || byte === 0) isClean = false;
  }
  if (isClean) {
    builder.add(-1, bytes, start, start + length);
    return true;
  }
  for (let i = 0; i < length; i++) {
    const byte = bytes[start + i]!;
    cleanName[i] = byte === SLASH || byte === 0 ? QUESTION_MARK : byte;
  }
  builder.add(-1, cleanName, 0, length);
  return false;
}

export interface Tree {
  readonly builder: FileTableBuilder;
  readonly context: Context;
  /** First entry of the section. */
  readonly first: number;
  readonly inodes: TreeInodes;
  readonly directories: TreeDirectories;
  readonly entries: TreeEntries;
  readonly rootInode: number;
  /** Prefix of codes, and the tool that repairs: `EXT`, `e2fsck`. */
  readonly prefix: string;
  readonly repair: string;
  /** FILE_FLAG bits of entries by their directory, and of inodes. */
  readonly nameFlags?: (directory: number) => number;
  readonly inodeFlags?: (slot: number) => number;
  /** True for inodes that have no name by design. */
  isNameless(slot: number): boolean;
}

/** Sets attributes, parents and links of all entries; problems go to the context. */
export function joinTree(tree: Tree): void {
  const { inodes, directories, entries, first } = tree;
  const directoryOfSlot = new Int32Array(inodes.count).fill(-1);
  for (let i = 0; i < directories.count; i++) directoryOfSlot[directories.slot[i]!] = i;
  const rootSlot = inodes.slotOf(tree.rootInode);
  entries.directory[0] = directoryOfSlot[rootSlot]!;

  // The primary entry of each inode: the first; of a directory the one that its '..' confirms.
  const slots = new Int32Array(entries.count);
  const linksSeen = new Uint32Array(inodes.count);
  for (let i = 0; i < entries.count; i++) {
    const slot = inodes.slotOf(entries.inode[i]!);
    slots[i] = slot;
    if (slot < 0) continue;
    linksSeen[slot]!++;
    const primary = inodes.entry[slot]!;
    if (primary < 0) inodes.entry[slot] = first + i;
    else if (directoryOfSlot[slot]! >= 0 && slot !== rootSlot) {
      const parent = directories.parent[directoryOfSlot[slot]!]!;
      const confirmed = inodeOf(tree, entries.directory[primary - first]!) === parent;
      if (!confirmed && inodeOf(tree, entries.directory[i]!) === parent) inodes.entry[slot] = first + i;
    }
  }
  for (let i = 0; i < entries.count; i++) setEntry(tree, i, slots[i]!);
  checkNames(tree, directoryOfSlot, linksSeen);
  checkReach(tree, directoryOfSlot, rootSlot);
  checkDots(tree);
}

function inodeOf({ inodes, directories }: Tree, directory: number): number {
  return inodes.numberOf(directories.slot[directory]!);
}

function setEntry(tree: Tree, index: number, slot: number): void {
  const { builder, inodes, directories, entries, context, prefix } = tree;
  const entry = tree.first + index;
  const inode = entries.inode[index]!;
  const directory = entries.directory[index]!;
  if (index > 0) builder.setParent(entry, inodes.entry[directories.slot[directory]!]!);
  const stated = typeOfDirent(entries.type[index]!);
  const nameFlags = index > 0 ? (tree.nameFlags?.(directory) ?? 0) : 0;
  if (slot < 0) {
    builder.set(entry, stated, 0, 0, 0, 0, 0, 0, inode, 0, FILE_FLAG.damaged | nameFlags);
    context
      .at(`inode ${inodeOf(tree, directory)}`)
      .report('error', `${prefix}_DIRENT_DELETED`, `an entry points to inode ${inode}, which is not in use`);
    return;
  }
  const type = typeOfMode(inodes.mode[slot]!);
  let flags = nameFlags | (tree.inodeFlags?.(slot) ?? 0);
  if (inodes.entry[slot] !== entry) {
    flags |= FILE_FLAG.secondaryLink;
    if (type === FILE_TYPE.directory) {
      const message = `the directory also has an entry in inode ${inodeOf(tree, directory)}`;
      context.at(`inode ${inode}`).report('error', `${prefix}_DIRECTORY_TWO_PARENTS`, message);
    }
  }
  if (stated !== FILE_TYPE.unknown && stated !== type) {
    context
      .at(`inode ${inodeOf(tree, directory)}`)
      .report('warning', `${prefix}_DIRENT_TYPE`, `the type of an entry differs from its inode ${inode}`);
  }
  builder.set(
    entry,
    type,
    inodes.mode[slot]!,
    inodes.uid[slot]!,
    inodes.gid[slot]!,
    inodes.links[slot]!,
    inodes.size[slot]!,
    inodes.allocated[slot]!,
    inode,
    inodes.modified[slot]!,
    flags,
  );
}

/** Every inode has a name, and as many as it counts. */
function checkNames(tree: Tree, directoryOfSlot: Int32Array, linksSeen: Uint32Array): void {
  const { inodes, context, prefix } = tree;
  let unattached = 0;
  for (let slot = 0; slot < inodes.count; slot++) {
    if (inodes.mode[slot] === 0) continue;
    if (inodes.entry[slot]! < 0) {
      if (!tree.isNameless(slot)) unattached++;
    } else if (directoryOfSlot[slot]! < 0 && linksSeen[slot] !== inodes.links[slot]) {
      const message = `counts ${inodes.links[slot]} links, ${linksSeen[slot]} are there`;
      context.at(`inode ${inodes.numberOf(slot)}`).report('warning', `${prefix}_LINK_COUNT`, message);
    }
  }
  if (unattached > 0) {
    const message = `${unattached} inodes in use have no name; run ${tree.repair}`;
    context.report('warning', `${prefix}_UNATTACHED`, message);
  }
}

/** Every directory leads to the root. */
function checkReach(tree: Tree, directoryOfSlot: Int32Array, rootSlot: number): void {
  const { inodes, directories, entries, first, context, prefix } = tree;
  // 0 not seen, 1 on the current chain, 2 reaches the root, 3 does not.
  const state = new Uint8Array(directories.count);
  state[directoryOfSlot[rootSlot]!] = 2;
  const chain: number[] = [];
  for (let start = 0; start < directories.count; start++) {
    let at = start;
    while (at >= 0 && state[at] === 0) {
      state[at] = 1;
      chain.push(at);
      const entry = inodes.entry[directories.slot[at]!]!;
      at = entry < 0 ? -1 : entries.directory[entry - first]!;
    }
    const good = at >= 0 && state[at] === 2;
    if (!good && chain.length > 0) {
      const message =
        at >= 0 ? 'the directory leads in a circle, not to the root' : 'the directory hangs below no root';
      context.at(`inode ${inodeOf(tree, start)}`).report('error', `${prefix}_DIRECTORY_UNREACHABLE`, message);
    }
    for (const directory of chain) state[directory] = good ? 2 : 3;
    chain.length = 0;
  }
}

/** `.` and `..` say what the tree says. */
function checkDots(tree: Tree): void {
  const { inodes, directories, entries, first, context, prefix } = tree;
  for (let directory = 0; directory < directories.count; directory++) {
    const inode = inodeOf(tree, directory);
    const entry = inodes.entry[directories.slot[directory]!]!;
    if (entry < 0) continue;
    const parent = inodeOf(tree, entries.directory[entry - first]!);
    const dot = directories.self[directory]!;
    const dotDot = directories.parent[directory]!;
    if (dot === inode && dotDot === parent) continue;
    const [name, said, wanted] = dot === inode ? ["'..'", dotDot, parent] : ["'.'", dot, inode];
    const message = said === 0 ? `${name} is missing` : `${name} says inode ${said}, not ${wanted}`;
    context.at(`inode ${inode}`).report('warning', `${prefix}_DIRECTORY_DOTS`, message);
  }
}
