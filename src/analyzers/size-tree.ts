/**
 * The files of an artifact as one tree to walk through, with sums: what the HTML report draws and `explore` shows.
 *
 * All filesystems stand in it together, each at its mount point, as the running guest would show them. What a mount
 * hides still has its bytes on the disk, so it stands in a directory of its own rather than vanish; a filesystem that
 * the guest does not mount stands in the root directory under a name that no file has.
 *
 * Columns again, in breadth-first order: the children of a node are contiguous, parents come before children, and
 * sums flow upward in one backward pass. A saved report knows only the files and directories of its lists: then the
 * tree holds those and what lies between, and a directory's sum may exceed what stands below it.
 */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { FilesystemSection, Report } from '../core/contracts/report.ts';
import { FILE_TYPE } from '../core/file-table.ts';
import { MAX_DIRECTORY_DEPTH } from '../core/limits.ts';
import { unmountedName } from '../inspect/mounts.ts';
import { HIDDEN, type MountNode, mountTree } from './mount-tree.ts';

export interface SizeTree {
  readonly count: number;
  /** Position of the directory that holds it; -1 for the first node, which is the whole. */
  readonly parent: Int32Array;
  readonly firstChild: Int32Array;
  readonly childCount: Int32Array;
  /** 1 for a directory. */
  readonly directory: Uint8Array;
  /** Entry of the file table; -1 where there is none (a made-up directory, a saved report). */
  readonly entry: Int32Array;
  /** Bytes with all below, hard links once, directories' own blocks included. */
  readonly allocated: Float64Array;
  /** Apparent bytes of files and links with all below. */
  readonly size: Float64Array;
  /** What is neither directory nor symbolic link, with all below. */
  readonly files: Float64Array;
  /** False when there is more in the artifact than the tree says. */
  readonly isComplete: boolean;
  /** As it is in the image: escape it before showing it. The first node's is `/`. */
  name(node: number): string;
}

/** Absolute path of a node, as the guest sees it. */
export function pathInTree(tree: SizeTree, node: number): string {
  const parts: string[] = [];
  for (let at = node; at > 0; at = tree.parent[at]!) parts.push(tree.name(at));
  return `/${parts.reverse().join('/')}`;
}

/** Everything that the inspection's table holds. */
export function treeOfInspection(inspection: Inspection): SizeTree {
  const { table } = inspection;
  const entries: number[] = [];
  const parents: number[] = [];
  const first: number[] = [];
  const counts: number[] = [];
  /** Directories with something mounted on or below them. */
  const mounts = new Map<number, MountNode>();
  /** Names that the table does not give. */
  const names = new Map<number, string>();
  /** For a mount point: the entry that it covers. */
  const covered = new Map<number, number>();
  const add = (entry: number, parent: number, name?: string): number => {
    const node = entries.push(entry) - 1;
    parents.push(parent);
    first.push(0);
    counts.push(0);
    if (name !== undefined) names.set(node, name);
    return node;
  };
  const addMount = (mount: MountNode, parent: number, name: string, hides: number): void => {
    const node = add(mount.entry, parent, name);
    mounts.set(node, mount);
    if (hides >= 0 && table.children(hides).length > 0) covered.set(node, hides);
  };
  addMount(mountTree(inspection), -1, '/', -1);
  for (let node = 0; node < entries.length; node++) {
    const entry = entries[node]!;
    const mount = mounts.get(node);
    first[node] = entries.length;
    const met = new Set<string>();
    if (entry >= 0 && mount?.exclusive == null && table.isDirectory(entry)) {
      for (const child of table.children(entry)) {
        const name = mount === undefined ? '' : table.name(child);
        const inner = mount?.inner.get(name);
        if (inner === undefined || !table.isDirectory(child)) {
          add(child, node);
          continue;
        }
        met.add(name);
        if (inner.entry >= 0) addMount(inner, node, name, child);
        else mounts.set(add(child, node), inner);
      }
    }
    for (const [name, inner] of mount?.inner ?? []) if (!met.has(name)) addMount(inner, node, name, -1);
    const hidden = covered.get(node);
    if (hidden !== undefined) add(hidden, node, HIDDEN);
    counts[node] = entries.length - first[node]!;
  }
  const count = entries.length;
  const allocated = new Float64Array(count);
  const size = new Float64Array(count);
  const files = new Float64Array(count);
  const directory = new Uint8Array(count);
  for (let node = count - 1; node >= 0; node--) {
    const entry = entries[node]!;
    const type = entry < 0 ? FILE_TYPE.directory : table.type[entry];
    if (type === FILE_TYPE.directory) directory[node] = 1;
    allocated[node]! += mounts.get(node)?.exclusive ?? 0;
    if (entry >= 0 && table.isCounted(entry)) {
      allocated[node]! += table.allocated[entry]!;
      if (type !== FILE_TYPE.directory) {
        size[node]! += table.size[entry]!;
        if (type !== FILE_TYPE.symlink) files[node]!++;
      }
    }
    const up = parents[node]!;
    if (up < 0) continue;
    allocated[up]! += allocated[node]!;
    size[up]! += size[node]!;
    files[up]! += files[node]!;
  }
  return {
    count,
    parent: Int32Array.from(parents),
    firstChild: Int32Array.from(first),
    childCount: Int32Array.from(counts),
    directory,
    entry: Int32Array.from(entries),
    allocated,
    size,
    files,
    isComplete: true,
    name: (node) => names.get(node) ?? table.name(entries[node]!),
  };
}

