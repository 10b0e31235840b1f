import { expect, it } from 'vitest';
import { unpackagedFiles } from '../../../src/analyzers/rules/unpackaged-files.ts';
import { blocks, suggestions } from './support.ts';

it('finds a large file in the middle of packages', async () => {
  const [found, ...more] = await suggestions(
    unpackagedFiles,
    {
      '/etc/hostname': 'x',
      '/usr/bin/mystery': 30000000,
      '/usr/bin/bash': 1300000,
    },
    [{ name: 'bash', paths: ['/usr/bin/bash'] }],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(30000000));
});

it('leaves small, owned and expected ones alone', async () => {
  expect(
    await suggestions(
      unpackagedFiles,
      {
        '/etc/hostname': 'x',
        '/usr/bin/owned': 30000000,
        '/usr/local/bin/tool': 30000000,
        '/opt/app/x': 30000000,
        '/root/disc.iso': 30000000,
        '/tmp/thing.o': 30000000,
        '/usr/bin/small': 90000,
      },
      [{ name: 'owned', paths: ['/usr/bin/owned'] }],
    ),
  ).toEqual([]);
});
