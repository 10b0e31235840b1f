/**
 * The guest's files as rules ask for them: by path, by pattern, by name anywhere. Paths are followed through the
 * root tree (links and mounts as in the running guest); what lies below comes from the table's columns. The index
 * over all names is made in one pass when the first rule wants it.
 */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { GuestFiles } from '../core/contracts/rule.ts';
import { isArtifactError } from '../core/errors.ts';
import { FILE_FLAG, FILE_TYPE } from '../core/file-table.ts';
import { MAX_RULE_TEXT_BYTES } from '../core/limits.ts';
import { decodeUtf8 } from '../core/text.ts';

/** Longer extensions are nobody's. */
const MAX_EXTENSION = 12;
const DOT = 0x2e;
const TILDE = 0x7e;
/** Whose files are the distribution's; what languages' installers own is software that came beside it. */
const SYSTEM_MANAGERS = new Set(['dpkg', 'rpm', 'apk', 'pacman']);

/** Of the entries in a filesystem that is mounted, those that the guest's tree does not show. */
const OUT_OF_REACH = FILE_FLAG.detached | FILE_FLAG.snapshot | FILE_FLAG.unmounted;

interface NameIndex {
  readonly directories: Map<string, number[]>;
  readonly extensions: Map<string, number[]>;
}

export class InspectedFiles implements GuestFiles {
  private readonly inspection: Inspection;
  /** Covered directory → root of what is mounted on it. */
  private readonly mountedOn = new Map<number, number>();
  /** The same for the sections that the guest's tree reaches. */
  private readonly reachable: readonly { first: number; end: number }[];
  private owner: Int32Array | undefined;
  private names: NameIndex | undefined;
  private homeList: readonly string[] | undefined;
  private readonly texts = new Map<number, Promise<string | undefined>>();

  constructor(inspection: Inspection) {
    this.inspection = inspection;
    const { table, root, filesystems } = inspection;
    const reachable: { first: number; end: number }[] = [];
    for (const { section, mounts } of filesystems) {
      if (section === null || mounts.length === 0 || root === null) continue;
      reachable.push(table.sections[section]!);
      for (const { entry, mountPoint } of mounts) {
        if (mountPoint === '/') continue;
        const slash = mountPoint.lastIndexOf('/');
        const parent = root.lookup(slash <= 0 ? '/' : mountPoint.slice(0, slash));
        const covered = parent < 0 ? -1 : table.child(parent, mountPoint.slice(slash + 1));
        if (covered >= 0 && covered !== entry) this.mountedOn.set(covered, entry);
      }
    }
    this.reachable = reachable;
  }

  lookup(path: string): number {
    return this.inspection.root?.lookup(path, false) ?? -1;
  }

  resolve(path: string): number {
    return this.inspection.root?.lookup(path) ?? -1;
  }

  children(directory: number): number[] {
    if (directory < 0 || !this.inspection.table.isDirectory(directory)) return [];
    return Array.from(
      this.inspection.table.children(directory),
      (entry) => this.mountedOn.get(entry) ?? entry,
    );
  }

  glob(pattern: string): number[] {
    const parts = pattern.split('/').slice(1);
    const wild = parts.findIndex((part) => /[*?]/.test(part));
    if (wild < 0) {
      const entry = this.lookup(pattern);
      return entry < 0 ? [] : [entry];
    }
    const base = this.resolve(`/${parts.slice(0, wild).join('/')}`);
    let level = base < 0 ? [] : [base];
    for (const part of parts.slice(wild)) {
      const next: number[] = [];
      if (/[*?]/.test(part)) {
        const matcher = part === '*' ? null : wildcard(part);
        for (const folder of level) {
          for (const entry of this.children(folder)) {
            if (matcher === null || matcher.test(this.name(entry))) next.push(entry);
          }
        }
      } else {
        for (const folder of level) {
          const entry = this.inspection.table.child(folder, part);
          if (entry >= 0) next.push(this.mountedOn.get(entry) ?? entry);
        }
      }
      level = next;
    }
    return level;
  }

  name(entry: number): string {
    return this.inspection.table.name(entry);
  }

