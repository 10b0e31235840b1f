/**
 * Node packages: folders in node_modules with a package.json, inside each other when versions differ. A package
 * owns its folder except what lies in packages below it. pnpm keeps the folders in node_modules/.pnpm and links
 * to them; a link is no package.
 */
import type { Context } from '../../core/contracts/context.ts';
import type { Dependency, Package, PackageDatabase, RootTree } from '../../core/contracts/package.ts';
import { asObject, type JsonObject, parseJson, textOf } from '../../core/json.ts';
import { MAX_SOFTWARE_DIRECTORIES } from '../../core/limits.ts';
import { decodeUtf8 } from '../../core/text.ts';
import { comparePackages, OwnedFiles } from '../owned-files.ts';
import { reportIncomplete, SOFTWARE_MARKERS, softwarePlaces } from './places.ts';

interface Found {
  readonly path: string;
  /** The node_modules that it lies in. */
  readonly home: string;
}

export const npmPackages: PackageDatabase = {
  manager: 'npm',
  markers: SOFTWARE_MARKERS,

  async read(root, context) {
    const { node, isComplete } = softwarePlaces(root);
    if (!isComplete) reportIncomplete(context);
    const owned = new OwnedFiles(root);
    const found = findPackages(root, node, owned);
    const contents = await root.readMany(found.map(({ path }) => `${path}/package.json`));
    const asked = await readAsked(root, node);
    return found
      .flatMap(({ path, home }, i) => {
        const bytes = contents[i];
        if (bytes === undefined) return [];
        return packageOf(path, home, decodeUtf8(bytes), asked.get(home), owned, context) ?? [];
      })
      .sort((a, b) => comparePackages(a, b) || (a.section! < b.section! ? -1 : 1));
  },
};

/** Every package folder below the given node_modules, nested ones included. */
function findPackages(root: RootTree, homes: readonly string[], owned: OwnedFiles): Found[] {
  const found: Found[] = [];
  const stack = [...homes];
  for (let home = stack.pop(); home !== undefined; home = stack.pop()) {
    for (const { name } of root.list(home)) {
      const path = `${home}/${name}`;
      if (!owned.isDirectory(path)) continue;
      const inner = name.startsWith('@') || name === '.pnpm' ? root.list(path) : undefined;
      if (inner === undefined) {
        if (!name.startsWith('.')) found.push({ path, home });
      } else {
        for (const { name: below } of inner) {
          if (!owned.isDirectory(`${path}/${below}`)) continue;
          if (name === '.pnpm') stack.push(`${path}/${below}/node_modules`);
          else found.push({ path: `${path}/${below}`, home });
        }
      }
      if (found.length >= MAX_SOFTWARE_DIRECTORIES) return found;
    }
    // Packages with packages of their own were found in this round: their homes come next.
    for (let i = found.length - 1; i >= 0 && found[i]!.home === home; i--) {
      const nested = `${found[i]!.path}/node_modules`;
      if (owned.isDirectory(nested)) stack.push(nested);
    }
  }
  return found;
}

/** Of each node_modules the names that the project beside it asks for; undefined when there is no project. */
async function readAsked(
  root: RootTree,
  homes: readonly string[],
): Promise<Map<string, ReadonlySet<string>>> {
  const contents = await root.readMany(
    homes.map((home) => `${home.slice(0, home.lastIndexOf('/'))}/package.json`),
  );
  const result = new Map<string, ReadonlySet<string>>();
  for (const [i, home] of homes.entries()) {
    const project = contents[i] === undefined ? undefined : asObject(parseJson(decodeUtf8(contents[i])));
    if (project === undefined) continue;
    const kinds = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'];
    result.set(home, new Set(kinds.flatMap((kind) => Object.keys(asObject(project[kind]) ?? {}))));
  }
  return result;
}

function packageOf(
  path: string,
  home: string,
  text: string,
  asked: ReadonlySet<string> | undefined,
  owned: OwnedFiles,
  context: Context,
): Package | undefined {
  const json = asObject(parseJson(text));
  if (json === undefined) {
    context.at(path).report('warning', 'NPM_PACKAGE_JSON', 'package.json is no JSON object');
    return undefined;
  }
  const folder = path.slice(home.length + 1);
  owned.addTree(path, (inner) => inner === `${path}/node_modules`);
  owned.addPath(`${path}/node_modules`);
  const name = textOf(json.name) || folder;
  const required = names(json, 'dependencies');
  const optional = new Set(names(json, 'optionalDependencies'));
  const peers = names(json, 'peerDependencies').filter(
    (peer) => asObject(asObject(json.peerDependenciesMeta)?.[peer])?.optional !== true,
  );
  const requires = [...new Set([...required, ...peers])].filter((each) => !optional.has(each));
  const any = (each: string): Dependency[] => [
    { name: each, relation: null, version: null, architecture: null },
  ];
  return {
    manager: 'npm',
    name,
    version: textOf(json.version) ?? '',
    architecture: null,
    installedSize: null,
    automatic: isAutomatic(home, name, asked),
    state: null,
    essential: false,
    section: home,
    priority: null,
    source: null,
    requires: requires.map((each) => [each]),
    provides: [],
    dependencies: {
      requires: requires.map(any),
      recommends: [...optional].map(any),
      suggests: [],
      supplements: [],
      provides: [],
      conflicts: [],
    },
    entries: owned.take(),
  };
}

function names(json: JsonObject, key: string): string[] {
  return Object.keys(asObject(json[key]) ?? {}).filter((name) => name !== '');
}

/** Nested: always. Beside a project: when it does not ask for it. In a global folder: asked for by its name. */
function isAutomatic(home: string, name: string, asked: ReadonlySet<string> | undefined): boolean | null {
  if (home.indexOf('/node_modules') !== home.length - '/node_modules'.length) return true;
  if (asked !== undefined) return !asked.has(name);
  return home.endsWith('/lib/node_modules') ? false : null;
}
