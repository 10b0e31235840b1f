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

/** The folder of the line before. */
class Folder {
  /** As in the list; the root is empty. */
  private bytes: Uint8Array = new Uint8Array(0);
  path = '';
  entry = -1;
  diverted: ReadonlyMap<string, Diversion> | undefined;

  /** Do the bytes at [start, end) name this folder? */
  is(list: Uint8Array, start: number, end: number): boolean {
    if (this.path === '' || end - start !== this.bytes.length) return false;
    // From the back: siblings differ in their last characters.
    for (let i = end - start - 1; i >= 0; i--) if (list[start + i] !== this.bytes[i]) return false;
    return true;
  }

  set(list: Uint8Array, start: number, end: number, files: OwnedFiles, diversions: Diversions): void {
    this.bytes = list.subarray(start, end);
    const path = decoder.decode(this.bytes);
    this.path = path === '' ? '/' : path.startsWith('/') ? path : `/${path}`;
    this.entry = files.directory(this.path);
    this.diverted = diversions.get(this.path);
  }
}

/** Adds every path of the list that is on the disk; a diverted one where it went. */
export function addList(list: FileList, owner: string, files: OwnedFiles, diversions: Diversions): void {
  const { bytes } = list;
  const folder = new Folder();
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
    if (!folder.is(bytes, start, folderEnd)) folder.set(bytes, start, folderEnd, files, diversions);
    const name = isRoot ? bytes.subarray(0, 0) : bytes.subarray(slash + 1, end);
    const diversion = folder.diverted?.get(decoder.decode(name));
    if (diversion !== undefined && diversion.by !== owner) files.addPath(diversion.to);
    else files.addFile(folder.path, folder.entry, name);
  }
}
