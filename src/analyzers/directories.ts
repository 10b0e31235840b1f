/**
 * Where in the tree the bytes are, without saying the same bytes at every level.
 *
 * Sorted by cumulative size, a list of directories is /, /usr, /usr/lib, /usr/lib/x86_64-linux-gnu …: the same
 * gigabyte four times. So a directory is listed only for what the listed directories inside it leave over: going
 * from the leaves to the root, one is taken when the bytes below it that are not in a taken directory already
 * reach a threshold (the 'hierarchical heavy hitters' of Cormode and others, 2003). The threshold is the smallest
 * for which the list is not longer than wanted. `allocated` stays cumulative, as du says it; `exclusive` is what
 * the directory was taken for. With `top` 0 every directory is listed.
 */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { DirectorySection } from '../core/contracts/report.ts';
import { FILE_TYPE } from '../core/file-table.ts';
import { compareText } from '../core/text.ts';
import { ownershipOf } from './ownership.ts';

/** Directories, children first, with their sums; indexes are positions in `entries`. */
interface Tree {
  readonly entries: Int32Array;
  /** Position of the parent, or -1. */
  readonly parent: Int32Array;
  /** Bytes directly in it: its files and its own blocks. */
  readonly own: Float64Array;
  readonly allocated: Float64Array;
  readonly size: Float64Array;
  readonly files: Float64Array;
  readonly unpackaged: Float64Array;
}

/** @param top how many at most; 0 is all */
export function analyzeDirectories(inspection: Inspection, top: number): DirectorySection[] {
  const tree = sumUp(inspection);
  const count = tree.entries.length;
  const taken = new Uint8Array(count);
  const exclusive = new Float64Array(count);
  if (top === 0 || count <= top) take(tree, 0, taken, exclusive);
  else take(tree, threshold(tree, top), taken, exclusive);
  const list: DirectorySection[] = [];
  for (let at = 0; at < count; at++) {
    if (taken[at] === 0) continue;
    const entry = tree.entries[at]!;
    list.push({
      path: inspection.pathOf(entry),
      filesystem: inspection.filesystemOf(entry),
      size: tree.size[at]!,
      allocated: tree.allocated[at]!,
      files: tree.files[at]!,
      exclusive: exclusive[at]!,
      unpackaged: tree.unpackaged[at]!,
    });
  }
  return list.sort(
    (a, b) => b.allocated - a.allocated || compareText(a.path, b.path) || a.filesystem - b.filesystem,
  );
}

function sumUp(inspection: Inspection): Tree {
  const { table } = inspection;
  const { owner } = ownershipOf(inspection);
  const order = table.childrenFirst();
  const position = new Int32Array(table.count).fill(-1);
  const entries = new Int32Array(order.length);
  let count = 0;
  for (const entry of order) {
    if (table.type[entry] !== FILE_TYPE.directory || !table.isCounted(entry)) continue;
    position[entry] = count;
    entries[count++] = entry;
  }
  const own = new Float64Array(count);
  const size = new Float64Array(count);
  const files = new Float64Array(count);
  const unpackaged = new Float64Array(count);
  const parent = new Int32Array(count).fill(-1);
  for (const entry of order) {
    const up = table.parent[entry]!;
    if (table.type[entry] === FILE_TYPE.directory) {
      const at = position[entry]!;
      if (at < 0) continue;
      own[at]! += table.allocated[entry]!;
      if (up >= 0) parent[at] = position[up]!;
      continue;
    }
    if (up < 0 || !table.isCounted(entry)) continue;
    const at = position[up]!;
    own[at]! += table.allocated[entry]!;
    size[at]! += table.size[entry]!;
    if (table.type[entry] !== FILE_TYPE.symlink) files[at]!++;
    if (owner[entry]! < 0) unpackaged[at]! += table.allocated[entry]!;
  }
  const allocated = own.slice();
  for (let at = 0; at < count; at++) {
    const up = parent[at]!;
    if (up < 0) continue;
    allocated[up]! += allocated[at]!;
    size[up]! += size[at]!;
    files[up]! += files[at]!;
    unpackaged[up]! += unpackaged[at]!;
  }
  return { entries: entries.subarray(0, count), parent, own, allocated, size, files, unpackaged };
}

/** Takes every directory whose remainder reaches `least`; returns how many. */
function take(tree: Tree, least: number, taken: Uint8Array, exclusive: Float64Array): number {
  exclusive.set(tree.own);
  taken.fill(0);
  let count = 0;
  for (let at = 0; at < tree.entries.length; at++) {
    if (exclusive[at]! >= least) {
      taken[at] = 1;
      count++;
      continue;
    }
    const up = tree.parent[at]!;
    if (up >= 0) exclusive[up]! += exclusive[at]!;
  }
  return count;
}

/** The smallest threshold, by bisection, that takes at most `top` directories. */
function threshold(tree: Tree, top: number): number {
  const taken = new Uint8Array(tree.entries.length);
  const exclusive = new Float64Array(tree.entries.length);
  let low = 0; // takes too many
  let high = 1; // takes few enough
  for (const bytes of tree.allocated) if (bytes >= high) high = bytes + 1;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (take(tree, middle, taken, exclusive) > top) low = middle;
    else high = middle;
  }
  return high;
}
