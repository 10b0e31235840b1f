/**
 * Who takes which byte. Findings claim table entries one after the other; an entry is claimed once, a hard-linked
 * file frees its blocks with the last of its links, a directory frees its own when it goes itself. Packages claim
 * what no remaining package owns, the directories that this empties, and what their manager and their scripts keep
 * beside them: dpkg's lists, bytecode that was compiled at installation, a kernel's initramfs.
 *
 * What a file occupies and what its end frees are not the same everywhere: where a filesystem has snapshots and clones,
 * it says what stays, and that is not promised.
 */
import type { Filesystem, RemovedContent } from '../core/contracts/filesystem.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type { GuestBoot, GuestFiles } from '../core/contracts/rule.ts';
import { ownershipOf } from './ownership.ts';

/** A table entry and what taking it frees; -1 for bytes of filesystems that are no entry's alone (snapshots). */
export interface Taken {
  readonly entry: number;
  readonly bytes: number;
}

/** What a finding takes. */
export interface Freed {
  bytes: number;
  files: number;
  /** Bytes of those files that snapshots or clones keep. */
  kept: number;
}

const PYTHON_CACHE = '__pycache__';

export class Claims {
  private readonly inspection: Inspection;
  private readonly files: GuestFiles;
  private readonly boot: GuestBoot;
  private readonly claimed: Uint8Array;
  private readonly guarded: Uint8Array;
  /** By position of a filesystem: it knows better than the table what goes. */
  private readonly sharing: readonly (Filesystem | null)[];
  /** Everything that was taken so far, in order. */
  readonly taken: Taken[] = [];
  private readonly linksLeft = new Map<number, number>();
  private owners: Uint16Array | undefined;
  private info: Map<string, number[]> | undefined;

  constructor(inspection: Inspection, files: GuestFiles, boot: GuestBoot) {
    this.inspection = inspection;
    this.files = files;
    this.boot = boot;
    this.claimed = new Uint8Array(inspection.table.count);
    this.guarded = new Uint8Array(inspection.table.count);
    const sharing = inspection.filesystems.map(({ filesystem }) =>
      filesystem?.removing === undefined ? null : filesystem,
    );
    this.sharing = sharing.some((one) => one !== null) ? sharing : [];
    for (const kernel of boot.kernels) {
      if (kernel.version !== boot.defaultVersion) continue;
      // A backup of its initramfs is not what starts.
      const initramfs = kernel.initramfs.filter((entry) => !isBackup(files.name(entry)));
      for (const entry of [kernel.image, ...initramfs]) if (entry >= 0) this.guarded[entry] = 1;
      if (kernel.modules >= 0) for (const entry of files.tree(kernel.modules)) this.guarded[entry] = 1;
    }
  }

  /**
   * Takes the entries that are still free.
   * @param freed bytes by position in `entries` where they only become smaller
   */
  take(entries: Iterable<number>, freed?: readonly number[]): Freed {
    return this.takeFrom(entries, this.guarded, freed);
  }

  private takeFrom(entries: Iterable<number>, guarded: Uint8Array | null, freed?: readonly number[]): Freed {
    const { table } = this.inspection;
    const total: Freed = { bytes: 0, files: 0, kept: 0 };
    let position = -1;
    for (const entry of entries) {
      position++;
      if (this.claimed[entry] === 1 || guarded?.[entry] === 1 || table.parent[entry]! < 0) continue;
      this.claimed[entry] = 1;
      const isDirectory = table.isDirectory(entry);
      const frees = isDirectory
        ? table.allocated[entry]!
        : freed === undefined
          ? this.unlinked(entry, total)
          : this.shrunk(entry, freed[position]!, total);
      this.taken.push({ entry, bytes: frees });
      total.bytes += frees;
      if (!isDirectory) total.files++;
    }
    return total;
  }

  isClaimed(entry: number): boolean {
    return this.claimed[entry] === 1;
  }

  /** What removing one more link of the file frees; what that leaves to others is added to `total`. */
  private unlinked(entry: number, total: Freed): number {
    const { table } = this.inspection;
    if (table.links[entry]! <= 1) return this.freedWith(entry, total);
    const standing = ownershipOf(this.inspection).standing(entry);
    const left = (this.linksLeft.get(standing) ?? table.links[standing]!) - 1;
    this.linksLeft.set(standing, left);
    return left === 0 ? this.freedWith(standing, total) : 0;
  }

  private freedWith(entry: number, total: Freed): number {
    const removed = this.removing(entry);
    if (removed === undefined) return this.inspection.table.allocated[entry]!;
    total.kept += removed.kept;
    return removed.freed;
  }

  /** What a file that loses `bytes` of its content frees: no more than if it went, where others refer to it. */
  private shrunk(entry: number, bytes: number, total: Freed): number {
    const removed = this.removing(entry);
    if (removed === undefined || removed.freed >= bytes) return bytes;
    total.kept += Math.min(removed.kept, bytes - removed.freed);
    return removed.freed;
  }

