/**
 * Every file, directory and link of all filesystems of an artifact, once, in columns.
 *
 * A machine image has thirty thousand to a million entries, and every analyzer wants all of them. Objects would
 * cost 300 bytes each and a garbage collector's attention; columns cost 56 bytes plus the name, and a pass over
 * one column is a tight loop. So: one typed array per attribute, all names in one buffer, the parent by index.
 *
 * Drivers append through `FileTableBuilder` in whatever order the disk offers (directory blocks come in disk
 * order, so a child may come before its parent) and set the parents when they know them. `build()` checks what
 * must hold for everybody above: parents exist and are directories, chains of parents end at a root (no
 * circles), names hold no '/'. What does not reach a root is counted and cut off, never followed.
 */
import { unsupported } from './errors.ts';
import { MAX_DIRECTORY_DEPTH, MAX_FILE_ENTRIES } from './limits.ts';

/** Values of the `type` column. */
export const FILE_TYPE = {
  unknown: 0,
  file: 1,
  directory: 2,
  symlink: 3,
  character: 4,
  block: 5,
  fifo: 6,
  socket: 7,
} as const;
export type FileType = (typeof FILE_TYPE)[keyof typeof FILE_TYPE];

/** Bits of the `flags` column. */
export const FILE_FLAG = {
  /** A later link to an inode that the table already holds: its bytes are counted at the first. */
  secondaryLink: 1,
  /** Name or content is encrypted by the filesystem: the name is the raw one. */
  encrypted: 2,
  /** Content is compressed by the filesystem: `allocated` may be below `size` without holes. */
  compressed: 4,
  /** The inode could not be read; attributes are zero. */
  damaged: 8,
  /** Does not hang below a root: `build()` sets it, analyzers never see such an entry in a walk. */
  detached: 16,
  /** In a snapshot of what the guest mounts: its bytes are mostly another's, and it is counted nowhere. */
  snapshot: 32,
  /** In a subvolume that the guest mounts nowhere. */
  unmounted: 64,
} as const;

const NO_PARENT = -1;
const UNCOUNTED = FILE_FLAG.secondaryLink | FILE_FLAG.detached | FILE_FLAG.snapshot;

interface Columns {
  parent: Int32Array<ArrayBuffer>;
  nameStart: Uint32Array<ArrayBuffer>;
  type: Uint8Array<ArrayBuffer>;
  flags: Uint8Array<ArrayBuffer>;
  mode: Uint16Array<ArrayBuffer>;
  uid: Uint32Array<ArrayBuffer>;
  gid: Uint32Array<ArrayBuffer>;
  links: Uint32Array<ArrayBuffer>;
  size: Float64Array<ArrayBuffer>;
  allocated: Float64Array<ArrayBuffer>;
  inode: Float64Array<ArrayBuffer>;
  modified: Float64Array<ArrayBuffer>;
}

function allocate(capacity: number): Columns {
  return {
    parent: new Int32Array(capacity),
    nameStart: new Uint32Array(capacity + 1),
    type: new Uint8Array(capacity),
    flags: new Uint8Array(capacity),
    mode: new Uint16Array(capacity),
    uid: new Uint32Array(capacity),
    gid: new Uint32Array(capacity),
    links: new Uint32Array(capacity),
    size: new Float64Array(capacity),
    allocated: new Float64Array(capacity),
    inode: new Float64Array(capacity),
    modified: new Float64Array(capacity),
  };
}

function resized(columns: Columns, capacity: number, count: number): Columns {
  const next = allocate(capacity);
  for (const key of Object.keys(next) as (keyof Columns)[]) {
    const length = key === 'nameStart' ? count + 1 : count;
    next[key].set(columns[key].subarray(0, length) as never);
  }
  return next;
}

/** Entries [first, end) of the table are one filesystem's; `first` is its root directory. */
export interface TableSection {
  readonly first: number;
  readonly end: number;
}

/** Appends entries; one builder serves all filesystems of an artifact, a section each. */
export class FileTableBuilder {
  private columns: Columns;
  private names: Uint8Array<ArrayBuffer>;
  private namesEnd = 0;
  private capacity: number;
  private readonly sections: { first: number; end: number }[] = [];
  /** Entries so far: the index that the next `add` returns. */
  count = 0;

  constructor(capacity = 4096) {
    this.capacity = capacity;
    this.columns = allocate(capacity);
    this.names = new Uint8Array(capacity * 16);
  }

  /**
   * Starts a filesystem: its first `add` must be its root directory, with parent -1 and an empty name.
   * @returns the section's position in the table's `sections`
   */
  beginSection(): number {
    this.endSection();
    return this.sections.push({ first: this.count, end: this.count }) - 1;
  }

