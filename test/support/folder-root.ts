/**
 * Root trees for tests of package databases: over a folder of the host, or over a map of paths to contents.
 * They follow links as the guest would (an absolute link starts at the tree's root) with code of their own, so
 * that a package database is not tested through the very root tree that the product uses.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { RootTree } from '../../src/core/contracts/package.ts';
import { FILE_TYPE, type FileTable, FileTableBuilder } from '../../src/core/file-table.ts';

/** A root tree that also shows its table. */
export interface TestRoot extends RootTree {
  readonly table: FileTable;
  child(directory: number, name: string | Uint8Array): number;
  isDirectory(entry: number): boolean;
}

type Content = () => Uint8Array;

const encode = (text: string) => new TextEncoder().encode(text);

class TableRoot implements TestRoot {
  readonly table: FileTable;
  private readonly links: Map<number, string>;
  private readonly contents: Map<number, Content>;

  constructor(table: FileTable, links: Map<number, string>, contents: Map<number, Content>) {
    this.table = table;
    this.links = links;
    this.contents = contents;
  }

  lookup(path: string, follow = true): number {
    const steps = path.split('/').filter((step) => step !== '');
    let at = 0;
    for (let budget = 40; steps.length > 0; ) {
      const step = steps.shift()!;
      if (step === '.') continue;
      if (step === '..') {
        at = Math.max(0, this.table.parent[at]!);
        continue;
      }
      const next = this.table.child(at, step);
      if (next < 0) return -1;
      const target = this.links.get(next);
      if (target !== undefined && (steps.length > 0 || follow)) {
        if (budget-- === 0) return -1;
        if (target.startsWith('/')) at = 0;
        steps.unshift(...target.split('/').filter((part) => part !== ''));
      } else {
        at = next;
      }
    }
    return at;
  }

  child(directory: number, name: string | Uint8Array): number {
    return this.table.child(directory, name);
  }

  isDirectory(entry: number): boolean {
    return entry >= 0 && this.table.isDirectory(entry);
  }

  list(path: string): { name: string; entry: number }[] {
    const directory = this.lookup(path);
    if (directory < 0) return [];
    return [...this.table.children(directory)]
      .map((entry) => ({ name: this.table.name(entry), entry }))
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    return this.contents.get(this.lookup(path))?.();
  }

  async readMany(paths: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return await Promise.all(paths.map((path) => this.read(path)));
  }
}

/**
 * A tree from a list of its files; directories come by themselves.
 * @param files absolute path to content; `{ link }` is a symbolic link, null an (empty) directory
 */
export function memoryRoot(
  files: Readonly<Record<string, string | Uint8Array | { readonly link: string } | null>>,
): TestRoot {
  const builder = new FileTableBuilder();
  const links = new Map<number, string>();
  const contents = new Map<number, Content>();
  const known = new Map<string, number>();
  builder.beginSection();
  let inode = 1;
  const add = (path: string, type: 1 | 2 | 3, size: number): number => {
    const existing = known.get(path);
    if (existing !== undefined) return existing;
    const cut = path.lastIndexOf('/');
    const parent = path === '' ? -1 : add(path.slice(0, cut), FILE_TYPE.directory, 4096);
    const entry = builder.add(parent, encode(path.slice(cut + 1)));
    builder.set(entry, type, 0o755, 0, 0, 1, size, Math.ceil(size / 4096) * 4096, inode++, 0);
    known.set(path, entry);
    return entry;
  };
  add('', FILE_TYPE.directory, 4096);
  for (const [path, content] of Object.entries(files)) {
    const plain = path.replace(/\/+$/, '');
    if (content === null) {
      add(plain, FILE_TYPE.directory, 4096);
    } else if (typeof content === 'object' && 'link' in content) {
      links.set(add(plain, FILE_TYPE.symlink, content.link.length), content.link);
    } else {
      const bytes = typeof content === 'string' ? encode(content) : content;
      contents.set(add(plain, FILE_TYPE.file, bytes.length), () => bytes);
    }
  }
  return new TableRoot(builder.build(), links, contents);
}

/**
 * The tree of a folder on this machine; contents are read when they are asked for.
 * @param at absolute path that the folder has in the guest, when it is not its root
 */
export function folderRoot(folder: string, at = ''): TestRoot {
  const builder = new FileTableBuilder();
  const links = new Map<number, string>();
  const contents = new Map<number, Content>();
  builder.beginSection();
  const walk = (path: string, parent: number, name: string) => {
    const stat = lstatSync(path);
    const type = stat.isDirectory()
      ? FILE_TYPE.directory
      : stat.isSymbolicLink()
        ? FILE_TYPE.symlink
        : stat.isFile()
          ? FILE_TYPE.file
          : FILE_TYPE.unknown;
    const entry = builder.add(parent, encode(name));
    builder.set(
      entry,
      type,
      stat.mode,
      stat.uid,
      stat.gid,
      stat.nlink,
      stat.size,
      stat.blocks * 512,
      stat.ino,
      0,
    );
    if (type === FILE_TYPE.symlink) links.set(entry, readlinkSync(path));
    if (type === FILE_TYPE.file) contents.set(entry, () => readFileSync(path));
    if (type === FILE_TYPE.directory) {
      for (const inner of readdirSync(path)) walk(join(path, inner), entry, inner);
    }
  };
  let parent = -1;
  const steps = at.split('/');
  for (const step of steps.slice(0, -1)) {
    const entry = builder.add(parent, encode(step));
    builder.set(entry, FILE_TYPE.directory, 0o755, 0, 0, 2, 4096, 4096, 0, 0);
    parent = entry;
  }
  walk(folder, parent, steps.at(-1)!);
  return new TableRoot(builder.build(), links, contents);
}

/** Paths of a package's entries, sorted: what other tools print. */
export function entryPaths(root: TestRoot, entries: Uint32Array): string[] {
  return [...entries].map((entry) => root.table.path(entry)).sort();
}
