/**
 * What changed between two snapshots: the one comparison behind `diff` and behind the blame of `check`.
 *
 * Changes are sorted by their size, growth and shrinking alike, ties by name. What one side does not list is only
 * called new or gone as far as that side's list reaches (`Snapshot`'s floors); a change that is at least so large is
 * marked `atLeast`.
 */
import { compareText } from '../core/text.ts';
import type { SizedItem, SizeList, Snapshot, SnapshotPackage } from './snapshot.ts';
import { pairVersions, shapeOfName, shapeOfPath } from './versions.ts';

export type ChangeStatus = 'added' | 'removed' | 'upgraded' | 'renamed' | 'grown' | 'shrunk' | 'same';

export interface Change {
  /** On the new side; on the old side for what was removed. */
  readonly name: string;
  /** On the old side, where it differs. */
  readonly oldName: string | null;
  readonly status: ChangeStatus;
  /** Bytes; null where it is not there, or not known. */
  readonly before: number | null;
  readonly after: number | null;
  /** Bytes; null where the sizes are not known. */
  readonly delta: number | null;
  /** One list was cut: the change is at least that large. */
  readonly atLeast: boolean;
}

export interface PackageChange extends Change {
  readonly manager: string;
  readonly architecture: string | null;
  readonly oldVersion: string | null;
  readonly version: string | null;
}

/** One number of the artifact on both sides. */
export interface TotalChange {
  readonly name: 'fileSize' | 'virtualSize' | 'allocated' | 'stale' | 'content' | 'files' | 'reclaimable';
  readonly before: number | null;
  readonly after: number | null;
  readonly delta: number | null;
}

export interface Comparison {
  readonly totals: readonly TotalChange[];
  readonly filesystems: readonly Change[];
  readonly packages: readonly PackageChange[];
  readonly kinds: readonly Change[];
  /** Only what is not said by a directory inside of it already. */
  readonly directories: readonly Change[];
  readonly files: readonly Change[];
  readonly suggestions: readonly Change[];
  /** What limits the comparison, in words. */
  readonly notes: readonly string[];
}

const TOTALS: readonly TotalChange['name'][] = [
  'fileSize',
  'allocated',
  'virtualSize',
  'stale',
  'content',
  'files',
  'reclaimable',
];

export function compareSnapshots(before: Snapshot, after: Snapshot): Comparison {
  return {
    totals: TOTALS.map((name) => ({
      name,
      before: before[name],
      after: after[name],
      delta: difference(before[name], after[name]),
    })).filter((one) => one.before !== null || one.after !== null),
    filesystems: compareLists(before.filesystems, after.filesystems),
    packages: comparePackages(before.packages, after.packages),
    kinds: compareLists(before.kinds, after.kinds),
    directories: deepest(
      compareLists(before.directories, after.directories, shapeOfPath),
      before.directories.floor,
    ),
    files: compareLists(before.fileList, after.fileList, shapeOfPath),
    suggestions:
      before.suggestions === null || after.suggestions === null
        ? []
        : compareLists(before.suggestions, after.suggestions),
    notes: notesOn(before, after),
  };
}

/** True when anything that is compared is not the same. */
export function isDifferent(comparison: Comparison): boolean {
  const { totals, filesystems, packages, kinds, directories, files, suggestions } = comparison;
  return (
    totals.some(({ before, after }) => before !== null && after !== null && before !== after) ||
    [filesystems, packages, kinds, directories, files, suggestions].some((list) => list.length > 0)
  );
}

function difference(before: number | null, after: number | null): number | null {
  return before === null || after === null ? null : after - before;
}

/** Items by name; what is the same is left out. */
export function compareLists(
  before: SizeList,
  after: SizeList,
  shape?: (name: string) => string | undefined,
): Change[] {
  const old = byName(before.items);
  const now = byName(after.items);
  const renamed =
    shape === undefined
      ? new Map<string, string>()
      : pairVersions(
          [...old.keys()].filter((name) => !now.has(name)),
          [...now.keys()].filter((name) => !old.has(name)),
          shape,
        );
  const paired = new Set(renamed.values());
  const changes: Change[] = [];
  for (const [name, size] of now) {
    const oldName = renamed.get(name) ?? (old.has(name) ? name : undefined);
    if (oldName === undefined) {
      const change = oneSided(name, 'added', size, before);
      if (change !== undefined) changes.push(change);
      continue;
    }
    const oldSize = old.get(oldName)!;
    const delta = difference(oldSize, size);
    const isRenamed = oldName !== name;
    if (!isRenamed && (delta === null || delta === 0)) continue;
    const status = isRenamed ? 'renamed' : delta! > 0 ? 'grown' : 'shrunk';
    changes.push({
      name,
      oldName: isRenamed ? oldName : null,
      status,
      before: oldSize,
      after: size,
      delta,
      atLeast: false,
    });
  }
  for (const [name, size] of old) {
    if (now.has(name) || paired.has(name)) continue;
    const change = oneSided(name, 'removed', size, after);
    if (change !== undefined) changes.push(change);
  }
  return changes.sort(byImpact);
}