  private endSection(): void {
    const last = this.sections.at(-1);
    if (last !== undefined) last.end = this.count;
  }

  /** Makes room for `entries` more, when a driver knows how many will come. A hint: it is bounded. */
  reserve(entries: number): void {
    const wanted = Math.min(this.count + entries, this.count + 4 * 1024 * 1024, MAX_FILE_ENTRIES);
    if (wanted > this.capacity) this.grow(wanted);
  }

  private grow(wanted: number): void {
    if (this.count >= MAX_FILE_ENTRIES) {
      throw unsupported('TOO_MANY_FILES', `more than ${MAX_FILE_ENTRIES} files`);
    }
    this.capacity = Math.min(MAX_FILE_ENTRIES, Math.max(wanted, this.capacity * 2));
    this.columns = resized(this.columns, this.capacity, this.count);
  }

  /**
   * Appends an entry with all attributes zero.
   * @param parent index of its directory, or -1 for a root or while it is not known (see `setParent`)
   * @param name bytes that hold the name at [start, end); they are copied
   * @returns the entry's index
   */
  add(parent: number, name: Uint8Array, start = 0, end = name.length): number {
    if (this.count === this.capacity) this.grow(this.capacity * 2);
    const length = end - start;
    if (this.namesEnd + length > this.names.length) {
      const next = new Uint8Array(Math.max(this.names.length * 2, this.namesEnd + length));
      next.set(this.names.subarray(0, this.namesEnd));
      this.names = next;
    }
    for (let i = 0; i < length; i++) this.names[this.namesEnd + i] = name[start + i]!;
    const entry = this.count++;
    this.columns.nameStart[entry] = this.namesEnd;
    this.namesEnd += length;
    this.columns.nameStart[entry + 1] = this.namesEnd;
    this.columns.parent[entry] = parent;
    return entry;
  }

  setParent(entry: number, parent: number): void {
    this.columns.parent[entry] = parent;
  }

  /**
   * Sets an entry's attributes.
   * @param mode permission bits, setuid, setgid and sticky: the low 12 bits of st_mode
   * @param size apparent size in bytes
   * @param allocated bytes that it occupies in its filesystem: st_blocks × 512
   * @param inode the number that the driver's `open` understands
   * @param modified seconds since 1970
   */
  set(
    entry: number,
    type: FileType,
    mode: number,
    uid: number,
    gid: number,
    links: number,
    size: number,
    allocated: number,
    inode: number,
    modified: number,
    flags = 0,
  ): void {
    const columns = this.columns;
    columns.type[entry] = type;
    columns.mode[entry] = mode & 0o7777;
    columns.uid[entry] = uid;
    columns.gid[entry] = gid;
    columns.links[entry] = links;
    columns.size[entry] = size;
    columns.allocated[entry] = allocated;
    columns.inode[entry] = inode;
    columns.modified[entry] = modified;
    columns.flags[entry] = flags;
  }

  /** For what is known only once all entries are: shares of what several of them occupy together. */
  setAllocated(entry: number, allocated: number): void {
    this.columns.allocated[entry] = allocated;
  }

  allocatedOf(entry: number): number {
    return this.columns.allocated[entry]!;
  }

  addFlag(entry: number, flag: number): void {
    this.columns.flags[entry]! |= flag;
  }

  typeOf(entry: number): FileType {
    return this.columns.type[entry] as FileType;
  }

  /**
   * Path of an entry from its section's root, without a leading slash; empty for the root. Parents must be known.
   * What leads in a circle has no path: it is cut at MAX_DIRECTORY_DEPTH, and `build()` cuts the entry off.
   */
  path(entry: number): string {
    const { parent, nameStart } = this.columns;
    const parts: string[] = [];
    for (let at = entry; parent[at]! >= 0 && parts.length < MAX_DIRECTORY_DEPTH; at = parent[at]!) {
      parts.push(decoder.decode(this.names.subarray(nameStart[at]!, nameStart[at + 1]!)));
    }
    return parts.reverse().join('/');
  }

