import { expect, it } from 'vitest';
import { sourceTrees } from '../../../src/analyzers/rules/source-trees.ts';
import { blocks, suggestions } from './support.ts';

it('finds what nobody owns', async () => {
  const [found, ...more] = await suggestions(
    sourceTrees,
    {
      '/usr/local/src/nginx-1.24/src/core.c': 90000,
      '/usr/src/thing/Makefile': 300,
    },
    [{ name: 'thing', paths: ['/usr/src/thing/Makefile'] }],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(90000) + 2 * 4096);
});

it('leaves packages’ trees and those of DKMS alone', async () => {
  expect(
    await suggestions(
      sourceTrees,
      {
        '/usr/src/linux-headers-6.1/Makefile': 100,
        '/usr/src/zfs-2.1/dkms.conf': 100,
        '/usr/local/src': null,
      },
      [{ name: 'linux-headers-6.1', paths: ['/usr/src/linux-headers-6.1/Makefile'] }],
    ),
  ).toEqual([]);
});
