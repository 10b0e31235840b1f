/**
 * Kernels beside the one that the boot loader starts. The build host's `uname -r` says nothing: a build that
 * upgraded the kernel without a reboot still runs the old one. A kernel newer than the default stays too, since
 * somebody chose the default and the next update of the loader's configuration may choose the newer.
 */
import type { GuestKernel, RemovalRule } from '../../core/contracts/rule.ts';
import { isFlavour } from '../boot.ts';
import { someOf } from '../suggest-text.ts';
import { rpmvercmp } from '../versions.ts';

/** Flavours are apart: a cloud kernel beside a generic one is a choice, not a predecessor. */
function flavourOf(version: string): string {
  return /-([a-z][a-z0-9-]*)$/.exec(version)?.[1] ?? '';
}

export const oldKernels: RemovalRule = {
  id: 'old-kernels',
  title: 'Superseded kernels',
  safety: 'review',
  family: 'kernels',
  description:
    'Packaged kernels that are older than the one that the boot loader starts, of the same flavour, with their ' +
    'modules, headers and initramfs. The default comes from grub.cfg, grubenv, Boot Loader Specification entries, ' +
    'loader.conf or extlinux.conf; where none is there the newest kernel stays.',
  evaluate({ boot, files, inspection, graph }) {
    const { defaultVersion } = boot;
    if (defaultVersion === null || isFlavour(defaultVersion)) return [];
    const isOld = ({ version, image, isRescue }: GuestKernel): boolean =>
      image >= 0 &&
      !isRescue &&
      flavourOf(version) === flavourOf(defaultVersion) &&
      rpmvercmp(version, defaultVersion) < 0;
    return boot.kernels
      .filter((kernel) => isOld(kernel) && files.ownerOf(kernel.image) >= 0)
      .map((kernel) => {
        const packages = kernel.packages.filter((index) => graph.isInstalled(index));
        const names = packages.map((index) => inspection.packages[index]!.name);
        return {
          title: `Superseded kernel ${kernel.version}`,
          packages,
          paths: [kernel.image, ...kernel.initramfs, kernel.modules]
            .filter((entry) => entry >= 0)
            .map((entry) => files.pathOf(entry)),
          commands: [],
          reason: `${someOf(names, 4)}: ${defaultVersion} starts (${boot.evidence})`,
        };
      });
  },
};
