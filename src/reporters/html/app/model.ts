/**
 * What the map shows, as items with items inside: one model behind four views. Items are made when somebody looks
 * into what holds them; the tree behind them stays in the columns that it came in.
 */
import type { Books, MeasuredReport } from '../../../core/contracts/report.ts';
import { escapeName } from '../../../core/text.ts';
import { formatCount } from './format.ts';
import { GROUPS, groupOfKind, OTHER_GROUP } from './groups.ts';
import type { PackedTree, Payload } from './payload.ts';

export type ViewName = 'directories' | 'packages' | 'kinds' | 'disk';

export interface Item {
  /** Names of the items from the view's whole to here, for the address of the page. */
  readonly id: string;
  readonly label: string;
  /** What fits on a tile: of a path its last name. */
  readonly short: string;
  /** More than the label: a path, a version, what it is. */
  readonly detail: string;
  readonly parent: Item | null;
  readonly allocated: number;
  readonly size: number;
  /** Files below it; null where that means nothing. */
  readonly files: number | null;
  /** Number of its colour. */
  readonly color: number;
  /** What stands for things too small to be told one by one. */
  readonly isRest: boolean;
  /** Node of the tree; -1 for what is none. */
  readonly node: number;
  /** Largest first; empty for what cannot be looked into. */
  children(): readonly Item[];
}

interface Draft {
  readonly label: string;
  readonly short?: string;
  readonly key?: string;
  readonly detail?: string;
  readonly allocated: number;
  readonly size: number;
  readonly files: number | null;
  readonly color: number;
  readonly isRest?: boolean;
  readonly node?: number;
  readonly inside?: (self: Item) => readonly Item[];
}

function makeItem(parent: Item | null, draft: Draft): Item {
  let known: readonly Item[] | undefined;
  const key = draft.key ?? draft.label;
  const self: Item = {
    id: parent === null ? '' : `${parent.id}/${key}`,
    label: draft.label,
    short: draft.short ?? draft.label,
    detail: draft.detail ?? '',
    parent,
    allocated: draft.allocated,
    size: draft.size,
    files: draft.files,
    color: draft.color,
    isRest: draft.isRest === true,
    node: draft.node ?? -1,
    children() {
      known ??= draft.inside?.(self) ?? [];
      return known;
    },
  };
  return self;
}

const bySize = (a: Item, b: Item): number =>
  b.allocated - a.allocated || (a.label < b.label ? -1 : a.label > b.label ? 1 : 0);

/** The tree's columns with what follows from them. */
export class Tree {
  readonly count: number;
  readonly parent: Int32Array;
  private readonly first: Int32Array;
  private readonly packed: PackedTree;
  private readonly colors: Uint8Array;

  constructor(packed: PackedTree, kinds: readonly string[]) {
    this.packed = packed;
    this.count = packed.names.length;
    this.parent = new Int32Array(this.count).fill(-1);
    this.first = new Int32Array(this.count);
    let next = 1;
    for (let node = 0; node < this.count; node++) {
      this.first[node] = next;
      for (let i = packed.children[node]!; i > 0; i--) this.parent[next++] = node;
    }
    const groups = kinds.map(groupOfKind);
    this.colors = Uint8Array.from(packed.names, (_, node) => {
      const kind = packed.kind[node];
      return kind === undefined ? OTHER_GROUP : groups[kind]!;
    });
    if (!this.hasKinds) this.colorByPlace();
  }

  /** Without kinds, what stands in the root directory gets a colour each. */
  private colorByPlace(): void {
    const tops = [...this.childrenOf(0)].sort((a, b) => this.allocated(b) - this.allocated(a));
    tops.forEach((node, index) => {
      this.colors[node] = Math.min(index, OTHER_GROUP);
    });
    for (let node = 1; node < this.count; node++) {
      const up = this.parent[node]!;
      if (up > 0) this.colors[node] = this.colors[up]!;
    }
  }

  get hasKinds(): boolean {
    return this.packed.kind.length > 0;
  }

  childrenOf(node: number): number[] {
    const first = this.first[node]!;
    return Array.from({ length: Math.max(0, this.packed.children[node]!) }, (_, i) => first + i);
  }

  name(node: number): string {
    return this.packed.names[node]!;
  }

  path(node: number): string {
    const parts: string[] = [];
    for (let at = node; at > 0; at = this.parent[at]!) parts.push(this.name(at));
    return `/${parts.reverse().join('/')}`;
  }

  isDirectory(node: number): boolean {
    return this.packed.children[node]! >= 0;
  }

  allocated(node: number): number {
    return this.packed.allocated[node]! * this.packed.unit;
  }

  size(node: number): number {
    return this.packed.size[node]!;
  }

  files(node: number): number {
    return this.packed.files[node]!;
  }

  color(node: number): number {
    return this.colors[node]!;
  }

  kind(node: number): number {
    return this.packed.kind[node] ?? -1;
  }

  package(node: number): number {
    return this.packed.package[node] ?? -1;
  }
}

