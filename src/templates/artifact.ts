/**
 * A template held against the image that came of it: what each installing command costs there, and whether its
 * clean-up did what it says.
 *
 * The cost of a command is exclusive: the bytes of the packages that it names and of those that only these need, as
 * the dependency graph plans their removal. What something else needs too is not in it, so no byte is told twice.
 *
 * A clean-up step is proved by looking: paths that it removes, packages that it purges, caches that it empties. A
 * purge that takes its names from a pipeline (`dpkg -l | grep x | xargs apt-get purge`) is asked with the image's own
 * packages in place of the list, as far as its greps are static.
 */
import { ownershipOf } from '../analyzers/ownership.ts';
import { prepareRules, type RuleRun } from '../analyzers/suggest.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import { FILE_TYPE } from '../core/file-table.ts';
import { compareText } from '../core/text.ts';
import { grepFilter, listsPackages } from './grep.ts';
import { type LintLocation, locationOf } from './location.ts';
import type { Identity, Operation } from './operations.ts';
import type { Event, Project } from './plan.ts';
import type { Place } from './text.ts';

export interface CostedPackage {
  readonly name: string;
  /** Null: it is not in the image. */
  readonly version: string | null;
  readonly allocated: number;
}

export interface CostLine extends LintLocation {
  /** The line as it is written. */
  readonly text: string;
  readonly manager: string;
  /** What it names. */
  readonly packages: readonly CostedPackage[];
  /** What would go with them, for nothing else needs it. */
  readonly brings: readonly CostedPackage[];
  /** Bytes of the packages themselves. */
  readonly own: number;
  /** Bytes that would go if the line did: own ones that nothing else needs, and what they bring. */
  readonly exclusive: number;
  /** Some of its names are known only to the build. */
  readonly dynamic: boolean;
}

export interface Residue {
  /** A path, or a package's name. */
  readonly name: string;
  readonly kind: 'path' | 'package';
  readonly allocated: number;
}

export interface CleanupStep extends LintLocation {
  readonly text: string;
  /** `residue`: what it should have removed is there; `clean`: it is not. */
  readonly outcome: 'clean' | 'residue';
  /** It stands inside of a condition, so that it may not have run. */
  readonly conditional: boolean;
  /** The largest first. */
  readonly residue: readonly Residue[];
  readonly bytes: number;
}

export interface ArtifactView {
  readonly costs: CostLine[];
  readonly cleanup: CleanupStep[];
}

/** Holds a project against an image. */
export async function viewArtifact(project: Project, inspection: Inspection): Promise<ArtifactView> {
  const run = await prepareRules(inspection);
  const view = new View(run);
  const seen = new Set<string>();
  const costs: CostLine[] = [];
  const cleanup: CleanupStep[] = [];
  for (const { events } of project.plans) {
    for (const [number, event] of events.entries()) {
      const { place, kind } = event.operation;
      const key = `${place.file.path}\0${place.start}\0${kind}`;
      if (!project.isWanted(place.file) || seen.has(key)) continue;
      seen.add(key);
      const cost = view.cost(event.operation);
      if (cost !== undefined) costs.push(cost);
      const step = view.cleanup(event.operation, events.slice(number + 1));
      if (step !== undefined) cleanup.push(step);
    }
  }
  const byPlace = (a: LintLocation, b: LintLocation): number =>
    compareText(a.path, b.path) || a.line - b.line || a.column - b.column;
  costs.sort((a, b) => b.exclusive - a.exclusive || b.own - a.own || byPlace(a, b));
  cleanup.sort((a, b) => b.bytes - a.bytes || byPlace(a, b));
  return { costs, cleanup };
}

/** Where managers keep what they download. */
const CACHES: Record<string, readonly string[]> = {
  dpkg: ['/var/cache/apt/archives/*.deb', '/var/cache/apt/archives/partial/*'],
  rpm: ['/var/cache/dnf/*', '/var/cache/yum/*', '/var/cache/libdnf5/*', '/var/cache/zypp/packages/*'],
  apk: ['/var/cache/apk/*', '/etc/apk/cache/*'],
  pacman: ['/var/cache/pacman/pkg/*'],
};

