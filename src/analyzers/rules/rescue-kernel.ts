/** Fedora and RHEL write a copy of the first kernel with an initramfs of every driver, for broken hardware. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { findPlaces } from '../path-rule.ts';

export const rescueKernel: RemovalRule = {
  id: 'rescue-kernel',
  title: 'Rescue kernel',
  safety: 'review',
  family: 'kernels',
  description:
    'The 0-rescue kernel, its initramfs and boot entry that dracut-config-rescue writes: a machine image is ' +
    'started anew instead of rescued.',
  evaluate({ boot, files, inspection }) {
    // Whoever starts it by default has no other.
    if (boot.defaultVersion === null || boot.defaultVersion.startsWith('0-rescue')) return [];
    return findPlaces(
      files,
      inspection.table,
      [
        {
          patterns: [
            '/boot/vmlinuz-0-rescue-*',
            '/boot/initramfs-0-rescue-*.img',
            '/boot/.vmlinuz-0-rescue-*.hmac',
            '/boot/loader/entries/*-0-rescue.conf',
          ],
          command:
            'rm -f /boot/vmlinuz-0-rescue-* /boot/initramfs-0-rescue-*.img /boot/.vmlinuz-0-rescue-*.hmac /boot/loader/entries/*-0-rescue.conf',
        },
      ],
      'a machine that was started from an image is replaced, not rescued; dracut_rescue_image=no keeps it from coming back',
    );
  },
};
