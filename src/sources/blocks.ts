/**
 * What a source stores, cut into blocks of one size: the form in which image writers take a disk.
 *
 * Only blocks that the map calls data somewhere are read, and of those only the stretches that are; the rest of
 * a block is zeros. Neighbouring stretches become one large read, batches are read ahead of whoever consumes
 * them, and buffers are lent again once they are given back, so that a disk of terabytes costs a few megabytes.
 */
import type { BlockSource } from '../core/contracts/source.ts';

export interface BlockBatch {
  /** Numbers of the blocks, ascending; not always without gaps. */
  readonly blocks: readonly number[];
  /** The blocks one after another, `blocks.length` times the block's size; zeros behind the end of the source. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A hole between two stretches that is cheaper read than skipped: the source fills it with zeros itself. */
const JOIN_BYTES = 64 * 1024;

interface Plan {
  readonly blocks: number[];
  /** Stretches of the source, each to be read to `target` of the batch. */
  readonly reads: { start: number; end: number; target: number }[];
}

export interface BlockReaderOptions {
  /** Bytes of a block. */
  readonly blockBytes: number;
  /** Bytes of a batch, a multiple of `blockBytes`. */
  readonly batchBytes: number;
  /** Batches in flight or waiting beside the one that is consumed. */
  readonly ahead: number;
  readonly signal: AbortSignal;
  /** Hears how far the reading is: bytes of the source. */
  readonly onProgress?: (position: number) => void;
}

export class BlockReader {
  private readonly source: BlockSource;
  private readonly options: BlockReaderOptions;
  private readonly spare: ArrayBuffer[] = [];

  constructor(source: BlockSource, options: BlockReaderOptions) {
    this.source = source;
    this.options = options;
  }

  /** Gives a batch's memory back, also after it went through a worker thread. */
  release(bytes: Uint8Array<ArrayBuffer>): void {
    const { buffer } = bytes;
    if (buffer.byteLength === this.options.batchBytes) this.spare.push(buffer);
  }

  /**
   * All blocks with data, in order. Batches belong to the caller until `release`.
   * @throws ImgoptError of the source; AbortError
   */
  async *batches(): AsyncGenerator<BlockBatch> {
    const { ahead, signal, onProgress } = this.options;
    const plans = this.plans();
    const queue: Promise<BlockBatch>[] = [];
    let isEnd = false;
    try {
      for (;;) {
        while (!isEnd && queue.length <= ahead) {
          const next = await plans.next();
          if (next.done === true) {
            isEnd = true;
            break;
          }
          const batch = this.read(next.value);
          batch.catch(() => {}); // reported in its turn
          queue.push(batch);
        }
        const first = queue.shift();
        if (first === undefined) return;
        const batch = await first;
        signal.throwIfAborted();
        onProgress?.((batch.blocks.at(-1)! + 1) * this.options.blockBytes);
        yield batch;
      }
    } finally {
      // Nothing of ours writes to memory that nobody waits for any more.
      await Promise.allSettled(queue);
      if (!isEnd) await plans.return(undefined);
    }
  }

  private async *plans(): AsyncGenerator<Plan> {
    const { blockBytes, batchBytes } = this.options;
    const most = batchBytes / blockBytes;
    let plan: Plan = { blocks: [], reads: [] };
    for await (const extents of this.source.extents()) {
      for (const { start, end, kind } of extents) {
        if (kind !== 'data') continue;
        for (let at = start; at < end; ) {
          const block = Math.floor(at / blockBytes);
          if (plan.blocks.at(-1) !== block) {
            if (plan.blocks.length === most) {
              yield plan;
              plan = { blocks: [], reads: [] };
            }
            plan.blocks.push(block);
          }
          const target = (plan.blocks.length - 1) * blockBytes + (at - block * blockBytes);
          // As many further blocks as there is room for.
          let last = block;
          while ((last + 1) * blockBytes < end && plan.blocks.length < most) plan.blocks.push(++last);
          const stop = Math.min(end, (last + 1) * blockBytes);
          const before = plan.reads.at(-1);
          if (
            before !== undefined &&
            at - before.end <= JOIN_BYTES &&
            before.target + (at - before.start) === target
          ) {
            before.end = stop;
          } else {
            plan.reads.push({ start: at, end: stop, target });
          }
          at = stop;
        }
      }
    }
    if (plan.blocks.length > 0) yield plan;
  }

  private async read({ blocks, reads }: Plan): Promise<BlockBatch> {
    const { blockBytes, batchBytes, signal } = this.options;
    const buffer = this.spare.pop() ?? (Buffer.allocUnsafeSlow(batchBytes).buffer as ArrayBuffer);
    const bytes = new Uint8Array(buffer, 0, blocks.length * blockBytes);
    signal.throwIfAborted();
    const pending: Promise<void>[] = [];
    let filled = 0;
    for (const { start, end, target } of reads) {
      bytes.fill(0, filled, target);
      filled = target + (end - start);
      pending.push(this.source.read(bytes.subarray(target, filled), start));
    }
    bytes.fill(0, filled);
    for (const result of await Promise.allSettled(pending)) {
      if (result.status === 'rejected') throw result.reason;
    }
    return { blocks, bytes };
  }
}
