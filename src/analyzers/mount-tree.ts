/** Where filesystems and subvolumes stand in the tree that the running guest shows: the plan by which they become one. */
import type { Inspection } from '../core/contracts/inspection.ts';
import { unmountedName } from '../inspect/mounts.ts';

/** Directory for what a mount hides: its bytes are on the disk all the same. */
export const HIDDEN = '[hidden below the mount]';

/** A directory of the merged tree that is not simply what the table holds. */
export interface MountNode {
  /** Root directory of what is mounted here; -1 for a directory above a mount. */
  entry: number;
  /** Position of its filesystem in the inspection; -1 for a directory above a mount. */
  filesystem: number;
  /**
   * Set for a snapshot that was set aside, which stands for itself as a whole: bytes that it holds alone. What is in it
   * are the same files once more.
   */
  exclusive: number | null;
  readonly inner: Map<string, MountNode>;
}

export function mountTree({ filesystems, table }: Inspection): MountNode {
  const root = newNode();
  const readable = filesystems.filter(
    (one) => one.section !== null && table.sections[one.section]!.end > table.sections[one.section]!.first,
  );
  for (const { index, label, mounts, section, subvolumes } of readable) {
    const { first } = table.sections[section!]!;
    const own = `/${unmountedName(index, label)}`;
    const put = (path: string, entry: number, exclusive: number | null = null): void => {
      let node = nodeAt(root, path);
      // Two filesystems at one place: the later one gets a place of its own.
      if (node.entry !== -1) node = nodeAt(root, own);
      Object.assign(node, { entry, filesystem: index, exclusive });
    };
    for (const { entry, mountPoint } of mounts) {
      // A subvolume that lies where it is mounted is a directory like any other.
      if (table.parent[entry]! < 0) put(mountPoint, entry);
    }
    const isShown = mounts.some(({ entry }) => entry === first);
    // What is left of a top level when subvolumes are mounted; a data disk's only filesystem is the tree itself.
    if (!isShown && (mounts.length === 0 || table.children(first).length > 0))
      put(mounts.length === 0 && readable.length === 1 ? '/' : own, first);
    for (const { entry, guestPath, exclusive, isAside } of subvolumes) {
      if (isAside) put(guestPath, entry, exclusive);
    }
  }
  return root;
}

const newNode = (): MountNode => ({ entry: -1, filesystem: -1, exclusive: null, inner: new Map() });

function nodeAt(root: MountNode, path: string): MountNode {
  let node = root;
  for (const name of path.split('/')) {
    if (name === '') continue;
    let next = node.inner.get(name);
    if (next === undefined) {
      next = newNode();
      node.inner.set(name, next);
    }
    node = next;
  }
  return node;
}
