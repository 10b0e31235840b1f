import { expect, test } from 'vitest';
import { ExtentBatch } from '../../src/sources/extent-batch.ts';

test('neighbours of one kind are one extent, compressed ones stay apart', () => {
  const batch = new ExtentBatch();
  batch.add({ start: 0, end: 10, kind: 'data', stored: 10 });
  batch.add({ start: 10, end: 30, kind: 'data', stored: 20 });
  batch.add({ start: 30, end: 40, kind: 'data', stored: 3, compressed: true });
  batch.add({ start: 40, end: 50, kind: 'data', stored: 4, compressed: true });
  batch.add({ start: 50, end: 60, kind: 'hole', stored: 0 });
  batch.add({ start: 60, end: 90, kind: 'hole', stored: 0 });
  expect(batch.takeFull()).toBeUndefined();
  expect(batch.takeRest()).toEqual([
    { start: 0, end: 30, kind: 'data', stored: 30 },
    { start: 30, end: 40, kind: 'data', stored: 3, compressed: true },
    { start: 40, end: 50, kind: 'data', stored: 4, compressed: true },
    { start: 50, end: 90, kind: 'hole', stored: 0 },
  ]);
});

test('a full batch leaves the last extent, which may still grow', () => {
  const batch = new ExtentBatch();
  expect(batch.takeRest()).toBeUndefined();
  for (let at = 0; at < 1025; at++)
    batch.add({ start: at, end: at + 1, kind: at % 2 === 0 ? 'data' : 'hole', stored: 1 - (at % 2) });
  expect(batch.takeFull()).toHaveLength(1024);
  batch.add({ start: 1025, end: 1027, kind: 'data', stored: 2 });
  expect(batch.takeRest()).toEqual([{ start: 1024, end: 1027, kind: 'data', stored: 3 }]);
});