  private removing(entry: number): RemovedContent | undefined {
    if (this.sharing.length === 0) return undefined;
    const { table, filesystemOf } = this.inspection;
    return this.sharing[filesystemOf(entry)]?.removing?.(table.inode[entry]!);
  }

  /** Takes all that leaves with these packages. */
  takePackages(positions: readonly number[]): Freed {
    const { table, packages } = this.inspection;
    const owners = this.ownerCounts();
    const going: number[] = [];
    const folders: number[] = [];
    for (const position of positions) {
      const one = packages[position]!;
      for (const entry of one.entries) {
        owners[entry]!--;
        if (owners[entry] === 0) (table.isDirectory(entry) ? folders : going).push(entry);
      }
      for (const entry of this.recordsOf(position)) going.push(entry);
    }
    this.addKernelLeftovers(positions, going);
    const bytecode = this.bytecodeOf(going);
    for (const entry of bytecode) going.push(entry);
    // What the boot needs was kept by its package; a package that may go may take its files along.
    const total = this.takeFrom(going, null);
    // Deepest first, so that a directory of directories goes too.
    const depth = (entry: number): number => {
      let level = 0;
      for (let at = entry; table.parent[at]! >= 0; at = table.parent[at]!) level++;
      return level;
    };
    const deepestFirst = folders
      .map((entry) => ({ entry, depth: depth(entry) }))
      .sort((a, b) => b.depth - a.depth);
    for (const { entry } of deepestFirst) {
      const isEmptied = this.files.children(entry).every((inner) => this.claimed[inner] === 1);
      if (isEmptied) total.bytes += this.takeFrom([entry], null).bytes;
    }
    return total;
  }

  private ownerCounts(): Uint16Array {
    if (this.owners === undefined) {
      const owners = new Uint16Array(this.inspection.table.count);
      for (const { entries, state } of this.inspection.packages) {
        if (state === 'config-files') continue;
        for (const entry of entries) if (owners[entry]! < 0xffff) owners[entry]!++;
      }
      this.owners = owners;
    }
    return this.owners;
  }

  /** What the manager's own database keeps as files for the package. */
  recordsOf(position: number): readonly number[] {
    const { manager, name, version, architecture } = this.inspection.packages[position]!;
    if (manager === 'pacman') {
      return this.files.tree(this.files.lookup(`/var/lib/pacman/local/${name}-${version}`));
    }
    if (manager !== 'dpkg') return [];
    if (this.info === undefined) {
      const info = new Map<string, number[]>();
      for (const entry of this.files.children(this.files.resolve('/var/lib/dpkg/info'))) {
        const file = this.files.name(entry);
        const owner = file.slice(0, file.lastIndexOf('.'));
        const list = info.get(owner);
        if (list === undefined) info.set(owner, [entry]);
        else list.push(entry);
      }
      this.info = info;
    }
    return [...(this.info.get(name) ?? []), ...(this.info.get(`${name}:${architecture}`) ?? [])];
  }

  /** Bytecode of Python files that go: their packages' scripts remove it. */
  private bytecodeOf(entries: readonly number[]): number[] {
    const { table } = this.inspection;
    const modules = new Map<number, Set<string>>();
    for (const entry of entries) {
      const bytes = table.nameBytes(entry);
      const { length } = bytes;
      if (
        length < 4 ||
        bytes[length - 1] !== 0x79 ||
        bytes[length - 2] !== 0x70 ||
        bytes[length - 3] !== 0x2e
      )
        continue;
      const parent = table.parent[entry]!;
      let names = modules.get(parent);
      if (names === undefined) {
        names = new Set();
        modules.set(parent, names);
      }
      names.add(table.name(entry).slice(0, -'.py'.length));
    }
    const found: number[] = [];
    for (const [folder, names] of modules) {
      const cache = table.child(folder, PYTHON_CACHE);
      if (cache < 0) continue;
      const inner = this.files.children(cache);
      const going = inner.filter((entry) => names.has(this.files.name(entry).replace(/\..*$/, '')));
      found.push(...going);
      if (going.length === inner.length) found.push(cache);
    }
    return found;
  }

  /** With the package of a kernel's image go its initramfs and what depmod made of its modules. */
  private addKernelLeftovers(positions: readonly number[], going: number[]): void {
    const leaving = new Set(positions);
    const owners = this.ownerCounts();
    for (const kernel of this.boot.kernels) {
      const owner = kernel.image < 0 ? -1 : this.files.ownerOf(kernel.image);
      if (owner < 0 || !leaving.has(owner)) continue;
      going.push(...kernel.initramfs);
      const tree = kernel.modules < 0 ? [] : this.files.tree(kernel.modules);
      for (const entry of tree.reverse()) if (owners[entry] === 0) going.push(entry);
    }
  }
}

/** `initrd.img-6.1.0.old-dkms`: kept by a tool beside the one that it replaced. */
export function isBackup(name: string): boolean {
  return /\.(?:old-dkms|dpkg-bak|bak|old)$/.test(name);
}