/** Of what only one side lists, as far as the other side's list would have held it. */
function oneSided(
  name: string,
  status: 'added' | 'removed',
  size: number | null,
  { floor, covers }: SizeList,
): Change | undefined {
  if (covers !== undefined && !covers(name)) return undefined;
  if (floor > 0 && (size ?? 0) <= floor) return undefined; // the other side may hold it just as well
  const isAdded = status === 'added';
  const delta = size === null ? null : (size - floor) * (isAdded ? 1 : -1);
  return {
    name,
    oldName: null,
    // Of a list that was cut nobody knows whether it was not there.
    status: floor === 0 ? status : isAdded ? 'grown' : 'shrunk',
    before: isAdded ? null : size,
    after: isAdded ? size : null,
    delta,
    atLeast: floor > 0,
  };
}

function byName(items: readonly SizedItem[]): Map<string, number | null> {
  const sizes = new Map<string, number | null>();
  for (const { name, size } of items) {
    const earlier = sizes.get(name);
    sizes.set(name, earlier === undefined || earlier === null || size === null ? size : earlier + size);
  }
  return sizes;
}

function byImpact(a: Change, b: Change): number {
  return (
    Math.abs(b.delta ?? 0) - Math.abs(a.delta ?? 0) ||
    compareText(a.name, b.name) ||
    compareText(a.status, b.status)
  );
}

/* ---------- packages ---------- */

const identity = (one: SnapshotPackage): string =>
  JSON.stringify([one.manager, one.name, one.architecture ?? '']);

/**
 * Packages by manager, name and architecture. Several versions side by side (kernels of rpm) are matched by equal
 * version first, then in the order of their numbers. Sizes are compared as both sides know them: what files occupy
 * where both measured it, else what the databases declare.
 */
function comparePackages(
  before: SizeList<SnapshotPackage>,
  after: SizeList<SnapshotPackage>,
): PackageChange[] {
  const bothMeasured = [before, after].every(({ items }) => items.every((one) => one.allocated !== null));
  const sizeOf = (one: SnapshotPackage): number | null => (bothMeasured ? one.allocated : one.declared);
  const pairs: [SnapshotPackage | undefined, SnapshotPackage | undefined][] = [];
  const old = group(before.items, identity);
  const now = group(after.items, identity);
  const gone: SnapshotPackage[] = [];
  const come: SnapshotPackage[] = [];
  for (const key of new Set([...old.keys(), ...now.keys()])) {
    const left = [...(old.get(key) ?? [])];
    const right = [...(now.get(key) ?? [])];
    for (const one of [...left]) {
      const same = right.findIndex((other) => other.version === one.version);
      if (same < 0) continue;
      pairs.push([one, right[same]]);
      right.splice(same, 1);
      left.splice(left.indexOf(one), 1);
    }
    while (left.length > 0 && right.length > 0) pairs.push([left.pop(), right.pop()]);
    gone.push(...left);
    come.push(...right);
  }
  pairs.push(...pairRenamed(gone, come));
  return pairs
    .map(([one, other]) => packageChange(one, other, sizeOf))
    .filter((change) => change.status !== 'same')
    .sort(byImpact);
}

function pairRenamed(
  gone: readonly SnapshotPackage[],
  come: readonly SnapshotPackage[],
): [SnapshotPackage | undefined, SnapshotPackage | undefined][] {
  const goneById = new Map(gone.map((one) => [identity(one), one]));
  const comeById = new Map(come.map((one) => [identity(one), one]));
  const renamed = pairVersions([...goneById.keys()], [...comeById.keys()], (key) => {
    const [manager, name, architecture] = JSON.parse(key) as [string, string, string];
    return JSON.stringify([manager, shapeOfName(name), architecture]);
  });
  const used = new Set(renamed.values());
  return [
    ...come.map((one): [SnapshotPackage | undefined, SnapshotPackage] => {
      const from = comeById.get(identity(one)) === one ? renamed.get(identity(one)) : undefined;
      return [from === undefined ? undefined : goneById.get(from), one];
    }),
    ...gone
      .filter((one) => !(used.has(identity(one)) && goneById.get(identity(one)) === one))
      .map((one): [SnapshotPackage, undefined] => [one, undefined]),
  ];
}

