/**
 * File lists: info/<package>.list, one absolute path per line, folders before what is in them.
 *
 * A full system names 200,000 paths, so a list is walked as bytes: neighbours are mostly in one folder, which is
 * then neither decoded nor looked up again, and a name goes to the file table as it stands.
 *
 * Images that were slimmed down have no lists, but often the checksums beside them (distroless: in status.d):
 * `<md5>  <path without leading slash>`, without folders and configuration files.
 */
import type { RootTree } from '../../core/contracts/package.ts';
import type { OwnedFiles } from '../owned-files.ts';
import type { Diversion, Diversions } from './diversions.ts';

export interface FileList {
  readonly kind: 'list' | 'md5sums';
  readonly bytes: Uint8Array;
}

export interface ListOwner {
  readonly name: string;
  readonly architecture: string;
  readonly isMultiArch: boolean;
}

/** dpkg qualifies the names of `Multi-Arch: same` packages by architecture; older ones did not. */
function fileNames({ name, architecture, isMultiArch }: ListOwner, suffix: string): string[] {
  const qualified = `${name}:${architecture}.${suffix}`;
  return isMultiArch ? [qualified, `${name}.${suffix}`] : [`${name}.${suffix}`, qualified];
}

/** Each owner's list from the first folder that has one, or its checksums; undefined where there is neither. */
export async function readLists(
  root: RootTree,
  owners: readonly ListOwner[],
  folders: readonly string[],
): Promise<(FileList | undefined)[]> {
  const there = folders.map((folder) => ({
    folder,
    names: new Set(root.list(folder).map(({ name }) => name)),
  }));
  const found = owners.map((owner) => {
    for (const kind of ['list', 'md5sums'] as const) {
      for (const name of fileNames(owner, kind)) {
        const place = there.find(({ names }) => names.has(name));
        if (place !== undefined) return { kind, path: `${place.folder}/${name}` };
      }
    }
    return undefined;
  });
  const contents = await root.readMany(found.flatMap((one) => (one === undefined ? [] : [one.path])));
  let next = 0;
  return found.map((one) => {
    const bytes = one === undefined ? undefined : contents[next++];
    return one === undefined || bytes === undefined ? undefined : { kind: one.kind, bytes };
  });
}

const LF = 10;
const SPACE = 32;
const SLASH = 47;
const DOT = 46;
const MD5_CHARS = 32;
const decoder = new TextDecoder();

/** Takes the paths of lists to the entries of what is on the disk. */
export class ListReader {
  private readonly files: OwnedFiles;
  private readonly diversions: Diversions;
  /** Folders with diversions, as entries: for all others, nobody needs to know their path. */
  private readonly diverted: ReadonlySet<number>;
  /** The folder of the line before, as in the list; the root is empty. */
  private folderBytes: Uint8Array | undefined;
  private folder = -1;
  private diversionsHere: ReadonlyMap<string, Diversion> | undefined;
  /** Of the folder; lists of checksums leave the slash in front out. */
  private readonly path = (): string => {
    const path = decoder.decode(this.folderBytes);
    return path.startsWith('/') ? path : `/${path}`;
  };

  constructor(files: OwnedFiles, diversions: Diversions) {
    this.files = files;
    this.diversions = diversions;
    this.diverted = new Set(Array.from(diversions.keys(), (path) => files.directory(path)));
  }

  /** Adds every path of the list that is on the disk to `files`; a diverted one where it went. */
  add(list: FileList, owner: string): void {
    const { bytes } = list;
    this.folderBytes = undefined;
    let lineStart = 0;
    let lineEnd = 0;
    let lineEntry = -1;
    for (let at = 0, end = 0; at < bytes.length; at = end + 1) {
      end = bytes.indexOf(LF, at);
      if (end < 0) end = bytes.length;
      let start = at;
      if (list.kind === 'md5sums') {
        start = at + MD5_CHARS + 2;
        if (start >= end || bytes[start - 1] !== SPACE || bytes[start - 2] !== SPACE) continue;
      } else if (bytes[at] !== SLASH) continue;
      let slash = end - 1;
      while (slash >= start && bytes[slash] !== SLASH) slash--;
      const isRoot = end - slash === 2 && bytes[slash + 1] === DOT;
      const folderEnd = Math.max(slash, start);
      if (!sameBytes(bytes, start, folderEnd, this.folderBytes)) {
        const name = bytes.subarray(start, folderEnd);
        // A folder's own line comes right before what is in it.
        const isLine = this.files.isFolder(lineEntry) && sameBytes(bytes, lineStart, lineEnd, name);
        this.enter(name, isLine ? lineEntry : -1);
      }
      lineStart = start;
      lineEnd = end;
      lineEntry = this.addName(isRoot ? bytes.subarray(0, 0) : bytes.subarray(slash + 1, end), owner);
    }
  }

  private enter(name: Uint8Array, entry: number): void {
    this.folderBytes = name;
    this.folder = entry >= 0 ? entry : this.files.directory(this.path());
    this.diversionsHere = this.diverted.has(this.folder) ? this.diversions.get(this.path()) : undefined;
  }

  /** @returns the entry, or -1 */
  private addName(name: Uint8Array, owner: string): number {
    const diversion = this.diversionsHere?.get(decoder.decode(name));
    if (diversion === undefined || diversion.by === owner) {
      return this.files.addFile(this.path, this.folder, name);
    }
    this.files.addPath(diversion.to);
    return -1;
  }
}

/** Do the bytes at [start, end) equal the others? From the back: siblings differ in their last characters. */
function sameBytes(bytes: Uint8Array, start: number, end: number, others: Uint8Array | undefined): boolean {
  if (others === undefined || end - start !== others.length) return false;
  for (let i = end - start - 1; i >= 0; i--) if (bytes[start + i] !== others[i]) return false;
  return true;
}