/** What is there where an identity was not reset. Accounts have no path that tells. */
const IDENTITIES: Partial<Record<Identity, readonly string[]>> = {
  'machine-id': ['/etc/machine-id'],
  'ssh-host-keys': ['/etc/ssh/ssh_host_*_key'],
  'cloud-init': ['/var/lib/cloud/instance/*', '/var/lib/cloud/instances/*'],
};

class View {
  private readonly run: RuleRun;
  private readonly allocated: Float64Array;

  constructor(run: RuleRun) {
    this.run = run;
    const { inspection } = run;
    const { owner } = ownershipOf(inspection);
    this.allocated = new Float64Array(inspection.packages.length);
    for (let entry = 0; entry < inspection.table.count; entry++) {
      const index = owner[entry]!;
      if (index >= 0) this.allocated[index]! += inspection.table.allocated[entry]!;
    }
  }

  private installed(name: string, manager: string): number[] {
    const { graph, inspection } = this.run;
    // An installer's file says no manager: the system's own.
    return graph
      .find(name)
      .filter((index) => manager === '' || inspection.packages[index]!.manager === manager);
  }

  private describe(index: number): CostedPackage {
    const { name, version } = this.run.inspection.packages[index]!;
    return { name, version, allocated: this.allocated[index]! };
  }

  cost(operation: Operation): CostLine | undefined {
    if (operation.kind !== 'install') return undefined;
    const { manager, packages, place, isDynamic } = operation;
    const asked = new Map(packages.map(({ name }) => [name, this.installed(name, manager)]));
    const indexes = [...asked.values()].flat();
    if (asked.size === 0 && !isDynamic) return undefined;
    const leaving = this.run.graph.plan(indexes);
    const own = new Set(indexes);
    const sum = (list: Iterable<number>): number => {
      let bytes = 0;
      for (const index of list) bytes += this.allocated[index]!;
      return bytes;
    };
    return {
      ...locationOf(place),
      text: lineOf(place),
      manager,
      packages: [...asked].flatMap(([name, found]) =>
        found.length === 0
          ? [{ name, version: null, allocated: 0 }]
          : found.map((index) => this.describe(index)),
      ),
      brings: leaving
        .filter((index) => !own.has(index))
        .map((index) => this.describe(index))
        .sort((a, b) => b.allocated - a.allocated || compareText(a.name, b.name)),
      own: sum(own),
      exclusive: sum(leaving),
      dynamic: isDynamic,
    };
  }

  /** @param later what happens after it: what comes back by being installed again is no residue of this step */
  cleanup(operation: Operation, later: readonly Event[]): CleanupStep | undefined {
    const residue = this.residueOf(operation, later);
    if (residue === undefined) return undefined;
    residue.sort((a, b) => b.allocated - a.allocated || compareText(a.name, b.name));
    return {
      ...locationOf(operation.place),
      text: lineOf(operation.place),
      outcome: residue.length === 0 ? 'clean' : 'residue',
      conditional: operation.isConditional && !this.isCut(operation),
      residue,
      bytes: residue.reduce((total, one) => total + one.allocated, 0),
    };
  }

