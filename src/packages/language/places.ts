/**
 * Where languages keep what was installed beside the system's packages. There is no register: pip, npm and gem
 * find their packages by convention, and so do we. The usual places of a system are asked by pattern; the parts
 * of the tree that hold applications (/opt, /srv, /home, /app …) are walked some levels deep. A tree is walked
 * once for all languages.
 */
import type { Context } from '../../core/contracts/context.ts';
import type { RootTree } from '../../core/contracts/package.ts';
import { MAX_SOFTWARE_DIRECTORIES } from '../../core/limits.ts';
import { isRealDirectory } from '../owned-files.ts';

export interface SoftwarePlaces {
  /** site-packages and dist-packages. */
  readonly python: readonly string[];
  /** node_modules that lie in no other. */
  readonly node: readonly string[];
  /** Gem homes: folders with `specifications` and `gems`. */
  readonly gems: readonly string[];
  /** False when the walk met its bound. */
  readonly isComplete: boolean;
}

/** Packages of languages have no file that says 'here': where software may lie at all, it is worth a look. */
export const SOFTWARE_MARKERS = ['/usr', '/opt', '/home', '/srv', '/app', '/root', '/var'] as const;

/** `*` stands for any name, `a*` for those that begin so. */
const PATTERNS = [
  '/usr/lib*/python*/site-packages',
  '/usr/lib*/python*/dist-packages',
  '/usr/local/lib*/python*/site-packages',
  '/usr/local/lib*/python*/dist-packages',
  '/usr/lib*/pypy*/site-packages',
  '/usr/lib*/node_modules',
  '/usr/local/lib/node_modules',
  '/usr/share/node_modules',
  '/usr/local/share/node_modules',
  '/usr/share/*/node_modules',
  '/usr/lib/*/node_modules',
  '/usr/lib*/ruby/gems/*',
  '/usr/local/lib*/ruby/gems/*',
  '/usr/share/gems',
  '/usr/local/share/gems',
  '/usr/share/rubygems-integration/*',
  '/usr/local/bundle',
  '/usr/src/*/node_modules',
  '/var/lib/gems/*',
  '/var/lib/*/node_modules',
  '/var/lib/*/lib/python*/site-packages',
  '/usr/share/*/lib/python*/site-packages',
];

/** Belongs to the system, to running processes or to other disks: no applications of their own. */
const NOT_WALKED = new Set(
  'bin boot dev etc lib lib32 lib64 libx32 lost+found media mnt proc run sbin snap sys tmp usr var'.split(
    ' ',
  ),
);
const WALKED = ['/var/www', '/var/task', '/var/runtime'];
/** /home/user/.pyenv/versions/3.12/lib/python3.12/site-packages lies this deep below /home. */
const WALK_DEPTH = 8;
/** Caches and histories: large, and never a place of installed packages. */
const LEAVES = new Set(['.git', '.cache', '.npm', '.cargo', '.rustup', '__pycache__', '.hg', '.svn']);

/** Said once per language. */
export function reportIncomplete(context: Context): void {
  context.report(
    'info',
    'SOFTWARE_PLACES',
    'the tree is too large to look everywhere for packages of languages',
  );
}

const known = new WeakMap<RootTree, SoftwarePlaces>();

/** The places of a tree; found once. */
export function softwarePlaces(root: RootTree): SoftwarePlaces {
  let places = known.get(root);
  if (places === undefined) {
    places = find(root);
    known.set(root, places);
  }
  return places;
}

function find(root: RootTree): SoftwarePlaces {
  const found = { python: new Set<string>(), node: new Set<string>(), gems: new Set<string>() };
  /** Directory entries that a path has led to: /lib and /usr/lib are one. */
  const seen = new Set<number>();
  const take = (path: string): boolean => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const kind =
      name === 'site-packages' || name === 'dist-packages'
        ? found.python
        : name === 'node_modules'
          ? found.node
          : root.lookup(`${path}/specifications`) >= 0 && root.lookup(`${path}/gems`) >= 0
            ? found.gems
            : undefined;
    const entry = kind === undefined ? -1 : root.lookup(path);
    if (entry < 0) return false;
    if (!seen.has(entry)) kind!.add(path);
    seen.add(entry);
    return true;
  };
  for (const pattern of PATTERNS) for (const path of expand(root, pattern)) take(path);

  let budget = MAX_SOFTWARE_DIRECTORIES;
  const stack: { path: string; depth: number }[] = [];
  const enter = (path: string, entry: number, depth: number): void => {
    if (depth <= WALK_DEPTH && isRealDirectory(root, path, entry)) stack.push({ path, depth });
  };
  for (const { name, entry } of root.list('/')) if (!NOT_WALKED.has(name)) enter(`/${name}`, entry, 0);
  for (const path of WALKED) enter(path, root.lookup(path, false), 0);
  for (let at = stack.pop(); at !== undefined && budget > 0; at = stack.pop()) {
    if (take(at.path)) continue;
    budget--;
    for (const { name, entry } of root.list(at.path)) {
      if (!LEAVES.has(name)) enter(`${at.path}/${name}`, entry, at.depth + 1);
    }
  }
  const sorted = (paths: Set<string>) => [...paths].sort();
  return {
    python: sorted(found.python),
    node: sorted(found.node),
    gems: sorted(found.gems),
    isComplete: budget > 0,
  };
}

/** Paths that match a pattern, component by component. */
function expand(root: RootTree, pattern: string): string[] {
  let paths = [''];
  for (const part of pattern.split('/').slice(1)) {
    const star = part.indexOf('*');
    if (star < 0) {
      paths = paths.map((path) => `${path}/${part}`).filter((path) => root.lookup(path) >= 0);
    } else {
      const prefix = part.slice(0, star);
      paths = paths.flatMap((path) =>
        root
          .list(path)
          .filter(({ name }) => name.startsWith(prefix))
          .map(({ name }) => `${path}/${name}`),
      );
    }
  }
  return paths;
}
