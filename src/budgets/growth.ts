/**
 * How much larger than its baseline something may be: `5%`, `50MiB`, `1.3x`, or `0` for not at all. What somebody
 * wrote is kept as the fraction that it is, since 1.15 × 100 is 114.99… in floating point and a limit must be met
 * exactly.
 */
import { usage } from '../core/errors.ts';
import { parseSize } from '../core/size.ts';

export interface Growth {
  /** As it was written, for messages. */
  readonly text: string;
  /** The largest value that passes is ⌊baseline × numerator ÷ denominator⌋ + bytes. */
  readonly numerator: bigint;
  readonly denominator: bigint;
  /** Bytes, or whatever the budget counts. */
  readonly bytes: number;
}

const RATIO = /^(\d{1,9})(?:\.(\d{1,9}))?\s*(%|x)$/i;

/**
 * @throws ImgoptError `usage` for anything else, negative numbers and factors below 1 among it
 */
export function parseGrowth(written: string): Growth {
  const text = written.trim();
  const match = RATIO.exec(text);
  if (match === null) {
    try {
      return { text, numerator: 1n, denominator: 1n, bytes: parseSize(text) };
    } catch (error) {
      throw usage('BAD_GROWTH', `'${text}' is no growth`, {
        advice: 'write it like 5%, 50MiB or 1.3x; 0 for none at all',
        cause: error,
      });
    }
  }
  const [, whole, fraction = '', unit] = match;
  const scale = 10n ** BigInt(fraction.length);
  const value = BigInt(`${whole}${fraction}`);
  if (unit === '%') return { text, numerator: 100n * scale + value, denominator: 100n * scale, bytes: 0 };
  if (value < scale) {
    throw usage('BAD_GROWTH', `'${text}' is smaller than the baseline`, {
      advice: 'give a factor of at least 1x, or lower the limit itself',
    });
  }
  return { text, numerator: value, denominator: scale, bytes: 0 };
}

/** The largest value that passes, from this baseline. */
export function grownLimit(growth: Growth, baseline: number): number {
  const grown = (BigInt(baseline) * growth.numerator) / growth.denominator + BigInt(growth.bytes);
  return grown > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(grown);
}
