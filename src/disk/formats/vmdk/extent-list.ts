/** Joins extents as the contract of BlockSource wants them: neighbours of a kind are one, compressed ones are not. */
import type { BlockExtent } from '../../../core/contracts/source.ts';

export class ExtentList {
  private done: BlockExtent[] = [];
  private pending: BlockExtent | undefined;

  /** Adds the next one; `offset` shifts it. */
  add(next: BlockExtent, offset = 0): void {
    if (next.end <= next.start) return;
    const last = this.pending;
    if (last !== undefined && joins(last, next)) {
      this.pending = {
        start: last.start,
        end: next.end + offset,
        kind: last.kind,
        stored: last.stored + next.stored,
      };
      return;
    }
    if (last !== undefined) this.done.push(last);
    this.pending = offset === 0 ? next : { ...next, start: next.start + offset, end: next.end + offset };
  }

  /** What is complete so far; the last one stays behind, since it may still grow. */
  take(): BlockExtent[] {
    const result = this.done;
    this.done = [];
    return result;
  }

  /** All that is left. */
  finish(): BlockExtent[] {
    if (this.pending !== undefined) this.done.push(this.pending);
    this.pending = undefined;
    return this.take();
  }
}

/** Data of a parent has no bytes in the disk's own files, and stays apart from data that has. */
function joins(a: BlockExtent, b: BlockExtent): boolean {
  return (
    a.kind === b.kind &&
    a.compressed !== true &&
    b.compressed !== true &&
    (a.stored === 0) === (b.stored === 0)
  );
}
