/** The command that removes exactly these packages, by manager: what leaves with them is named, not left to it. */
import type { Package } from '../core/contracts/package.ts';
import { compareText } from '../core/text.ts';

/** A word that a shell takes as it is. */
export function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What a manager knows a package by. */
export type Removable = Pick<Package, 'manager' | 'name' | 'version' | 'architecture'>;

const COMMANDS: Record<string, string> = {
  dpkg: 'apt-get -y purge',
  rpm: 'rpm -e',
  apk: 'apk del',
  pacman: 'pacman -R --noconfirm',
};

/** Managers whose packages a script can remove. */
export const REMOVING_MANAGERS: readonly string[] = Object.keys(COMMANDS);

/** Sorted names by which the manager knows each of these packages and no other. */
export function removalNames(manager: string, packages: readonly Removable[]): string[] {
  const names = packages
    .filter((one) => one.manager === manager)
    .map(({ name, version, architecture }) => {
      if (manager === 'rpm') {
        return `${name}-${version.replace(/^\d+:/, '')}${architecture === null ? '' : `.${architecture}`}`;
      }
      // Packages of two architectures may be installed side by side, so dpkg's are told apart.
      return manager === 'dpkg' && architecture !== null && architecture !== 'all'
        ? `${name}:${architecture}`
        : name;
    });
  return [...new Set(names)].sort(compareText);
}

/** One command for each manager that is concerned. */
export function removeCommand(packages: readonly Removable[]): string[] {
  return REMOVING_MANAGERS.flatMap((manager) => {
    const names = removalNames(manager, packages);
    return names.length === 0 ? [] : [`${COMMANDS[manager]} ${names.map(shellQuote).join(' ')}`];
  });
}
