import { expect, it } from 'vitest';
import { condaPackages } from '../../../src/analyzers/rules/conda-packages.ts';
import { blocks, suggestions } from './support.ts';

it('finds archives, and counts files that environments link not at all', async () => {
  const [found, ...more] = await suggestions(condaPackages, {
    '/opt/conda/pkgs/numpy-1.conda': 7000000,
    '/opt/conda/pkgs/numpy-1/lib/np.so': { size: 9000, inode: 5 },
    '/opt/conda/lib/np.so': { size: 9000, inode: 5 },
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(7000000) + 2 * 4096);
});

it('leaves environments alone', async () => {
  expect(
    await suggestions(condaPackages, {
      '/opt/conda/lib/np.so': 9000,
      '/opt/conda/pkgs': null,
    }),
  ).toEqual([]);
});
