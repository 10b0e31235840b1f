/**
 * A tree of files in an archive, as a filesystem: what it allocates of a file is what the archive spends on its
 * content, padding included; headers and all that stands between contents is metadata; content that nothing refers
 * to any more (a member that a later one replaced, files that a later layer removed) is unused, and stale.
 */
import type { Filesystem, FilesystemDriver } from '../../core/contracts/filesystem.ts';
import type { BlockSource } from '../../core/contracts/source.ts';
import { corrupt, unsupported } from '../../core/errors.ts';
import { type ByteRange, ExtentSet } from '../../core/extents.ts';
import { FILE_FLAG, FILE_TYPE, type FileTableBuilder } from '../../core/file-table.ts';
import { MAX_DIRECTORY_DEPTH } from '../../core/limits.ts';
import { piecedSource } from '../../sources/pieces.ts';
import { sliceSource } from '../../sources/slice.ts';
import type { FileTree, Inode, Node } from './file-tree.ts';

/**
 * The driver for one archive, bound to its tree.
 * @param type `tar`, `cpio`, `oci`
 * @param contents every member's content in the archive's bytes, live or not
 */
export function treeDriver(type: string, tree: FileTree, contents: readonly ByteRange[]): FilesystemDriver {
  return {
    name: type,
    probe: () => ({
      certainty: 'certain',
      description: type,
      type,
      usage: 'filesystem',
      label: null,
      uuid: null,
    }),
    open: async (source) => new TreeFilesystem(type, tree, contents, source),
  };
}

class TreeFilesystem implements Filesystem {
  readonly label = null;
  readonly uuid = null;
  readonly state = 'clean';
  readonly blockSize = 512;
  readonly features = [];
  readonly type: string;
  readonly size: number;
  private readonly tree: FileTree;
  private readonly source: BlockSource;
  private readonly contents: ExtentSet;
  private readonly unused: ExtentSet;
  private readonly inodes: Inode[] = [];

  constructor(type: string, tree: FileTree, contents: readonly ByteRange[], source: BlockSource) {
    this.type = type;
    this.tree = tree;
    this.source = source;
    this.size = source.size;
    this.contents = ExtentSet.from(contents).clip(0, this.size);
    this.unused = this.contents.subtract(liveContent(tree));
  }

  usage(): { used: number; unused: number } {
    const unused = this.unused.total;
    return { used: this.size - unused, unused };
  }

  async scan(builder: FileTableBuilder): Promise<void> {
    countLinks(this.tree);
    this.inodes.length = 0;
    const open: { node: Node; entry: number; depth: number }[] = [];
    const add = (parent: number, name: string, node: Node, depth: number): void => {
      if (depth > MAX_DIRECTORY_DEPTH)
        throw unsupported('TOO_DEEP', `has directories more than ${MAX_DIRECTORY_DEPTH} deep`);
      const entry = builder.add(parent, Buffer.from(name, 'latin1'));
      const { inode } = node;
      const isFirst = inode.number < 0;
      if (isFirst) inode.number = this.inodes.push(inode) - 1;
      builder.set(
        entry,
        inode.type,
        inode.mode,
        inode.uid,
        inode.gid,
        inode.links,
        inode.size,
        inode.occupied,
        inode.number,
        inode.modified,
        isFirst ? 0 : FILE_FLAG.secondaryLink,
      );
      if (node.children !== null) open.push({ node, entry, depth });
    };
    add(-1, '', this.tree.root, 0);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const [name, child] of next.node.children!) add(next.entry, name, child, next.depth + 1);
    }
  }

  private inode(number: number): Inode {
    const inode = this.inodes[number];
    if (inode === undefined) throw corrupt('NO_SUCH_INODE', `there is no file ${number}`);
    return inode;
  }

  async open(number: number): Promise<BlockSource> {
    const { type, size, offset, stored, runs } = this.inode(number);
    if (type !== FILE_TYPE.file) throw corrupt('NOT_A_FILE', `${number} is no regular file`);
    if (runs === null) return sliceSource(this.source, offset, stored);
    let at = offset;
    const pieces = runs.map(({ start, length }) => {
      const piece = { start, source: this.source, offset: at, length };
      at += length;
      return piece;
    });
    return piecedSource(pieces, size, 'sparse file');
  }

  async readLink(number: number): Promise<Uint8Array> {
    return Buffer.from(this.inode(number).target, 'latin1');
  }

  async unusedExtents(): Promise<ExtentSet> {
    return this.unused;
  }

  async metadataExtents(): Promise<ExtentSet> {
    return this.contents.complement(0, this.size);
  }
}

function* nodesOf(tree: FileTree): Generator<Node> {
  const open: Node[] = [tree.root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    yield node;
    if (node.children !== null) for (const child of node.children.values()) open.push(child);
  }
}

/** How many names each inode has; of a directory its own, `.` and the `..` of those in it, as everywhere. */
function countLinks(tree: FileTree): void {
  for (const { inode } of nodesOf(tree)) {
    inode.links = 0;
    inode.number = -1;
  }
  for (const { inode, children } of nodesOf(tree)) {
    if (children === null) inode.links++;
    else {
      inode.links = 2;
      for (const child of children.values()) if (child.children !== null) inode.links++;
    }
  }
}

/** Where the content lies that the tree still refers to. */
export function liveContent(tree: FileTree): ExtentSet {
  const ranges: ByteRange[] = [];
  for (const { inode } of nodesOf(tree)) {
    if (inode.occupied > 0) ranges.push({ start: inode.offset, end: inode.offset + inode.occupied });
  }
  return ExtentSet.from(ranges);
}