/** The four wholes that the map starts from. */
export class Model {
  readonly report: MeasuredReport;
  readonly tree: Tree;
  readonly payload: Payload;
  private readonly roots = new Map<ViewName, Item>();

  constructor(payload: Payload) {
    this.payload = payload;
    this.report = payload.report;
    this.tree = new Tree(payload.tree, payload.kinds);
  }

  root(view: ViewName): Item {
    let root = this.roots.get(view);
    if (root === undefined) {
      root = this.make(view);
      this.roots.set(view, root);
    }
    return root;
  }

  private make(view: ViewName): Item {
    if (view === 'directories') return this.directory(null, 0);
    if (view === 'packages') return packagesRoot(this);
    if (view === 'kinds') return kindsRoot(this);
    return diskRoot(this);
  }

  /** Item of a node of the tree in the view of directories. */
  find(node: number): Item {
    const chain: number[] = [];
    for (let at = node; at > 0; at = this.tree.parent[at]!) chain.push(at);
    let item = this.root('directories');
    for (const step of chain.reverse()) {
      item = item.children().find((one) => one.node === step) ?? item;
    }
    return item;
  }

  private directory(parent: Item | null, node: number): Item {
    const { tree } = this;
    const isDirectory = tree.isDirectory(node);
    return makeItem(parent, {
      label: node === 0 ? '/' : escapeName(tree.name(node)),
      key: tree.name(node),
      detail: escapeName(this.describe(node)),
      allocated: tree.allocated(node),
      size: tree.size(node),
      files: isDirectory ? tree.files(node) : null,
      color: tree.color(node),
      node,
      ...(isDirectory
        ? {
            inside: (self: Item) => {
              const inner = tree.childrenOf(node).map((child) => this.directory(self, child));
              return withRest(this, self, inner, tree.color(node));
            },
          }
        : {}),
    });
  }

  /** What a file belongs to. */
  describe(node: number): string {
    const owner = this.report.packages[this.tree.package(node)];
    const kind = this.payload.kinds[this.tree.kind(node)];
    const mostly = this.tree.isDirectory(node) && kind !== undefined ? `mostly ${kind}` : kind;
    return [owner?.name, mostly].filter((part) => part !== undefined).join(', ');
  }

  /** An item of a file by its whole path, for the views that are not about places. */
  fileItem(parent: Item, node: number): Item {
    const { tree } = this;
    const path = escapeName(tree.path(node));
    return makeItem(parent, {
      label: path,
      short: escapeName(tree.name(node)),
      detail: escapeName(this.describe(node)),
      allocated: tree.allocated(node),
      size: tree.size(node),
      files: null,
      color: tree.color(node),
      node,
    });
  }
}

/** Adds what the items do not sum up to, so that nothing is lost from sight. */
function withRest(model: Model, self: Item, items: readonly Item[], color: number): Item[] {
  const sorted = [...items].sort(bySize);
  const sum = (pick: (one: Item) => number): number => sorted.reduce((total, one) => total + pick(one), 0);
  const allocated = self.allocated - sum((one) => one.allocated);
  const files = Math.max(0, (self.files ?? 0) - sum((one) => one.files ?? 1));
  if (allocated <= 0) return sorted;
  sorted.push(
    makeItem(self, {
      ...restWords(model.payload.tree.isComplete, files),
      key: '',
      allocated,
      size: Math.max(0, self.size - sum((one) => one.size)),
      files: files > 0 ? files : null,
      color,
      isRest: true,
    }),
  );
  return sorted;
}

function restWords(isComplete: boolean, files: number): { label: string; detail: string } {
  if (!isComplete)
    return { label: 'not listed', detail: 'the report lists only the largest: analyze --top 0' };
  if (files === 0) return { label: 'the directory itself', detail: 'blocks of directories' };
  return { label: `${formatCount(files)} smaller files`, detail: 'too small to be told one by one' };
}

/** Files of the tree by whatever number they have. */
function filesBy(tree: Tree, number: (node: number) => number): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (let node = 1; node < tree.count; node++) {
    if (tree.isDirectory(node)) continue;
    const key = number(node);
    const list = found.get(key);
    if (list === undefined) found.set(key, [node]);
    else list.push(node);
  }
  return found;
}

function packagesRoot(model: Model): Item {
  const { report, tree } = model;
  const files = filesBy(tree, (node) => tree.package(node));
  const inside = (self: Item): readonly Item[] => {
    const items = report.packages
      .map((one, index) => ({ one, nodes: files.get(index) ?? [] }))
      .filter(({ one }) => one.allocated > 0)
      .map(({ one, nodes }) =>
        makeItem(self, {
          label: escapeName(one.name),
          key: `${one.name}:${one.architecture ?? ''}:${one.version}`,
          detail: escapeName([one.version, one.manager].join(', ')),
          allocated: one.allocated,
          size: one.allocated,
          files: model.payload.isMeasured ? one.files : null,
          color: mostOf(tree, nodes),
          ...(nodes.length === 0
            ? {}
            : {
                inside: (item: Item) => {
                  const inner = nodes.map((node) => model.fileItem(item, node));
                  return withRest(model, item, inner, mostOf(tree, nodes));
                },
              }),
        }),
      );
    const { unpackaged } = report.totals;
    if (unpackaged > 0) items.push(unpackagedItem(model, self, unpackaged, files.get(-1) ?? []));
    return items.sort(bySize);
  };
  return makeItem(null, {
    label: 'Packages',
    allocated: report.totals.allocated,
    size: report.totals.allocated,
    files: model.payload.isMeasured ? report.totals.files : null,
    color: OTHER_GROUP,
    inside,
  });
}

