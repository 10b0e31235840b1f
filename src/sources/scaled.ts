/**
 * A source whose bytes are kept compressed by something outside of it: the same content, while its map says what of
 * the host's file each stretch takes. Nobody knows that for a stream as a whole, so every byte gets the same share.
 */
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';

/**
 * @param ratio bytes in the host's file for each byte that `source`'s own map calls stored
 */
export function scaledSource(source: BlockSource, ratio: number): BlockSource {
  return {
    size: source.size,
    granularity: source.granularity,
    read: (target, offset) => source.read(target, offset),
    extents: (range) => scaled(source.extents(range), ratio),
    close: () => source.close(),
  };
}

async function* scaled(
  batches: AsyncIterable<readonly BlockExtent[]>,
  ratio: number,
): AsyncGenerator<readonly BlockExtent[]> {
  for await (const batch of batches) {
    yield batch.map((extent) =>
      extent.stored === 0
        ? extent
        : { ...extent, stored: Math.floor(extent.stored * ratio), compressed: true },
    );
  }
}
