/**
 * What files are for: documentation, libraries, caches … judged by place, name and mode, since analyze reads no
 * content. Every file gets exactly one kind, so the kinds add up to the total.
 *
 * A place decides first (everything under /usr/share/doc is documentation, whatever its name), in one pass from
 * the roots downward where each directory inherits its parent's kind. Where the place is silent, the name does,
 * by its extension, and last the mode.
 */
import type { InspectedMount, Inspection } from '../core/contracts/inspection.ts';
import type { KindSection } from '../core/contracts/report.ts';
import { FILE_TYPE, type FileTable } from '../core/file-table.ts';
import { compareText } from '../core/text.ts';

/** Names of the kinds, in the order of their numbers. */
export const KINDS = [
  'other',
  'programs',
  'shared libraries',
  'static libraries and objects',
  'kernels and boot files',
  'kernel modules',
  'firmware',
  'documentation',
  'manuals',
  'translations and locales',
  'python modules',
  'python bytecode',
  'perl modules',
  'javascript',
  'java archives',
  'headers',
  'sources',
  'debug symbols',
  'fonts',
  'images and icons',
  'time zones',
  'configuration',
  'package database',
  'package indexes',
  'caches',
  'logs',
  'temporary files',
  'home directories',
  'archives and packages',
  'databases',
  'scripts',
  'data files',
  'containers and virtual machines',
  'certificates',
  'version control',
  'swap files',
  'symbolic links',
  'devices, pipes and sockets',
] as const;
export type FileKind = (typeof KINDS)[number];

const NUMBER_OF = new Map<string, number>(KINDS.map((kind, index) => [kind, index]));
const kindNumber = (kind: FileKind): number => NUMBER_OF.get(kind)!;

/** Places, as the guest sees them. `/lib` stands for itself and for `/usr/lib` (merged-usr or not). */
const PLACES: readonly (readonly [string, FileKind])[] = [
  ['/boot', 'kernels and boot files'],
  ['/efi', 'kernels and boot files'],
  ['/usr/share/doc', 'documentation'],
  ['/usr/share/doc-base', 'documentation'],
  ['/usr/share/info', 'documentation'],
  ['/usr/share/help', 'documentation'],
  ['/usr/share/gtk-doc', 'documentation'],
  ['/usr/share/lintian', 'documentation'],
  ['/usr/share/man', 'manuals'],
  ['/usr/local/man', 'manuals'],
  ['/usr/share/locale', 'translations and locales'],
  ['/usr/share/locale-langpack', 'translations and locales'],
  ['/usr/share/i18n', 'translations and locales'],
  ['/usr/lib/locale', 'translations and locales'],
  ['/usr/share/zoneinfo', 'time zones'],
  ['/usr/share/fonts', 'fonts'],
  ['/usr/share/icons', 'images and icons'],
  ['/usr/share/pixmaps', 'images and icons'],
  ['/usr/share/backgrounds', 'images and icons'],
  ['/usr/share/ca-certificates', 'certificates'],
  ['/etc/ssl/certs', 'certificates'],
  ['/lib/modules', 'kernel modules'],
  ['/lib/firmware', 'firmware'],
  ['/usr/lib/debug', 'debug symbols'],
  ['/usr/include', 'headers'],
  ['/usr/src', 'sources'],
  ['/var/lib/dpkg', 'package database'],
  ['/var/lib/rpm', 'package database'],
  ['/usr/lib/sysimage/rpm', 'package database'],
  ['/lib/apk/db', 'package database'],
  ['/var/lib/pacman/local', 'package database'],
  ['/var/lib/apt/lists', 'package indexes'],
  ['/var/lib/pacman/sync', 'package indexes'],
  ['/var/lib/command-not-found', 'package indexes'],
  ['/var/cache', 'caches'],
  ['/var/lib/snapd/cache', 'caches'],
  ['/var/log', 'logs'],
  ['/var/crash', 'logs'],
  ['/var/lib/systemd/coredump', 'logs'],
  ['/tmp', 'temporary files'],
  ['/var/tmp', 'temporary files'],
  ['/var/lib/docker', 'containers and virtual machines'],
  ['/var/lib/containerd', 'containers and virtual machines'],
  ['/var/lib/containers', 'containers and virtual machines'],
  ['/var/lib/libvirt', 'containers and virtual machines'],
  ['/var/lib/snapd/snaps', 'containers and virtual machines'],
  ['/etc', 'configuration'],
  ['/root', 'home directories'],
  ['/home', 'home directories'],
];

/** Directories that mean the same wherever they are. */
const ANYWHERE: Record<string, FileKind> = {
  __pycache__: 'python bytecode',
  node_modules: 'javascript',
  '.git': 'version control',
  '.cache': 'caches',
  '.debug': 'debug symbols',
  '.build-id': 'debug symbols',
};

