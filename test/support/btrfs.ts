/** The fixtures of `btrfs/`: what btrfs-progs, the kernel, findutils and sha256sum said of each (see guest-lib.sh there). */
import { fixtureBytes } from './fixtures.ts';

export type BtrfsFixture =
  | 'subvolumes'
  | 'content'
  | 'log'
  | 'xxhash'
  | 'sha256'
  | 'blake2'
  | 'dup'
  | 'raid0'
  | 'raid1'
  | 'raid10';

export interface BtrfsExpected {
  /** `btrfs inspect-internal dump-super`: values as it prints them. */
  readonly super: Readonly<Record<string, string>>;
  /** `find -printf` from the top level, through all subvolumes; `blocks` are of 512 bytes. */
  readonly entries: readonly {
    readonly path: string;
    readonly type: 'f' | 'd' | 'l' | 'c' | 'b' | 'p' | 's';
    /** Unique in its subvolume only. */
    readonly inode: number;
    readonly links: number;
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
    readonly size: number;
    readonly blocks: number;
    readonly modified: number;
    readonly target: string;
  }[];
  /** SHA-256 by path. */
  readonly sums: Readonly<Record<string, string>>;
  /** filefrag: start in the file, logical address, length and flags, by path. */
  readonly extents: Readonly<Record<string, readonly (readonly [number, number, number, string])[]>>;
  /** `btrfs subvolume list`; the top level is not in it. */
  readonly subvolumes: readonly {
    readonly id: number;
    readonly generation: number;
    readonly parent: number;
    readonly topLevel: number;
    readonly parentUuid: string | null;
    readonly uuid: string;
    readonly path: string;
    readonly isSnapshot: boolean;
    readonly isReadOnly: boolean;
  }[];
  /** `btrfs subvolume get-default`. */
  readonly default: number;
  /** `btrfs filesystem du --raw -s` of each subvolume's root, with those below it. */
  readonly du: Readonly<
    Record<string, { readonly total: number; readonly exclusive: number; readonly setShared: number }>
  >;
  /** `btrfs filesystem usage --raw`. */
  readonly usage: Readonly<Record<string, number>>;
  /** `btrfs filesystem df --raw`. */
  readonly df: readonly string[];
  /** Quota groups by subvolume; `referenced` and `exclusive` are `rfer` and `excl` without the trees' own nodes. */
  readonly quotas?: Readonly<
    Record<
      string,
      {
        readonly rfer: number;
        readonly excl: number;
        readonly referenced: number;
        readonly exclusive: number;
      }
    >
  >;
}

let known: Record<BtrfsFixture, BtrfsExpected> | undefined;

export function btrfsExpected(name: BtrfsFixture): BtrfsExpected {
  known ??= JSON.parse(fixtureBytes('btrfs/expected.json').toString()) as Record<BtrfsFixture, BtrfsExpected>;
  return known[name];
}
