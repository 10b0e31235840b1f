/** What the manager's own autoremove would take: automatic, and nothing that was wanted needs or recommends it. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { isKernelPackage } from '../boot.ts';

const SAYS: Record<string, string> = {
  dpkg: 'apt-get autoremove',
  rpm: 'dnf autoremove',
  pacman: 'pacman -Qdtq',
  apk: 'apk',
};

export const unneededPackages: RemovalRule = {
  id: 'unneeded-packages',
  title: 'Automatic packages that nothing needs',
  safety: 'review',
  family: 'packages',
  description:
    'Packages that were installed only because another one needed them, and that nothing needs any more: what ' +
    'apt, dnf and pacman list for autoremoval. Kernels are judged by the rules for kernels.',
  evaluate({ graph, inspection }) {
    const byManager = new Map<string, number[]>();
    for (const index of graph.unneeded) {
      const { manager, name, automatic } = inspection.packages[index]!;
      if (automatic !== true || isKernelPackage(name) || graph.isProtected(index)) continue;
      byManager.set(manager, [...(byManager.get(manager) ?? []), index]);
    }
    return [...byManager]
      .filter(([manager]) => SAYS[manager] !== undefined)
      .map(([manager, packages]) => ({
        packages,
        paths: [],
        commands: [],
        reason: `${packages.length} ${packages.length === 1 ? 'package was' : 'packages were'} installed automatically and nothing needs ${packages.length === 1 ? 'it' : 'them'}: ${SAYS[manager]} says the same`,
      }));
  },
};
