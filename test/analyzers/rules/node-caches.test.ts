import { expect, it } from 'vitest';
import { nodeCaches } from '../../../src/analyzers/rules/node-caches.ts';
import { blocks, suggestions } from './support.ts';

it('finds caches; files of pnpm’s store that a project links free nothing', async () => {
  const [found, ...more] = await suggestions(nodeCaches, {
    '/root/.npm/_cacache/content-v2/sha512/a': 9000000,
    '/root/.local/share/pnpm/store/v3/files/00/aa': { size: 50000, inode: 7 },
    '/srv/app/node_modules/x/index.js': { size: 50000, inode: 7 },
    '/home/dev/.cache/yarn/v6/x.tgz': 20000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(9000000, 20000) + 9 * 4096);
});

it('leaves projects and settings alone', async () => {
  expect(
    await suggestions(nodeCaches, {
      '/root/.npmrc': 50,
      '/srv/app/node_modules/x/index.js': 50000,
    }),
  ).toEqual([]);
});
