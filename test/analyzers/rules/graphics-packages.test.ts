import { expect, it } from 'vitest';
import { graphicsPackages } from '../../../src/analyzers/rules/graphics-packages.ts';
import { blocks, suggestions } from './support.ts';

it('finds fonts that are only recommended', async () => {
  const [found, ...more] = await suggestions(
    graphicsPackages,
    {
      '/usr/share/fonts/x.ttf': 3000000,
      '/usr/bin/gdm3': 100,
    },
    [
      { name: 'fonts-dejavu-core', automatic: true, paths: ['/usr/share/fonts', '/usr/share/fonts/x.ttf'] },
      { name: 'tool', recommends: ['fonts-dejavu-core'], paths: [] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(3000000) + 1 * 4096);
});

it('keeps them for a desktop', async () => {
  expect(
    await suggestions(
      graphicsPackages,
      {
        '/usr/share/fonts/x.ttf': 3000000,
        '/usr/bin/gdm3': 100,
      },
      [
        { name: 'fonts-dejavu-core', automatic: true, paths: ['/usr/share/fonts', '/usr/share/fonts/x.ttf'] },
        { name: 'tool', recommends: ['fonts-dejavu-core'], paths: [] },
        { name: 'gdm3', paths: ['/usr/bin/gdm3'] },
      ],
    ),
  ).toEqual([]);
});
