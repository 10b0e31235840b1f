/** Guests for specs of rules: a tree of paths with sizes or texts, packages over it, and what a rule makes of them. */

import {
  checkHygiene,
  NO_OPTIONS,
  prepareRules,
  type Resolved,
  suggest,
} from '../../../src/analyzers/suggest.ts';
import type { InspectedFilesystem, Inspection } from '../../../src/core/contracts/inspection.ts';
import type {
  Dependency,
  Package,
  PackageDependencies,
  RootTree,
} from '../../../src/core/contracts/package.ts';
import type { HygieneSection, MeasuredBooks, Suggestion } from '../../../src/core/contracts/report.ts';
import type { HygieneRule, Platform, RemovalRule } from '../../../src/core/contracts/rule.ts';
import { FILE_FLAG, FILE_TYPE, type FileTable, FileTableBuilder } from '../../../src/core/file-table.ts';

/** A number is a size in bytes without content; `{ link }` a symbolic link; null a directory. */
export type GuestNode =
  | number
  | string
  | null
  | { readonly link: string }
  | {
      readonly size?: number;
      readonly text?: string;
      readonly inode?: number;
      readonly allocated?: number;
      readonly mode?: number;
    };
export type GuestTree = Readonly<Record<string, GuestNode>>;

export interface GuestPackage {
  readonly name: string;
  readonly manager?: string;
  readonly version?: string;
  readonly architecture?: string | null;
  readonly automatic?: boolean | null;
  readonly essential?: boolean;
  readonly state?: string | null;
  readonly priority?: string;
  readonly section?: string;
  /** `a | b`, versions in parentheses. */
  readonly requires?: readonly string[];
  readonly recommends?: readonly string[];
  readonly provides?: readonly string[];
  readonly paths?: readonly string[];
}

export interface GuestOptions {
  readonly platform?: Platform;
  readonly parameters?: Readonly<
    Record<string, Readonly<Record<string, number | string | readonly string[]>>>
  >;
  readonly os?: Inspection['os'];
  readonly books?: MeasuredBooks;
  /** Fields of the inspection that a rule about the disk looks at. */
  readonly inspection?: Partial<Inspection>;
}

const BLOCK = 4096;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** An inspection of one filesystem with these files. */
export function guest(
  tree: GuestTree,
  packages: readonly GuestPackage[] = [],
  options: GuestOptions = {},
): Inspection {
  const builder = new FileTableBuilder();
  const links = new Map<number, string>();
  const texts = new Map<number, string>();
  const known = new Map<string, number>();
  const seenInodes = new Set<number>();
  const linkCounts = new Map<number, number>();
  for (const node of Object.values(tree)) {
    if (node !== null && typeof node === 'object' && 'inode' in node) {
      linkCounts.set(node.inode!, (linkCounts.get(node.inode!) ?? 0) + 1);
    }
  }
  builder.beginSection();
  let nextInode = 100_000;
  const folder = (path: string): number => {
    const existing = known.get(path);
    if (existing !== undefined) return existing;
    const cut = path.lastIndexOf('/');
    const parent = path === '' ? -1 : folder(path.slice(0, cut));
    const entry = builder.add(parent, encode(path.slice(cut + 1)));
    builder.set(entry, FILE_TYPE.directory, 0o755, 0, 0, 2, BLOCK, BLOCK, nextInode++, 0);
    known.set(path, entry);
    return entry;
  };
  folder('');
  for (const [path, node] of Object.entries(tree)) {
    if (node === null) {
      folder(path);
      continue;
    }
    const cut = path.lastIndexOf('/');
    const entry = builder.add(folder(path.slice(0, cut)), encode(path.slice(cut + 1)));
    known.set(path, entry);
    if (typeof node === 'object' && 'link' in node) {
      builder.set(entry, FILE_TYPE.symlink, 0o777, 0, 0, 1, node.link.length, 0, nextInode++, 0);
      links.set(entry, node.link);
      continue;
    }
    const plain =
      typeof node === 'number' ? { size: node } : typeof node === 'string' ? { text: node } : node;
    if (plain.text !== undefined) texts.set(entry, plain.text);
    const size = plain.size ?? encode(plain.text ?? '').length;
    const inode = plain.inode ?? nextInode++;
    const flags = seenInodes.has(inode) ? FILE_FLAG.secondaryLink : 0;
    seenInodes.add(inode);
    builder.set(
      entry,
      FILE_TYPE.file,
      plain.mode ?? 0o644,
      0,
      0,
      linkCounts.get(inode) ?? 1,
      size,
      plain.allocated ?? Math.ceil(size / BLOCK) * BLOCK,
      inode,
      0,
      flags,
    );
  }
  const table = builder.build();
  const list = packages.map((one) => toPackage(one, known));
  const owner = new Int32Array(table.count).fill(-1);
  list.forEach((one, index) => {
    for (const entry of one.entries)
      if (!table.isDirectory(entry) && owner[entry] === -1) owner[entry] = index;
  });
  const filesystem = {
    index: 0,
    type: 'ext4',
    section: 0,
    mountPoint: '/',
    mounts: [{ entry: 0, mountPoint: '/' }],
    subvolumes: [],
    label: null,
    used: 0,
    unusedBytes: 0,
  } as unknown as InspectedFilesystem;
  return {
    table,
    root: rootTree(table, links, texts),
    packages: list,
    owner,
    os: { id: 'debian', versionId: '12', prettyName: null, architecture: 'x86_64' },
    pathOf: (entry: number) => table.path(entry),
    filesystemOf: () => 0,
    filesystems: [filesystem],
    partitions: [],
    regions: [],
    diagnostics: [],
    isComplete: true,
    ...(options.os === undefined ? {} : { os: options.os }),
    ...options.inspection,
  } as unknown as Inspection;
}

