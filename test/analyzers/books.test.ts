import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BalanceInput,
  BOOK_NAMES,
  balance,
  classMap,
  type StoredByClass,
  shareOut,
} from '../../src/analyzers/books.ts';
import type { BlockExtent } from '../../src/core/contracts/source.ts';
import { ExtentSet } from '../../src/core/extents.ts';

const data = (start: number, end: number, stored = end - start, compressed = false): BlockExtent => ({
  start,
  end,
  kind: stored === 0 ? 'hole' : 'data',
  stored,
  ...(compressed ? { compressed } : {}),
});
async function* batches(...extents: readonly BlockExtent[][]): AsyncGenerator<BlockExtent[]> {
  yield* extents;
}
const named = (stored: StoredByClass): Record<string, number> =>
  Object.fromEntries(BOOK_NAMES.map((name, index) => [name, stored.bytes[index]!]));

const layers = [
  {
    book: 'metadata',
    ranges: ExtentSet.from([
      { start: 0, end: 10 },
      { start: 100, end: 120 },
    ]),
  },
  { book: 'stale', ranges: ExtentSet.of(150, 200) },
  { book: 'files', ranges: ExtentSet.of(100, 300) },
  { book: 'unread', ranges: ExtentSet.of(300, 400) },
] as const;

describe('classMap', () => {
  test('earlier layers win, what none claims is other', async () => {
    const map = classMap(layers, 500);
    expect([...map.starts]).toEqual([0, 10, 100, 120, 150, 200, 300, 400, 500]);
    expect([...map.classes].map((number) => BOOK_NAMES[number])).toEqual([
      'metadata',
      'other',
      'metadata',
      'files',
      'stale',
      'files',
      'unread',
      'other',
    ]);
  });

  test('an empty disk with nothing on it', () => {
    expect([...classMap([], 100).classes]).toEqual([4]);
    expect([...classMap([], 0).classes]).toEqual([]);
  });
});

