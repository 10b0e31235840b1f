/** Copies that DKMS, dpkg and hand-made scripts leave beside an initramfs. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const initramfsBackups: RemovalRule = pathRule({
  id: 'initramfs-backups',
  title: 'Backups of the initramfs',
  safety: 'safe',
  family: 'kernels',
  description: 'initrd.img-*.old-dkms, *.dpkg-bak, *.old and *.bak in /boot.',
  why: 'no boot entry starts them',
  places: [
    {
      patterns: [
        '/boot/initr*.old-dkms',
        '/boot/initr*.dpkg-bak',
        '/boot/initr*.bak',
        '/boot/initr*.old',
        '/boot/initr*.old.img',
      ],
      command:
        'rm -f /boot/initr*.old-dkms /boot/initr*.dpkg-bak /boot/initr*.bak /boot/initr*.old /boot/initr*.old.img',
      keeps: (name) => name === 'initrd.img.old' || name === 'initrd.old',
    },
  ],
});
