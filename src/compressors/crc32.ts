/**
 * The CRC-32 of joined pieces from the CRC-32s of the pieces. Appending n bytes multiplies a CRC by x^(8n) modulo
 * the polynomial, so crc(A B) = crc(A) · x^(8·|B|) + crc(B), all over GF(2). Powers come by squaring.
 * Polynomials are bit-reversed, as in the CRC itself: bit 31 is the coefficient of x^0.
 */

const POLYNOMIAL = 0xedb88320;

/** a · b mod P. */
function multiply(a: number, b: number): number {
  let product = 0;
  let rest = b;
  for (let bit = 31; bit >= 0; bit--) {
    if ((a >>> bit) & 1) product ^= rest;
    rest = rest & 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1;
  }
  return product >>> 0;
}

/** POWERS[k] = x^(8·2^k) mod P. */
const POWERS: number[] = [];
for (let k = 0, power = 0x00800000; k < 53; k++, power = multiply(power, power)) POWERS.push(power);

/** x^(8·bytes) mod P. */
function shift(bytes: number): number {
  let result = 0x80000000;
  for (let k = 0, rest = bytes; rest > 0; k++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(POWERS[k]!, result);
  }
  return result;
}

const shiftOf = new Map<number, number>();

/** CRC-32 of A followed by B, from crc(A), crc(B) and the length of B in bytes. */
export function combineCrc32(first: number, second: number, secondLength: number): number {
  let factor = shiftOf.get(secondLength);
  if (factor === undefined) {
    factor = shift(secondLength);
    if (shiftOf.size < 64) shiftOf.set(secondLength, factor); // pieces have few lengths
  }
  return (multiply(factor, first) ^ second) >>> 0;
}