function packageChange(
  one: SnapshotPackage | undefined,
  other: SnapshotPackage | undefined,
  sizeOf: (one: SnapshotPackage) => number | null,
): PackageChange {
  const { manager, name, architecture } = (other ?? one)!;
  const before = one === undefined ? null : sizeOf(one);
  const after = other === undefined ? null : sizeOf(other);
  const isRenamed = one !== undefined && other !== undefined && one.name !== other.name;
  const delta =
    one === undefined
      ? after
      : other === undefined
        ? before === null
          ? null
          : 0 - before
        : difference(before, after);
  let status: ChangeStatus = 'same';
  if (one === undefined) status = 'added';
  else if (other === undefined) status = 'removed';
  else if (isRenamed || one.version !== other.version) status = 'upgraded';
  else if (delta !== null && delta !== 0) status = delta > 0 ? 'grown' : 'shrunk';
  return {
    name,
    oldName: isRenamed ? one.name : null,
    status,
    before,
    after,
    delta,
    atLeast: false,
    manager,
    architecture,
    oldVersion: one?.version ?? null,
    version: other?.version ?? null,
  };
}

function group<T>(items: readonly T[], key: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of items) {
    const list = groups.get(key(one));
    if (list === undefined) groups.set(key(one), [one]);
    else list.push(one);
  }
  return groups;
}

/* ---------- directories ---------- */

/** Directories that explain a change, at most. */
const MAX_DIRECTORIES = 200;

/** What explains less than this share of the largest change is not worth a line of its own. */
const LEAST_SHARE = 1 / 100;

/**
 * A directory's change is that of everything below it, so each change shows again in all directories above. Taken
 * are those whose change the taken directories inside them leave unexplained by enough bytes; the threshold is
 * doubled until the list is short. Their `delta` stays cumulative, as du would say it.
 * @param floor of the old side's list: an incomplete tree says nothing of what is inside
 */
function deepest(changes: readonly Change[], floor: number): readonly Change[] {
  if (floor === Infinity) return changes;
  const byPath = new Map(changes.map((one) => [one.name, one]));
  const order = [...byPath.keys()].sort((a, b) => levelOf(b) - levelOf(a)); // children before their parents
  const parents = new Map(order.map((path) => [path, nearestAbove(path, byPath)]));
  const largest = changes.reduce((most, one) => Math.max(most, Math.abs(one.delta ?? 0)), 0);
  for (let least = Math.max(1, Math.floor(largest * LEAST_SHARE)); ; least *= 2) {
    const explained = new Map<string, number>();
    const taken: Change[] = [];
    for (const path of order) {
      const change = byPath.get(path)!;
      const whole = wholeChange(change);
      const inside = explained.get(path) ?? 0;
      const isTaken = Math.abs(whole - inside) >= least;
      if (isTaken) taken.push(change);
      const above = parents.get(path);
      if (above !== undefined) {
        explained.set(above, (explained.get(above) ?? 0) + (isTaken ? whole : inside));
      }
    }
    if (taken.length <= MAX_DIRECTORIES) return taken.sort(byImpact);
  }
}

/** As if what a cut list does not hold had not been there, on every level alike. */
function wholeChange({ atLeast, before, after, delta }: Change): number {
  return atLeast ? (after ?? 0) - (before ?? 0) : (delta ?? 0);
}

const levelOf = (path: string): number => path.split('/').filter((part) => part !== '').length;

function nearestAbove(path: string, known: ReadonlyMap<string, unknown>): string | undefined {
  for (let at = path.lastIndexOf('/'); at >= 0 && path !== '/'; at = path.lastIndexOf('/', at - 1)) {
    const above = at === 0 ? '/' : path.slice(0, at);
    if (known.has(above) && above !== path) return above;
    if (at === 0) break;
  }
  return undefined;
}

/* ---------- notes ---------- */

function notesOn(before: Snapshot, after: Snapshot): string[] {
  const notes: string[] = [];
  if (before.format !== after.format) {
    notes.push(`the formats differ (${before.format}, ${after.format}): sizes of the files say little`);
  }
  for (const side of [before, after]) {
    const which = side === before ? 'old' : 'new';
    if (side.isDamaged) notes.push(`not all of the ${which} side could be read`);
    if (side.kind === 'manifest') notes.push(`the ${which} side is a manifest: packages only`);
    else if (side.kind === 'report' && side.fileList.floor > 0) {
      notes.push(`the ${which} report lists the largest files and directories only: make it with --top 0`);
    }
  }
  const isDeclared = [before, after].some(({ packages }) =>
    packages.items.some((one) => one.allocated === null),
  );
  if (isDeclared) notes.push('sizes of packages are those that the databases declare');
  return notes;
}
