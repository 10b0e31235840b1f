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

it('keeps them for DKMS', async () => {
  expect(
    await suggestions(
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
        { name: 'dkms', paths: ['/usr/sbin/dkms'] },
      ],
    ),
  ).toEqual([]);
});
