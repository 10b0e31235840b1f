import type { BlockExtent } from '../core/contracts/source.ts';

/** Extents per batch. */
const BATCH_EXTENTS = 1024;

/**
 * Collects what `extents()` yields: neighbours of one kind joined, in batches. Compressed extents stay apart, since
 * each has stored bytes of its own.
 */
export class ExtentBatch {
  private list: BlockExtent[] = [];

  /** @param extent begins where the one before ends */
  add(extent: BlockExtent): void {
    const last = this.list.at(-1);
    const isOne =
      last !== undefined &&
      last.kind === extent.kind &&
      last.compressed !== true &&
      extent.compressed !== true;
    if (!isOne) this.list.push(extent);
    else {
      const { end, kind } = extent;
      this.list[this.list.length - 1] = { start: last.start, end, kind, stored: last.stored + extent.stored };
    }
  }

  /** What cannot grow any more, once it is enough for a batch. */
  takeFull(): readonly BlockExtent[] | undefined {
    if (this.list.length <= BATCH_EXTENTS) return undefined;
    const full = this.list;
    this.list = [full.pop()!];
    return full;
  }

  /** The last batch; undefined when there is nothing left. */
  takeRest(): readonly BlockExtent[] | undefined {
    return this.list.length > 0 ? this.list : undefined;
  }
}