function unpackagedItem(model: Model, parent: Item, bytes: number, nodes: readonly number[]): Item {
  return makeItem(parent, {
    label: 'in no package',
    detail: 'files that no package owns',
    allocated: bytes,
    size: bytes,
    files: null,
    color: mostOf(model.tree, nodes),
    // A saved report does not say who owns what it does not list.
    ...(model.payload.tree.isComplete
      ? {
          inside: (self: Item) =>
            withRest(
              model,
              self,
              nodes.map((node) => model.fileItem(self, node)),
              OTHER_GROUP,
            ),
        }
      : {}),
  });
}

/** Colour that most of the bytes have. */
function mostOf(tree: Tree, nodes: readonly number[]): number {
  if (!tree.hasKinds) return OTHER_GROUP;
  const sums = new Float64Array(GROUPS.length);
  for (const node of nodes) sums[tree.color(node)]! += tree.allocated(node);
  let best = OTHER_GROUP;
  for (let group = 0; group < sums.length; group++) if (sums[group]! > sums[best]!) best = group;
  return best;
}

function kindsRoot(model: Model): Item {
  const { report, tree, payload } = model;
  const files = filesBy(tree, (node) => tree.kind(node));
  const inside = (self: Item): readonly Item[] =>
    report.kinds
      .map((one) => {
        const nodes = tree.hasKinds ? (files.get(payload.kinds.indexOf(one.kind)) ?? []) : [];
        return makeItem(self, {
          label: one.kind,
          detail: GROUPS[groupOfKind(one.kind)]!.title,
          allocated: one.allocated,
          size: one.size,
          files: one.files,
          color: groupOfKind(one.kind),
          ...(nodes.length === 0
            ? {}
            : {
                inside: (item: Item) =>
                  withRest(
                    model,
                    item,
                    nodes.map((node) => model.fileItem(item, node)),
                    groupOfKind(one.kind),
                  ),
              }),
        });
      })
      .sort(bySize);
  return makeItem(null, {
    label: 'Kinds of files',
    allocated: report.totals.allocated,
    size: report.totals.size,
    files: report.totals.files,
    color: OTHER_GROUP,
    inside,
  });
}

export const BOOKS: Record<
  keyof Books,
  { readonly title: string; readonly about: string; readonly color: number }
> = {
  files: { title: 'Files', about: 'content of files', color: 0 },
  metadata: { title: 'Metadata', about: 'structures of filesystems and of the image format', color: 6 },
  stale: { title: 'Stale', about: 'deleted data in unused blocks, shipped with the image', color: 5 },
  unread: { title: 'Not read', about: 'volumes that imgopt does not read', color: 7 },
  other: { title: 'Other', about: 'gaps, boot loader, swap, snapshots, stored zeros', color: 8 },
};

/** The artifact by what its bytes are for; its files by their kinds. */
function diskRoot({ report }: Model): Item {
  const names = Object.keys(BOOKS) as (keyof Books)[];
  return makeItem(null, {
    label: 'Artifact',
    allocated: report.artifact.allocated,
    size: report.artifact.allocated,
    files: null,
    color: OTHER_GROUP,
    inside: (self) =>
      names
        .filter((name) => report.books[name].bytes > 0)
        .map((name) =>
          makeItem(self, {
            label: BOOKS[name].title,
            detail: `${BOOKS[name].about}; ${report.books[name].evidence}`,
            allocated: report.books[name].bytes,
            size: report.books[name].bytes,
            files: null,
            color: BOOKS[name].color,
            ...(name === 'files' ? { inside: (files: Item) => storedKinds(report, files) } : {}),
          }),
        )
        .sort(bySize),
  });
}

/** The image stores files as a whole, compressed perhaps: kinds are shared out by what they occupy in the guest. */
function storedKinds({ kinds, totals }: MeasuredReport, parent: Item): Item[] {
  if (totals.allocated === 0) return [];
  return kinds
    .map(({ kind, files, allocated }) => {
      const bytes = Math.round((allocated / totals.allocated) * parent.allocated);
      return makeItem(parent, {
        label: kind,
        detail: 'shared out by what they occupy in the guest',
        allocated: bytes,
        size: bytes,
        files,
        color: groupOfKind(kind),
      });
    })
    .sort(bySize);
}
