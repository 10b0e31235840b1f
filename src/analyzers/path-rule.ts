/**
 * The shape of most rules: what stands at certain places can go, with one command per place. A place is a list of
 * patterns (`~` is every home directory); each match goes with everything below it. Rules that look at more than
 * paths use `findPlaces` for their part of it.
 */
import type { Safety } from '../core/contracts/report.ts';
import type { Finding, GuestFiles, RemovalRule, RuleFamily, RuleInput } from '../core/contracts/rule.ts';
import { FILE_TYPE } from '../core/file-table.ts';
import { escapeName } from '../core/text.ts';
import { shellQuote } from './remove-packages.ts';

export interface Place {
  readonly patterns: readonly string[];
  /** Idempotent, and quiet where there is nothing. */
  readonly command: string;
  /** Which matches stay; everything below them stays too. */
  readonly keeps?: (name: string) => boolean;
  /** What must be there (a package manager's program, say) for the place to mean anything. */
  readonly needs?: string;
}

export interface PathRule {
  readonly id: string;
  readonly title: string;
  readonly safety: Safety;
  readonly family: RuleFamily;
  readonly description: string;
  /** Why it can go: the second half of a sentence. */
  readonly why: string;
  readonly places: readonly Place[];
}

/** A rule that is nothing but places. */
export function pathRule({ why, places, ...rule }: PathRule): RemovalRule {
  return { ...rule, evaluate: ({ files, inspection }) => findPlaces(files, inspection.table, places, why) };
}

/** `~/.cache` in every home. */
export function expandHome(files: GuestFiles, pattern: string): string[] {
  return pattern.startsWith('~/') ? files.homes.map((home) => home + pattern.slice(1)) : [pattern];
}

/** One finding over all places, or none. */
export function findPlaces(
  files: GuestFiles,
  table: RuleInput['inspection']['table'],
  places: readonly Place[],
  why: string,
): Finding[] {
  const entries: number[] = [];
  const paths: string[] = [];
  const commands: string[] = [];
  for (const { patterns, command, keeps, needs } of places) {
    if (needs !== undefined && files.resolve(needs) < 0) continue;
    let hasAny = false;
    for (const pattern of patterns.flatMap((one) => expandHome(files, one))) {
      const before = entries.length;
      for (const match of files.glob(pattern)) {
        if (keeps?.(files.name(match)) === true) continue;
        for (const entry of files.tree(match)) entries.push(entry);
      }
      if (entries.length > before) {
        paths.push(pattern);
        hasAny = true;
      }
    }
    if (hasAny && !commands.includes(command)) commands.push(command);
  }
  if (entries.length === 0) return [];
  return [{ entries, paths, commands, reason: `${why} (${evidenceOf(files, table, entries)})` }];
}

/** `37 files, the largest /var/cache/apt/archives/x.deb`. */
export function evidenceOf(
  files: GuestFiles,
  table: RuleInput['inspection']['table'],
  entries: readonly number[],
): string {
  let largest = -1;
  let count = 0;
  for (const entry of entries) {
    if (table.type[entry] === FILE_TYPE.directory) continue;
    count++;
    if (largest < 0 || table.allocated[entry]! > table.allocated[largest]!) largest = entry;
  }
  if (largest < 0) return `${entries.length} empty director${entries.length === 1 ? 'y' : 'ies'}`;
  const name = escapeName(files.pathOf(largest));
  return count === 1 ? name : `${count} files, the largest ${name}`;
}

/**
 * A command that empties directories, whether they are there or not, without leaving their filesystem: what is
 * mounted inside stays. POSIX has no -delete, and busybox' find is built without it.
 */
export function emptyCommand(places: string): string {
  return (
    `find ${places} -xdev -mindepth 1 ! -type d -exec rm -f {} + 2>/dev/null || true; ` +
    `find ${places} -xdev -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null || true`
  );
}

/** No package of the distribution owns a file of the directory. */
export function isUnowned(files: GuestFiles, directory: number): boolean {
  return (
    files.isDirectory(directory) &&
    files.tree(directory).every((entry) => files.isDirectory(entry) || files.ownerOf(entry) < 0)
  );
}

/** Where the filesystems and subvolumes that hold these entries are mounted, as arguments of `find … -xdev`. */
export function mountPointsOf(
  { filesystems, table }: RuleInput['inspection'],
  entries: readonly number[],
): string {
  const mounted = new Map(
    filesystems.flatMap(({ mounts }) => mounts).map(({ entry, mountPoint }) => [entry, mountPoint]),
  );
  const points = entries.map((entry) => mounted.get(table.rootOf(entry)) ?? '/');
  return [...new Set(points)].sort().map(shellQuote).join(' ');
}

/** Paths on one command line: far below what a kernel accepts. */
const PATHS_PER_COMMAND = 100;

/** Commands that remove these files and directories. */
export function removeAll(paths: readonly string[]): string[] {
  const sorted = [...paths].sort();
  const commands: string[] = [];
  for (let at = 0; at < sorted.length; at += PATHS_PER_COMMAND) {
    commands.push(
      `rm -rf ${sorted
        .slice(at, at + PATHS_PER_COMMAND)
        .map(shellQuote)
        .join(' ')}`,
    );
  }
  return commands;
}