  /** Undefined for what cannot be proved. */
  private residueOf(operation: Operation, later: readonly Event[]): Residue[] | undefined {
    switch (operation.kind) {
      case 'clean': {
        const patterns = CACHES[operation.manager];
        return patterns === undefined ? undefined : this.paths(patterns);
      }
      case 'erase': {
        // What `find` removes depends on its conditions.
        if (operation.invocation !== null && operation.invocation.name !== 'rm') return undefined;
        const paths = operation.paths.filter(
          (path) => /^\/[^\ue000$]+$/.test(path) && !/\/\.\.?(?:\/|$)/.test(path),
        );
        return paths.length === 0
          ? undefined
          : this.paths(paths.map((path) => path.replace(/(?<=.)\/+$/, '')));
      }
      case 'reset': {
        const patterns = IDENTITIES[operation.what];
        return patterns === undefined ? undefined : this.identity(patterns);
      }
      case 'remove': {
        const again = new Set(
          later.flatMap((event) =>
            event.operation.kind === 'install' ? event.operation.packages.map((one) => one.name) : [],
          ),
        );
        const listed = this.listed(operation);
        if (operation.packages.length === 0 && listed === undefined) return undefined;
        const named = operation.packages.flatMap(({ name }) => this.installed(name, operation.manager));
        const left = [...new Set([...named, ...(listed ?? [])])].filter(
          (index) => !again.has(this.run.inspection.packages[index]!.name),
        );
        return left.map((index) => ({
          name: this.run.inspection.packages[index]!.name,
          kind: 'package' as const,
          allocated: this.allocated[index]!,
        }));
      }
      default:
        return undefined;
    }
  }

  /** A pipeline that its own `|| true` cuts hangs on no condition. */
  private isCut({ invocation: one }: Operation): boolean {
    return one?.prefixes.includes('xargs') === true && one.position > 0 && one.inside.length === 0;
  }

  /** The installed packages that a `list | grep … | xargs purge` means; undefined where it is not one. */
  private listed(operation: Operation): number[] | undefined {
    const one = operation.invocation;
    if (one?.prefixes.includes('xargs') !== true || operation.kind !== 'remove') return undefined;
    // The pipeline as it was meant: `a | grep x || true | xargs` is cut in two by its `|| true`.
    const members = one.andOr.pipelines.flatMap((pipeline) => pipeline.members);
    const before = one.script.invocations.filter(
      (each) =>
        each.andOr === one.andOr &&
        each.script === one.script &&
        members.includes(each.command) &&
        each !== one,
    );
    const [source] = before;
    if (source === undefined || !listsPackages(source)) return undefined;
    const filters = before.filter((each) => /^[ef]?grep$/.test(each.name)).map(grepFilter);
    if (filters.length === 0) return undefined;
    const { inspection, graph } = this.run;
    const found: number[] = [];
    inspection.packages.forEach(({ name, manager }, index) => {
      if (manager !== operation.manager || !graph.isInstalled(index)) return;
      // What a dynamic filter keeps (the running kernel) is what the boot needs.
      const passes = filters.every((filter) =>
        filter === undefined ? !graph.isProtected(index) : filter(name),
      );
      if (passes) found.push(index);
    });
    return found;
  }

  private paths(patterns: readonly string[]): Residue[] {
    const { files, inspection } = this.run;
    const entries = new Set(patterns.flatMap((pattern) => this.matching(pattern)));
    return [...entries].map((entry) => {
      const bytes = files.tree(entry).reduce((sum, each) => sum + inspection.table.allocated[each]!, 0);
      return { name: files.pathOf(entry), kind: 'path' as const, allocated: bytes };
    });
  }

  /** As a shell's wildcards: a leading dot is not matched by `*`. */
  private matching(pattern: string): number[] {
    const { files } = this.run;
    if (!/[*?[]/.test(pattern)) {
      const entry = files.lookup(pattern);
      return entry < 0 ? [] : [entry];
    }
    if (pattern.includes('[') || pattern.startsWith('/*')) return [];
    return files
      .glob(pattern)
      .filter((entry) => !files.name(entry).startsWith('.') || /\/\.[^/]*$/.test(pattern));
  }

  private identity(patterns: readonly string[]): Residue[] {
    const { table } = this.run.inspection;
    return this.paths(patterns).filter(({ name }) => {
      const entry = this.run.files.lookup(name);
      // An empty machine-id is made anew; `uninitialized` and a line feed are 14 bytes, an id is 33.
      return name !== '/etc/machine-id' || (table.type[entry] === FILE_TYPE.file && table.size[entry]! > 14);
    });
  }
}

/** The line that a place begins on, without its indentation. */
function lineOf({ file, start }: Place): string {
  return file.line(file.position(start).line).trim();
}
