import { expect, it } from 'vitest';
import { oldKernels } from '../../../src/analyzers/rules/old-kernels.ts';
import { blocks, suggestions } from './support.ts';

it('finds the older kernel with its initramfs and what depmod made; the newest starts', async () => {
  const [found, ...more] = await suggestions(
    oldKernels,
    {
      '/boot/vmlinuz-6.1.0-13-amd64': 8000000,
      '/boot/initrd.img-6.1.0-13-amd64': 34000000,
      '/boot/config-6.1.0-13-amd64': 250000,
      '/usr/lib/modules/6.1.0-13-amd64/kernel/a.ko': 90000,
      '/usr/lib/modules/6.1.0-13-amd64/modules.dep': 500000,
      '/boot/vmlinuz-6.1.0-18-amd64': 8000001,
      '/boot/initrd.img-6.1.0-18-amd64': 34000001,
      '/usr/lib/modules/6.1.0-18-amd64/kernel/a.ko': 90001,
      '/lib': { link: 'usr/lib' },
    },
    [
      {
        name: 'linux-image-6.1.0-13-amd64',
        automatic: true,
        paths: [
          '/boot/vmlinuz-6.1.0-13-amd64',
          '/usr/lib/modules/6.1.0-13-amd64',
          '/usr/lib/modules/6.1.0-13-amd64/kernel',
          '/usr/lib/modules/6.1.0-13-amd64/kernel/a.ko',
          '/boot/config-6.1.0-13-amd64',
        ],
      },
      {
        name: 'linux-image-6.1.0-18-amd64',
        automatic: true,
        paths: [
          '/boot/vmlinuz-6.1.0-18-amd64',
          '/usr/lib/modules/6.1.0-18-amd64',
          '/usr/lib/modules/6.1.0-18-amd64/kernel',
          '/usr/lib/modules/6.1.0-18-amd64/kernel/a.ko',
        ],
      },
      { name: 'linux-image-amd64', requires: ['linux-image-6.1.0-18-amd64'], paths: [] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(8000000, 34000000, 250000, 90000, 500000) + 2 * 4096);
  expect(found!.packages).toEqual(['linux-image-6.1.0-13-amd64']);
});

it('keeps the only kernel', async () => {
  expect(
    await suggestions(
      oldKernels,
      {
        '/boot/vmlinuz-6.1.0-18-amd64': 8000001,
        '/boot/initrd.img-6.1.0-18-amd64': 34000001,
        '/usr/lib/modules/6.1.0-18-amd64/kernel/a.ko': 90001,
        '/lib': { link: 'usr/lib' },
      },
      [
        {
          name: 'linux-image-6.1.0-18-amd64',
          automatic: true,
          paths: [
            '/boot/vmlinuz-6.1.0-18-amd64',
            '/usr/lib/modules/6.1.0-18-amd64',
            '/usr/lib/modules/6.1.0-18-amd64/kernel',
            '/usr/lib/modules/6.1.0-18-amd64/kernel/a.ko',
          ],
        },
        { name: 'linux-image-amd64', requires: ['linux-image-6.1.0-18-amd64'], paths: [] },
      ],
    ),
  ).toEqual([]);
});

const grub = (saved: string) => `
set default="\${saved_entry}"
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-x' {
	linux	/boot/vmlinuz-6.1.0-18-amd64 root=UUID=x ro quiet
}
submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-x' {
	menuentry 'Linux 6.1.0-18' $menuentry_id_option 'gnulinux-6.1.0-18-amd64-advanced-x' {
		if [ x$feature_platform_search_hint = xy ]; then
			search --no-floppy
		fi
		linux	/boot/vmlinuz-6.1.0-18-amd64 root=UUID=x ro
	}
	menuentry 'Linux 6.1.0-13' $menuentry_id_option 'gnulinux-6.1.0-13-amd64-advanced-x' {
		linux	/boot/vmlinuz-6.1.0-13-amd64 root=UUID=x ro
	}
}
${saved}`;
const packages = [
  {
    name: 'linux-image-6.1.0-13-amd64',
    paths: ['/boot/vmlinuz-6.1.0-13-amd64', '/usr/lib/modules/6.1.0-13-amd64/kernel/a.ko'],
  },
  {
    name: 'linux-image-6.1.0-18-amd64',
    paths: ['/boot/vmlinuz-6.1.0-18-amd64', '/usr/lib/modules/6.1.0-18-amd64/kernel/a.ko'],
  },
];
const kernels = {
  '/boot/vmlinuz-6.1.0-13-amd64': 8_000_000,
  '/usr/lib/modules/6.1.0-13-amd64/kernel/a.ko': 90_000,
  '/boot/vmlinuz-6.1.0-18-amd64': 8_000_001,
  '/usr/lib/modules/6.1.0-18-amd64/kernel/a.ko': 90_001,
};

it.each([
  ['an id', 'saved_entry=gnulinux-advanced-x>gnulinux-6.1.0-13-amd64-advanced-x'],
  ['numbers', 'saved_entry=1>1'],
  ['a title', 'saved_entry=Advanced options>Linux 6.1.0-13'],
])('keeps both where GRUB starts the older one, by %s', async (_, saved) => {
  const tree = { ...kernels, '/boot/grub/grub.cfg': grub(''), '/boot/grub/grubenv': `# GRUB\n${saved}\n` };
  expect(await suggestions(oldKernels, tree, packages)).toEqual([]);
});

it('believes grub.cfg, Boot Loader Specification entries, loader.conf and extlinux.conf', async () => {
  const entry = (version: string) => `title x\nversion ${version}\nlinux /boot/vmlinuz-${version}\n`;
  const bls = {
    '/boot/loader/entries/m-6.1.0-13-amd64.conf': entry('6.1.0-13-amd64'),
    '/boot/loader/entries/m-6.1.0-18-amd64.conf': entry('6.1.0-18-amd64'),
  };
  const reasons = async (tree: Record<string, string>): Promise<string[]> =>
    (await suggestions(oldKernels, { ...kernels, ...tree }, packages)).map(({ reason }) => reason);
  expect(await reasons({ '/boot/grub/grub.cfg': grub('') })).toEqual([
    expect.stringContaining('/boot/grub/grub.cfg'),
  ]);
  expect(await reasons(bls)).toEqual([expect.stringContaining('first entry in /boot/loader/entries')]);
  expect(await reasons({ ...bls, '/boot/loader/loader.conf': 'default m-6.1.0-13-*\n' })).toEqual([]);
  expect(await reasons({ ...bls, '/boot/grub2/grubenv': 'saved_entry=m-6.1.0-13-amd64\n' })).toEqual([]);
  const extlinux =
    'default l1\nlabel l0\n linux /boot/vmlinuz-6.1.0-18-amd64\nlabel l1\n linux ../vmlinuz-6.1.0-13-amd64\n';
  expect(await reasons({ '/boot/extlinux/extlinux.conf': extlinux })).toEqual([]);
});

it('keeps a kernel that something requires, and one of another flavour', async () => {
  const tool = { name: 'tool', requires: ['linux-image-6.1.0-13-amd64'], paths: [] };
  expect(await suggestions(oldKernels, kernels, [...packages, tool])).toEqual([]);
  const cloud = {
    '/boot/vmlinuz-6.1.0-13-cloud-amd64': 6_000_000,
    '/boot/vmlinuz-6.1.0-18-amd64': 8_000_000,
  };
  const owner = { name: 'linux-image-6.1.0-13-cloud-amd64', paths: ['/boot/vmlinuz-6.1.0-13-cloud-amd64'] };
  expect(await suggestions(oldKernels, cloud, [owner])).toEqual([]);
});
