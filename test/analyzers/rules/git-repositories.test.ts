import { expect, it } from 'vitest';
import { gitRepositories } from '../../../src/analyzers/rules/git-repositories.ts';
import { blocks, suggestions } from './support.ts';

it('finds the history, not the files', async () => {
  const [found, ...more] = await suggestions(gitRepositories, {
    '/opt/app/.git/objects/pack/p.pack': 9000000,
    '/opt/app/.git/HEAD': 20,
    '/opt/app/x.py': 100,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(9000000, 20) + 3 * 4096);
});

it('leaves a worktree’s pointer and packaged ones alone', async () => {
  expect(
    await suggestions(gitRepositories, {
      '/opt/app/.git': 'gitdir: ../x\n',
      '/srv/b/.git/config': 10,
    }),
  ).toEqual([]);
});
