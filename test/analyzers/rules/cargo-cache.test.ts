import { expect, it } from 'vitest';
import { cargoCache } from '../../../src/analyzers/rules/cargo-cache.ts';
import { blocks, suggestions } from './support.ts';

it('finds crates', async () => {
  const [found, ...more] = await suggestions(cargoCache, {
    '/root/.cargo/registry/cache/x/serde.crate': 80000,
    '/root/.cargo/registry/src/x/serde/lib.rs': 9000,
    '/root/.cargo/bin/rg': 5000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(80000, 9000) + 6 * 4096);
});

it('leaves installed programs alone', async () => {
  expect(
    await suggestions(cargoCache, {
      '/root/.cargo/bin/rg': 5000000,
      '/root/.cargo/config.toml': 100,
    }),
  ).toEqual([]);
});
