/**
 * Sets of subvolumes. Snapshots share nodes, and whatever is found in a node is found once in each of its owners; most
 * nodes of a tree have the same owners, so sets are kept once and passed on by reference.
 */
import { unsupported } from '../../../core/errors.ts';
import { MAX_BTRFS_OWNERS } from '../../../core/limits.ts';

export interface OwnerSet {
  readonly id: number;
  /** Positions of subvolumes, ascending. */
  readonly members: readonly number[];
}

export interface OwnerUnion {
  unionOf(sets: ReadonlySet<OwnerSet>): OwnerSet;
}

export class OwnerSets implements OwnerUnion {
  private readonly sets: OwnerSet[] = [];
  private readonly byMembers = new Map<string, OwnerSet>();
  /** By the identities of the sets that were united. */
  private readonly unions = new Map<string, OwnerSet>();
  /** Numbers kept in sets and in the keys of these maps. */
  private kept = 0;

  single(member: number): OwnerSet {
    return this.intern([member]);
  }

  of(id: number): OwnerSet {
    return this.sets[id]!;
  }

  /** @throws `unsupported` when subvolumes share in more ways than are kept */
  unionOf(sets: ReadonlySet<OwnerSet>): OwnerSet {
    const ids = Array.from(sets, ({ id }) => id).sort((a, b) => a - b);
    if (ids.length === 1) return this.of(ids[0]!);
    const key = ids.join();
    let union = this.unions.get(key);
    if (union === undefined) {
      const members = new Set<number>();
      for (const { members: some } of sets) for (const one of some) members.add(one);
      union = this.intern([...members].sort((a, b) => a - b));
      this.unions.set(key, union);
      this.count(ids.length);
    }
    return union;
  }

  private intern(members: readonly number[]): OwnerSet {
    const key = members.join();
    let set = this.byMembers.get(key);
    if (set === undefined) {
      set = { id: this.sets.length, members };
      this.sets.push(set);
      this.byMembers.set(key, set);
      this.count(members.length);
    }
    return set;
  }

  private count(numbers: number): void {
    this.kept += numbers;
    if (this.kept > MAX_BTRFS_OWNERS) {
      throw unsupported(
        'BTRFS_TOO_MANY_OWNERS',
        'its subvolumes share extents in too many ways to be told apart',
      );
    }
  }
}
