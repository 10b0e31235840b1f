import { expect, it } from 'vitest';
import { kernelHeaders } from '../../../src/analyzers/rules/kernel-headers.ts';
import { blocks, suggestions } from './support.ts';

it('finds headers with their build tools', async () => {
  const [found, ...more] = await suggestions(
    kernelHeaders,
    {
      '/usr/src/linux-headers-6.1.0-13-amd64/Makefile': 60000,
      '/usr/lib/linux-kbuild-6.1/scripts/x': 20000,
      '/usr/sbin/dkms': 5000,
    },
    [
      {
        name: 'linux-headers-6.1.0-13-amd64',
        requires: ['linux-kbuild-6.1'],
        paths: ['/usr/src/linux-headers-6.1.0-13-amd64', '/usr/src/linux-headers-6.1.0-13-amd64/Makefile'],
      },
      {
        name: 'linux-kbuild-6.1',
        automatic: true,
        paths: [
          '/usr/lib/linux-kbuild-6.1',
          '/usr/lib/linux-kbuild-6.1/scripts',
          '/usr/lib/linux-kbuild-6.1/scripts/x',
        ],
      },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(60000, 20000) + 3 * 4096);
  expect(found!.packages).toEqual(['linux-headers-6.1.0-13-amd64', 'linux-kbuild-6.1']);
});

const installed = {
  '/usr/src/linux-headers-6.1.0-13-amd64/Makefile': 60000,
  '/usr/lib/linux-kbuild-6.1/scripts/x': 20000,
  '/usr/sbin/dkms': 5000,
};
const packages = [
  {
    name: 'linux-headers-6.1.0-13-amd64',
    requires: ['linux-kbuild-6.1'],
    paths: ['/usr/src/linux-headers-6.1.0-13-amd64', '/usr/src/linux-headers-6.1.0-13-amd64/Makefile'],
  },
  {
    name: 'linux-kbuild-6.1',
    automatic: true,
    paths: [
      '/usr/lib/linux-kbuild-6.1',
      '/usr/lib/linux-kbuild-6.1/scripts',
      '/usr/lib/linux-kbuild-6.1/scripts/x',
    ],
  },
  { name: 'dkms', paths: ['/usr/sbin/dkms'] },
];

it('keeps them for DKMS that has a module to build, wherever it came from', async () => {
  const registered = {
    ...installed,
    '/var/lib/dkms/vboxguest/7.0.6/source': { link: '/usr/src/vboxguest-7.0.6' },
  };
  expect(await suggestions(kernelHeaders, registered, packages)).toEqual([]);
  const unpacked = { ...installed, '/usr/src/nvidia-535/dkms.conf': 'PACKAGE_NAME=nvidia\n' };
  expect(await suggestions(kernelHeaders, unpacked, packages)).toEqual([]);
  expect(await suggestions(kernelHeaders, installed, [...packages, { name: 'zfs-dkms' }])).toEqual([]);
});

it('finds them beside DKMS that has none', async () => {
  expect(await suggestions(kernelHeaders, installed, packages)).toHaveLength(1);
});
