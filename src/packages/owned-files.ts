/**
 * From the paths of a package database to entries of the file table.
 *
 * A database names hundreds of thousands of files in some ten thousand directories. Following every path from
 * the root would cost more than everything else together, so a directory is followed once (links in the middle
 * of a path lead where the guest's would: `/lib/x` is found in `/usr/lib`) and its files are asked for by name.
 * The result is one ascending array per package, without an object per file.
 */
import type { RootTree } from '../core/contracts/package.ts';
import { compareText } from '../core/text.ts';

const decoder = new TextDecoder();
const NONE = new Uint32Array(0);

/** Ascending, each value once, in a new array. */
export function sortedEntries(entries: Uint32Array): Uint32Array {
  if (entries.length === 0) return NONE;
  const sorted = entries.slice().sort();
  let count = 1;
  for (let i = 1; i < sorted.length; i++) {
    if (sorted[i] !== sorted[i - 1]) sorted[count++] = sorted[i]!;
  }
  return count === sorted.length ? sorted : sorted.slice(0, count);
}

/**
 * True when a walk may enter the entry at this path: it is no link. A tree that cannot tell is asked for both
 * readings of the path; a file passes that test, and has no entries to list.
 */
export function isRealDirectory(root: RootTree, path: string, entry: number): boolean {
  if (entry < 0) return false;
  return root.isDirectory === undefined ? root.lookup(path) === entry : root.isDirectory(entry);
}

/** Collects the entries of one package after the other; directories are remembered across packages. */
export class OwnedFiles {
  private readonly root: RootTree;
  private readonly directories = new Map<string, number>();
  private found = new Uint32Array(1024);
  private count = 0;

  constructor(root: RootTree) {
    this.root = root;
  }

  /** The entry of a directory by its absolute path (a slash at its end is fine), links followed, or -1. */
  directory(path: string): number {
    let entry = this.directories.get(path);
    if (entry === undefined) {
      const plain = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
      entry = plain.startsWith('/') ? this.root.lookup(plain) : -1;
      this.directories.set(path, entry);
    }
    return entry;
  }

  /** True when the entry is a folder that can be entered under its own name: no link to one. */
  isFolder(entry: number): boolean {
    return entry >= 0 && this.root.isDirectory?.(entry) === true;
  }

  add(entry: number): number {
    if (entry < 0) return -1;
    if (this.count === this.found.length) {
      const next = new Uint32Array(this.count * 2);
      next.set(this.found);
      this.found = next;
    }
    this.found[this.count++] = entry;
    return entry;
  }

  /**
   * Adds the file `name` of a directory, when it is there.
   * @param path tells the directory's path, to a tree that knows nothing else
   * @param directory what `directory(path)` returned
   * @returns the file's entry, or -1
   */
  addFile(path: () => string, directory: number, name: Uint8Array | string): number {
    if (directory < 0) return -1;
    if (name.length === 0) return this.add(directory);
    if (this.root.child !== undefined) return this.add(this.root.child(directory, name));
    const text = typeof name === 'string' ? name : decoder.decode(name);
    const folder = path();
    return this.add(this.root.lookup(folder.endsWith('/') ? folder + text : `${folder}/${text}`, false));
  }

  /** Adds the file or directory at an absolute path; a link at its end is itself meant. */
  addPath(path: string): void {
    const plain = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    const cut = plain.lastIndexOf('/');
    if (cut < 0) return;
    const folder = cut === 0 ? '/' : plain.slice(0, cut);
    this.addFile(() => folder, this.directory(folder), plain.slice(cut + 1));
  }

  /** True when there is a directory, and not a link to one, at the path. */
  isDirectory(path: string): boolean {
    return isRealDirectory(this.root, path, this.root.lookup(path, false));
  }

  /**
   * Adds a directory and everything below it; what `isOther` says (of a path) is left out with all below it.
   * Links are added, not followed, so the walk ends with the tree.
   */
  addTree(path: string, isOther?: (path: string) => boolean): void {
    this.add(this.root.lookup(path, false));
    const stack = [path];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      for (const { name, entry } of this.root.list(at)) {
        const inner = `${at}/${name}`;
        if (isOther?.(inner) === true) continue;
        this.add(entry);
        if (isRealDirectory(this.root, inner, entry)) stack.push(inner);
      }
    }
  }

  /** The package's entries so far, ascending and each once; starts the next package. */
  take(): Uint32Array {
    const entries = sortedEntries(this.found.subarray(0, this.count));
    this.count = 0;
    return entries;
  }
}

interface Named {
  readonly name: string;
  readonly architecture: string | null;
  readonly version: string;
}

/** Order of packages in every database: name, architecture, version, by code unit. */
export function comparePackages(a: Named, b: Named): number {
  return (
    compareText(a.name, b.name) ||
    compareText(a.architecture ?? '', b.architecture ?? '') ||
    compareText(a.version, b.version)
  );
}
