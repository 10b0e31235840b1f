import type { Context } from './context.ts';

/** Files of all volumes as the running guest would see them, mounts and symbolic links followed. */
export interface RootTree {
  /**
   * The table entry at an absolute path, or -1. Links in the middle of the path are followed; one at its end
   * only with `follow` (default true).
   */
  lookup(path: string, follow?: boolean): number;
  /** Paths of the entries of a directory, sorted by name; empty when it is not there. */
  list(path: string): readonly { readonly name: string; readonly entry: number }[];
  /** Content of a regular file, or undefined when there is none at the path. Bounded by MAX_GUEST_FILE_BYTES. */
  read(path: string): Promise<Uint8Array | undefined>;
  /**
   * The entry called `name` (text or bytes) in a directory that `lookup` returned, mount points crossed, a link
   * not followed; -1 when there is none. Constant time: what a package database asks for every file.
   */
  child?(directory: number, name: string | Uint8Array): number;
  /** True for a directory, and not for a link to one: what a walk may enter. Without it paths are compared. */
  isDirectory?(entry: number): boolean;
  /** Contents of many files at once, read in disk order; the result keeps the order of `paths`. */
  readMany(paths: readonly string[]): Promise<(Uint8Array | undefined)[]>;
}

/** How a version must compare; `~` is apk's "begins with". */
export type VersionRelation = '<' | '<=' | '=' | '>=' | '>' | '~';

/** One name that is asked for or offered, as its manager writes it. */
export interface Dependency {
  /** A package, something that packages provide, or, when it begins with `/`, a file. */
  readonly name: string;
  /** Null together with `version`: any version. */
  readonly relation: VersionRelation | null;
  readonly version: string | null;
  /** The architecture qualifier (`any`, `amd64` …) without its separator, or null. */
  readonly architecture: string | null;
}

/** One inner list per requirement: its alternatives. */
export type Requirements = readonly (readonly Dependency[])[];

/** What the dependency graph is made of; versions and qualifiers kept. */
export interface PackageDependencies {
  readonly requires: Requirements;
  /** Installed by default and kept by most managers' autoremove, but not needed. */
  readonly recommends: Requirements;
  readonly suggests: Requirements;
  /**
   * The other way round (rpm's Supplements, apk's install_if): each is a condition of its own, and this package
   * is wanted once all requirements of one of them are met.
   */
  readonly supplements: readonly Requirements[];
  /** What it satisfies beside its own name and version. */
  readonly provides: readonly Dependency[];
  readonly conflicts: readonly Dependency[];
}

/** A package as its database describes it, with its files found in the table. */
export interface Package {
  readonly manager: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: string | null;
  /** Bytes, as the database declares it; null when it does not. */
  readonly installedSize: number | null;
  /** Installed only because something needs it; null when that is not recorded. */
  readonly automatic: boolean | null;
  /** The manager's word for it when it is not simply installed: `config-files`, `half-installed` … */
  readonly state: string | null;
  /** Essential or protected: never removed. */
  readonly essential: boolean;
  readonly section: string | null;
  readonly priority: string | null;
  readonly source: string | null;
  /** One inner list per requirement: its alternatives, as names (versions stripped). */
  readonly requires: readonly (readonly string[])[];
  /** Names that it satisfies beside its own. */
  readonly provides: readonly string[];
  /** The same with versions, and the weaker kinds; absent when a database does not tell them. */
  readonly dependencies?: PackageDependencies;
  /** Seconds since 1970; absent when it is not recorded. */
  readonly installTime?: number;
  /** Table entries that it owns, directories included; ascending, each once. */
  readonly entries: Uint32Array;
}

export interface PackageDatabase {
  readonly manager: string;
  /** Paths of which one must exist for the database to be this one's. */
  readonly markers: readonly string[];
  read(root: RootTree, context: Context): Promise<Package[]>;
}
