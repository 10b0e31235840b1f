import { expect, it } from 'vitest';
import { iconCaches } from '../../../src/analyzers/rules/icon-caches.ts';
import { blocks, suggestions } from './support.ts';

it('finds caches of every theme', async () => {
  const [found, ...more] = await suggestions(iconCaches, {
    '/usr/share/icons/hicolor/icon-theme.cache': 300000,
    '/usr/share/icons/Adwaita/icon-theme.cache': 900000,
    '/usr/share/icons/hicolor/index.theme': 5000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(300000, 900000));
});

it('leaves icons alone', async () => {
  expect(
    await suggestions(iconCaches, {
      '/usr/share/icons/hicolor/index.theme': 5000,
      '/usr/share/icons/hicolor/48x48/x.png': 3000,
    }),
  ).toEqual([]);
});
