import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { measureStale } from '../../src/analyzers/stale.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { InspectedFilesystem, Inspection } from '../../src/core/contracts/inspection.ts';
import type { BlockExtent, BlockSource } from '../../src/core/contracts/source.ts';
import { corrupt } from '../../src/core/errors.ts';
import { ExtentSet } from '../../src/core/extents.ts';
import { memorySource } from '../../src/sources/memory.ts';

const BLOCK = 4096;

function inspectionOf(source: BlockSource, unused: ExtentSet, blockSize = BLOCK): Inspection {
  const filesystem = { section: 0, used: 0, unused, blockSize, source, where: ['disk', 'ext4'] };
  return {
    disk: { source },
    filesystems: [filesystem as unknown as InspectedFilesystem],
    regions: [],
  } as unknown as Inspection;
}
const run = (inspection: Inspection, log = new DiagnosticLog()) =>
  measureStale(inspection, new RunContext({ log, threads: 3 }));

describe('measureStale', () => {
  test('counts every unused block with a byte in it, whole, and no other', async () => {
    const ranges = fc.array(fc.tuple(fc.nat(1500), fc.integer({ min: 1, max: 700 })), { maxLength: 12 });
    const marks = fc.array(fc.nat(1600 * BLOCK - 1), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(ranges, marks, async (list, positions) => {
        const bytes = new Uint8Array(1600 * BLOCK);
        for (const position of positions) bytes[position] = 1;
        const unused = ExtentSet.from(
          list.map(([first, count]) => ({
            start: first * BLOCK,
            end: Math.min(1600, first + count) * BLOCK,
          })),
        );
        const blocks = new Set(
          positions.filter((at) => unused.contains(at)).map((at) => Math.floor(at / BLOCK)),
        );
        const { filesystems, isComplete } = await run(inspectionOf(memorySource(bytes), unused));
        expect(isComplete).toBe(true);
        expect(filesystems[0]!.total).toBe(blocks.size * BLOCK);
        for (const block of blocks) expect(filesystems[0]!.contains(block * BLOCK)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('holes are not read', async () => {
    const reads: number[] = [];
    const source: BlockSource = {
      ...memorySource(new Uint8Array(64 * BLOCK).fill(7)),
      async read(target, offset) {
        reads.push(offset, offset + target.length);
        target.fill(7);
      },
      async *extents(): AsyncGenerator<BlockExtent[]> {
        yield [
          { start: 0, end: 32 * BLOCK, kind: 'hole', stored: 0 },
          { start: 32 * BLOCK, end: 33 * BLOCK, kind: 'data', stored: BLOCK },
          { start: 33 * BLOCK, end: 64 * BLOCK, kind: 'zero', stored: 0 },
        ];
      },
    };
    const { filesystems } = await run(inspectionOf(source, ExtentSet.of(0, 64 * BLOCK)));
    expect(reads).toEqual([32 * BLOCK, 33 * BLOCK]);
    expect(filesystems[0]!.total).toBe(BLOCK);
  });

  test('data that covers a part of a block makes the whole block count', async () => {
    const source: BlockSource = {
      ...memorySource(new Uint8Array(8 * BLOCK).fill(1)),
      async *extents(): AsyncGenerator<BlockExtent[]> {
        yield [{ start: 5000, end: 5100, kind: 'data', stored: 100 }];
      },
    };
    // Blocks are counted from where the unused range begins, as FAT's clusters are: 512 + 4096 k.
    const { filesystems } = await run(inspectionOf(source, ExtentSet.of(512, 512 + 4 * BLOCK)));
    expect([...filesystems[0]!]).toEqual([{ start: 512 + BLOCK, end: 512 + 2 * BLOCK }]);
  });

  test('what cannot be read is reported and leaves null', async () => {
    const log = new DiagnosticLog();
    const source: BlockSource = {
      ...memorySource(new Uint8Array(8 * BLOCK)),
      async read() {
        throw corrupt('BAD_CLUSTER', 'does not decompress', { where: ['cluster 3'] });
      },
    };
    const { filesystems, isComplete } = await run(inspectionOf(source, ExtentSet.of(0, BLOCK)), log);
    expect([filesystems, isComplete]).toEqual([[null], false]);
    expect(log.list()).toEqual([
      expect.objectContaining({
        code: 'IMGOPT_BAD_CLUSTER',
        severity: 'error',
        where: 'disk > ext4 > cluster 3',
      }),
    ]);
  });

  test('an interrupt ends it', async () => {
    const context = new RunContext({ log: new DiagnosticLog(), signal: AbortSignal.abort() });
    const inspection = inspectionOf(memorySource(new Uint8Array(BLOCK)), ExtentSet.of(0, BLOCK));
    await expect(measureStale(inspection, context)).rejects.toMatchObject({ name: 'AbortError' });
  });
});