describe('shareOut', () => {
  test('plain data is split where the classes change', async () => {
    const stored = await shareOut(
      batches([data(0, 50), data(50, 110, 0)], [data(110, 160), data(160, 500)]),
      classMap(layers, 500),
    );
    // By hand: 0-10 metadata, 10-50 other; 110-120 metadata, 120-150 files, 150-200 stale, 200-300 files …
    expect(named(stored)).toEqual({ files: 130, metadata: 20, stale: 50, unread: 100, other: 140 });
    expect(stored.isShared).toEqual([false, false, false, false, false]);
  });

  test('a compressed cluster is shared out by uncompressed lengths, and says so', async () => {
    // 140-160 is half files, half stale; 7 stored bytes are 3 each and the odd one goes to one of them.
    const stored = await shareOut(
      batches([data(140, 160, 7, true), data(220, 240, 5, true)]),
      classMap(layers, 500),
    );
    const { files, stale } = named(stored);
    expect(files! + stale!).toBe(12);
    expect([8, 9]).toContain(files);
    expect(stored.isShared).toEqual([true, false, true, false, false]);
  });

  test('no byte is lost or made, and all are whole', async () => {
    const extent = fc.record({
      length: fc.integer({ min: 1, max: 90 }),
      share: fc.double({ min: 0, max: 1.2, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(extent, { maxLength: 40 }), async (list) => {
        let at = 0;
        const extents = list.map(({ length, share }) => {
          at += length;
          return data(at - length, at, Math.round(length * share), true);
        });
        const { bytes } = await shareOut(batches(extents), classMap(layers, 500));
        expect(bytes.reduce((a, b) => a + b, 0)).toBe(extents.reduce((sum, one) => sum + one.stored, 0));
        for (const one of bytes) expect(Number.isInteger(one) && one >= 0).toBe(true);
      }),
    );
  });
});

describe('balance', () => {
  const stored = (
    files: number,
    metadata: number,
    stale: number,
    unread: number,
    other: number,
  ): StoredByClass => ({
    bytes: Float64Array.of(files, metadata, stale, unread, other),
    isShared: [false, false, false, false, false],
  });
  const input: BalanceInput = {
    allocated: 1000,
    snapshotBytes: 0,
    isRaw: false,
    anyFilesystemRead: true,
    unusedIsKnown: true,
    isMapWhole: true,
    staleIsMeasured: false,
  };

  test('what a broken map does not mention is nobody’s, and nothing is measured then', () => {
    const books = balance(stored(500, 100, 0, 0, 30), { ...input, isMapWhole: false });
    expect(books.files).toEqual({ bytes: 500, evidence: 'estimated' });
    expect(books.other).toEqual({ bytes: 400, evidence: 'unknown' });
  });

  test('what the map does not mention is the format’s own', () => {
    const books = balance(stored(500, 100, 200, 50, 50), input);
    expect(books).toEqual({
      files: { bytes: 500, evidence: 'measured' },
      metadata: { bytes: 200, evidence: 'measured' },
      stale: { bytes: 200, evidence: 'estimated' },
      unread: { bytes: 50, evidence: 'measured' },
      other: { bytes: 50, evidence: 'measured' },
    });
  });

  test('snapshots are other; a raw file’s tail too', () => {
    expect(balance(stored(500, 100, 0, 0, 0), { ...input, snapshotBytes: 300 })).toMatchObject({
      metadata: { bytes: 200 },
      other: { bytes: 300 },
    });
    expect(balance(stored(500, 100, 0, 0, 0), { ...input, isRaw: true })).toMatchObject({
      metadata: { bytes: 100 },
      other: { bytes: 400 },
    });
  });

  test('no data in unused blocks proves that nothing is stale', () => {
    expect(balance(stored(500, 100, 0, 0, 0), input).stale).toEqual({ bytes: 0, evidence: 'measured' });
  });

  test('a sparse raw file: stale is what remains, all estimated', () => {
    expect(balance(stored(600, 100, 5000, 0, 30), { ...input, isRaw: true })).toEqual({
      files: { bytes: 600, evidence: 'estimated' },
      metadata: { bytes: 100, evidence: 'estimated' },
      stale: { bytes: 300, evidence: 'estimated' },
      unread: { bytes: 0, evidence: 'measured' },
      other: { bytes: 0, evidence: 'estimated' },
    });
  });

  test('less allocated than the files take: nothing goes negative', () => {
    expect(balance(stored(1600, 100, 5000, 0, 30), { ...input, isRaw: true })).toMatchObject({
      files: { bytes: 1000, evidence: 'estimated' },
      metadata: { bytes: 0, evidence: 'estimated' },
      stale: { bytes: 0 },
    });
  });

  test('measured stale is certain even in a sparse file', () => {
    expect(
      balance(stored(800, 100, 250, 0, 3000), { ...input, isRaw: true, staleIsMeasured: true }),
    ).toMatchObject({
      stale: { bytes: 250, evidence: 'measured' },
      files: { bytes: 750, evidence: 'estimated' },
    });
  });

  test('nothing read, nothing known', () => {
    const books = balance(stored(0, 10, 0, 900, 0), { ...input, anyFilesystemRead: false });
    expect([books.files.evidence, books.stale.evidence, books.unread.evidence]).toEqual([
      'unknown',
      'unknown',
      'measured',
    ]);
  });

  test('always balances', () => {
    const bytes = fc.integer({ min: 0, max: 2 ** 40 });
    fc.assert(
      fc.property(
        fc.tuple(bytes, bytes, bytes, bytes, bytes),
        bytes,
        bytes,
        fc.boolean(),
        fc.boolean(),
        (list, allocated, snapshotBytes, isRaw, staleIsMeasured) => {
          const books = balance(stored(...list), {
            ...input,
            allocated,
            snapshotBytes,
            isRaw,
            staleIsMeasured,
          });
          expect(BOOK_NAMES.reduce((sum, name) => sum + books[name].bytes, 0)).toBe(allocated);
          for (const name of BOOK_NAMES) expect(books[name].bytes).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});
