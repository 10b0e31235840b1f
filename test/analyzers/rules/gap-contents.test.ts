import { expect, it } from 'vitest';
import { gapContents } from '../../../src/analyzers/rules/gap-contents.ts';
import type { DiskRegion } from '../../../src/core/contracts/inspection.ts';
import { ExtentSet } from '../../../src/core/extents.ts';
import { disk, MiB } from './disk.ts';
import { suggestions } from './support.ts';

const region = (kind: DiskRegion['kind'], from: number, to: number): DiskRegion => ({
  kind,
  partition: null,
  ranges: ExtentSet.of(from * MiB, to * MiB),
});

it('tells of stored data outside of partitions, and counts no byte of it', async () => {
  const inspection = { ...disk('qcow2', { data: 100 * MiB }), regions: [region('gap', 70, 90)] };
  const [found, ...more] = await suggestions(gapContents, {}, [], { inspection });
  expect(more).toEqual([]);
  expect(found).toMatchObject({ reclaimable: 0, safety: 'risky', commands: [] });
  expect(found!.reason).toContain('20.0 MiB are stored outside of every partition, from byte 73400320 on');
});

it('says nothing of alignment, boot loaders and gaps that are not stored', async () => {
  const inspection = {
    ...disk('qcow2', { data: 50 * MiB }),
    regions: [region('gap', 0, 1), region('boot', 1, 20), region('gap', 50, 90)],
  };
  expect(await suggestions(gapContents, {}, [], { inspection })).toEqual([]);
});
