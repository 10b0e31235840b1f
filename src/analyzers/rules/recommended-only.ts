/** Packages that are there because another one recommends or suggests them, though nothing requires them. */
import type { RemovalRule } from '../../core/contracts/rule.ts';

export const recommendedOnly: RemovalRule = {
  id: 'recommended-only',
  title: 'Packages that are only recommended',
  safety: 'risky',
  family: 'packages',
  description:
    'Automatic packages that nothing requires, and that stay only because something recommends or suggests them. ' +
    'Install without recommendations instead: --no-install-recommends, install_weak_deps=False.',
  evaluate({ graph }) {
    const packages = graph.onlyRecommended;
    if (packages.length === 0) return [];
    return [
      {
        packages,
        paths: [],
        commands: [],
        reason: `${packages.length} ${packages.length === 1 ? 'package is' : 'packages are'} recommended but not required; some are missed all the same (ca-certificates, dbus)`,
      },
    ];
  },
};