function toDependency(text: string): Dependency {
  const match = /^(\S+?)(?:\s*\(([<>=]+)\s*(\S+)\))?$/.exec(text.trim())!;
  const relation = match[2] === '<<' ? '<' : match[2] === '>>' ? '>' : match[2];
  return {
    name: match[1]!,
    relation: (relation as Dependency['relation']) ?? null,
    version: match[3] ?? null,
    architecture: null,
  };
}

function toPackage(one: GuestPackage, known: ReadonlyMap<string, number>): Package {
  const alternatives = (list: readonly string[] = []): Dependency[][] =>
    list.map((text) => text.split('|').map(toDependency));
  const requires = alternatives(one.requires);
  const provides = (one.provides ?? []).map(toDependency);
  const dependencies: PackageDependencies = {
    requires,
    recommends: alternatives(one.recommends),
    suggests: [],
    supplements: [],
    provides,
    conflicts: [],
  };
  const entries = (one.paths ?? []).map((path) => {
    const entry = known.get(path);
    if (entry === undefined) throw new Error(`${path} of ${one.name} is not in the tree`);
    return entry;
  });
  return {
    manager: one.manager ?? 'dpkg',
    name: one.name,
    version: one.version ?? '1.0',
    architecture: one.architecture === undefined ? 'amd64' : one.architecture,
    installedSize: null,
    automatic: one.automatic ?? false,
    state: one.state ?? null,
    essential: one.essential ?? false,
    section: one.section ?? null,
    priority: one.priority ?? null,
    source: null,
    requires: requires.map((each) => each.map(({ name }) => name)),
    provides: provides.map(({ name }) => name),
    dependencies,
    entries: Uint32Array.from([...new Set(entries)].sort((a, b) => a - b)),
  };
}

function rootTree(
  table: FileTable,
  links: ReadonlyMap<number, string>,
  texts: ReadonlyMap<number, string>,
): RootTree {
  const lookup = (path: string, follow = true): number => {
    const steps = path.split('/').filter((step) => step !== '');
    let at = 0;
    for (let budget = 40; steps.length > 0; ) {
      const step = steps.shift()!;
      const next = step === '..' ? Math.max(0, table.parent[at]!) : table.child(at, step);
      if (next < 0) return -1;
      const target = links.get(next);
      if (target !== undefined && (steps.length > 0 || follow)) {
        if (budget-- === 0) return -1;
        if (target.startsWith('/')) at = 0;
        steps.unshift(...target.split('/').filter((part) => part !== ''));
      } else {
        at = next;
      }
    }
    return at;
  };
  const read = async (path: string): Promise<Uint8Array | undefined> => {
    const text = texts.get(lookup(path));
    return text === undefined ? undefined : encode(text);
  };
  return {
    lookup,
    list: (path) => [...table.children(lookup(path))].map((entry) => ({ name: table.name(entry), entry })),
    read,
    readMany: (paths) => Promise.all(paths.map(read)),
    child: (directory, name) => table.child(directory, name),
    isDirectory: (entry) => entry >= 0 && table.isDirectory(entry),
  };
}

/** Rules over an inspection, as `imgopt analyze` runs them. */
export async function resolved(
  rules: readonly RemovalRule[],
  inspection: Inspection,
  options: GuestOptions = {},
): Promise<Resolved[]> {
  const run = await prepareRules(
    inspection,
    { ...NO_OPTIONS, platform: options.platform ?? null, parameters: options.parameters ?? {} },
    options.books ?? null,
  );
  return suggest(run, rules);
}

/** What one rule suggests for a guest. */
export async function suggestions(
  rule: RemovalRule,
  tree: GuestTree,
  packages: readonly GuestPackage[] = [],
  options: GuestOptions = {},
): Promise<Suggestion[]> {
  const found = await resolved([rule], guest(tree, packages, options), options);
  return found.map(({ suggestion }) => suggestion);
}

/** What one hygiene rule says of a guest. */
export async function hygiene(
  rule: HygieneRule,
  tree: GuestTree,
  packages: readonly GuestPackage[] = [],
  options: GuestOptions = {},
): Promise<HygieneSection[]> {
  const run = await prepareRules(guest(tree, packages, options), {
    ...NO_OPTIONS,
    platform: options.platform ?? null,
    parameters: options.parameters ?? {},
  });
  return checkHygiene(run, [rule]);
}

/** Bytes that files of these sizes occupy. */
export function blocks(...sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + Math.ceil(size / BLOCK) * BLOCK, 0);
}
