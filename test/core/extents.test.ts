import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExtentBuilder, ExtentSet } from '../../src/core/extents.ts';

const SIZE = 200;
const range = fc
  .tuple(fc.nat(SIZE), fc.nat(SIZE))
  .map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }));
const ranges = fc.array(range, { maxLength: 15 });

/** The model: one boolean a byte. */
function members(set: ExtentSet): boolean[] {
  const model = new Array<boolean>(SIZE + 8).fill(false);
  for (const { start, end } of set) model.fill(true, start, end);
  return model;
}

function expectNormal(set: ExtentSet): void {
  let last = -1;
  for (const { start, end } of set) {
    expect(start).toBeGreaterThan(last); // neither overlapping nor touching
    expect(end).toBeGreaterThan(start);
    last = end;
  }
}

describe('ExtentSet', () => {
  it('agrees with a bitmap for union, intersection, difference and complement', () => {
    fc.assert(
      fc.property(ranges, ranges, (left, right) => {
        const [a, b] = [ExtentSet.from(left), ExtentSet.from(right)];
        const [am, bm] = [members(a), members(b)];
        for (const [set, model] of [
          [a.union(b), am.map((bit, i) => bit || bm[i]!)],
          [a.intersect(b), am.map((bit, i) => bit && bm[i]!)],
          [a.subtract(b), am.map((bit, i) => bit && !bm[i]!)],
          [a.complement(3, 190), am.map((bit, i) => !bit && i >= 3 && i < 190)],
          [a.clip(10, 60), am.map((bit, i) => bit && i >= 10 && i < 60)],
        ] as const) {
          expectNormal(set);
          expect(members(set)).toEqual(model);
          expect(set.total).toBe(model.filter(Boolean).length);
        }
      }),
    );
  });

  it('answers contains and overlap as a bitmap does', () => {
    fc.assert(
      fc.property(ranges, range, fc.nat(SIZE), (list, window, at) => {
        const set = ExtentSet.from(list);
        const model = members(set);
        expect(set.contains(at)).toBe(model[at]);
        expect(set.overlap(window.start, window.end)).toBe(
          model.slice(window.start, window.end).filter(Boolean).length,
        );
      }),
    );
  });

  it('aligns what is dropped inward and what is kept outward', () => {
    fc.assert(
      fc.property(ranges, fc.integer({ min: 1, max: 16 }), (list, unit) => {
        const set = ExtentSet.from(list);
        const inward = set.alignInward(unit);
        const outward = set.alignOutward(unit);
        expectNormal(inward);
        expectNormal(outward);
        expect(inward.subtract(set).isEmpty).toBe(true);
        expect(set.subtract(outward).isEmpty).toBe(true);
        for (const { start, end } of [...inward, ...outward])
          expect([start % unit, end % unit]).toEqual([0, 0]);
      }),
    );
  });

  it('merges touching ranges and drops empty ones', () => {
    expect([
      ...ExtentSet.from([
        { start: 4, end: 8 },
        { start: 0, end: 4 },
        { start: 9, end: 9 },
      ]),
    ]).toEqual([{ start: 0, end: 8 }]);
  });

  it('refuses a builder that goes backwards', () => {
    const builder = new ExtentBuilder();
    builder.add(10, 20);
    expect(() => builder.add(5, 8)).toThrow(RangeError);
  });
});
