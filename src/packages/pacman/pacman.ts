/**
 * pacman: Arch Linux, Manjaro, MSYS2.
 *
 * A folder per package below local/, with `desc` and `files` of blocks: `%FIELD%`, its lines, an empty line
 * (libalpm, lib/libalpm/be_local.c). A system has some thousand small files there, so they are read together,
 * in the order of the disk.
 */
import type { Context } from '../../core/contracts/context.ts';
import type { Dependency, Package, PackageDatabase, RootTree } from '../../core/contracts/package.ts';
import { corrupt, locate } from '../../core/errors.ts';
import { MAX_PACKAGES } from '../../core/limits.ts';
import { decodeUtf8 } from '../../core/text.ts';
import { namesOf, parseDependency, providedNames, wholeNumber } from '../dependency-text.ts';
import { comparePackages, OwnedFiles } from '../owned-files.ts';

const LOCAL = '/var/lib/pacman/local';
/** The layout that libalpm writes since pacman 4.2. */
const VERSION_FILE = `${LOCAL}/ALPM_DB_VERSION`;
const CONFIG = '/etc/pacman.conf';

export const pacmanPackages: PackageDatabase = {
  manager: 'pacman',
  markers: [LOCAL],

  async read(root, context) {
    return await locate(LOCAL, async () => {
      const folders = root.list(LOCAL).filter(({ name }) => `${LOCAL}/${name}` !== VERSION_FILE);
      if (folders.length > MAX_PACKAGES)
        throw corrupt('PACMAN_PACKAGES', `more than ${MAX_PACKAGES} packages`);
      const paths = folders.flatMap(({ name }) => [`${LOCAL}/${name}/desc`, `${LOCAL}/${name}/files`]);
      const [config, ...contents] = await root.readMany([CONFIG, ...paths]);
      const held = heldNames(config === undefined ? '' : decodeUtf8(config));
      const owned = new OwnedFiles(root);
      const packages: Package[] = [];
      for (const [i, { name: folder }] of folders.entries()) {
        const one = readPackage(owned, contents[2 * i], contents[2 * i + 1], held);
        if (one === undefined) reportFolder(root, context.at(LOCAL), folder);
        else packages.push(one);
      }
      return packages.sort(comparePackages);
    });
  },
};

/** A package's folder without what makes a package is the trace of a broken transaction; a file is nothing. */
function reportFolder(root: RootTree, context: Context, folder: string): void {
  if (root.list(`${LOCAL}/${folder}`).length === 0) return;
  context.report('error', 'PACMAN_PACKAGE', `${folder}: desc with name and version is missing`);
}

/** Names of `HoldPkg`, which pacman removes only after a question. */
function heldNames(config: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const line of config.split('\n')) {
    const words = /^\s*HoldPkg\s*=\s*(.*?)\s*$/.exec(line)?.[1];
    for (const name of words?.split(/\s+/) ?? []) names.add(name);
  }
  return names;
}

/** Blocks of a `desc` or `files` file; the first of a name counts, as in libalpm each appears once. */
function* blocks(text: string): Generator<{ field: string; lines: Generator<string> }> {
  let at = 0;
  const line = (): string | undefined => {
    if (at >= text.length) return undefined;
    let end = text.indexOf('\n', at);
    if (end < 0) end = text.length;
    const result = text.slice(at, end);
    at = end + 1;
    return result;
  };
  function* rest(): Generator<string> {
    for (let next = line(); next !== undefined && next !== ''; next = line()) yield next;
  }
  for (let next = line(); next !== undefined; next = line()) {
    if (next.length > 2 && next.startsWith('%') && next.endsWith('%')) {
      yield { field: next.slice(1, -1), lines: rest() };
    }
  }
}

function readPackage(
  owned: OwnedFiles,
  desc: Uint8Array | undefined,
  files: Uint8Array | undefined,
  held: ReadonlySet<string>,
): Package | undefined {
  if (desc === undefined) return undefined;
  const fields = new Map<string, string[]>();
  for (const { field, lines } of blocks(decodeUtf8(desc))) fields.set(field, [...lines]);
  const first = (field: string) => fields.get(field)?.[0];
  const list = (field: string): Dependency[] => (fields.get(field) ?? []).map(parseDependency);
  const name = first('NAME');
  const version = first('VERSION');
  if (!name || !version) return undefined;
  for (const { field, lines } of blocks(files === undefined ? '' : decodeUtf8(files))) {
    if (field !== 'FILES') continue;
    for (const path of lines) owned.addPath(`/${path}`);
  }
  const requires = list('DEPENDS').map((dependency) => [dependency]);
  const provides = list('PROVIDES');
  const installTime = wholeNumber(first('INSTALLDATE'));
  return {
    manager: 'pacman',
    name,
    version,
    architecture: first('ARCH') ?? null,
    // libalpm writes neither a size of 0 nor the reason "asked for", which is 0 too.
    installedSize: fields.has('SIZE') ? (wholeNumber(first('SIZE')) ?? null) : 0,
    automatic: first('REASON') === '1',
    state: null,
    essential: held.has(name),
    section: first('GROUPS') ?? null,
    priority: null,
    source: first('BASE') ?? null,
    requires: namesOf(requires),
    provides: providedNames(name, provides),
    dependencies: {
      requires,
      recommends: [],
      // `name: what it is good for`
      suggests: (fields.get('OPTDEPENDS') ?? []).map((line) => [parseDependency(line.split(': ')[0]!)]),
      supplements: [],
      provides,
      conflicts: list('CONFLICTS'),
    },
    entries: owned.take(),
    ...(installTime === undefined ? {} : { installTime }),
  };
}
