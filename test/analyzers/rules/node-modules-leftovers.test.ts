import { expect, it } from 'vitest';
import { nodeModulesLeftovers } from '../../../src/analyzers/rules/node-modules-leftovers.ts';
import { blocks, suggestions } from './support.ts';

it('finds maps, tests and texts of packages, scoped ones too', async () => {
  const [found, ...more] = await suggestions(
    nodeModulesLeftovers,
    {
      '/srv/app/node_modules/a/dist/a.js.map': 90000,
      '/srv/app/node_modules/a/test/x.js': 4000,
      '/srv/app/node_modules/@s/b/README.md': 3000,
      '/srv/app/node_modules/a/LICENSE.md': 1000,
      '/srv/app/node_modules/a/dist/a.js': 5000,
    },
    [],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(90000, 4000, 3000) + 1 * 4096);
});

it('leaves code, licences and the distribution’s packages alone', async () => {
  expect(
    await suggestions(
      nodeModulesLeftovers,
      {
        '/usr/share/node_modules/a/README.md': 9000,
        '/srv/app/node_modules/test/index.js': 500,
        '/srv/app/README.md': 50,
      },
      [{ name: 'node-a', paths: ['/usr/share/node_modules/a/README.md'] }],
    ),
  ).toEqual([]);
});
