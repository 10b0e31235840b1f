import { expect, it } from 'vitest';
import { rescueKernel } from '../../../src/analyzers/rules/rescue-kernel.ts';
import { blocks, suggestions } from './support.ts';

it('finds kernel, initramfs and entry', async () => {
  const [found, ...more] = await suggestions(rescueKernel, {
    '/boot/vmlinuz-0-rescue-0123': 11000000,
    '/boot/initramfs-0-rescue-0123.img': 80000000,
    '/boot/loader/entries/0123-0-rescue.conf': 'linux /vmlinuz-0-rescue-0123',
    '/boot/vmlinuz-5.14.0-362.el9.x86_64': 11000000,
    '/boot/initramfs-5.14.0-362.el9.x86_64.img': 30000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(11000000, 80000000, 30));
});

it('keeps it where there is no other kernel', async () => {
  expect(
    await suggestions(rescueKernel, {
      '/boot/vmlinuz-0-rescue-0123': 11000000,
      '/boot/initramfs-0-rescue-0123.img': 80000000,
    }),
  ).toEqual([]);
});
