/**
 * apk: Alpine, and what is made of it.
 *
 * One text file holds everything: a paragraph per package, a letter per field, and the files with their
 * folders in between (`F:` opens a folder, `R:` is a file of it, `M:`, `a:` and `Z:` describe the one before).
 * Layout: apk-tools, doc/apk-package.5 and src/database.c (apk_db_fdb_read). Since apk 3 the file is below
 * /usr. What the user asked for is /etc/apk/world; all else came as a dependency.
 */
import type { Context } from '../../core/contracts/context.ts';
import type { Dependency, Package, PackageDatabase, RootTree } from '../../core/contracts/package.ts';
import { corrupt, locate } from '../../core/errors.ts';
import { MAX_PACKAGES } from '../../core/limits.ts';
import { decodeUtf8 } from '../../core/text.ts';
import { namesOf, parseDependency, providedNames, wholeNumber } from '../dependency-text.ts';
import { comparePackages, OwnedFiles } from '../owned-files.ts';

const DATABASES = ['/lib/apk/db/installed', '/usr/lib/apk/db/installed'] as const;
const WORLD = '/etc/apk/world';

export const apkPackages: PackageDatabase = {
  manager: 'apk',
  markers: DATABASES,

  async read(root, context) {
    const path = DATABASES.find((candidate) => root.lookup(candidate) >= 0);
    if (path === undefined) return [];
    return await locate(path, async () => {
      const [bytes, world] = await root.readMany([path, WORLD]);
      if (bytes === undefined) throw corrupt('APK_DATABASE', 'the database is no regular file');
      return parseInstalled(decodeUtf8(bytes), root, context.at(path), worldNames(world));
    });
  },
};

/** Names that were asked for; undefined when there is no such list. `!name` asks for its absence. */
function worldNames(world: Uint8Array | undefined): ReadonlySet<string> | undefined {
  if (world === undefined) return undefined;
  const words = decodeUtf8(world).split(/\s+/);
  return new Set(
    words
      .filter((word) => word !== '' && !word.startsWith('!'))
      .map((word) => parseDependency(untagged(word)).name),
  );
}

/** `name@edge`: pinned to a tagged repository. */
function untagged(word: string): string {
  return word.replace(/@[^<>=~]*/, '');
}

/** Parses the whole file; a paragraph without name or version is reported and left out. */
function parseInstalled(
  text: string,
  root: RootTree,
  context: Context,
  world: ReadonlySet<string> | undefined,
): Package[] {
  const owned = new OwnedFiles(root);
  const packages: Package[] = [];
  let fields = new Map<string, string>();
  let folder = '/';
  let folderEntry = -1;

  const finish = (): void => {
    if (fields.size === 0) return;
    const entries = owned.take();
    const one = packageOf(fields, entries, world);
    if (one === undefined) {
      context.report(
        'error',
        'APK_PARAGRAPH',
        `a package without name or version (${fields.get('P') ?? 'no name'})`,
      );
    } else {
      packages.push(one);
    }
    if (packages.length > MAX_PACKAGES) throw corrupt('APK_PACKAGES', `more than ${MAX_PACKAGES} packages`);
    fields = new Map();
    folderEntry = -1;
  };

  for (let start = 0; start < text.length; ) {
    let end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    if (end === start) {
      finish();
    } else if (text[start + 1] === ':') {
      const key = text[start]!;
      const value = text.slice(start + 2, end);
      if (key === 'F') {
        folder = `/${value}`;
        folderEntry = owned.directory(folder);
        // The folder itself, not where a link in its place leads.
        owned.addPath(folder);
        fields.set(key, '');
      } else if (key === 'R') {
        owned.addFile(() => folder, folderEntry, value);
      } else if (key !== 'Z' && key !== 'a' && key !== 'M') {
        fields.set(key, value);
      }
    } else {
      context.report('warning', 'APK_LINE', `a line that is no field at offset ${start}`);
    }
    start = end + 1;
  }
  finish();
  return packages.sort(comparePackages);
}

function packageOf(
  fields: ReadonlyMap<string, string>,
  entries: Uint32Array,
  world: ReadonlySet<string> | undefined,
): Package | undefined {
  const name = fields.get('P');
  const version = fields.get('V');
  if (!name || !version) return undefined;
  const words = (key: string) => (fields.get(key) ?? '').split(' ').filter((word) => word !== '');
  const asked = words('D').map(untagged);
  const requires = asked.filter((word) => !word.startsWith('!')).map((word) => [parseDependency(word)]);
  const provides = words('p').map(parseDependency);
  const conflicts = asked
    .filter((word) => word.startsWith('!'))
    .map((word) => parseDependency(word.slice(1)));
  const condition = words('i').map((word): Dependency[] => [parseDependency(untagged(word))]);
  const names = providedNames(name, provides);
  return {
    manager: 'apk',
    name,
    version,
    architecture: fields.get('A') || null,
    installedSize: wholeNumber(fields.get('I')) ?? null,
    automatic: world === undefined ? null : ![name, ...names].some((own) => world.has(own)),
    state: brokenState(fields.get('f')),
    essential: false,
    section: null,
    priority: null,
    source: fields.get('o') || null,
    requires: namesOf(requires),
    provides: names,
    dependencies: {
      requires,
      recommends: [],
      suggests: [],
      supplements: condition.length === 0 ? [] : [condition],
      provides,
      conflicts,
    },
    entries,
  };
}

/** `f:` in apk-tools' apk_db_fdb_read: files, scripts or extended attributes that were not all put in place. */
function brokenState(flags: string | undefined): string | null {
  if (!flags) return null;
  const kinds = [
    ['f', 'files'],
    ['s', 'script'],
    ['x', 'xattr'],
  ] as const;
  const broken = kinds.filter(([letter]) => flags.includes(letter)).map(([, kind]) => `broken-${kind}`);
  return broken.length === 0 ? null : broken.join(' ');
}
