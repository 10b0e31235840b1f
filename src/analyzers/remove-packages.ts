/** The command that removes exactly these packages, by manager: what leaves with them is named, not left to it. */
import type { Package } from '../core/contracts/package.ts';
import { compareText } from '../core/text.ts';

/** A word that a shell takes as it is. */
export function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Names by which each manager knows one installed package and no other. */
export function removalName(one: Package): string {
  switch (one.manager) {
    case 'rpm':
      return `${one.name}-${one.version.replace(/^\d+:/, '')}${one.architecture === null ? '' : `.${one.architecture}`}`;
    default:
      return one.name;
  }
}

const COMMANDS: Record<string, string> = {
  dpkg: 'apt-get -y purge',
  rpm: 'rpm -e',
  apk: 'apk del',
  pacman: 'pacman -R --noconfirm',
};

/** Managers whose packages a script can remove. */
export const REMOVING_MANAGERS: readonly string[] = Object.keys(COMMANDS);

/** One command for each manager that is concerned. */
export function removeCommand(packages: readonly Package[]): string[] {
  const commands: string[] = [];
  for (const manager of REMOVING_MANAGERS) {
    const names = packages.filter((one) => one.manager === manager).map(removalName);
    if (names.length === 0) continue;
    const sorted = [...new Set(names)].sort(compareText).map(shellQuote);
    commands.push(`${COMMANDS[manager]} ${sorted.join(' ')}`);
  }
  return commands;
}
