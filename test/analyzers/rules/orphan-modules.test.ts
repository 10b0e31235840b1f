import { expect, it } from 'vitest';
import { orphanModules } from '../../../src/analyzers/rules/orphan-modules.ts';
import { blocks, suggestions } from './support.ts';

it('finds modules that nobody owns and no kernel loads', async () => {
  const [found, ...more] = await suggestions(
    orphanModules,
    {
      '/boot/vmlinuz-6.1.0-18-amd64': 8000000,
      '/lib/modules/6.1.0-18-amd64/x.ko': 90000,
      '/lib/modules/6.1.0-13-amd64/modules.dep': 500000,
    },
    [],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(500000) + 1 * 4096);
});

it('keeps those of packages, of kernels that are there, and all where there is no kernel', async () => {
  expect(
    await suggestions(
      orphanModules,
      {
        '/boot/vmlinuz-6.1.0-18-amd64': 8000000,
        '/lib/modules/6.1.0-18-amd64/x.ko': 90000,
        '/lib/modules/6.1.0-13-amd64/y.ko': 500000,
      },
      [{ name: 'my-modules', paths: ['/lib/modules/6.1.0-13-amd64/y.ko'] }],
    ),
  ).toEqual([]);
});

it('keeps all modules of a guest that is started from outside', async () => {
  expect(await suggestions(orphanModules, { '/lib/modules/6.1.0-13-amd64/modules.dep': 500_000 })).toEqual(
    [],
  );
});
