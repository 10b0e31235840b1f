import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExtentSet } from '../../src/core/extents.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { overlaySource } from '../../src/sources/overlay.ts';

const SIZE = 256;
const range = fc
  .tuple(fc.nat(SIZE), fc.nat(SIZE))
  .map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }));

describe('overlaySource', () => {
  it('reads zeros where bytes were dropped and the source elsewhere, for any read', async () => {
    const bytes = Uint8Array.from({ length: SIZE }, (_, i) => (i % 255) + 1);
    await fc.assert(
      fc.asyncProperty(fc.array(range, { maxLength: 12 }), range, async (drops, wanted) => {
        const expected = bytes.slice();
        for (const { start, end } of drops) expected.fill(0, start, end);
        const overlay = overlaySource(memorySource(bytes), ExtentSet.from(drops));
        const got = new Uint8Array(wanted.end - wanted.start).fill(0xaa);
        await overlay.read(got, wanted.start);
        expect(got).toEqual(expected.slice(wanted.start, wanted.end));
      }),
    );
  });

  it('maps every byte once, holes exactly where bytes were dropped', async () => {
    const bytes = new Uint8Array(SIZE).fill(1);
    await fc.assert(
      fc.asyncProperty(fc.array(range, { maxLength: 12 }), async (drops) => {
        const set = ExtentSet.from(drops);
        let at = 0;
        for await (const batch of overlaySource(memorySource(bytes), set).extents()) {
          for (const extent of batch) {
            expect(extent.start).toBe(at);
            expect(extent.end).toBeGreaterThan(at);
            for (let i = extent.start; i < extent.end; i++)
              expect(set.contains(i)).toBe(extent.kind === 'hole');
            at = extent.end;
          }
        }
        expect(at).toBe(SIZE);
      }),
    );
  });
});
