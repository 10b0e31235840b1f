import { expect, it } from 'vitest';
import { internalSnapshots } from '../../../src/analyzers/rules/internal-snapshots.ts';
import { disk, MiB } from './disk.ts';
import { suggestions } from './support.ts';

it('finds bytes that only snapshots hold', async () => {
  const inspection = disk('qcow2', { snapshotBytes: 70 * MiB });
  const [found] = await suggestions(internalSnapshots, {}, [], { inspection });
  expect(found).toMatchObject({ reclaimable: 70 * MiB, paths: ['disk.qcow2'], safety: 'review' });
});

it('says nothing without snapshots', async () => {
  expect(await suggestions(internalSnapshots, {}, [], { inspection: disk('qcow2', {}) })).toEqual([]);
});
