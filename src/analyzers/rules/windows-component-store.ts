/**
 * Components that a newer version has replaced. A folder of WinSxS names its component:
 * `amd64_microsoft-windows-x_31bf3856ad364e35_10.0.17763.1_none_0123456789abcdef`: architecture, name, key, version,
 * culture, hash. What differs in the version alone is the same component, of which the newest counts. Files that the
 * running system shares with the store by hard links free nothing, and are not counted.
 */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { evidenceOf } from '../path-rule.ts';
import { findFolded, windowsSystems } from '../windows-rule.ts';

const COMPONENT = /^([^_]+_.+_[0-9a-f]{16})_(\d+\.\d+\.\d+\.\d+)_([^_]+)_[0-9a-f]{16}$/i;

/** Versions of four numbers, each below 2^16. */
function versionNumber(version: string): number[] {
  return version.split('.').map(Number);
}

function isOlder(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]!;
  return false;
}

export const windowsComponentStore: RemovalRule = {
  id: 'windows-component-store',
  title: 'Superseded components of Windows',
  safety: 'review',
  family: 'packages',
  shell: 'powershell',
  description:
    'Folders of \\Windows\\WinSxS whose component is there in a newer version. DISM decides which of them go; afterwards ' +
    'installed updates cannot be uninstalled. What hard links share with the running system is not counted.',
  evaluate(input) {
    const { files, inspection } = input;
    const newest = new Map<string, number[]>();
    const components: { entry: number; key: string; version: number[] }[] = [];
    for (const root of windowsSystems(input)) {
      for (const entry of findFolded(files, root, '\\Windows\\WinSxS\\*')) {
        const match = COMPONENT.exec(files.name(entry));
        if (match === null || !files.isDirectory(entry)) continue;
        const key = `${root} ${match[1]} ${match[3]}`.toLowerCase();
        const version = versionNumber(match[2]!);
        components.push({ entry, key, version });
        const known = newest.get(key);
        if (known === undefined || isOlder(known, version)) newest.set(key, version);
      }
    }
    const superseded = components.filter(({ key, version }) => isOlder(version, newest.get(key)!));
    if (superseded.length === 0) return [];
    const entries = superseded.flatMap(({ entry }) => files.tree(entry));
    return [
      {
        entries,
        paths: ['\\Windows\\WinSxS'],
        commands: ['Dism.exe /Online /Cleanup-Image /StartComponentCleanup /ResetBase'],
        reason: `at most: of ${superseded.length === 1 ? 'one component' : `${superseded.length} components`} a newer version is there, DISM decides what goes (${evidenceOf(files, inspection.table, entries)})`,
      },
    ];
  },
};
