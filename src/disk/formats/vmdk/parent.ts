/**
 * What lies below an extent of a delta disk: the stretch of the parent that the extent covers. A parent may be
 * shorter than its child; behind its end nothing is stored anywhere
 * (qemu-img map says the same).
 */
import type { BlockExtent, BlockSource } from '../../../core/contracts/source.ts';

export class ParentWindow {
  private readonly parent: BlockSource;
  private readonly base: number;

  /** `base` is where the extent begins on the disk. */
  constructor(parent: BlockSource, base: number) {
    this.parent = parent;
    this.base = base;
  }

  /** As BlockSource.read, from the beginning of the extent. */
  async read(target: Uint8Array, offset: number): Promise<void> {
    const start = this.base + offset;
    const inside = Math.max(0, Math.min(target.length, this.parent.size - start));
    if (inside > 0) await this.parent.read(target.subarray(0, inside), start);
    target.fill(0, inside);
  }

  /** Cover of [start, end) of the extent; nothing of it is stored in the disk's own files. */
  async extents(start: number, end: number): Promise<BlockExtent[]> {
    const { base } = this;
    const limit = Math.max(start, Math.min(end, this.parent.size - base));
    const result: BlockExtent[] = [];
    if (limit > start) {
      for await (const batch of this.parent.extents({ start: base + start, end: base + limit })) {
        for (const extent of batch) {
          result.push({
            start: extent.start - base,
            end: extent.end - base,
            kind: extent.kind,
            stored: 0,
          });
        }
      }
    }
    if (end > limit) result.push({ start: limit, end, kind: 'hole', stored: 0 });
    return result;
  }
}
