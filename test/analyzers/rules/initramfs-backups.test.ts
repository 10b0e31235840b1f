import { expect, it } from 'vitest';
import { initramfsBackups } from '../../../src/analyzers/rules/initramfs-backups.ts';
import { blocks, suggestions } from './support.ts';

it('finds what DKMS and dpkg set aside, of the default kernel too', async () => {
  const [found, ...more] = await suggestions(initramfsBackups, {
    '/boot/vmlinuz-6.1.0-18-amd64': 8000000,
    '/boot/initrd.img-6.1.0-18-amd64': 34000000,
    '/boot/initrd.img-6.1.0-18-amd64.old-dkms': 34000000,
    '/boot/initrd.img-6.1.0-18-amd64.dpkg-bak': 33000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(34000000, 33000000));
});

it('keeps the initramfs and the link to the previous one', async () => {
  expect(
    await suggestions(initramfsBackups, {
      '/boot/vmlinuz-6.1.0-18-amd64': 8000000,
      '/boot/initrd.img-6.1.0-18-amd64': 34000000,
      '/boot/initrd.img.old': { link: 'initrd.img-6.1.0-18-amd64' },
    }),
  ).toEqual([]);
});
