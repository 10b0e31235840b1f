/**
 * rpm: Fedora, Red Hat Enterprise Linux and its kin, openSUSE, Amazon Linux, Mageia, Photon.
 *
 * Three storage formats have held the same header blobs: Berkeley DB (`Packages`), NDB (`Packages.db`) and
 * SQLite (`rpmdb.sqlite`). Each backend here yields blobs; everything else is one path: header → package, with
 * its files resolved by directory. Headers are parsed as they stream by and not kept, since those of a desktop
 * are 200 MB together.
 *
 * Of a package's files those count as its own that rpm put there: files that were not installed (documentation
 * left out, the wrong colour of multilib) or that another package has replaced do not (RPMTAG_FILESTATES).
 * Ghosts (%ghost) do when they are on the disk: `rpm -qf` names the package, and `rpm -e` removes them.
 */
import type { Context } from '../../core/contracts/context.ts';
import type {
  Dependency,
  Package,
  PackageDatabase,
  PackageDependencies,
  RootTree,
} from '../../core/contracts/package.ts';
import { corrupt, isArtifactError, locate } from '../../core/errors.ts';
import { MAX_PACKAGES } from '../../core/limits.ts';
import { decodeUtf8 } from '../../core/text.ts';
import { namesOf, providedNames } from '../dependency-text.ts';
import { comparePackages, OwnedFiles } from '../owned-files.ts';
import { bdbBlobs } from './bdb.ts';
import { isRich, parseRich, type RawDependency, readDependencies, resolveRich } from './dependencies.ts';
import { RpmHeader } from './header.ts';
import { RPMFILE_STATE, RPMSENSE, RPMTAG } from './layout.ts';
import { ndbBlobs } from './ndb.ts';
import { type Reasons, readReasons } from './reasons.ts';
import { withSqlite } from './sqlite.ts';

/** Since Fedora 36 and SUSE 15 the second, and /var/lib/rpm is a link to it; the third is rpm-ostree's. */
const FOLDERS = ['/var/lib/rpm', '/usr/lib/sysimage/rpm', '/usr/share/rpm'] as const;
/** In rpm's own order of detection. */
const FILES = ['rpmdb.sqlite', 'Packages.db', 'Packages'] as const;

type Visit = (blob: Uint8Array) => void;

export const rpmPackages: PackageDatabase = {
  manager: 'rpm',
  markers: FOLDERS.flatMap((folder) => FILES.map((file) => `${folder}/${file}`)),

  async read(root, context) {
    const databases = findDatabases(root);
    const path = databases[0];
    if (path === undefined) return [];
    if (databases.length > 1) {
      const others = databases.slice(1).join(', ');
      context.report('info', 'RPM_SECOND_DATABASE', `${path} is read; beside it there is ${others}`);
    }
    return await locate(path, async () => {
      const bytes = await root.read(path);
      if (bytes === undefined) throw corrupt('RPM_DATABASE', 'the database is no regular file');
      const reader = new HeaderReader(
        root,
        context.at(path),
        await readReasons(root, context.at('rpm')),
        await protectedNames(root),
      );
      await eachBlob(root, path, bytes, context.at(path), (blob) => reader.add(blob));
      return reader.finish();
    });
  },
};

/** Non-empty database files, one per folder entry, the one to be read first. */
function findDatabases(root: RootTree): string[] {
  const seen = new Set<number>();
  const found: string[] = [];
  for (const folder of FOLDERS) {
    const directory = root.lookup(folder);
    if (directory < 0 || seen.has(directory)) continue;
    seen.add(directory);
    for (const file of FILES) {
      if (root.lookup(`${folder}/${file}`) >= 0) found.push(`${folder}/${file}`);
    }
  }
  return found;
}

