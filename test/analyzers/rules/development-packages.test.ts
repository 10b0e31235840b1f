import { expect, it } from 'vitest';
import { developmentPackages } from '../../../src/analyzers/rules/development-packages.ts';
import { blocks, suggestions } from './support.ts';

it('finds headers and leaves the library', async () => {
  const [found, ...more] = await suggestions(
    developmentPackages,
    {
      '/usr/include/zlib.h': 97000,
      '/usr/lib/libz.a': 150000,
      '/usr/lib/libz.so.1': 120000,
      '/usr/bin/app': 10,
    },
    [
      {
        name: 'zlib1g-dev',
        requires: ['zlib1g (= 1.0)'],
        paths: ['/usr/include', '/usr/include/zlib.h', '/usr/lib/libz.a'],
      },
      { name: 'zlib1g', paths: ['/usr/lib/libz.so.1'] },
      { name: 'systemd-dev', paths: [] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(97000, 150000) + 1 * 4096);
  expect(found!.packages).toEqual(['zlib1g-dev']);
});

it('keeps what something requires, and systemd-dev', async () => {
  expect(
    await suggestions(
      developmentPackages,
      {
        '/usr/include/zlib.h': 97000,
        '/usr/lib/libz.a': 150000,
        '/usr/lib/libz.so.1': 120000,
        '/usr/bin/app': 10,
      },
      [
        { name: 'zlib1g', paths: ['/usr/lib/libz.so.1'] },
        { name: 'systemd-dev', paths: [] },
        {
          name: 'zlib1g-dev',
          requires: ['zlib1g (= 1.0)'],
          paths: ['/usr/include', '/usr/include/zlib.h', '/usr/lib/libz.a'],
          automatic: true,
        },
        { name: 'app', requires: ['zlib1g-dev'], paths: ['/usr/bin/app'] },
      ],
    ),
  ).toEqual([]);
});
