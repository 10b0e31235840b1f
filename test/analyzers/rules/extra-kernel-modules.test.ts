import { expect, it } from 'vitest';
import { extraKernelModules } from '../../../src/analyzers/rules/extra-kernel-modules.ts';
import { blocks, suggestions } from './support.ts';

it('finds them, the default kernel’s too', async () => {
  const [found, ...more] = await suggestions(
    extraKernelModules,
    {
      '/lib/modules/5.15.0-91-generic/kernel/sound/x.ko': 400000,
      '/lib/modules/5.15.0-91-generic/kernel/net/y.ko': 90000,
      '/boot/vmlinuz-5.15.0-91-generic': 11000000,
    },
    [
      {
        name: 'linux-modules-extra-5.15.0-91-generic',
        paths: [
          '/lib/modules/5.15.0-91-generic/kernel/sound',
          '/lib/modules/5.15.0-91-generic/kernel/sound/x.ko',
        ],
      },
      { name: 'linux-modules-5.15.0-91-generic', paths: ['/lib/modules/5.15.0-91-generic/kernel/net/y.ko'] },
      {
        name: 'linux-image-5.15.0-91-generic',
        requires: ['linux-modules-5.15.0-91-generic'],
        paths: ['/boot/vmlinuz-5.15.0-91-generic'],
      },
    ],
    { platform: 'qemu' },
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(400000) + 1 * 4096);
  expect(found!.packages).toEqual(['linux-modules-extra-5.15.0-91-generic']);
});

it('keeps what the kernel’s metapackage requires', async () => {
  expect(
    await suggestions(
      extraKernelModules,
      {
        '/lib/modules/5.15.0-91-generic/kernel/sound/x.ko': 400000,
        '/lib/modules/5.15.0-91-generic/kernel/net/y.ko': 90000,
        '/boot/vmlinuz-5.15.0-91-generic': 11000000,
      },
      [
        {
          name: 'linux-modules-extra-5.15.0-91-generic',
          paths: [
            '/lib/modules/5.15.0-91-generic/kernel/sound',
            '/lib/modules/5.15.0-91-generic/kernel/sound/x.ko',
          ],
        },
        {
          name: 'linux-modules-5.15.0-91-generic',
          paths: ['/lib/modules/5.15.0-91-generic/kernel/net/y.ko'],
        },
        {
          name: 'linux-image-5.15.0-91-generic',
          requires: ['linux-modules-5.15.0-91-generic'],
          paths: ['/boot/vmlinuz-5.15.0-91-generic'],
        },
        {
          name: 'linux-image-generic',
          requires: ['linux-image-5.15.0-91-generic', 'linux-modules-extra-5.15.0-91-generic'],
          paths: [],
        },
      ],
      { platform: 'qemu' },
    ),
  ).toEqual([]);
});
