import type { Dependency, Package, PackageDatabase, RootTree } from '../../core/contracts/package.ts';
import { MAX_PACKAGES } from '../../core/limits.ts';
import { decodeUtf8 } from '../../core/text.ts';
import { namesOf, wholeNumber } from '../dependency-text.ts';
import { comparePackages, OwnedFiles } from '../owned-files.ts';
import { reportIncomplete, SOFTWARE_MARKERS, softwarePlaces } from './places.ts';

/** Files of a distribution's folder, in the order in which they are read. */
const PARTS = [
  'METADATA',
  'PKG-INFO',
  'RECORD',
  'top_level.txt',
  'installed-files.txt',
  'REQUESTED',
] as const;

export const pythonPackages: PackageDatabase = {
  manager: 'python',
  markers: SOFTWARE_MARKERS,

  async read(root, context) {
    const { python, isComplete } = softwarePlaces(root);
    if (!isComplete) reportIncomplete(context);
    const owned = new OwnedFiles(root);
    const packages: Package[] = [];
    for (const site of python) packages.push(...(await readSite(root, site, owned)));
    return packages
      .slice(0, MAX_PACKAGES)
      .sort((a, b) => comparePackages(a, b) || (a.section! < b.section! ? -1 : 1));
  },
};

async function readSite(root: RootTree, site: string, owned: OwnedFiles): Promise<Package[]> {
  const folders = root
    .list(site)
    .map(({ name }) => name)
    .filter((name) => name.endsWith('.dist-info') || name.endsWith('.egg-info'))
    .slice(0, MAX_PACKAGES);
  // An egg-info may be a single file: its PKG-INFO.
  const paths = folders.flatMap((name) => [
    ...PARTS.map((part) => `${site}/${name}/${part}`),
    `${site}/${name}`,
  ]);
  const contents = await root.readMany(paths);
  const step = PARTS.length + 1;
  const texts = folders.map((_, i) =>
    contents
      .slice(i * step, (i + 1) * step)
      .map((bytes) => (bytes === undefined ? undefined : decodeUtf8(bytes))),
  );
  const requested = PARTS.indexOf('REQUESTED');
  // pip marks what was asked for since 20.2; where nothing is marked, nothing is known.
  const knowsReason = texts.some((text) => text[requested] !== undefined);
  const packages: Package[] = [];
  for (const [i, folder] of folders.entries()) {
    const [metadata, info, record, topLevel, installed, isRequested, single] = texts[i]!;
    const fields = parseMetadata(metadata ?? info ?? single ?? '');
    // `name-version[-py3.11].dist-info`
    const stem = folder.replace(/\.(?:dist|egg)-info$/, '').split('-');
    const name = fields.name || stem[0]!;
    if (name === '') continue;
    owned.addTree(`${site}/${folder}`);
    const size = record === undefined ? undefined : addRecord(owned, site, record);
    if (record === undefined) addGuess(owned, site, folder, topLevel, installed, name);
    const provided = normalized(name);
    packages.push({
      manager: 'python',
      name,
      version: fields.version || stem[1] || '',
      architecture: null,
      installedSize: size ?? null,
      automatic: knowsReason ? isRequested === undefined : null,
      state: null,
      essential: false,
      section: site,
      priority: null,
      source: null,
      requires: namesOf(fields.requires),
      provides: provided === name ? [] : [provided],
      dependencies: {
        requires: fields.requires,
        recommends: fields.conditional,
        suggests: [],
        supplements: [],
        provides:
          provided === name ? [] : [{ name: provided, relation: null, version: null, architecture: null }],
        conflicts: [],
      },
      entries: owned.take(),
    });
  }
  return packages;
}

/** PEP 503: how names are compared, so that requirements find what they mean. */
function normalized(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}

interface Metadata {
  readonly name: string | undefined;
  readonly version: string | undefined;
  readonly requires: Dependency[][];
  /** Needed under a condition (Python's version, the platform) that is not evaluated here. */
  readonly conditional: Dependency[][];
}

