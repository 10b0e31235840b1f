/**
 * A disk cut into blocks of one size, each somewhere in a file or nowhere: what VHD's block allocation table and
 * VDI's block map say. Reads go to the file in as few pieces as the blocks' places allow, straight into the
 * caller's buffer; the map joins neighbours of a kind, as `qemu-img map` does.
 */
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import type { ByteRange } from '../core/extents.ts';
import { assertInside } from './file.ts';

/** Place of a block that is stored nowhere. */
export const BLOCK_HOLE = -1;
/** Place of a block that is zeros by decree. */
export const BLOCK_ZEROS = -2;

export interface BlockMap {
  /** For messages: `vhd`. */
  readonly name: string;
  /** Bytes of the disk. */
  readonly size: number;
  readonly blockBytes: number;
  /** Where in the file a block's data begins, BLOCK_HOLE or BLOCK_ZEROS. */
  place(block: number): number;
  /** Says what is wrong with a block whose data does not lie inside the file. */
  outside(block: number, place: number): Error;
}

/** Extents of one batch of a map. */
const BATCH_EXTENTS = 16 * 1024;
/** Reads in flight per call. */
const MAX_PENDING = 64;

/** Closing it closes `file`. */
export function blockMapSource(map: BlockMap, file: BlockSource): BlockSource {
  const { size, blockBytes, name } = map;
  /** Place of a block of which `length` bytes belong to the disk, checked. */
  const placeOf = (block: number): number => {
    const place = map.place(block);
    if (place >= 0 && place + Math.min(blockBytes, size - block * blockBytes) > file.size) {
      throw map.outside(block, place);
    }
    return place;
  };
  return {
    size,
    granularity: 512,
    async read(target, offset) {
      assertInside(target.length, offset, size, name);
      const end = offset + target.length;
      let pending: Promise<void>[] = [];
      try {
        for (let at = offset; at < end; ) {
          const first = Math.floor(at / blockBytes);
          const place = placeOf(first);
          let last = first;
          while (
            (last + 1) * blockBytes < end &&
            placeOf(last + 1) === (place < 0 ? place : place + (last + 1 - first) * blockBytes)
          ) {
            last++;
          }
          const stop = Math.min(end, (last + 1) * blockBytes);
          const part = target.subarray(at - offset, stop - offset);
          if (place < 0) part.fill(0);
          else pending.push(file.read(part, place + (at - first * blockBytes)));
          if (pending.length >= MAX_PENDING) pending = await settle(pending);
          at = stop;
        }
      } finally {
        // Also when something failed: nothing writes to the caller's buffer after we have returned.
        await Promise.allSettled(pending);
      }
      await settle(pending);
    },
    async *extents(range: ByteRange = { start: 0, end: size }) {
      assertInside(range.end - range.start, range.start, size, name);
      let batch: BlockExtent[] = [];
      for (let at = range.start; at < range.end; ) {
        const first = Math.floor(at / blockBytes);
        const kind = kindOf(placeOf(first));
        let last = first;
        while ((last + 1) * blockBytes < range.end && kindOf(placeOf(last + 1)) === kind) last++;
        const end = Math.min(range.end, (last + 1) * blockBytes);
        batch.push({ start: at, end, kind, stored: kind === 'data' ? end - at : 0 });
        if (batch.length >= BATCH_EXTENTS) {
          yield batch;
          batch = [];
        }
        at = end;
      }
      if (batch.length > 0) yield batch;
    },
    close: () => file.close(),
  };
}

function kindOf(place: number): BlockExtent['kind'] {
  return place >= 0 ? 'data' : place === BLOCK_HOLE ? 'hole' : 'zero';
}

async function settle(pending: readonly Promise<void>[]): Promise<[]> {
  for (const result of await Promise.allSettled(pending))
    if (result.status === 'rejected') throw result.reason;
  return [];
}

/**
 * Whether two blocks share bytes of the file.
 * @param places of blocks that are stored, in any order; sorted in place
 */
export function blocksOverlap(places: Float64Array, blockBytes: number): boolean {
  places.sort();
  for (let i = 1; i < places.length; i++) if (places[i]! - places[i - 1]! < blockBytes) return true;
  return false;
}
