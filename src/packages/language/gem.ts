/**
 * Ruby gems: a specification per gem in a gem home, with its files in folders named after it. Specifications are
 * Ruby programs, which nobody here runs; RubyGems writes them by itself (Gem::Specification#to_ruby), with a
 * `# stub:` line for tools in a hurry and one line per dependency.
 */
import type { Dependency, Package, PackageDatabase, RootTree } from '../../core/contracts/package.ts';
import { MAX_PACKAGES } from '../../core/limits.ts';
import { decodeUtf8 } from '../../core/text.ts';
import { namesOf, parseDependency } from '../dependency-text.ts';
import { comparePackages, OwnedFiles } from '../owned-files.ts';
import { reportIncomplete, SOFTWARE_MARKERS, softwarePlaces } from './places.ts';

export const gemPackages: PackageDatabase = {
  manager: 'gem',
  markers: SOFTWARE_MARKERS,

  async read(root, context) {
    const { gems, isComplete } = softwarePlaces(root);
    if (!isComplete) reportIncomplete(context);
    const owned = new OwnedFiles(root);
    const packages: Package[] = [];
    for (const home of gems) {
      packages.push(...(await readHome(root, home, `${home}/specifications`, false, owned)));
      packages.push(...(await readHome(root, home, `${home}/specifications/default`, true, owned)));
    }
    return packages
      .slice(0, MAX_PACKAGES)
      .sort((a, b) => comparePackages(a, b) || (a.section! < b.section! ? -1 : 1));
  },
};

/** @param isDefault part of Ruby itself: `gem uninstall` refuses, and its files lie among Ruby's */
async function readHome(
  root: RootTree,
  home: string,
  folder: string,
  isDefault: boolean,
  owned: OwnedFiles,
): Promise<Package[]> {
  const files = root
    .list(folder)
    .map(({ name }) => name)
    .filter((name) => name.endsWith('.gemspec'));
  const contents = await root.readMany(files.map((file) => `${folder}/${file}`));
  const platforms = root
    .list(`${home}/extensions`)
    .flatMap(({ name }) => root.list(`${home}/extensions/${name}`).map((below) => `${name}/${below.name}`));
  const packages: Package[] = [];
  for (const [i, file] of files.entries()) {
    const bytes = contents[i];
    if (bytes === undefined) continue;
    const full = file.slice(0, -'.gemspec'.length);
    const text = decodeUtf8(bytes);
    const { name, version, platform } = identity(text, full);
    if (name === '') continue;
    owned.addPath(`${folder}/${file}`);
    owned.addPath(`${home}/cache/${full}.gem`);
    owned.addPath(`${home}/build_info/${full}.info`);
    const trees = [`${home}/gems/${full}`, `${home}/doc/${full}`];
    for (const place of platforms) trees.push(`${home}/extensions/${place}/${full}`);
    for (const tree of trees) if (owned.isDirectory(tree)) owned.addTree(tree);
    const requires = dependencies(text);
    packages.push({
      manager: 'gem',
      name,
      version,
      architecture: platform === 'ruby' ? null : platform,
      installedSize: null,
      automatic: null,
      state: null,
      essential: isDefault,
      section: isDefault ? `${home}/specifications/default` : home,
      priority: null,
      source: null,
      requires: namesOf(requires),
      provides: [],
      dependencies: { requires, recommends: [], suggests: [], supplements: [], provides: [], conflicts: [] },
      entries: owned.take(),
    });
  }
  return packages;
}

/** `# stub: rake 13.0.6 ruby lib`; without it the file's name, whose last part with a digit is the version. */
function identity(text: string, full: string): { name: string; version: string; platform: string } {
  const stub = /^# stub: (\S+) (\S+) (\S+)/m.exec(text);
  if (stub !== null) return { name: stub[1]!, version: stub[2]!, platform: stub[3]! };
  const parts = /^(.+?)-(\d[^-]*)(?:-(.+))?$/.exec(full);
  return { name: parts?.[1] ?? full, version: parts?.[2] ?? '', platform: parts?.[3] ?? 'ruby' };
}

/** `s.add_runtime_dependency(%q<name>.freeze, [">= 1.0".freeze, "< 3"])`; development ones are not installed. */
function dependencies(text: string): Dependency[][] {
  const result: Dependency[][] = [];
  const seen = new Set<string>();
  const line =
    /^\s*s\.add_(?:runtime_)?dependency\(?\s*(?:%q<([^>]+)>|"([^"]+)")(?:\.freeze)?,?\s*(\[[^\]\n]*\])?/gm;
  // For RubyGems of old the same is said again in the other branch of an `if`, development and all.
  const [current] = text.split(/^\s*else\s*$/m, 1);
  for (const [, quoted, plain, versions] of current!.matchAll(line)) {
    const name = (quoted ?? plain)!;
    if (seen.has(name)) continue;
    seen.add(name);
    const bounds = [...(versions ?? '').matchAll(/"(<=|>=|=|<|>) ([^"]+)"/g)]
      .map(([, relation, version]) => parseDependency(`${name}${relation}${version}`))
      .filter(({ version }) => version !== '0');
    if (bounds.length === 0) result.push([parseDependency(name)]);
    for (const bound of bounds) result.push([bound]);
  }
  return result;
}
