import { expect, it } from 'vitest';
import { fullEditors } from '../../../src/analyzers/rules/full-editors.ts';
import { blocks, suggestions } from './support.ts';

it('finds vim beside vim-tiny', async () => {
  const [found, ...more] = await suggestions(
    fullEditors,
    {
      '/usr/share/vim/vim90/x': 36000000,
      '/usr/bin/vim.basic': 3800000,
      '/usr/bin/vim.tiny': 1600000,
    },
    [
      { name: 'vim', requires: ['vim-runtime'], paths: ['/usr/bin/vim.basic'] },
      { name: 'vim-runtime', automatic: true, paths: ['/usr/share/vim/vim90', '/usr/share/vim/vim90/x'] },
      { name: 'vim-tiny', paths: ['/usr/bin/vim.tiny'] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(36000000, 3800000) + 1 * 4096);
});

it('keeps the only editor', async () => {
  expect(
    await suggestions(
      fullEditors,
      {
        '/usr/share/vim/vim90/x': 36000000,
        '/usr/bin/vim.basic': 3800000,
        '/usr/bin/vim.tiny': 1600000,
      },
      [
        { name: 'vim', requires: ['vim-runtime'], paths: ['/usr/bin/vim.basic'] },
        { name: 'vim-runtime', automatic: true, paths: ['/usr/share/vim/vim90', '/usr/share/vim/vim90/x'] },
      ],
    ),
  ).toEqual([]);
});
