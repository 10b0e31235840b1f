import { expect, it } from 'vitest';
import { composerCache } from '../../../src/analyzers/rules/composer-cache.ts';
import { blocks, suggestions } from './support.ts';

it('finds both places', async () => {
  const [found, ...more] = await suggestions(composerCache, {
    '/root/.cache/composer/files/x.zip': 90000,
    '/home/www/.composer/cache/repo/y.json': 4000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(90000, 4000) + 4 * 4096);
});

it('leaves its settings alone', async () => {
  expect(
    await suggestions(composerCache, {
      '/root/.composer/auth.json': 100,
      '/srv/app/vendor/x.php': 100,
    }),
  ).toEqual([]);
});
