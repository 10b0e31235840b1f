/**
 * Filesystems with subvolumes (btrfs), as a guest sees them: one filesystem, mounted at several places, by a
 * subvolume each, and snapshots of those beside them.
 *
 * The table holds such a filesystem as it lies: one tree from its top level, with every subvolume at its place. A
 * guest sees other roots. So once it is known what is mounted, the mounted subvolumes are cut off from the directories
 * that they lie in, and are roots of trees of their own like any filesystem's: what walks a tree meets each file once,
 * and never a circle (openSUSE's root is also found in its own `/.snapshots/1/snapshot`).
 *
 * Snapshots of what is mounted are cut off too and set aside. They hold the system's files a second time, in the same
 * extents, so counting them among the files would count bytes that no disk holds; what only they refer to is told by
 * subvolume. Subvolumes are kin when one is a snapshot of the other, or both of a third, which may be gone. Snapshots of
 * what is not mounted (a container engine's layers) stay where they lie, and so do plain subvolumes.
 */
import type { Subvolume } from '../core/contracts/filesystem.ts';
import type { InspectedSubvolume } from '../core/contracts/inspection.ts';
import { FILE_FLAG, type FileTable } from '../core/file-table.ts';
import { type Mount, type Mountable, rootScore, unmountedName } from './mounts.ts';

/** Subvolumes by what they are copies of: a number for each family. */
function familiesOf(subvolumes: readonly Subvolume[]): number[] {
  const above: number[] = [];
  const find = (one: number): number => {
    let at = one;
    while (above[at] !== at) {
      above[at] = above[above[at]!]!;
      at = above[at]!;
    }
    return at;
  };
  const byUuid = new Map<string, number>();
  const nodeOf = (uuid: string | null): number => {
    const known = uuid === null ? undefined : byUuid.get(uuid);
    if (known !== undefined) return known;
    const node = above.length;
    above.push(node);
    if (uuid !== null) byUuid.set(uuid, node);
    return node;
  };
  const own = subvolumes.map(({ uuid, parentUuid }) => {
    const node = nodeOf(uuid);
    if (parentUuid !== null) above[find(node)] = find(nodeOf(parentUuid));
    return node;
  });
  return own.map(find);
}

/** A directory that may be the guest's `/`. */
export interface RootCandidate {
  readonly entry: number;
  readonly score: number;
  /** It is what a mount without options shows. */
  readonly isDefault: boolean;
}

/**
 * What in a filesystem may be the guest's root, the likeliest first: lists of one family each, since a system and its
 * snapshots look all alike and only one of them is the system.
 */
export function rootCandidates(table: FileTable, { entry, subvolumes }: Mountable): RootCandidate[][] {
  if (subvolumes.length === 0) {
    const score = rootScore(table, entry);
    return score === 0 ? [] : [[{ entry, score, isDefault: true }]];
  }
  const families = familiesOf(subvolumes);
  const lists = new Map<number, (RootCandidate & { readonly subvolume: Subvolume })[]>();
  subvolumes.forEach((subvolume, index) => {
    const score = rootScore(table, subvolume.entry);
    if (score === 0) return;
    const list = lists.get(families[index]!) ?? [];
    list.push({ entry: subvolume.entry, score, isDefault: subvolume.isDefault, subvolume });
    lists.set(families[index]!, list);
  });
  for (const list of lists.values()) {
    list.sort(
      (a, b) =>
        Number(b.isDefault) - Number(a.isDefault) ||
        Number(a.subvolume.parentUuid !== null) - Number(b.subvolume.parentUuid !== null) ||
        Number(a.subvolume.isReadOnly) - Number(b.subvolume.isReadOnly) ||
        b.score - a.score ||
        a.subvolume.id - b.subvolume.id,
    );
  }
  return [...lists.values()];
}

export interface PlacedSubvolumes {
  /** By section. */
  readonly subvolumes: ReadonlyMap<number, readonly InspectedSubvolume[]>;
  /** Paths of roots that are mounted nowhere: snapshots that were set aside, top levels. */
  readonly places: ReadonlyMap<number, string>;
}

/** Cuts the table's tree up as the guest mounts it; see the head of this module. */
export function placeSubvolumes(
  table: FileTable,
  mountables: readonly Mountable[],
  mounts: readonly Mount[],
): PlacedSubvolumes {
  const placed = new Map<number, InspectedSubvolume[]>();
  const places = new Map<number, string>();
  const cut = new Set<number>();
  const flags = new Map<number, number>();
  for (const one of mountables) {
    if (one.subvolumes.length === 0) continue;
    const mountPoints = new Map<number, string>();
    for (const { section, entry, mountPoint } of mounts) {
      if (section === one.section) mountPoints.set(entry, mountPoint);
    }
    const isMounted = mountPoints.size > 0;
    const topLevel =
      isMounted && !mountPoints.has(one.entry) ? `/${unmountedName(one.index, one.label)}` : '';
    const guestPath = pathsBy(table, mountPoints, topLevel);
    const families = familiesOf(one.subvolumes);
    const mounted = new Set(families.filter((_, index) => mountPoints.has(one.subvolumes[index]!.entry)));
    const list = one.subvolumes.map((subvolume, index): InspectedSubvolume => {
      const { entry, parentUuid } = subvolume;
      const mountPoint = mountPoints.get(entry) ?? null;
      return {
        ...subvolume,
        mountPoint,
        guestPath: mountPoint ?? guestPath(entry),
        isAside:
          mountPoint === null && parentUuid !== null && entry !== one.entry && mounted.has(families[index]!),
      };
    });
    for (const { entry, mountPoint, guestPath: path, isAside } of list) {
      if (isAside) {
        places.set(entry, path);
        flags.set(entry, FILE_FLAG.snapshot);
      }
      if (
        isAside ||
        (mountPoint !== null && entry !== one.entry && !liesThere(table, entry, mountPoint, guestPath))
      )
        cut.add(entry);
    }
    if (topLevel !== '') {
      places.set(one.entry, topLevel);
      flags.set(one.entry, FILE_FLAG.unmounted);
    }
    placed.set(one.section, list);
  }
  if (cut.size > 0) table.cutOff(cut);
  if (flags.size > 0) table.flagBelow(flags);
  return { subvolumes: placed, places };
}

/** Paths in the guest of directories that are no mount points themselves. */
function pathsBy(
  table: FileTable,
  mountPoints: ReadonlyMap<number, string>,
  topLevel: string,
): (entry: number) => string {
  return (entry) => {
    const parts: string[] = [];
    let at = entry;
    do {
      if (table.parent[at]! >= 0) parts.push(table.name(at));
      at = table.parent[at]!;
    } while (at >= 0 && !mountPoints.has(at));
    const mountPoint = at < 0 ? topLevel : mountPoints.get(at)!;
    const path = [mountPoint === '/' ? '' : mountPoint, ...parts.reverse()].join('/');
    return path === '' ? '/' : path;
  };
}

/** A subvolume that is mounted where it lies anyway is a directory like any other. */
function liesThere(
  table: FileTable,
  entry: number,
  mountPoint: string,
  guestPath: (entry: number) => string,
): boolean {
  return table.parent[entry]! >= 0 && guestPath(entry) === mountPoint;
}
