import { expect, it } from 'vitest';
import { zeroClusters } from '../../../src/analyzers/rules/zero-clusters.ts';
import type { InspectedFilesystem } from '../../../src/core/contracts/inspection.ts';
import { ExtentSet } from '../../../src/core/extents.ts';
import { books, disk, MiB } from './disk.ts';
import { suggestions } from './support.ts';

/** 100 MiB that the image stores wholly, of which the last 60 are unused. */
const inspection = {
  ...disk('qcow2', { data: 100 * MiB }),
  filesystems: [
    {
      index: 0,
      section: 0,
      mountPoint: '/',
      mounts: [{ entry: 0, mountPoint: '/' }],
      subvolumes: [],
      used: 40 * MiB,
      usage: 'filesystem',
      size: 100 * MiB,
      unused: ExtentSet.of(40 * MiB, 100 * MiB),
      toDisk: (range: { start: number; end: number }) => [range],
    } as unknown as InspectedFilesystem,
  ],
};

it('counts what is stored of unused blocks and is not stale', async () => {
  const [found, ...more] = await suggestions(zeroClusters, {}, [], {
    inspection,
    books: books({ files: 40 * MiB, stale: 25 * MiB }),
  });
  expect(more).toEqual([]);
  expect(found).toMatchObject({ reclaimable: 35 * MiB, safety: 'safe', needsUnusedDropped: false });
});

it('says nothing where all of it is stale, or nobody measured', async () => {
  expect(
    await suggestions(zeroClusters, {}, [], {
      inspection,
      books: books({ files: 40 * MiB, stale: 60 * MiB }),
    }),
  ).toEqual([]);
  const guessed = books({ files: 40 * MiB, stale: 25 * MiB });
  expect(
    await suggestions(zeroClusters, {}, [], {
      inspection,
      books: { ...guessed, stale: { bytes: 25 * MiB, evidence: 'estimated' } },
    }),
  ).toEqual([]);
});
