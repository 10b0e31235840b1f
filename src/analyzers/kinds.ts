/**
 * What files are for: documentation, libraries, caches … judged by place, name and mode, since analyze reads no
 * content. Every file gets exactly one kind, so the kinds add up to the total.
 *
 * A place decides first (everything under /usr/share/doc is documentation, whatever its name), in one pass from
 * the roots downward where each directory inherits its parent's kind. Where the place is silent, the name does,
 * by its extension, and last the mode.
 */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { KindSection } from '../core/contracts/report.ts';
import { FILE_TYPE } from '../core/file-table.ts';
import { compareText } from '../core/text.ts';
import {
  ANYWHERE,
  EXTENSIONS,
  type FileKind,
  KINDS,
  kindNumber,
  PLACES,
  WINDOWS_EXTENSIONS,
  WINDOWS_PLACES,
} from './kind-tables.ts';
import { windowsVolumes } from './windows-rule.ts';

/** Longest extension that the tables know; it packs into a number exactly (7 bytes of 8 bits). */
const MAX_EXTENSION = 7;

function packExtension(bytes: Uint8Array, start: number, end: number): number {
  let packed = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    packed = packed * 256 + (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte);
  }
  return packed;
}

function packedExtensions(kinds: Readonly<Record<string, FileKind>>): Map<number, number> {
  return new Map(
    Object.entries(kinds).map(([extension, kind]) => {
      const bytes = new TextEncoder().encode(extension);
      return [packExtension(bytes, 0, bytes.length), kindNumber(kind)];
    }),
  );
}

const PACKED_EXTENSIONS = packedExtensions(EXTENSIONS);
const PACKED_MODELESS = packedExtensions({ ...EXTENSIONS, ...WINDOWS_EXTENSIONS });
/** Filesystems whose files have no modes: what the driver gives for one is no evidence. */
const MODELESS = new Set(['ntfs', 'vfat']);

interface PlaceNode {
  /** Position in the list of nodes, from 1. */
  readonly number: number;
  /** Names of Windows, in lower case. */
  readonly isFolded: boolean;
  kind: number;
  readonly inner: Map<string, PlaceNode>;
}

/** The places as two trees of path components: all their nodes, with both roots. */
function placeTrees(): { nodes: PlaceNode[]; root: PlaceNode; windows: PlaceNode } {
  const root: PlaceNode = { number: 1, isFolded: false, kind: 0, inner: new Map() };
  const windows: PlaceNode = { number: 2, isFolded: true, kind: 0, inner: new Map() };
  const nodes = [root, windows];
  const add = (from: PlaceNode, path: string, kind: number): void => {
    let node = from;
    for (const part of path.split('/').filter((one) => one !== '')) {
      let next = node.inner.get(part);
      if (next === undefined) {
        next = { number: nodes.length + 1, isFolded: from.isFolded, kind: 0, inner: new Map() };
        nodes.push(next);
        node.inner.set(part, next);
      }
      node = next;
    }
    node.kind = kind;
  };
  for (const [path, kind] of PLACES) {
    add(root, path, kindNumber(kind));
    if (path.startsWith('/lib/')) add(root, `/usr${path}`, kindNumber(kind));
    else if (path.startsWith('/usr/lib/')) add(root, path.slice('/usr'.length), kindNumber(kind));
  }
  for (const [path, kind] of WINDOWS_PLACES) add(windows, path, kindNumber(kind));
  return { nodes, root, windows };
}

const DOT = 0x2e;
const EXECUTABLE = 0o111;
const OTHER = kindNumber('other');
const PROGRAMS = kindNumber('programs');
const SHARED = kindNumber('shared libraries');
const LINKS = kindNumber('symbolic links');
const SPECIAL = kindNumber('devices, pipes and sockets');
const SWAP = kindNumber('swap files');

/** Kind by name, or 0. `libc.so.6` and `libfoo.so.1.2.3` are shared libraries: `.so` may stand inside. */
function kindOfName(name: Uint8Array, isModeless: boolean): number {
  let dot = name.length - 1;
  while (dot > 0 && name[dot] !== DOT) dot--;
  if (dot > 0 && name.length - dot - 1 <= MAX_EXTENSION) {
    const known = isModeless ? PACKED_MODELESS : PACKED_EXTENSIONS;
    const kind = known.get(packExtension(name, dot + 1, name.length));
    if (kind !== undefined) return kind;
  }
  for (let i = 1; i + 3 < name.length; i++) {
    if (name[i] === DOT && name[i + 1] === 0x73 && name[i + 2] === 0x6f && name[i + 3] === DOT) return SHARED;
  }
  return 0;
}

