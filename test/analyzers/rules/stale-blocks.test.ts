import { expect, it } from 'vitest';
import { staleBlocks } from '../../../src/analyzers/rules/stale-blocks.ts';
import { books, MiB } from './disk.ts';
import { suggestions } from './support.ts';

it('finds what unused blocks still hold, and needs nothing dropped afterwards', async () => {
  const [found] = await suggestions(staleBlocks, {}, [], {
    books: books({ files: 900 * MiB, stale: 300 * MiB }),
  });
  expect(found).toMatchObject({ reclaimable: 300 * MiB, safety: 'safe', needsUnusedDropped: false });
});

it('leaves crumbs alone', async () => {
  expect(
    await suggestions(staleBlocks, {}, [], { books: books({ files: 900 * MiB, stale: 65536 }) }),
  ).toEqual([]);
});
