import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kthLargest, selectLargest } from '../../src/analyzers/select.ts';

/** The same by the plain way: sort everything. */
function sorted(weights: readonly number[], paths: readonly string[]): number[] {
  return weights
    .map((_, index) => index)
    .sort(
      (a, b) => weights[b]! - weights[a]! || (paths[a]! < paths[b]! ? -1 : paths[a]! > paths[b]! ? 1 : 0),
    );
}

describe('selectLargest', () => {
  test('is the head of a full sort, whatever ties', () => {
    const entry = fc.record({
      weight: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 1_000_000 })),
      directory: fc.constantFrom('/', '/a/', '/a-b/', '/a/b/', '/z/', '/é/'),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 200 }), fc.integer({ min: 0, max: 60 }), (entries, top) => {
        const paths = entries.map((one, index) => `${one.directory}${(index * 7919) % 1009}`);
        const groups = entries.map((one) =>
          ['/', '/a/', '/a-b/', '/a/b/', '/z/', '/é/'].indexOf(one.directory),
        );
        const weights = entries.map((one) => one.weight);
        const chosen = selectLargest(Int32Array.from(weights.keys()), Float64Array.from(weights), top, {
          path: (at) => paths[at]!,
          prefix: (at) => entries[at]!.directory,
          group: (at) => groups[at]!,
        });
        const all = sorted(weights, paths);
        expect(chosen).toEqual(top === 0 ? all : all.slice(0, top));
      }),
    );
  });

  test('does not name a million ties', () => {
    const count = 1_000_000;
    let named = 0;
    const path = (at: number): string =>
      `/d${String(Math.floor(at / 1000)).padStart(4, '0')}/f${String(at % 1000).padStart(4, '0')}`;
    const chosen = selectLargest(
      Int32Array.from({ length: count }, (_, index) => count - 1 - index),
      new Float64Array(count).fill(4096),
      20,
      {
        path: (at) => {
          named++;
          return path(at);
        },
        prefix: (at) => `/d${String(Math.floor(at / 1000)).padStart(4, '0')}/`,
        group: (at) => Math.floor(at / 1000),
      },
    );
    expect(chosen).toEqual(Array.from({ length: 20 }, (_, index) => index));
    // The worst order for it: every directory comes later than the next one, so none is passed over.
    expect(named).toBeLessThanOrEqual(count + 40);
  });

  test('kthLargest is the k-th of a sort', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 100 }),
        fc.nat(),
        (list, seed) => {
          const k = 1 + (seed % list.length);
          const expected = [...list].sort((a, b) => b - a)[k - 1];
          expect(kthLargest(Int32Array.from(list.keys()), Float64Array.from(list), k)).toBe(expected);
        },
      ),
    );
  });
});
