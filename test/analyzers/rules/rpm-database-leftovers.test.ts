import { expect, it } from 'vitest';
import { rpmDatabaseLeftovers } from '../../../src/analyzers/rules/rpm-database-leftovers.ts';
import { blocks, suggestions } from './support.ts';

it('finds Berkeley tables beside SQLite', async () => {
  const [found, ...more] = await suggestions(rpmDatabaseLeftovers, {
    '/var/lib/rpm/rpmdb.sqlite': 90000000,
    '/var/lib/rpm/Packages': 70000000,
    '/var/lib/rpm/__db.001': 280000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(70000000, 280000));
});

it('leaves a Berkeley database that is in use alone', async () => {
  expect(
    await suggestions(rpmDatabaseLeftovers, {
      '/var/lib/rpm/Packages': 70000000,
      '/var/lib/rpm/Name': 500000,
    }),
  ).toEqual([]);
});
