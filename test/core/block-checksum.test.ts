/** Test vectors: of xxHash's and BLAKE2's authors (RFC 7693, appendix A, has BLAKE2b-512 of `abc` only; b2sum -l 256 these). */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { blake2b256 } from '../../src/core/blake2b.ts';
import { BLOCK_CHECKSUMS, hasChecksum } from '../../src/core/block-checksum.ts';
import { viewOf } from '../../src/core/record.ts';
import { xxhash64 } from '../../src/core/xxhash64.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

it.each([
  ['', 'ef46db3751d8e999'],
  ['a', 'd24ec4f1a98c6e5b'],
  ['abc', '44bc2cf5ad770999'],
  ['Nobody inspects the spammish repetition', 'fbcea83c8a378bf1'],
])('XXH64 of %j', (value, expected) => {
  const { high, low } = xxhash64(text(value));
  expect(`${high.toString(16).padStart(8, '0')}${low.toString(16).padStart(8, '0')}`).toBe(expected);
});

it.each([
  ['', '0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8'],
  ['abc', 'bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319'],
])('BLAKE2b-256 of %j', (value, expected) => {
  expect(Buffer.from(blake2b256(text(value))).toString('hex')).toBe(expected);
});

it('finds a checksum where it stands, of the bytes that it is of', () => {
  const bytes = text('..The quick brown fox..');
  const content = bytes.subarray(2, 21);
  const stored = new Uint8Array(40);
  const { high, low } = xxhash64(content);
  viewOf(stored).setUint32(5, low, true);
  viewOf(stored).setUint32(9, high, true);
  const [, xxh, sha, blake] = BLOCK_CHECKSUMS;
  expect(hasChecksum(xxh, bytes, 2, 21, viewOf(stored), 5)).toBe(true);
  expect(hasChecksum(xxh, bytes, 2, 22, viewOf(stored), 5)).toBe(false);
  stored.set(createHash('sha256').update(content).digest(), 3);
  expect(hasChecksum(sha, bytes, 2, 21, viewOf(stored), 3)).toBe(true);
  expect(hasChecksum(blake, bytes, 2, 21, viewOf(stored), 3)).toBe(false);
  stored.set(blake2b256(content), 3);
  expect(hasChecksum(blake, bytes, 2, 21, viewOf(stored), 3)).toBe(true);
});
