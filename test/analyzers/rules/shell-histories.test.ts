import { expect, it } from 'vitest';
import { shellHistories } from '../../../src/analyzers/rules/shell-histories.ts';
import { hygiene } from './support.ts';

it('finds them in every home', async () => {
  const found = await hygiene(shellHistories, {
    '/root/.bash_history': 'export TOKEN=x\n',
    '/home/admin/.viminfo': 'x',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['error', '/home/admin/.viminfo', '/root/.bash_history'],
  ]);
});

it('leaves empty ones and settings alone', async () => {
  expect(
    await hygiene(shellHistories, {
      '/root/.bash_history': 0,
      '/root/.bashrc': 'x',
      '/srv/.bash_history': 'x',
    }),
  ).toEqual([]);
});