  pathOf(entry: number): string {
    return this.inspection.pathOf(entry);
  }

  isFile(entry: number): boolean {
    return entry >= 0 && this.inspection.table.type[entry] === FILE_TYPE.file;
  }

  isDirectory(entry: number): boolean {
    return entry >= 0 && this.inspection.table.isDirectory(entry);
  }

  tree(entry: number): number[] {
    const found = entry < 0 ? [] : [entry];
    for (let i = 0; i < found.length; i++) {
      if (!this.inspection.table.isDirectory(found[i]!)) continue;
      for (const inner of this.children(found[i]!)) found.push(inner);
    }
    return found;
  }

  private index(): NameIndex {
    if (this.names !== undefined) return this.names;
    const { table } = this.inspection;
    const directories = new Map<string, number[]>();
    const extensions = new Map<string, number[]>();
    const add = (map: Map<string, number[]>, key: string, entry: number): void => {
      const list = map.get(key);
      if (list === undefined) map.set(key, [entry]);
      else list.push(entry);
    };
    for (const { first, end } of this.reachable) {
      for (let entry = first; entry < end; entry++) {
        if ((table.flags[entry]! & OUT_OF_REACH) !== 0) continue;
        const type = table.type[entry];
        if (type === FILE_TYPE.directory) {
          add(directories, table.name(entry), entry);
        } else if (type === FILE_TYPE.file) {
          const name = table.nameBytes(entry);
          const last = name.length - 1;
          let dot = last;
          while (dot > 0 && last - dot <= MAX_EXTENSION && name[dot] !== DOT) dot--;
          // An editor's backup, whatever the name that it is one of.
          if (last > 0 && name[last] === TILDE) add(extensions, '~', entry);
          else if (dot > 0 && name[dot] === DOT) add(extensions, latin1(name, dot + 1), entry);
        }
      }
    }
    this.names = { directories, extensions };
    return this.names;
  }

  directoriesNamed(name: string): readonly number[] {
    return this.index().directories.get(name) ?? [];
  }

  filesWithExtension(extension: string): readonly number[] {
    return this.index().extensions.get(extension) ?? [];
  }

  async read(path: string): Promise<string | undefined> {
    const entry = this.resolve(path);
    return entry < 0 ? undefined : this.readEntry(entry);
  }

  readEntry(entry: number): Promise<string | undefined> {
    const known = this.texts.get(entry);
    if (known !== undefined) return known;
    const text = this.readText(entry);
    this.texts.set(entry, text);
    return text;
  }

  private async readText(entry: number): Promise<string | undefined> {
    const { table, root } = this.inspection;
    if (root === null || !this.isFile(entry) || table.size[entry]! > MAX_RULE_TEXT_BYTES) return undefined;
    try {
      const bytes = await root.read(this.pathOf(entry));
      return bytes === undefined ? undefined : decodeUtf8(bytes);
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      return undefined; // a rule without its evidence says nothing
    }
  }

  ownerOf(entry: number): number {
    if (this.owner === undefined) {
      const { table, packages } = this.inspection;
      const owner = new Int32Array(table.count).fill(-1);
      packages.forEach(({ manager, entries, state }, index) => {
        if (!SYSTEM_MANAGERS.has(manager) || state === 'config-files') return;
        for (const one of entries) if (owner[one] === -1 && !table.isDirectory(one)) owner[one] = index;
      });
      this.owner = owner;
    }
    return this.owner[entry]!;
  }

  get homes(): readonly string[] {
    if (this.homeList === undefined) {
      const inner = this.glob('/home/*').filter((entry) => this.isDirectory(entry));
      const found = inner.map((entry) => this.pathOf(entry)).sort();
      this.homeList = this.isDirectory(this.resolve('/root')) ? ['/root', ...found] : found;
    }
    return this.homeList;
  }
}

/** Extensions are ASCII, or nobody's. */
function latin1(bytes: Uint8Array, start: number): string {
  let text = '';
  for (let i = start; i < bytes.length; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/** One name's pattern; `*` never backtracks over more than a name of 255 bytes. */
export function wildcard(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`, 's');
}