async function eachBlob(
  root: RootTree,
  path: string,
  bytes: Uint8Array,
  context: Context,
  visit: Visit,
): Promise<void> {
  // An installer may leave an empty file: a database without packages.
  if (bytes.length === 0) return;
  if (path.endsWith('/Packages')) {
    const reportOrphans = (pages: number) =>
      context.report(
        'warning',
        'RPM_BDB_ORPHANS',
        `${pages} pages belong to no package: some may be missing`,
      );
    for (const blob of bdbBlobs(bytes, reportOrphans)) visit(blob);
  } else if (path.endsWith('/Packages.db')) {
    for (const blob of ndbBlobs(bytes)) visit(blob);
  } else {
    const wal = await root.read(`${path}-wal`);
    const limit = bytes.length + (wal?.length ?? 0);
    await withSqlite(bytes, wal, (database) => {
      // A database that was created and never written to has no table yet.
      if (!database.has('Packages')) return;
      let total = 0;
      for (const row of database.rows('Packages', ['hnum', 'blob'], MAX_PACKAGES)) {
        const { blob } = row;
        if (!(blob instanceof Uint8Array)) throw corrupt('RPM_SQLITE_ROW', `header ${row.hnum} is no blob`);
        total += blob.length;
        if (total > limit) throw corrupt('RPM_SQLITE_ROW', 'the headers are larger than the database');
        visit(blob);
      }
    });
  }
}

/** Names that dnf and yum refuse to remove: their own, and those in the files of protected.d. */
async function protectedNames(root: RootTree): Promise<(name: string) => boolean> {
  const paths = ['/etc/dnf/protected.d', '/etc/yum/protected.d'].flatMap((folder) =>
    root
      .list(folder)
      .filter(({ name }) => name.endsWith('.conf'))
      .map(({ name }) => `${folder}/${name}`),
  );
  const names = new Set(['dnf', 'dnf5', 'yum']);
  for (const bytes of await root.readMany(paths)) {
    if (bytes === undefined) continue;
    for (const line of decodeUtf8(bytes).split('\n')) {
      const name = line.trim();
      if (name !== '' && !name.startsWith('#')) names.add(name);
    }
  }
  return (name) => names.has(name);
}

/** A package whose rich dependencies wait until all names are known. */
interface Pending {
  readonly fields: Omit<Package, 'requires' | 'dependencies'>;
  readonly requires: readonly RawDependency[];
  readonly recommends: readonly RawDependency[];
  readonly suggests: readonly RawDependency[];
  readonly supplements: readonly RawDependency[];
  readonly provides: readonly RawDependency[];
  readonly conflicts: readonly RawDependency[];
}

/** Takes header blobs one by one and ends with all packages. */
class HeaderReader {
  private readonly context: Context;
  private readonly reasons: Reasons;
  private readonly isProtected: (name: string) => boolean;
  private readonly owned: OwnedFiles;
  private readonly pending: Pending[] = [];
  private readonly installed = new Set<string>();
  private blobs = 0;

  constructor(root: RootTree, context: Context, reasons: Reasons, isProtected: (name: string) => boolean) {
    this.context = context;
    this.reasons = reasons;
    this.isProtected = isProtected;
    this.owned = new OwnedFiles(root);
  }

  /** A header that contradicts itself is reported and left out; the others stand. */
  add(blob: Uint8Array): void {
    if (++this.blobs > MAX_PACKAGES) throw corrupt('RPM_PACKAGES', `more than ${MAX_PACKAGES} headers`);
    this.context.signal.throwIfAborted();
    try {
      this.pending.push(this.parse(new RpmHeader(blob)));
    } catch (error) {
      this.owned.take();
      if (!isArtifactError(error)) throw error;
      const code = error.code.replace(/^IMGOPT_/, '');
      this.context.report('error', code, `header ${this.blobs} was not read: ${error.message}`);
    }
  }

