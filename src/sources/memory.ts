/** Bytes in memory as a source: for tests, and for small containers read whole. */
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import type { ByteRange } from '../core/extents.ts';
import { assertInside, wholeAs } from './file.ts';

export function memorySource(bytes: Uint8Array, name = 'memory'): BlockSource {
  return {
    size: bytes.length,
    granularity: 1,
    async read(target, offset) {
      assertInside(target.length, offset, bytes.length, name);
      target.set(bytes.subarray(offset, offset + target.length));
    },
    extents(range: ByteRange = { start: 0, end: bytes.length }): AsyncIterable<readonly BlockExtent[]> {
      return wholeAs('data', range);
    },
    async close() {},
  };
}
