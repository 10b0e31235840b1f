/**
 * All mounted filesystems as the one tree that the running guest would see.
 *
 * Package databases ask for hundreds of thousands of paths, so `lookup` does not wait: names are found in the
 * file table, folders already resolved are remembered by their path, and targets of symbolic links are known
 * beforehand as far as they matter (those near the root: usr-merge, /var/run). A path that runs into a link whose
 * target is not loaded yet is noted; `loadMissedLinks` fetches those, and the caller asks again.
 *
 * Links are the guest's: absolute ones start at the guest's root, `..` never leaves it, and a chain longer than
 * MAX_SYMLINKS ends, as in Linux.
 */
import type { Context } from '../core/contracts/context.ts';
import type { Filesystem } from '../core/contracts/filesystem.ts';
import type { RootTree } from '../core/contracts/package.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import { corrupt, isArtifactError, locate } from '../core/errors.ts';
import { FILE_TYPE, type FileTable } from '../core/file-table.ts';
import { MAX_GUEST_FILE_BYTES, MAX_GUEST_FILES_BYTES, MAX_READ_BYTES, MAX_SYMLINKS } from '../core/limits.ts';
import { compareText, decodeUtf8, escapeName } from '../core/text.ts';
import type { Mount } from './mounts.ts';

/** Links this near to the root of a filesystem are loaded when the tree is made. */
const EAGER_DEPTH = 2;
/** Small files in flight at once when many are read. */
const READS_IN_FLIGHT = 16;

export class MountedTree implements RootTree {
  private readonly table: FileTable;
  private readonly filesystems: readonly (Filesystem | null)[];
  private readonly context: Context;
  private readonly rootEntry: number;
  /** Directory entry that something is mounted on → root entry of what is mounted. */
  private readonly mountedOn = new Map<number, number>();
  /** The other way round, for `..`. */
  private readonly mountPointOf = new Map<number, number>();
  /** Where the roots of the table's trees stand; a root that is not in it keeps its own tree's paths. */
  private readonly prefixes: Map<number, string>;
  private readonly folders = new Map<string, number>();
  private readonly targets = new Map<number, string>();
  private readonly missed = new Set<number>();

  private constructor(
    table: FileTable,
    filesystems: readonly (Filesystem | null)[],
    mounts: readonly Mount[],
    context: Context,
    places: ReadonlyMap<number, string>,
  ) {
    this.table = table;
    this.filesystems = filesystems;
    this.context = context;
    this.rootEntry = mounts[0]!.entry;
    this.prefixes = new Map(places);
  }

  /**
   * @param filesystems by section of the table; null where the driver is gone
   * @param mounts the root first, outer before inner
   * @param context takes reports about files that cannot be read
   * @param places paths of roots that are not mounted, but belong somewhere: snapshots, a top level
   */
  static async create(
    table: FileTable,
    filesystems: readonly (Filesystem | null)[],
    mounts: readonly Mount[],
    context: Context,
    places: ReadonlyMap<number, string> = new Map(),
  ): Promise<MountedTree> {
    const tree = new MountedTree(table, filesystems, mounts, context, places);
    await inFlight(tree.linksNear(mounts), (entry) => tree.loadLink(entry));
    for (const one of mounts) tree.mount(one);
    return tree;
  }

  private mount({ entry, mountPoint }: Mount): void {
    this.prefixes.set(entry, mountPoint === '/' ? '' : mountPoint);
    if (mountPoint === '/') return;
    const at = this.lookup(mountPoint);
    // The guest could not mount it either (its path still tells where it belongs), or it lies there already.
    if (at < 0 || at === entry) return;
    this.mountedOn.set(at, entry);
    this.mountPointOf.set(entry, at);
    this.folders.clear();
  }

  private linksNear(mounts: readonly Mount[]): number[] {
    const links: number[] = [];
    for (const { entry: root } of mounts) {
      let level = [root];
      for (let depth = 0; depth < EAGER_DEPTH; depth++) {
        const next: number[] = [];
        for (const folder of level) {
          for (const entry of this.table.children(folder)) {
            if (this.table.type[entry] === FILE_TYPE.symlink) links.push(entry);
            else if (this.table.type[entry] === FILE_TYPE.directory) next.push(entry);
          }
        }
        level = next;
      }
    }
    return links;
  }

  /** Fetches the links that lookups ran into. @returns whether there were any */
  async loadMissedLinks(): Promise<boolean> {
    const links = [...this.missed];
    this.missed.clear();
    await inFlight(links, (entry) => this.loadLink(entry));
    if (links.length > 0) this.folders.clear();
    return links.length > 0;
  }

  private async loadLink(entry: number): Promise<void> {
    if (this.targets.has(entry)) return;
    let target = '';
    try {
      const filesystem = this.filesystems[this.table.sectionOf(entry)];
      if (filesystem != null) target = decodeUtf8(await filesystem.readLink(this.table.inode[entry]!));
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      // A link that cannot be read leads nowhere; the scan has reported its inode already.
    }
    this.targets.set(entry, target);
  }

  /** Path in the merged tree; an entry of an unmounted filesystem keeps the path within its own. */
  pathOf(entry: number): string {
    return this.table.path(entry, this.prefixes);
  }