  /** Freezes the table. Entries that do not reach a root are flagged `detached` and counted. */
  build(): FileTable {
    this.endSection();
    const count = this.count;
    const { parent, type, flags } = this.columns;
    const isRoot = new Set(
      this.sections.filter((section) => section.end > section.first).map((s) => s.first),
    );
    // 0 not seen, 1 on the current chain, 2 reaches a root, 3 does not.
    const state = new Uint8Array(count);
    const chain: number[] = [];
    let detached = 0;
    for (let start = 0; start < count; start++) {
      let at = start;
      while (at >= 0 && at < count && state[at] === 0) {
        state[at] = 1;
        chain.push(at);
        if (isRoot.has(at)) break;
        const up = parent[at]!;
        at = up >= 0 && up < count && type[up] === FILE_TYPE.directory ? up : NO_PARENT;
      }
      const top = chain.at(-1);
      const good = (top !== undefined && isRoot.has(top)) || (at >= 0 && state[at] === 2);
      for (const entry of chain) {
        state[entry] = good ? 2 : 3;
        if (!good) {
          flags[entry]! |= FILE_FLAG.detached;
          parent[entry] = NO_PARENT;
          detached++;
        }
      }
      chain.length = 0;
    }
    return new FileTable(
      resized(this.columns, count, count),
      this.names.slice(0, this.namesEnd),
      this.sections,
      detached,
    );
  }
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const GOLDEN = 0x9e3779b1;

function hashName(parent: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = Math.imul(parent + 1, GOLDEN);
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** The frozen table; see the head of this module. Columns are for reading only. */
export class FileTable {
  readonly count: number;
  readonly parent: Int32Array;
  readonly type: Uint8Array;
  readonly flags: Uint8Array;
  readonly mode: Uint16Array;
  readonly uid: Uint32Array;
  readonly gid: Uint32Array;
  readonly links: Uint32Array;
  readonly size: Float64Array;
  readonly allocated: Float64Array;
  readonly inode: Float64Array;
  readonly modified: Float64Array;
  readonly sections: readonly TableSection[];
  /** Entries that reach no root. */
  readonly detachedCount: number;
  private readonly nameStart: Uint32Array;
  private readonly names: Uint8Array;
  private slots: Int32Array | undefined;
  private childStart: Uint32Array | undefined;
  private childList: Int32Array | undefined;
  private order: Int32Array | undefined;

  constructor(columns: Columns, names: Uint8Array, sections: readonly TableSection[], detachedCount: number) {
    this.count = columns.parent.length;
    this.parent = columns.parent;
    this.type = columns.type;
    this.flags = columns.flags;
    this.mode = columns.mode;
    this.uid = columns.uid;
    this.gid = columns.gid;
    this.links = columns.links;
    this.size = columns.size;
    this.allocated = columns.allocated;
    this.inode = columns.inode;
    this.modified = columns.modified;
    this.nameStart = columns.nameStart;
    this.names = names;
    this.sections = sections;
    this.detachedCount = detachedCount;
  }

  /** Name of the first column in which two tables differ; undefined when they hold the same entries. */
  firstDifference(other: FileTable): string | undefined {
    if (this.count !== other.count) return `${other.count} entries instead of ${this.count}`;
    const columns = [
      'parent',
      'type',
      'flags',
      'mode',
      'uid',
      'gid',
      'links',
      'size',
      'allocated',
      'inode',
      'modified',
      'nameStart',
      'names',
    ] as const;
    return columns.find((column) => bytesOf(this[column]).compare(bytesOf(other[column])) !== 0);
  }

  /** Index of the section (filesystem) that holds the entry. */
  sectionOf(entry: number): number {
    for (let i = this.sections.length - 1; i >= 0; i--) if (entry >= this.sections[i]!.first) return i;
    return -1;
  }

  nameBytes(entry: number): Uint8Array {
    return this.names.subarray(this.nameStart[entry]!, this.nameStart[entry + 1]!);
  }

  /** The name as text; invalid UTF-8 shows as U+FFFD. */
  name(entry: number): string {
    return decoder.decode(this.nameBytes(entry));
  }

  /**
   * Absolute path below its root, which is `/`: within its own filesystem, or its own subvolume where that was cut off.
   * @param places where roots stand, without a slash at the end: paths then begin there
   */
  path(entry: number, places?: ReadonlyMap<number, string>): string {
    const parts: string[] = [];
    let at = entry;
    for (; this.parent[at]! >= 0; at = this.parent[at]!) parts.push(this.name(at));
    const place = places?.get(at) ?? '';
    return parts.length === 0 ? place || '/' : `${place}/${parts.reverse().join('/')}`;
  }

  isDirectory(entry: number): boolean {
    return this.type[entry] === FILE_TYPE.directory;
  }

  /** False for later links of an inode, in snapshots and outside the tree: counts and sums skip those. */
  isCounted(entry: number): boolean {
    return (this.flags[entry]! & UNCOUNTED) === 0;
  }

  /** The directory without a parent above the entry: a filesystem's root, or what was cut off. */
  rootOf(entry: number): number {
    let at = entry;
    while (this.parent[at]! >= 0) at = this.parent[at]!;
    return at;
  }

  /**
   * Makes directories roots of their own, as a guest sees the subvolumes that it mounts: they no longer stand where
   * they lie in their filesystem. Only before the table is shared.
   */
  cutOff(directories: Iterable<number>): void {
    for (const entry of directories) this.parent[entry] = NO_PARENT;
    this.childStart = undefined;
    this.childList = undefined;
    this.order = undefined;
    // Slots stay: what was cut off matches no directory there any more.
  }

  /** Flags every entry by the root that it hangs below. Only before the table is shared. */
  flagBelow(flagOfRoot: ReadonlyMap<number, number>): void {
    const flags = new Uint8Array(this.count);
    const order = this.childrenFirst();
    for (let i = order.length - 1; i >= 0; i--) {
      const entry = order[i]!;
      const up = this.parent[entry]!;
      flags[entry] = up < 0 ? (flagOfRoot.get(entry) ?? 0) : flags[up]!;
      this.flags[entry]! |= flags[entry]!;
    }
  }

  /** The entry called `name` in `directory`, or -1. Constant time. */
  child(directory: number, name: string | Uint8Array): number {
    const slots = this.slots ?? this.buildSlots();
    const bytes = typeof name === 'string' ? encoder.encode(name) : name;
    const mask = slots.length - 1;
    for (let slot = hashName(directory, bytes, 0, bytes.length) & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]! - 1;
      if (entry < 0) return -1;
      if (this.parent[entry] !== directory) continue;
      const start = this.nameStart[entry]!;
      if (this.nameStart[entry + 1]! - start !== bytes.length) continue;
      let i = 0;
      while (i < bytes.length && this.names[start + i] === bytes[i]) i++;
      if (i === bytes.length) return entry;
    }
  }

  private buildSlots(): Int32Array {
    let size = 16;
    while (size < this.count * 2) size *= 2;
    const slots = new Int32Array(size);
    for (let entry = 0; entry < this.count; entry++) {
      if (this.parent[entry]! < 0) continue;
      let slot =
        hashName(this.parent[entry]!, this.names, this.nameStart[entry]!, this.nameStart[entry + 1]!) &
        (size - 1);
      while (slots[slot] !== 0) slot = (slot + 1) & (size - 1);
      slots[slot] = entry + 1;
    }
    this.slots = slots;
    return slots;
  }

  /** Entries of a directory, in table order. */
  children(directory: number): Int32Array {
    if (this.childStart === undefined) {
      const starts = new Uint32Array(this.count + 1);
      for (let entry = 0; entry < this.count; entry++) {
        const up = this.parent[entry]!;
        if (up >= 0) starts[up + 1]!++;
      }
      for (let i = 0; i < this.count; i++) starts[i + 1]! += starts[i]!;
      const list = new Int32Array(starts[this.count]!);
      const next = starts.slice();
      for (let entry = 0; entry < this.count; entry++) {
        const up = this.parent[entry]!;
        if (up >= 0) list[next[up]!++] = entry;
      }
      this.childStart = starts;
      this.childList = list;
    }
    return this.childList!.subarray(this.childStart[directory]!, this.childStart[directory + 1]!);
  }

  /** All attached entries, every child before its directory: for sums that flow upward in one pass. */
  childrenFirst(): Int32Array {
    if (this.order !== undefined) return this.order;
    const depth = new Int32Array(this.count).fill(-1);
    const chain: number[] = [];
    let deepest = 0;
    for (let start = 0; start < this.count; start++) {
      if (this.flags[start]! & FILE_FLAG.detached) continue;
      let at = start;
      while (depth[at] === -1) {
        chain.push(at);
        const up = this.parent[at]!;
        if (up < 0) break;
        at = up;
      }
      let level = depth[at] === -1 ? -1 : depth[at]!;
      while (chain.length > 0) depth[chain.pop()!] = ++level;
      if (level > deepest) deepest = level;
    }
    const starts = new Uint32Array(deepest + 2);
    let attached = 0;
    for (let entry = 0; entry < this.count; entry++) {
      if (depth[entry]! < 0) continue;
      starts[deepest - depth[entry]! + 1]!++;
      attached++;
    }
    for (let i = 0; i <= deepest; i++) starts[i + 1]! += starts[i]!;
    const order = new Int32Array(attached);
    for (let entry = 0; entry < this.count; entry++) {
      if (depth[entry]! >= 0) order[starts[deepest - depth[entry]!]!++] = entry;
    }
    this.order = order;
    return order;
  }
}
