/**
 * The files of an archive as a tree: what remains after all of its members, in order, have been unpacked, without
 * unpacking any. A later member of the same name replaces an earlier one; so do the layers of an image, which also
 * remove (whiteouts). Names are bytes, as Latin-1 characters.
 *
 * Hard links share an inode and can only point to what was there before them, so no circle can come about. Links in
 * the middle of a path are followed as unpacking would follow them, within the tree. `..` leads nowhere: such a
 * member is refused by name and left out.
 *
 * What the tree no longer refers to is still in the archive; `liveContent` is what a filesystem needs to tell the
 * two apart.
 */
import { FILE_TYPE, type FileType } from '../../core/file-table.ts';
import { MAX_SYMLINKS } from '../../core/limits.ts';
import type { SparseRun } from '../../sources/tar-sparse.ts';

export interface Inode {
  readonly type: FileType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modified: number;
  readonly size: number;
  /** Content in the archive's bytes: where it begins, how long it is, and how much it takes with its padding. */
  readonly offset: number;
  readonly stored: number;
  readonly occupied: number;
  readonly runs: readonly SparseRun[] | null;
  /** Of a symbolic link. */
  readonly target: string;
  /** Number in the table; given when the tree is written down. */
  number: number;
  links: number;
}

export interface Node {
  inode: Inode;
  /** Which layer put it there; 0 for archives that have none. */
  layer: number;
  /** Null for what is no directory. */
  children: Map<string, Node> | null;
}

/** What becomes of a member. `outside`: its name leads out of the tree; `missing`: it links to nothing. */
export type Placement = 'placed' | 'outside' | 'missing';

export type NewInode = Omit<Inode, 'number' | 'links'>;

const IMPLIED: NewInode = {
  type: FILE_TYPE.directory,
  mode: 0o755,
  uid: 0,
  gid: 0,
  modified: 0,
  size: 0,
  offset: 0,
  stored: 0,
  occupied: 0,
  runs: null,
  target: '',
};

function nodeOf(inode: NewInode | Inode, layer: number): Node {
  const own = 'number' in inode ? inode : { ...inode, number: -1, links: 0 };
  return { inode: own, layer, children: own.type === FILE_TYPE.directory ? new Map() : null };
}

/** Parts of a name without empty ones and `.`; undefined when one of them is `..`. */
function partsOf(name: string): string[] | undefined {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  return parts.includes('..') ? undefined : parts;
}

export class FileTree {
  readonly root: Node = nodeOf(IMPLIED, 0);

  /** Puts a member at its name; folders on the way come about by themselves. */
  put(name: string, inode: NewInode, layer = 0): Placement {
    const parts = partsOf(name);
    if (parts === undefined) return 'outside';
    if (parts.length === 0) {
      if (inode.type !== FILE_TYPE.directory) return 'outside';
      this.root.inode = { ...inode, number: -1, links: 0 };
      this.root.layer = layer;
      return 'placed';
    }
    return this.place(parts, nodeOf(inode, layer), layer);
  }

  /** Another name for what stands at `target`. */
  link(name: string, target: string, layer = 0): Placement {
    const parts = partsOf(name);
    const from = partsOf(target);
    if (parts === undefined || from === undefined || parts.length === 0) return 'outside';
    const original = this.find(from);
    if (original === undefined || original.children !== null) return 'missing';
    return this.place(parts, nodeOf(original.inode, layer), layer);
  }

  private place(parts: readonly string[], node: Node, layer: number): Placement {
    const folder = this.folder(parts.slice(0, -1), layer);
    if (folder === undefined) return 'outside';
    const name = parts.at(-1)!;
    const before = folder.children!.get(name);
    // A directory that comes again keeps what is in it.
    if (before !== undefined && before.children !== null && node.children !== null) {
      before.inode = node.inode;
      before.layer = layer;
    } else {
      folder.children!.set(name, node);
    }
    return 'placed';
  }

  /** The directory at a path, made where there is none; undefined when links go round in circles. */
  private folder(parts: readonly string[], layer: number): Node | undefined {
    let at = this.root;
    let budget = MAX_SYMLINKS;
    const trail: Node[] = [at];
    const open = [...parts].reverse();
    while (open.length > 0) {
      const name = open.pop()!;
      if (name === '..') {
        if (trail.length > 1) trail.pop();
        at = trail.at(-1)!;
        continue;
      }
      let next = at.children!.get(name);
      if (next?.inode.type === FILE_TYPE.symlink) {
        if (--budget < 0) return undefined;
        const { target } = next.inode;
        if (target.startsWith('/')) trail.length = 1;
        at = trail.at(-1)!;
        const steps = target.split('/').filter((part) => part !== '' && part !== '.');
        for (const step of steps.reverse()) open.push(step);
        continue;
      }
      if (next === undefined || next.children === null) {
        next = nodeOf(IMPLIED, layer);
        at.children!.set(name, next);
      }
      at = next;
      trail.push(at);
    }
    return at;
  }

  /** What stands at a name, links not followed. */
  lookup(name: string): Node | undefined {
    const parts = partsOf(name);
    return parts === undefined ? undefined : this.find(parts);
  }

  private find(parts: readonly string[]): Node | undefined {
    let at: Node | undefined = this.root;
    for (const part of parts) at = at?.children?.get(part);
    return at;
  }

  /** Removes what layers below `layer` put at a name (a whiteout). */
  hide(name: string, layer: number): void {
    const parts = partsOf(name);
    if (parts === undefined || parts.length === 0) return;
    const folder = this.find(parts.slice(0, -1));
    const node = folder?.children?.get(parts.at(-1)!);
    if (node !== undefined && isEmptied(node, layer)) folder!.children!.delete(parts.at(-1)!);
  }

  /** Removes what layers below `layer` put into a directory (an opaque one). */
  hideContents(name: string, layer: number): void {
    const node = this.lookup(name);
    if (node !== undefined) isEmptied(node, layer);
  }
}

/** Takes out of a node what lower layers put there. @returns whether the node itself goes too */
function isEmptied(node: Node, layer: number): boolean {
  // Depth-first without recursion: a hostile archive nests as deep as names are long.
  const stack: { node: Node; parent: Node | null; name: string; isSeen: boolean }[] = [
    { node, parent: null, name: '', isSeen: false },
  ];
  let isGone = false;
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    if (!top.isSeen && top.node.children !== null) {
      top.isSeen = true;
      for (const [name, child] of top.node.children)
        stack.push({ node: child, parent: top.node, name, isSeen: false });
      continue;
    }
    stack.pop();
    const goes = top.node.layer < layer && (top.node.children?.size ?? 0) === 0;
    if (!goes) continue;
    if (top.parent === null) isGone = true;
    else top.parent.children!.delete(top.name);
  }
  return isGone;
}
