/**
 * The shape of rules about Windows. Its volumes are no part of a root tree, so places are looked for from the root of
 * each, by names without regard to case; commands are PowerShell's, for the running guest, and name no drive: that is
 * not known here.
 */
import type { Finding, GuestFiles, RemovalRule, RuleInput } from '../core/contracts/rule.ts';
import { evidenceOf, type PathRule } from './path-rule.ts';

/** Root directories of the volumes that Windows keeps files on. */
export function windowsVolumes({ filesystems, table }: RuleInput['inspection']): number[] {
  return filesystems
    .filter(({ type, section }) => type === 'ntfs' && section !== null)
    .map(({ section }) => table.sections[section!]!.first);
}

/** Those among them that Windows is installed on. */
export function windowsSystems({ files, inspection }: RuleInput): number[] {
  return windowsVolumes(inspection).filter((root) =>
    findFolded(files, root, '\\Windows\\System32').some((entry) => files.isDirectory(entry)),
  );
}

/**
 * Entries at a path from a directory on, whatever its case; in a part `*` stands for any characters.
 * @param path `\Windows\Temp\*`
 */
export function findFolded(files: GuestFiles, from: number, path: string): number[] {
  let level = [from];
  for (const part of path.split('\\').filter((one) => one !== '')) {
    const literal = part.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
    const matcher = new RegExp(`^${literal}$`, 'is');
    level = level
      .flatMap((directory) => files.children(directory))
      .filter((entry) => matcher.test(files.name(entry)));
  }
  return level;
}

export interface WindowsPlace {
  /** From the root of the volume: `\Windows\Temp\*`. */
  readonly patterns: readonly string[];
  /** PowerShell: idempotent, and quiet where there is nothing. */
  readonly command: string;
  /** Which matches stay. */
  readonly keeps?: RegExp;
}

export interface WindowsRule extends Omit<PathRule, 'places'> {
  readonly places: readonly WindowsPlace[];
  /** Looked for on every volume, not just on those that Windows is installed on. */
  readonly anyVolume?: true;
}

/** A rule that is nothing but places; each match goes with everything below it. */
export function windowsRule({ why, places, anyVolume, ...rule }: WindowsRule): RemovalRule {
  return {
    ...rule,
    shell: 'powershell',
    evaluate(input) {
      const roots = anyVolume === true ? windowsVolumes(input.inspection) : windowsSystems(input);
      return findOn(input, roots, places, why);
    },
  };
}

function findOn(
  { files, inspection }: RuleInput,
  roots: readonly number[],
  places: readonly WindowsPlace[],
  why: string,
): Finding[] {
  const entries: number[] = [];
  const paths: string[] = [];
  const commands: string[] = [];
  for (const { patterns, command, keeps } of places) {
    const before = entries.length;
    for (const pattern of patterns) {
      const start = entries.length;
      for (const root of roots) {
        for (const match of findFolded(files, root, pattern)) {
          if (keeps?.test(files.name(match)) !== true) entries.push(...files.tree(match));
        }
      }
      if (entries.length > start) paths.push(pattern);
    }
    if (entries.length > before) commands.push(command);
  }
  if (entries.length === 0) return [];
  return [{ entries, paths, commands, reason: `${why} (${evidenceOf(files, inspection.table, entries)})` }];
}

/** Removes what these match, in PowerShell; what is in use stays, and nothing is said of it. */
export function removeItems(paths: readonly string[], options = ''): string {
  return `Remove-Item -Path ${paths.join(', ')} -Recurse -Force -ErrorAction SilentlyContinue${options}`;
}
