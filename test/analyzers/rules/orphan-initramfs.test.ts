import { expect, it } from 'vitest';
import { orphanInitramfs } from '../../../src/analyzers/rules/orphan-initramfs.ts';
import { blocks, suggestions } from './support.ts';

it('finds one whose kernel is gone, with its configuration', async () => {
  const [found, ...more] = await suggestions(orphanInitramfs, {
    '/boot/vmlinuz-6.1.0-18-amd64': 8000000,
    '/boot/initrd.img-6.1.0-18-amd64': 34000000,
    '/boot/initrd.img-6.1.0-13-amd64': 33000000,
    '/boot/config-6.1.0-13-amd64': 250000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(33000000, 250000));
});

it('keeps that of every kernel, and Alpine’s of flavours', async () => {
  expect(
    await suggestions(orphanInitramfs, {
      '/boot/vmlinuz-lts': 8000000,
      '/boot/initramfs-lts': 20000000,
      '/boot/initramfs-virt': 9000000,
    }),
  ).toEqual([]);
});
