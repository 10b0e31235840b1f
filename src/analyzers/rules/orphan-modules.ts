/** Modules of a kernel that is gone: what a package could not remove because depmod or DKMS had written into it. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { shellQuote } from '../remove-packages.ts';

export const orphanModules: RemovalRule = {
  id: 'orphan-modules',
  title: 'Modules of kernels that are gone',
  safety: 'review',
  family: 'kernels',
  description:
    'Directories in /lib/modules whose kernel is not in the image and that no package owns a file of.',
  evaluate({ boot, files }) {
    // Without any kernel (a container, a direct boot from outside) every set of modules may be the one in use.
    if (boot.defaultVersion === null) return [];
    return boot.kernels
      .filter(({ image, modules, packages }) => image < 0 && modules >= 0 && packages.length === 0)
      .map(({ version, modules }) => ({ version, entries: files.tree(modules), path: files.pathOf(modules) }))
      .filter(
        ({ entries }) =>
          entries.length > 1 &&
          entries.every((entry) => files.isDirectory(entry) || files.ownerOf(entry) < 0),
      )
      .map(({ version, entries, path }) => ({
        title: `Modules of kernel ${version}, which is gone`,
        entries,
        paths: [path],
        commands: [`rm -rf ${shellQuote(path)}`],
        reason: `${entries.length - 1} entries, no /boot/vmlinuz-${version} and no package owns them`,
      }));
  },
};