const decoder = new TextDecoder();
/** At the root of a filesystem. What Windows hibernates into is written and read as swap is. */
const SWAP_NAME = /^(?:swapfile|swap\.img|(?:pagefile|swapfile|hiberfil)\.sys)$/i;

/**
 * By entry of the table, for everything that is not a directory: position of its kind in `KINDS`. Below roots that are
 * neither mounted nor a Windows volume's no place means anything.
 */
export function kindsOf(inspection: Inspection): Uint8Array {
  const { table, filesystems } = inspection;
  const kinds = new Uint8Array(table.count);
  const { nodes: places, root, windows } = placeTrees();
  const modeless = new Set(
    filesystems.flatMap(({ type, section }) => (MODELESS.has(type) && section !== null ? [section] : [])),
  );
  /** By directory: number of its node, or 0. */
  const nodes = new Uint16Array(table.count);
  const rootOf = new Map<number, PlaceNode | undefined>();
  const kindOfRoot = new Map<number, number>();
  for (const volume of windowsVolumes(inspection)) rootOf.set(volume, windows);
  for (const { entry, mountPoint } of filesystems.flatMap(({ mounts }) => mounts)) {
    let node: PlaceNode | undefined = root;
    let kind = 0;
    for (const part of mountPoint.split('/').filter((one) => one !== '')) {
      node = node?.inner.get(part);
      if (node !== undefined && node.kind !== 0) kind = node.kind;
    }
    rootOf.set(entry, node);
    kindOfRoot.set(entry, kind);
  }
  const order = table.childrenFirst();
  for (let i = order.length - 1; i >= 0; i--) {
    const entry = order[i]!;
    const parent = table.parent[entry]!;
    const type = table.type[entry];
    if (type === FILE_TYPE.directory) {
      if (parent < 0) {
        nodes[entry] = rootOf.get(entry)?.number ?? 0;
        kinds[entry] = kindOfRoot.get(entry) ?? 0;
        continue;
      }
      kinds[entry] = kinds[parent]!;
      const above = places[nodes[parent]! - 1];
      const name = table.nameBytes(entry);
      const first = name[0];
      const isSpecial = first === 0x5f || first === 0x6e || first === DOT;
      if ((above === undefined || above.inner.size === 0) && !isSpecial) continue;
      const text = decoder.decode(name);
      const node = above?.inner.get(above.isFolded ? text.toLowerCase() : text);
      nodes[entry] = node?.number ?? 0;
      if (node !== undefined && node.kind !== 0) kinds[entry] = node.kind;
      const anywhere = Object.hasOwn(ANYWHERE, text) ? ANYWHERE[text] : undefined;
      if (anywhere !== undefined) kinds[entry] = kindNumber(anywhere);
    } else if (type === FILE_TYPE.symlink) {
      kinds[entry] = LINKS;
    } else if (type !== FILE_TYPE.file) {
      kinds[entry] = SPECIAL;
    } else if (parent >= 0 && kinds[parent] !== 0) {
      kinds[entry] = kinds[parent]!;
    } else {
      const name = table.nameBytes(entry);
      const isModeless = modeless.size > 0 && modeless.has(table.sectionOf(entry));
      let kind = kindOfName(name, isModeless);
      if (kind === 0) kind = !isModeless && (table.mode[entry]! & EXECUTABLE) !== 0 ? PROGRAMS : OTHER;
      const mayBeSwap = kind === PROGRAMS || kind === OTHER || isModeless;
      if (mayBeSwap && parent >= 0 && table.parent[parent]! < 0 && SWAP_NAME.test(decoder.decode(name))) {
        kind = SWAP;
      }
      kinds[entry] = kind;
    }
  }
  return kinds;
}

/** Kinds of files with their sums, largest first. They add up to `totals.allocated`. */
export function analyzeKinds(inspection: Inspection): KindSection[] {
  const { table } = inspection;
  const kinds = kindsOf(inspection);
  const files = new Float64Array(KINDS.length);
  const size = new Float64Array(KINDS.length);
  const allocated = new Float64Array(KINDS.length);
  for (let entry = 0; entry < table.count; entry++) {
    if (table.type[entry] === FILE_TYPE.directory || !table.isCounted(entry)) continue;
    const kind = kinds[entry]!;
    files[kind]!++;
    size[kind]! += table.size[entry]!;
    allocated[kind]! += table.allocated[entry]!;
  }
  return KINDS.map((kind, index) => ({
    kind,
    files: files[index]!,
    size: size[index]!,
    allocated: allocated[index]!,
  }))
    .filter((one) => one.files > 0)
    .sort((a, b) => b.allocated - a.allocated || compareText(a.kind, b.kind));
}
