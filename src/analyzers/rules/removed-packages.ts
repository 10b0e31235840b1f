/** Packages that were removed but not purged: their configuration and dpkg's records of it. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { shellQuote } from '../remove-packages.ts';
import { someOf } from '../suggest-text.ts';

export const removedPackages: RemovalRule = {
  id: 'removed-packages',
  title: 'Configuration of removed packages',
  safety: 'safe',
  family: 'packages',
  description:
    'dpkg’s state `rc`: removed, with configuration files and maintainer scripts kept. Kernels leave them often.',
  evaluate({ inspection, files }) {
    const found = inspection.packages.filter(
      ({ manager, state }) => manager === 'dpkg' && state === 'config-files',
    );
    if (found.length === 0) return [];
    const names = found.map(({ name }) => name).sort();
    const records = found.flatMap(({ name, architecture }) => [
      ...files.glob(`/var/lib/dpkg/info/${name}.*`),
      ...files.glob(`/var/lib/dpkg/info/${name}:${architecture}.*`),
    ]);
    const owned = found.flatMap(({ entries }) =>
      [...entries].filter((entry) => files.isFile(entry) && files.ownerOf(entry) < 0),
    );
    return [
      {
        entries: [...new Set([...records, ...owned])],
        paths: [...new Set(owned)].map((entry) => files.pathOf(entry)),
        commands: [`dpkg --purge ${names.map(shellQuote).join(' ')}`],
        reason: `${someOf(names, 6)}: removed, not purged`,
      },
    ];
  },
};