  private parse(header: RpmHeader): Pending {
    const name = header.string(RPMTAG.name);
    const version = header.string(RPMTAG.version);
    if (name === undefined || version === undefined) {
      throw corrupt('RPM_HEADER_NAME', 'the header has no name or no version');
    }
    const release = header.string(RPMTAG.release);
    const epoch = header.number(RPMTAG.epoch);
    const architecture = header.string(RPMTAG.arch) ?? null;
    const provides = readDependencies(header, RPMTAG.provideName, RPMTAG.provideFlags, RPMTAG.provideVersion);
    this.installed.add(name);
    for (const provided of provides) this.installed.add(provided.name);
    this.addFiles(header);
    const installTime = header.number(RPMTAG.installTime);
    const group = header.string(RPMTAG.group);
    return {
      fields: {
        manager: 'rpm',
        name,
        version: `${epoch === undefined ? '' : `${epoch}:`}${version}${release === undefined ? '' : `-${release}`}`,
        architecture,
        installedSize: header.number(RPMTAG.longSize) ?? header.number(RPMTAG.size) ?? null,
        automatic: this.reasons(name, architecture) ?? null,
        state: null,
        essential: this.isProtected(name),
        section: group === undefined || group === 'Unspecified' ? null : group,
        priority: null,
        source: sourceName(header.string(RPMTAG.sourceRpm)),
        provides: providedNames(name, provides),
        entries: this.owned.take(),
        ...(installTime === undefined ? {} : { installTime }),
      },
      provides,
      requires: readDependencies(header, RPMTAG.requireName, RPMTAG.requireFlags, RPMTAG.requireVersion),
      recommends: readDependencies(
        header,
        RPMTAG.recommendName,
        RPMTAG.recommendFlags,
        RPMTAG.recommendVersion,
      ),
      suggests: readDependencies(header, RPMTAG.suggestName, RPMTAG.suggestFlags, RPMTAG.suggestVersion),
      supplements: readDependencies(
        header,
        RPMTAG.supplementName,
        RPMTAG.supplementFlags,
        RPMTAG.supplementVersion,
      ),
      conflicts: readDependencies(header, RPMTAG.conflictName, RPMTAG.conflictFlags, RPMTAG.conflictVersion),
    };
  }

  private addFiles(header: RpmHeader): void {
    if (!header.has(RPMTAG.baseNames)) {
      // rpm before 4 kept whole paths.
      for (const path of header.strings(RPMTAG.oldFileNames)) this.owned.addPath(path);
      return;
    }
    const folders = header.strings(RPMTAG.dirNames);
    const entries = folders.map((folder) => this.owned.directory(folder));
    const indexes = header.numbers(RPMTAG.dirIndexes);
    const states = header.numbers(RPMTAG.fileStates);
    const count = header.count(RPMTAG.baseNames);
    if (indexes.length !== count) {
      throw corrupt('RPM_HEADER_FILES', `${count} file names and ${indexes.length} directory indexes`);
    }
    header.eachString(RPMTAG.baseNames, (bytes, start, end, i) => {
      const index = indexes[i]!;
      if (index >= folders.length) {
        throw corrupt('RPM_HEADER_FILES', `file ${i} lies in directory ${index} of ${folders.length}`);
      }
      const state = states[i] ?? RPMFILE_STATE.normal;
      if (state !== RPMFILE_STATE.normal && state !== RPMFILE_STATE.netShared) return;
      const entry = entries[index]!;
      if (entry >= 0) this.owned.addFile(() => folders[index]!, entry, bytes.subarray(start, end));
    });
  }

  /** All packages, sorted. */
  finish(): Package[] {
    const packages = this.pending.map((pending): Package => {
      // What `Requires(missingok)` asks for was how rpm 4.4 wrote a recommendation.
      const isWeak = (required: RawDependency) => (required.flags & RPMSENSE.missingOk) !== 0;
      const requires = this.resolve(pending.requires.filter((required) => !isWeak(required)));
      const dependencies: PackageDependencies = {
        requires,
        recommends: this.resolve([...pending.recommends, ...pending.requires.filter(isWeak)]),
        suggests: this.resolve(pending.suggests),
        supplements: pending.supplements.map((condition) => this.resolve([condition])),
        provides: pending.provides.map(plain),
        conflicts: pending.conflicts.map(plain),
      };
      return { ...pending.fields, requires: namesOf(requires), dependencies };
    });
    return packages.sort(comparePackages);
  }

  private resolve(raw: readonly RawDependency[]): Dependency[][] {
    const result: Dependency[][] = [];
    for (const dependency of raw) {
      const rich = isRich(dependency.name) ? parseRich(dependency.name) : undefined;
      if (rich === undefined) result.push([plain(dependency)]);
      else result.push(...resolveRich(rich, this.installed));
    }
    return result;
  }
}

function plain({ name, relation, version, architecture }: RawDependency): Dependency {
  return { name, relation, version, architecture };
}

/** `bash-5.1.8-9.el9.src.rpm` comes from the source package `bash`. */
function sourceName(sourceRpm: string | undefined): string | null {
  if (sourceRpm === undefined || sourceRpm === '' || sourceRpm === '(none)') return null;
  return /^(.+)-[^-]+-[^-]+\.(?:no)?src\.rpm$/.exec(sourceRpm)?.[1] ?? sourceRpm;
}
