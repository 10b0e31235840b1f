/**
 * What the installed packages need of each other: who requires whom, what nothing needs, and what really leaves
 * when something is removed.
 *
 * Every requirement becomes an edge to all installed packages that satisfy it (by name, by what they provide, by
 * version, for rpm by a file they own): alternatives that are both there both count as needed, as apt does. A
 * requirement that nothing satisfies was already broken, or is the manager's own (rpmlib), and is ignored.
 *
 * One sweep answers everything. It starts at what somebody wanted (not automatic, essential, needed by the boot) and
 * follows requirements, and recommendations where the manager keeps those. What it does not reach is *unneeded*:
 * that is apt's and dnf's autoremove. To *plan a removal*, the wanted packages among those to be removed lose that
 * standing and the sweep no longer recommends them; those that are reached nevertheless stay, because something
 * that stays requires them. What is reached no longer leaves. So a plan never breaks a dependency, and its bytes are
 * exclusive: nothing in it is needed by what remains.
 */
import type { Dependency, Package, Requirements } from '../core/contracts/package.ts';
import type { PackageGraph } from '../core/contracts/rule.ts';
import { comparerOf, satisfies } from './versions.ts';

/** States in which a package's files are gone, so that it needs nothing any more. */
const GONE = new Set(['config-files', 'not-installed']);

/** Which of the weak relations keep an automatic package: apt.conf(5) AutoRemove, libsolv's unneeded, pacman -Qdt. */
const KEEPS: Record<string, { recommends: boolean; suggests: boolean; unversionedProvides: boolean }> = {
  dpkg: { recommends: true, suggests: true, unversionedProvides: false },
  rpm: { recommends: true, suggests: false, unversionedProvides: true },
  apk: { recommends: false, suggests: false, unversionedProvides: false },
  pacman: { recommends: false, suggests: true, unversionedProvides: false },
};
const KEEPS_NOTHING = { recommends: false, suggests: false, unversionedProvides: true };

export interface GraphOptions {
  /** Positions of packages that must stay whatever happens, beside essential ones. */
  readonly keep?: Iterable<number>;
  /** Positions of packages that are not removed automatically (apt's NeverAutoRemove, its protected kernels). */
  readonly never?: Iterable<number>;
  /** False: a suggestion does not keep an automatic package (APT::AutoRemove::SuggestsImportant). */
  readonly aptKeepsSuggested?: boolean;
  /** Positions of the packages that own the file at a path. */
  readonly fileOwners?: (path: string) => readonly number[];
}

interface Provider {
  readonly index: number;
  /** Undefined: the package itself. Null: provided without a version. */
  readonly version: string | null;
  readonly relation: Dependency['relation'];
}

/** A requirement as the packages that satisfy it. */
type Edges = readonly (readonly number[])[];

export class DependencyGraph implements PackageGraph {
  readonly packages: readonly Package[];
  private readonly providers = new Map<string, Provider[]>();
  private readonly fileOwners: (path: string) => readonly number[];
  private readonly aptKeepsSuggested: boolean;
  private readonly hard: Edges[];
  private readonly weak: Edges[];
  private readonly wanted: Uint8Array;
  private readonly fixed: Uint8Array;
  private reverse: number[][] | undefined;
  private idle: readonly number[] | undefined;

  constructor(packages: readonly Package[], options: GraphOptions = {}) {
    this.packages = packages;
    this.fileOwners = options.fileOwners ?? (() => []);
    packages.forEach((one, index) => {
      if (!this.isInstalled(index)) return;
      this.addProvider(one.manager, one.name, { index, version: one.version, relation: '=' });
      if (one.dependencies === undefined) {
        for (const name of one.provides) {
          this.addProvider(one.manager, name, { index, version: null, relation: null });
        }
      } else {
        for (const { name, version, relation } of one.dependencies.provides) {
          this.addProvider(one.manager, name, { index, version, relation });
        }
      }
    });
    this.aptKeepsSuggested = options.aptKeepsSuggested ?? true;
    const edges = packages.map((_, index) => this.edgesOf(index));
    this.hard = edges.map(([hard]) => hard);
    this.weak = edges.map(([, weak]) => weak);
    this.addSupplements();
    this.fixed = new Uint8Array(packages.length);
    this.wanted = new Uint8Array(packages.length);
    packages.forEach((one, index) => {
      if (!this.isInstalled(index)) return;
      if (one.essential) this.fixed[index] = 1;
      if (one.automatic !== true) this.wanted[index] = 1;
    });
    for (const index of options.keep ?? []) this.fixed[index] = 1;
    for (const index of options.never ?? []) this.wanted[index] = 1;
    // What a fixed package requires is as fixed as itself.
    const marked = this.sweep(this.fixed, () => false);
    this.fixed.set(marked);
  }

