/** An initramfs without its kernel cannot be started. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { isFlavour } from '../boot.ts';
import { shellQuote } from '../remove-packages.ts';

export const orphanInitramfs: RemovalRule = {
  id: 'orphan-initramfs',
  title: 'Initramfs of kernels that are gone',
  safety: 'safe',
  family: 'kernels',
  description: 'initrd.img-* and initramfs-* in /boot for which there is no vmlinuz.',
  evaluate({ boot, files }) {
    if (boot.defaultVersion === null || isFlavour(boot.defaultVersion)) return [];
    const lonely = boot.kernels.filter(({ image, initramfs }) => image < 0 && initramfs.length > 0);
    const entries = lonely.flatMap(({ initramfs }) => [...initramfs]);
    const others = lonely.flatMap(({ others }) => others.filter((entry) => files.ownerOf(entry) < 0));
    if (entries.length === 0) return [];
    const paths = [...entries, ...others].map((entry) => files.pathOf(entry));
    return [
      {
        entries: [...entries, ...others],
        paths,
        commands: [`rm -f ${paths.map(shellQuote).join(' ')}`],
        reason: `no kernel in /boot has the version ${lonely.map(({ version }) => version).join(', ')}`,
      },
    ];
  },
};