/** The head of an e-mail, up to its first empty line. */
function parseMetadata(text: string): Metadata {
  let name: string | undefined;
  let version: string | undefined;
  const requires: Dependency[][] = [];
  const conditional: Dependency[][] = [];
  for (const line of text.slice(0, text.search(/\r?\n\r?\n/) + 1 || undefined).split('\n')) {
    const field = /^(Name|Version|Requires-Dist):\s*(.*?)\s*$/i.exec(line);
    if (field === null) continue;
    const value = field[2]!;
    const key = field[1]!.toLowerCase();
    if (key === 'name') name ??= value;
    else if (key === 'version') version ??= value;
    else {
      const [requirement, marker] = value.split(';', 2) as [string, string?];
      const wanted = /^\s*([A-Za-z0-9][A-Za-z0-9._-]*)/.exec(requirement)?.[1];
      // An extra is installed only when it is asked for by name.
      if (wanted === undefined || (marker !== undefined && /\bextra\b/.test(marker))) continue;
      (marker === undefined ? requires : conditional).push(...specifiers(normalized(wanted), requirement));
    }
  }
  return { name, version, requires, conditional };
}

/** `name (>=1,<2)` asks twice; operators without a counterpart (`~=`, `!=`, `==1.*`) ask for the name. */
function specifiers(name: string, requirement: string): Dependency[][] {
  const result: Dependency[][] = [];
  for (const [, operator, version] of requirement.matchAll(
    /(?<![<>=!~])(<=|>=|==|<|>)\s*([^\s,()*]+)(?=[\s,)]|$)/g,
  )) {
    const relation = operator === '==' ? '=' : (operator as '<' | '<=' | '>=' | '>');
    result.push([{ name, relation, version: version!, architecture: null }]);
  }
  return result.length > 0 ? result : [[{ name, relation: null, version: null, architecture: null }]];
}

/** Adds the files of RECORD, and the folders below site-packages that hold them. @returns their bytes */
function addRecord(owned: OwnedFiles, site: string, record: string): number {
  const folders = new Set<string>();
  let total = 0;
  for (const line of record.split('\n')) {
    // path,hash,size: only a path with a comma or a quote is quoted.
    const parts = /^(?:"((?:[^"]|"")*)"|([^,]*)),[^,]*,(\d*)\r?$/.exec(line);
    if (parts === null) continue;
    const path = absolute(site, parts[1]?.replaceAll('""', '"') ?? parts[2]!);
    if (path === undefined) continue;
    owned.addPath(path);
    total += wholeNumber(parts[3]) ?? 0;
    for (let cut = path.lastIndexOf('/'); cut > site.length; cut = path.lastIndexOf('/', cut - 1)) {
      const folder = path.slice(0, cut);
      if (!folder.startsWith(`${site}/`) || folders.has(folder)) break;
      folders.add(folder);
      owned.addPath(folder);
    }
  }
  return Number.isSafeInteger(total) ? total : 0;
}

/** A path of RECORD: relative to site-packages, `..` for scripts, sometimes absolute. */
function absolute(site: string, path: string): string | undefined {
  if (path === '') return undefined;
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${site}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** Without RECORD: installed-files.txt (relative to the egg-info), or the folders that top_level.txt names. */
function addGuess(
  owned: OwnedFiles,
  site: string,
  folder: string,
  topLevel: string | undefined,
  installed: string | undefined,
  name: string,
): void {
  if (installed !== undefined) {
    for (const line of installed.split('\n')) {
      const path = absolute(`${site}/${folder}`, line.trim());
      if (path !== undefined) owned.addPath(path);
    }
    return;
  }
  const names = (topLevel ?? name.replaceAll('-', '_')).split('\n').map((line) => line.trim());
  for (const top of names) {
    // One name each: a path would lead elsewhere.
    if (top === '' || top.includes('/') || top === '..' || top === '.') continue;
    if (owned.isDirectory(`${site}/${top}`)) owned.addTree(`${site}/${top}`);
    owned.addPath(`${site}/${top}.py`);
  }
}
