/**
 * Which subvolumes refer to which extents of file content, and so what a subvolume has for itself.
 *
 * Extents are collected from the leaves, each leaf once, with the set of subvolumes that share the leaf. Sorted by
 * place, the sets of one extent are united: its bytes on the disk count once for every subvolume in the union, and as
 * exclusive when there is only one. Bytes on the disk are those of the whole extent, as it is compressed: what
 * removing a subvolume gives back, also where files refer to a part.
 *
 * Which files refer to an extent is asked for later and by few, so only their numbers are kept, and answers are worked
 * out when the first question comes. Small content lies in the leaf itself, and is shared as the leaf is.
 */

import type { RemovedContent } from '../../../core/contracts/filesystem.ts';
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
  /** The file's number in its subvolumes. */
  private inode = new Float64Array(1024);
  private readonly inline = new InlineContent();
  private order: Uint32Array | undefined;
  private readonly sectorSize: number;

  constructor(sectorSize: number) {
    this.sectorSize = sectorSize;
  }

  /** @param length bytes, whole sectors, less than 2^32 of those */
  add(start: number, length: number, owners: OwnerSet, inode: number): void {
    const { count } = this;
    const sectors = length / this.sectorSize;
    const last = count - 1;
    // Pieces of one extent follow one another in a file.
    if (
      last >= 0 &&
      this.start[last] === start &&
      this.owners[last] === owners.id &&
      this.inode[last] === inode
    ) {
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
      this.inode = doubled(this.inode);
    }
    this.start[count] = start;
    this.length[count] = sectors;
    this.owners[count] = owners.id;
    this.inode[count] = inode;
    this.count++;
  }

  /** Content in a leaf. */
  addInline(bytes: number, owners: OwnerSet, inode: number): void {
    this.inline.add(bytes, owners, inode);
  }

  private sorted(): Uint32Array {
    const { start, count } = this;
    this.order ??= Uint32Array.from({ length: count }, (_, index) => index).sort(
      (a, b) => start[a]! - start[b]!,
    );
    return this.order;
  }

  /** Calls back for every extent: its bytes, who refers to it, and where in the order its references stand. */
  private eachExtent(
    sets: OwnerSets,
    take: (bytes: number, set: OwnerSet, first: number, end: number) => void,
  ): void {
    const { start, length, owners, sectorSize } = this;
    const order = this.sorted();
    for (let i = 0; i < order.length; ) {
      const first = i;
      const place = start[order[i]!]!;
      const set = sets.of(owners[order[i]!]!);
      let all: Set<OwnerSet> | undefined;
      let sectors = 0;
      for (; i < order.length && start[order[i]!] === place; i++) {
        const one = sets.of(owners[order[i]!]!);
        if (one !== set) {
          all ??= new Set([set]);
          all.add(one);
        }
        sectors = Math.max(sectors, length[order[i]!]!);
      }
      take(sectors * sectorSize, all === undefined ? set : sets.unionOf(all), first, i);
    }
  }

  /** What each of `subvolumes` refers to, and what of it is its own. */
  shares(sets: OwnerSets, subvolumes: number): Share[] {
    const referenced = new Float64Array(subvolumes);
    const exclusive = new Float64Array(subvolumes);
    this.eachExtent(sets, (bytes, { members }) => {
      for (const one of members) referenced[one]! += bytes;
      if (members.length === 1) exclusive[members[0]!]! += bytes;
    });
    return Array.from(referenced, (bytes, i) => ({ referenced: bytes, exclusive: exclusive[i]! }));
  }

  /** Bytes of extents that none but these subvolumes refer to, by their positions. */
  exclusiveTo(sets: OwnerSets, positions: ReadonlySet<number>): number {
    let sum = 0;
    this.eachExtent(sets, (bytes, { members }) => {
      if (members.every((one) => positions.has(one))) sum += bytes;
    });
    return sum;
  }

  /** What removing files of a subvolume, by its position, frees and what it does not: by the file's number. */
  removalsIn(sets: OwnerSets, position: number): Map<number, RemovedContent> {
    const found = new Map<number, { freed: number; kept: number }>();
    const at = (inode: number): { freed: number; kept: number } => {
      let one = found.get(inode);
      if (one === undefined) {
        one = { freed: 0, kept: 0 };
        found.set(inode, one);
      }
      return one;
    };
    const known = new Map<number, boolean>();
    const holds = ({ id, members }: OwnerSet): boolean => {
      let answer = known.get(id);
      if (answer === undefined) {
        answer = members.includes(position);
        known.set(id, answer);
      }
      return answer;
    };
    const order = this.sorted();
    this.eachExtent(sets, (bytes, set, first, end) => {
      if (!holds(set)) return;
      const inodes = new Set<number>();
      for (let i = first; i < end; i++) {
        if (holds(sets.of(this.owners[order[i]!]!))) inodes.add(this.inode[order[i]!]!);
      }
      const isSole = set.members.length === 1 && inodes.size === 1;
      for (const inode of inodes) at(inode)[isSole ? 'freed' : 'kept'] += bytes;
    });
    this.inline.each((bytes, id, inode) => {
      const set = sets.of(id);
      if (holds(set)) at(inode)[set.members.length === 1 ? 'freed' : 'kept'] += bytes;
    });
    return found;
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

/** Columns of the content that lies in leaves. */
class InlineContent {
  private count = 0;
  private bytes = new Uint32Array(1024);
  private owners = new Uint32Array(1024);
  private inode = new Float64Array(1024);

  add(bytes: number, owners: OwnerSet, inode: number): void {
    const { count } = this;
    if (count === this.bytes.length) {
      this.bytes = doubled(this.bytes);
      this.owners = doubled(this.owners);
      this.inode = doubled(this.inode);
    }
    this.bytes[count] = bytes;
    this.owners[count] = owners.id;
    this.inode[count] = inode;
    this.count++;
  }

  each(take: (bytes: number, owners: number, inode: number) => void): void {
    for (let i = 0; i < this.count; i++) take(this.bytes[i]!, this.owners[i]!, this.inode[i]!);
  }
}
