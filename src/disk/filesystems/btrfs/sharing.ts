/**
 * Which subvolumes refer to which extents of file content, and so what a subvolume has for itself.
 *
 * Extents are collected from the leaves, each leaf once, with the set of subvolumes that share the leaf. Sorted by
 * place, the sets of one extent are united: its bytes on the disk count once for every subvolume in the union, and as
 * exclusive when there is only one. Bytes on the disk are those of the whole extent, as it is compressed: what
 * removing a subvolume gives back, also where files refer to a part.
 */
import { unsupported } from '../../../core/errors.ts';
import { ExtentBuilder, type ExtentSet } from '../../../core/extents.ts';
import { MAX_BTRFS_EXTENTS } from '../../../core/limits.ts';
import { doubled } from '../../../sources/runs.ts';
import type { OwnerSet, OwnerSets } from './owners.ts';

export interface Share {
  readonly referenced: number;
  readonly exclusive: number;
}

export class ExtentReferences {
  count = 0;
  private start = new Float64Array(1024);
  /** In sectors. */
  private length = new Uint32Array(1024);
  private owners = new Uint32Array(1024);
  private order: Uint32Array | undefined;
  private readonly sectorSize: number;

  constructor(sectorSize: number) {
    this.sectorSize = sectorSize;
  }

  /** @param length bytes, whole sectors, less than 2^32 of those */
  add(start: number, length: number, owners: OwnerSet): void {
    const { count } = this;
    const sectors = length / this.sectorSize;
    const last = count - 1;
    // Pieces of one extent follow one another in a file.
    if (last >= 0 && this.start[last] === start && this.owners[last] === owners.id) {
      this.length[last] = Math.max(this.length[last]!, sectors);
      return;
    }
    if (count >= MAX_BTRFS_EXTENTS) {
      throw unsupported('BTRFS_TOO_MANY_EXTENTS', `more than ${MAX_BTRFS_EXTENTS} extents of files`);
    }
    if (count === this.start.length) {
      this.start = doubled(this.start);
      this.length = doubled(this.length);
      this.owners = doubled(this.owners);
    }
    this.start[count] = start;
    this.length[count] = sectors;
    this.owners[count] = owners.id;
    this.count++;
  }

  private sorted(): Uint32Array {
    const { start, count } = this;
    this.order ??= Uint32Array.from({ length: count }, (_, index) => index).sort(
      (a, b) => start[a]! - start[b]!,
    );
    return this.order;
  }

  /** What each of `subvolumes` refers to, and what of it is its own. */
  shares(sets: OwnerSets, subvolumes: number): Share[] {
    const { start, length, owners, sectorSize } = this;
    const referenced = new Float64Array(subvolumes);
    const exclusive = new Float64Array(subvolumes);
    const order = this.sorted();
    for (let i = 0; i < order.length; ) {
      const place = start[order[i]!]!;
      let set = sets.of(owners[order[i]!]!);
      let sectors = 0;
      for (; i < order.length && start[order[i]!] === place; i++) {
        set = sets.union(set, sets.of(owners[order[i]!]!));
        sectors = Math.max(sectors, length[order[i]!]!);
      }
      for (const one of set.members) referenced[one]! += sectors * sectorSize;
      if (set.members.length === 1) exclusive[set.members[0]!]! += sectors * sectorSize;
    }
    return Array.from(referenced, (bytes, i) => ({ referenced: bytes, exclusive: exclusive[i]! }));
  }

  /** Addresses that files refer to. */
  extents(): ExtentSet {
    const builder = new ExtentBuilder();
    for (const i of this.sorted()) {
      builder.add(this.start[i]!, this.start[i]! + this.length[i]! * this.sectorSize);
    }
    return builder.build();
  }
}
