import { describe, expect, test } from 'vitest';
import { grownLimit, parseGrowth } from '../../src/budgets/growth.ts';
import { MiB } from './made.ts';

describe('growth', () => {
  // Worked by hand. 1.15 × 100 and 1.1 × 110 are what floating point gets wrong, in both directions.
  test.each([
    ['5%', 1000, 1050],
    ['0.5%', 1000, 1005],
    ['5 %', 999, 1048], // 1048.95
    ['0%', 1000, 1000],
    ['250%', 10, 35],
    ['1.3x', 1000, 1300],
    ['1.15x', 100, 115],
    ['1.1X', 110, 121],
    ['1x', 7, 7],
    ['50MiB', 100 * MiB, 150 * MiB],
    ['0', 1000, 1000],
    ['12', 30, 42],
    ['1.000000001x', 2_000_000_000_000, 2_000_000_002_000],
    ['5%', 0, 0],
  ])('%s over %i is %i', (text, baseline, limit) => {
    expect(grownLimit(parseGrowth(text), baseline)).toBe(limit);
  });

  test('beyond 2^53 - 1 stays a number that can be compared', () => {
    expect(grownLimit(parseGrowth('999x'), 2 ** 52)).toBe(Number.MAX_SAFE_INTEGER);
  });

  test.each([
    '',
    '%',
    'x',
    '-5%',
    '-50MiB',
    '5%%',
    '5 percent',
    '1,3x',
    '1.3.1x',
    '0x',
    '0.9x',
    '50 MiBs',
    'NaN',
    '1e3x',
  ])('%j is none', (text) => {
    expect(() => parseGrowth(text)).toThrow(
      expect.objectContaining({ code: 'IMGOPT_BAD_GROWTH', family: 'usage' }),
    );
  });
});