  lookup(path: string, follow = true): number {
    const slash = path.lastIndexOf('/');
    const folder = this.folderAt(slash <= 0 ? '/' : path.slice(0, slash));
    if (folder < 0) return -1;
    return this.step(folder, path.slice(slash + 1), follow, { links: 0 });
  }

  private folderAt(path: string): number {
    const known = this.folders.get(path);
    if (known !== undefined) return known;
    const found = this.walk(this.rootEntry, path, { links: 0 });
    this.folders.set(path, found);
    return found;
  }

  private walk(from: number, path: string, budget: { links: number }): number {
    let at = path.startsWith('/') ? this.rootEntry : from;
    for (const part of path.split('/')) {
      at = this.step(at, part, true, budget);
      if (at < 0) return -1;
    }
    return at;
  }

  /** One component further; mounts entered, links followed when asked to. */
  private step(folder: number, name: string, follow: boolean, budget: { links: number }): number {
    if (name === '' || name === '.') return folder;
    if (name === '..') return this.parentOf(folder);
    const entry = this.table.child(folder, name);
    if (entry < 0) return -1;
    const mounted = this.mountedOn.get(entry);
    if (mounted !== undefined) return mounted;
    if (!follow || this.table.type[entry] !== FILE_TYPE.symlink) return entry;
    const target = this.targets.get(entry);
    if (target === undefined) this.missed.add(entry);
    if (target === undefined || target === '' || ++budget.links > MAX_SYMLINKS) return -1;
    return this.walk(folder, target, budget);
  }

  private parentOf(folder: number): number {
    const under = this.mountPointOf.get(folder) ?? folder;
    const up = this.table.parent[under]!;
    return up < 0 ? this.rootEntry : up;
  }

  child(directory: number, name: string | Uint8Array): number {
    const entry = this.table.child(directory, name);
    return this.mountedOn.get(entry) ?? entry;
  }

  isDirectory(entry: number): boolean {
    return entry >= 0 && this.table.isDirectory(entry);
  }

  list(path: string): readonly { readonly name: string; readonly entry: number }[] {
    const folder = this.lookup(path);
    if (folder < 0 || !this.table.isDirectory(folder)) return [];
    const named = Array.from(this.table.children(folder), (entry) => ({
      name: this.table.name(entry),
      entry: this.mountedOn.get(entry) ?? entry,
    }));
    return named.sort((a, b) => compareText(a.name, b.name));
  }

  /** Entry of a regular file, loading whatever links its path needs; -1 when there is none. */
  private async findFile(path: string): Promise<number> {
    for (let round = 0; round <= MAX_SYMLINKS; round++) {
      const entry = this.lookup(path);
      if (entry >= 0) return this.table.type[entry] === FILE_TYPE.file ? entry : -1;
      if (!(await this.loadMissedLinks())) return -1;
    }
    return -1;
  }

  /** The content of a regular file as a source, or undefined. */
  async open(path: string): Promise<BlockSource | undefined> {
    const entry = await this.findFile(path);
    return entry < 0 ? undefined : this.openEntry(entry);
  }

  private async openEntry(entry: number): Promise<BlockSource | undefined> {
    return this.filesystems[this.table.sectionOf(entry)]?.open(this.table.inode[entry]!);
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    return locate(escapeName(path), async () => {
      const source = await this.open(path);
      if (source === undefined) return undefined;
      if (source.size > MAX_GUEST_FILE_BYTES) {
        throw corrupt(
          'GUEST_FILE_TOO_LARGE',
          `is ${source.size} bytes long; no package database is that large`,
        );
      }
      return await readAll(source);
    });
  }

  /** One that cannot be read is reported and undefined: it costs its own package and not the others. */
  async readMany(paths: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    const result = new Array<Uint8Array | undefined>(paths.length).fill(undefined);
    const wanted: { at: number; entry: number }[] = [];
    let total = 0;
    for (const [at, path] of paths.entries()) {
      const entry = await this.findFile(path);
      if (entry < 0) continue;
      total += this.table.size[entry]!;
      if (total > MAX_GUEST_FILES_BYTES) {
        throw corrupt(
          'GUEST_FILES_TOO_LARGE',
          `${paths.length} files up to ${escapeName(path)} are over ${MAX_GUEST_FILES_BYTES} bytes long`,
        );
      }
      wanted.push({ at, entry });
    }
    // Inode order is close to disk order, and neighbours share blocks of the inode table.
    wanted.sort((a, b) => this.table.inode[a.entry]! - this.table.inode[b.entry]!);
    await inFlight(wanted, async ({ at, entry }) => {
      try {
        const source = await this.openEntry(entry);
        if (source === undefined || source.size > this.table.size[entry]!) return;
        result[at] = await readAll(source);
      } catch (error) {
        if (!isArtifactError(error)) throw error;
        this.context
          .at(escapeName(paths[at]!))
          .report('error', error.code.replace(/^IMGOPT_/, ''), `${error.place}: ${error.message}`);
      }
    });
    return result;
  }
}

async function readAll(source: BlockSource): Promise<Uint8Array> {
  const bytes = new Uint8Array(source.size);
  for (let at = 0; at < bytes.length; at += MAX_READ_BYTES) {
    await source.read(bytes.subarray(at, at + MAX_READ_BYTES), at);
  }
  return bytes;
}

async function inFlight<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(READS_IN_FLIGHT, items.length) }, worker));
}
