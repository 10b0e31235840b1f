import { expect, it } from 'vitest';
import { versionControlTools } from '../../../src/analyzers/rules/version-control-tools.ts';
import { blocks, suggestions } from './support.ts';

it('finds git with its manuals', async () => {
  const [found, ...more] = await suggestions(
    versionControlTools,
    {
      '/usr/bin/git': 3700000,
      '/usr/share/man/git': 90000,
      '/usr/bin/etckeeper': 100,
    },
    [
      { name: 'git', requires: ['git-man'], paths: ['/usr/bin/git'] },
      { name: 'git-man', automatic: true, paths: ['/usr/share/man/git'] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(3700000, 90000));
  expect(found!.packages).toEqual(['git', 'git-man']);
});

it('keeps what something requires', async () => {
  expect(
    await suggestions(
      versionControlTools,
      {
        '/usr/bin/git': 3700000,
        '/usr/share/man/git': 90000,
        '/usr/bin/etckeeper': 100,
      },
      [
        { name: 'git', requires: ['git-man'], paths: ['/usr/bin/git'] },
        { name: 'git-man', automatic: true, paths: ['/usr/share/man/git'] },
        { name: 'etckeeper', requires: ['git'], paths: ['/usr/bin/etckeeper'] },
      ],
    ),
  ).toEqual([]);
});
