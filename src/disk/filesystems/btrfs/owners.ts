/**
 * Sets of subvolumes. Snapshots share nodes, and whatever is found in a node is found once in each of its owners; most
 * nodes of a tree have the same owners, so sets are kept once and passed on by reference.
 */

export interface OwnerSet {
  readonly id: number;
  /** Positions of subvolumes, ascending. */
  readonly members: readonly number[];
}

export interface OwnerUnion {
  union(a: OwnerSet, b: OwnerSet): OwnerSet;
}

export class OwnerSets implements OwnerUnion {
  private readonly sets: OwnerSet[] = [];
  private readonly byMembers = new Map<string, OwnerSet>();
  /** By the identities of two sets. */
  private readonly unions = new Map<number, Map<number, OwnerSet>>();

  single(member: number): OwnerSet {
    return this.intern([member]);
  }

  of(id: number): OwnerSet {
    return this.sets[id]!;
  }

  union(a: OwnerSet, b: OwnerSet): OwnerSet {
    if (a === b) return a;
    let known = this.unions.get(a.id);
    if (known === undefined) {
      known = new Map();
      this.unions.set(a.id, known);
    }
    let union = known.get(b.id);
    if (union === undefined) {
      union = this.intern([...new Set([...a.members, ...b.members])].sort((x, y) => x - y));
      known.set(b.id, union);
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
    }
    return set;
  }
}