  private addProvider(manager: string, name: string, provider: Provider): void {
    const key = `${manager}\0${name}`;
    const list = this.providers.get(key);
    if (list === undefined) this.providers.set(key, [provider]);
    else list.push(provider);
  }

  private edgesOf(index: number): [Edges, Edges] {
    const one = this.packages[index]!;
    if (!this.isInstalled(index)) return [[], []];
    const { dependencies } = one;
    if (dependencies === undefined) {
      const requires = one.requires.map((names) =>
        names.map((name): Dependency => ({ name, relation: null, version: null, architecture: null })),
      );
      return [this.resolve(index, requires), []];
    }
    const keeps = KEEPS[one.manager] ?? KEEPS_NOTHING;
    const keepsSuggested = keeps.suggests && (one.manager !== 'dpkg' || this.aptKeepsSuggested);
    const weak: Requirements = [
      ...(keeps.recommends ? dependencies.recommends : []),
      ...(keepsSuggested ? dependencies.suggests : []),
    ];
    return [this.resolve(index, dependencies.requires), this.resolve(index, weak)];
  }

  private resolve(index: number, requirements: Requirements): Edges {
    const result: number[][] = [];
    for (const alternatives of requirements) {
      const found = new Set<number>();
      for (const one of alternatives) for (const each of this.satisfiers(index, one)) found.add(each);
      if (found.size > 0 && !found.has(index)) result.push([...found]);
    }
    return result;
  }

  private satisfiers(index: number, wanted: Dependency): readonly number[] {
    const one = this.packages[index]!;
    const compare = comparerOf(one.manager);
    const { unversionedProvides } = KEEPS[one.manager] ?? KEEPS_NOTHING;
    const found: number[] = [];
    for (const provider of this.providers.get(`${one.manager}\0${wanted.name}`) ?? []) {
      const fits =
        wanted.relation === null ||
        (provider.version === null
          ? unversionedProvides
          : satisfies(compare, provider.version, wanted.relation, wanted.version!) ||
            (provider.relation !== '=' && provider.relation !== null && unversionedProvides));
      if (fits) found.push(provider.index);
    }
    if (found.length === 0 && wanted.name.startsWith('/')) return this.fileOwners(wanted.name);
    if (found.length < 2 || wanted.architecture === 'any') return found;
    // Of several architectures its own comes first; only where that is missing does another one do.
    const same = found.filter((each) => {
      const { architecture } = this.packages[each]!;
      return architecture === one.architecture || architecture === 'all' || architecture === 'noarch';
    });
    return same.length > 0 && one.architecture !== 'all' && one.architecture !== 'noarch' ? same : found;
  }

  /** A package that supplements others is as if each of those recommended it. */
  private addSupplements(): void {
    this.packages.forEach((one, index) => {
      for (const condition of one.dependencies?.supplements ?? []) {
        const edges = this.resolve(index, condition);
        if (edges.length === 0 || edges.length < condition.length) continue;
        for (const from of edges[0]!) this.weak[from] = [...this.weak[from]!, [index]];
      }
    });
  }

  isInstalled(index: number): boolean {
    const { state } = this.packages[index]!;
    return state === null || !GONE.has(state);
  }

  isProtected(index: number): boolean {
    return this.fixed[index] === 1;
  }

  find(name: string): readonly number[] {
    return this.matching(new RegExp(`^${name.replace(/[^\w-]/g, '\\$&')}$`));
  }

  matching(pattern: RegExp): readonly number[] {
    const found: number[] = [];
    this.packages.forEach((one, index) => {
      if (pattern.test(one.name) && this.isInstalled(index)) found.push(index);
    });
    return found;
  }

