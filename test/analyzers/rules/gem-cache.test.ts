import { expect, it } from 'vitest';
import { gemCache } from '../../../src/analyzers/rules/gem-cache.ts';
import { blocks, suggestions } from './support.ts';

it('finds archives in system and home', async () => {
  const [found, ...more] = await suggestions(gemCache, {
    '/var/lib/gems/3.1.0/cache/rails-7.0.gem': 60000,
    '/root/.gem/ruby/3.1.0/cache/x-1.gem': 5000,
    '/var/lib/gems/3.1.0/gems/rails-7.0/lib/rails.rb': 500,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(60000, 5000));
});

it('leaves what is unpacked alone', async () => {
  expect(
    await suggestions(gemCache, {
      '/var/lib/gems/3.1.0/gems/rails-7.0/lib/rails.rb': 500,
      '/srv/x.gem': 500,
    }),
  ).toEqual([]);
});