interface Sums {
  allocated: number;
  size: number;
  files: number;
}

/** A place of a saved report; what each filesystem says of it stands apart until the sums are known. */
interface Place {
  readonly inner: Map<string, Place>;
  isDirectory: boolean;
  readonly known: Map<number, Sums>;
}

const newPlace = (): Place => ({ inner: new Map(), isDirectory: true, known: new Map() });

/** What a saved report's lists tell. */
export function treeOfReport(report: Report): SizeTree {
  const root = newPlace();
  const read = report.filesystems.filter((one) => one.directories !== null);
  const isPlaced = ({ mountPoint }: FilesystemSection): boolean => mountPoint !== null || read.length === 1;
  const placeOf = (path: string, filesystem: number): Place => {
    const owner = report.filesystems[filesystem];
    const parts = path.split('/').filter((one) => one !== '');
    if (owner !== undefined && !isPlaced(owner)) parts.unshift(unmountedName(owner.index, owner.label));
    let place = root;
    // A path deeper than any real one keeps its first parts: hostile reports must not cost a stack of places each.
    for (const part of parts.slice(0, MAX_DIRECTORY_DEPTH)) {
      let next = place.inner.get(part);
      if (next === undefined) {
        next = newPlace();
        place.inner.set(part, next);
      }
      place = next;
    }
    return place;
  };
  for (const { path, filesystem, allocated, size, files } of report.directories) {
    placeOf(path, filesystem).known.set(filesystem, { allocated, size, files });
  }
  for (const { path, filesystem, allocated, size } of report.files) {
    const place = placeOf(path, filesystem);
    place.isDirectory = place.inner.size > 0 || place === root;
    if (!place.isDirectory) place.known.set(filesystem, { allocated, size, files: 1 });
  }
  return flatten(root, report);
}

function flatten(root: Place, report: Report): SizeTree {
  const places: Place[] = [root];
  const names: string[] = ['/'];
  const parents: number[] = [-1];
  const first: number[] = [];
  const counts: number[] = [];
  for (let node = 0; node < places.length; node++) {
    first.push(places.length);
    for (const [name, inner] of places[node]!.inner) {
      places.push(inner);
      names.push(name);
      parents.push(node);
    }
    counts.push(places.length - first[node]!);
  }
  const count = places.length;
  const allocated = new Float64Array(count);
  const size = new Float64Array(count);
  const files = new Float64Array(count);
  // By node: what lies below it, for each filesystem apart, since a directory's own sum stops at its filesystem.
  const below: Map<number, Sums>[] = places.map(() => new Map());
  for (let node = count - 1; node >= 0; node--) {
    const { known } = places[node]!;
    const sums = below[node]!;
    for (const [filesystem, own] of known) {
      const found = sums.get(filesystem);
      sums.set(filesystem, {
        allocated: Math.max(own.allocated, found?.allocated ?? 0),
        size: Math.max(own.size, found?.size ?? 0),
        files: Math.max(own.files, found?.files ?? 0),
      });
    }
    const up = parents[node]! < 0 ? undefined : below[parents[node]!]!;
    for (const [filesystem, one] of sums) {
      allocated[node]! += one.allocated;
      size[node]! += one.size;
      files[node]! += one.files;
      if (up === undefined) continue;
      const sum = up.get(filesystem);
      up.set(filesystem, {
        allocated: (sum?.allocated ?? 0) + one.allocated,
        size: (sum?.size ?? 0) + one.size,
        files: (sum?.files ?? 0) + one.files,
      });
    }
    below[node] = new Map(); // done with: a large report's would add up
  }
  allocated[0] = Math.max(allocated[0]!, report.totals.allocated ?? 0);
  size[0] = Math.max(size[0]!, report.totals.size ?? 0);
  files[0] = Math.max(files[0]!, report.totals.files ?? 0);
  return {
    count,
    parent: Int32Array.from(parents),
    firstChild: Int32Array.from(first),
    childCount: Int32Array.from(counts),
    directory: Uint8Array.from(places, (place) => Number(place.isDirectory)),
    entry: new Int32Array(count).fill(-1),
    allocated,
    size,
    files,
    isComplete: false,
    name: (node) => names[node]!,
  };
}