const EXTENSIONS: Record<string, FileKind> = {
  so: 'shared libraries',
  a: 'static libraries and objects',
  o: 'static libraries and objects',
  la: 'static libraries and objects',
  ko: 'kernel modules',
  py: 'python modules',
  pyi: 'python modules',
  pyc: 'python bytecode',
  pyo: 'python bytecode',
  pm: 'perl modules',
  pl: 'perl modules',
  pod: 'documentation',
  js: 'javascript',
  mjs: 'javascript',
  cjs: 'javascript',
  jar: 'java archives',
  war: 'java archives',
  h: 'headers',
  hh: 'headers',
  hpp: 'headers',
  c: 'sources',
  cc: 'sources',
  cpp: 'sources',
  go: 'sources',
  rs: 'sources',
  debug: 'debug symbols',
  mo: 'translations and locales',
  ttf: 'fonts',
  otf: 'fonts',
  woff: 'fonts',
  woff2: 'fonts',
  pcf: 'fonts',
  png: 'images and icons',
  jpg: 'images and icons',
  jpeg: 'images and icons',
  gif: 'images and icons',
  svg: 'images and icons',
  html: 'documentation',
  pdf: 'documentation',
  md: 'documentation',
  deb: 'archives and packages',
  rpm: 'archives and packages',
  apk: 'archives and packages',
  whl: 'archives and packages',
  zip: 'archives and packages',
  tar: 'archives and packages',
  tgz: 'archives and packages',
  gz: 'archives and packages',
  xz: 'archives and packages',
  bz2: 'archives and packages',
  zst: 'archives and packages',
  '7z': 'archives and packages',
  db: 'databases',
  sqlite: 'databases',
  sqlite3: 'databases',
  log: 'logs',
  sh: 'scripts',
  rb: 'scripts',
  qcow2: 'containers and virtual machines',
  vmdk: 'containers and virtual machines',
  img: 'containers and virtual machines',
  iso: 'containers and virtual machines',
  json: 'data files',
  xml: 'data files',
  yaml: 'data files',
  yml: 'data files',
  txt: 'data files',
  dat: 'data files',
  bin: 'data files',
  hwdb: 'data files',
  conf: 'configuration',
  service: 'configuration',
  exe: 'programs',
  dll: 'shared libraries',
  mui: 'translations and locales',
  cab: 'archives and packages',
  msi: 'archives and packages',
  msu: 'archives and packages',
  vhdx: 'containers and virtual machines',
};

/** Longest extension that the table knows; it packs into a number exactly (7 bytes of 8 bits). */
const MAX_EXTENSION = 7;

function packExtension(bytes: Uint8Array, start: number, end: number): number {
  let packed = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    packed = packed * 256 + (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte);
  }
  return packed;
}

const PACKED_EXTENSIONS = new Map<number, number>(
  Object.entries(EXTENSIONS).map(([extension, kind]) => {
    const bytes = new TextEncoder().encode(extension);
    return [packExtension(bytes, 0, bytes.length), kindNumber(kind)];
  }),
);

interface PlaceNode {
  /** Position in the list of nodes, from 1. */
  readonly number: number;
  kind: number;
  readonly inner: Map<string, PlaceNode>;
}

/** The places as a tree of path components: all its nodes, the root first. */
function placeTree(): PlaceNode[] {
  const root: PlaceNode = { number: 1, kind: 0, inner: new Map() };
  const nodes = [root];
  const add = (path: string, kind: number): void => {
    let node = root;
    for (const part of path.split('/').filter((one) => one !== '')) {
      let next = node.inner.get(part);
      if (next === undefined) {
        next = { number: nodes.length + 1, kind: 0, inner: new Map() };
        nodes.push(next);
        node.inner.set(part, next);
      }
      node = next;
    }
    node.kind = kind;
  };
  for (const [path, kind] of PLACES) {
    add(path, kindNumber(kind));
    if (path.startsWith('/lib/')) add(`/usr${path}`, kindNumber(kind));
    else if (path.startsWith('/usr/lib/')) add(path.slice('/usr'.length), kindNumber(kind));
  }
  return nodes;
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
function kindOfName(name: Uint8Array): number {
  let dot = name.length - 1;
  while (dot > 0 && name[dot] !== DOT) dot--;
  if (dot > 0 && name.length - dot - 1 <= MAX_EXTENSION) {
    const kind = PACKED_EXTENSIONS.get(packExtension(name, dot + 1, name.length));
    if (kind !== undefined) return kind;
  }
  for (let i = 1; i + 3 < name.length; i++) {
    if (name[i] === DOT && name[i + 1] === 0x73 && name[i + 2] === 0x6f && name[i + 3] === DOT) return SHARED;
  }
  return 0;
}

const decoder = new TextDecoder();
const SWAP_NAME = /^swap(file|\.img)$/;

/**
 * Kind numbers by entry, for everything that is not a directory.
 * @param mounts what the guest sees where; below other roots no place means anything
 */
function classify(table: FileTable, mounts: readonly InspectedMount[]): Uint8Array {
  const kinds = new Uint8Array(table.count);
  const places = placeTree();
  const root = places[0];
  /** By directory: number of its node, or 0. */
  const nodes = new Uint16Array(table.count);
  const rootOf = new Map<number, PlaceNode | undefined>();
  const kindOfRoot = new Map<number, number>();
  for (const { entry, mountPoint } of mounts) {
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
      const node = above?.inner.get(text);
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
      let kind = kindOfName(name);
      if (kind === 0) {
        kind = (table.mode[entry]! & EXECUTABLE) !== 0 ? PROGRAMS : OTHER;
        if (parent >= 0 && table.parent[parent]! < 0 && SWAP_NAME.test(decoder.decode(name))) kind = SWAP;
      }
      kinds[entry] = kind;
    }
  }
  return kinds;
}

/** By entry of the table, for everything that is not a directory: position of its kind in `KINDS`. */
export function kindsOf({ table, filesystems }: Inspection): Uint8Array {
  return classify(
    table,
    filesystems.flatMap(({ mounts }) => mounts),
  );
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