  /**
   * Everything that can be reached from the start over requirements, and over weak relations to those that
   * `isUnwelcome` does not name.
   */
  private sweep(start: Uint8Array, isUnwelcome: (index: number) => boolean, weakly = false): Uint8Array {
    const reached = start.slice();
    const queue: number[] = [];
    for (let i = 0; i < reached.length; i++) if (reached[i] === 1) queue.push(i);
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      for (const alternatives of this.hard[at]!) {
        for (const next of alternatives) {
          if (reached[next] === 1) continue;
          reached[next] = 1;
          queue.push(next);
        }
      }
      if (!weakly) continue;
      for (const alternatives of this.weak[at]!) {
        for (const next of alternatives) {
          if (reached[next] === 1 || isUnwelcome(next)) continue;
          reached[next] = 1;
          queue.push(next);
        }
      }
    }
    return reached;
  }

  private needed(removed: ReadonlySet<number>, leaving: ReadonlySet<number>): Uint8Array {
    const start = this.fixed.slice();
    for (let i = 0; i < start.length; i++) {
      if (this.wanted[i] === 1 && !leaving.has(i) && !removed.has(i)) start[i] = 1;
    }
    return this.sweep(start, (index) => leaving.has(index) || removed.has(index), true);
  }

  get unneeded(): readonly number[] {
    if (this.idle === undefined) {
      const reached = this.needed(new Set(), new Set());
      const idle: number[] = [];
      for (let i = 0; i < reached.length; i++) if (reached[i] === 0 && this.isInstalled(i)) idle.push(i);
      this.idle = idle;
    }
    return this.idle;
  }

  get onlyRecommended(): readonly number[] {
    const start = this.fixed.slice();
    for (let i = 0; i < start.length; i++) if (this.wanted[i] === 1) start[i] = 1;
    const required = this.sweep(start, () => false);
    const kept = this.needed(new Set(), new Set());
    const found: number[] = [];
    for (let i = 0; i < kept.length; i++) if (kept[i] === 1 && required[i] === 0) found.push(i);
    return found;
  }

  /**
   * The packages that leave when those in `asked` shall: they and what only they kept, without those that something
   * else requires or that are protected. Ascending.
   * @param removed what earlier plans have taken away already
   */
  plan(asked: Iterable<number>, removed: ReadonlySet<number> = new Set()): number[] {
    const leaving = new Set<number>();
    for (const index of asked) if (!removed.has(index) && this.isInstalled(index)) leaving.add(index);
    if (leaving.size === 0) return [];
    const before = this.needed(removed, new Set());
    const after = this.needed(removed, leaving);
    const gone = new Set<number>();
    for (let i = 0; i < after.length; i++) {
      if (after[i] === 1 || removed.has(i) || !this.isInstalled(i)) continue;
      if (before[i] === 1 || leaving.has(i)) gone.add(i);
    }
    // Packages that nothing needed before are not part of this, unless they cannot stay without what leaves.
    for (const index of this.brokenBy(gone, removed)) gone.add(index);
    return [...gone].sort((a, b) => a - b);
  }

  /**
   * Everything that must leave with `asked`, for nothing else satisfies it: what `apt-get remove` and `rpm -e` say.
   * With protected packages among them it is not to be done; they are in the answer.
   */
  dependents(asked: Iterable<number>, removed: ReadonlySet<number> = new Set()): number[] {
    const gone = new Set(asked);
    for (const index of this.brokenBy(gone, removed)) gone.add(index);
    return [...gone].sort((a, b) => a - b);
  }

  /** Packages outside of `gone` with a requirement that only packages in `gone` or `removed` satisfied. */
  private brokenBy(gone: ReadonlySet<number>, removed: ReadonlySet<number>): Set<number> {
    const broken = new Set<number>();
    const isAway = (index: number): boolean => gone.has(index) || broken.has(index) || removed.has(index);
    const queue = [...gone];
    const reverse = this.reverseEdges();
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      for (const from of reverse[at]!) {
        if (isAway(from)) continue;
        if (!this.hard[from]!.some((alternatives) => alternatives.every(isAway))) continue;
        broken.add(from);
        queue.push(from);
      }
    }
    return broken;
  }

  private reverseEdges(): number[][] {
    if (this.reverse === undefined) {
      const reverse = this.packages.map((): number[] => []);
      this.hard.forEach((edges, from) => {
        for (const to of new Set(edges.flat())) reverse[to]!.push(from);
      });
      this.reverse = reverse;
    }
    return this.reverse;
  }

  requiredBy(index: number): readonly number[] {
    return this.reverseEdges()[index]!;
  }
}
