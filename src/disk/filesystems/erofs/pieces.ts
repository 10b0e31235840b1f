/** Reading many small stretches, each as a whole, in disk order and in large reads. */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { RunList, readRuns } from '../../../sources/runs.ts';

export interface PieceVisitor {
  /** The bytes of piece `index`; they are the visitor's only during the call. */
  take(index: number, bytes: Uint8Array): void;
  lost(index: number, message: string): void;
}

/** Reads `pieces`, which lie inside of the filesystem and may overlap; each is shown once, or lost. */
export async function readPieces(
  source: BlockSource,
  blockSize: number,
  pieces: readonly ByteRange[],
  context: Context,
  visitor: PieceVisitor,
): Promise<void> {
  const runs = new RunList();
  const indices: number[] = [];
  for (const [index, { start, end }] of pieces.entries()) {
    if (start === end) {
      visitor.take(index, new Uint8Array(0));
      continue;
    }
    const first = Math.floor(start / blockSize);
    runs.add(first, Math.ceil(end / blockSize) - first);
    indices.push(index);
  }
  // What large reads cut, until its last block is there.
  const cut = new Map<number, { readonly bytes: Uint8Array; left: number }>();
  const lost = new Set<number>();
  await readRuns(source, blockSize, runs, context, {
    visit(run, offset, count, _view, at, bytes) {
      if (lost.has(run)) return;
      const blocks = runs.length[run]!;
      const { start, end } = pieces[indices[run]!]!;
      const lead = start % blockSize;
      if (count === blocks) {
        visitor.take(indices[run]!, bytes.subarray(at + lead, at + lead + end - start));
        return;
      }
      const piece = cut.get(run) ?? { bytes: new Uint8Array(blocks * blockSize), left: blocks };
      piece.bytes.set(bytes.subarray(at, at + count * blockSize), offset * blockSize);
      piece.left -= count;
      cut.set(run, piece);
      if (piece.left > 0) return;
      cut.delete(run);
      visitor.take(indices[run]!, piece.bytes.subarray(lead, lead + end - start));
    },
    lost(run, _offset, _count, message) {
      if (lost.has(run)) return;
      lost.add(run);
      cut.delete(run);
      visitor.lost(indices[run]!, message);
    },
  });
}
