/** Where filesystems stand in the tree that the running guest shows: the plan by which their trees become one. */
import type { Inspection } from '../core/contracts/inspection.ts';

/** Directory for what a mount hides: its bytes are on the disk all the same. */
export const HIDDEN = '[hidden below the mount]';

/** A directory of the merged tree that is not simply what the table holds. */
export interface MountNode {
  /** Position in `table.sections` of the filesystem that is mounted here; -1 for a directory above a mount. */
  section: number;
  readonly inner: Map<string, MountNode>;
}

/** Name of a filesystem that the guest mounts nowhere, as a directory beside `/usr`. */
export function unmountedName(index: number, label: string | null): string {
  return `[filesystem ${index}${label === null ? '' : ` ${label.replaceAll('/', '_')}`}]`;
}

export function mountTree({ filesystems, table }: Inspection): MountNode {
  const root: MountNode = { section: -1, inner: new Map() };
  const readable = filesystems.filter(
    (one) => one.section !== null && table.sections[one.section]!.end > table.sections[one.section]!.first,
  );
  for (const { index, label, mountPoint, section } of readable) {
    // A data disk's only filesystem is the tree itself.
    const place = mountPoint ?? (readable.length === 1 ? '/' : null);
    const own = unmountedName(index, label);
    const parts = place === null ? [own] : place.split('/').filter((one) => one !== '');
    let node = root;
    for (const part of parts) node = below(node, part);
    // Two filesystems at one place: the later one gets a place of its own.
    if (node.section !== -1) node = below(root, own);
    node.section = section!;
  }
  return root;
}

function below(node: MountNode, name: string): MountNode {
  let next = node.inner.get(name);
  if (next === undefined) {
    next = { section: -1, inner: new Map() };
    node.inner.set(name, next);
  }
  return next;
}
