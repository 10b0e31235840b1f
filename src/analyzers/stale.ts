/**
 * What unused blocks still hold: deleted data that is shipped with the image (`--deep`).
 *
 * Only blocks that the format's map calls data are read; zeros and holes are zero by decree. Unused blocks come
 * in crumbs, so neighbours are read in one piece, gaps between them included, and the pieces run in parallel.
 * A block counts whole as soon as one of its bytes is not zero.
 */
import type { Context } from '../core/contracts/context.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import { isArtifactError } from '../core/errors.ts';
import { ExtentBuilder, ExtentSet } from '../core/extents.ts';
import { isRead } from './layers.ts';

/** Bytes read at once: large enough for a disk, small enough that `threads` of them are nothing. */
const PIECE_BYTES = 2 * 1024 * 1024;
/** A gap smaller than this is read over rather than around. */
const BRIDGE_BYTES = 64 * 1024;

export interface StaleMeasurement {
  /** By filesystem, in its own coordinates: the unused blocks that are not zero; null where not read. */
  readonly filesystems: readonly (ExtentSet | null)[];
  /** By region of the disk, in its coordinates: the same for what a volume system left unused. */
  readonly regions: readonly (ExtentSet | null)[];
  /** Everything that is unused was read. */
  readonly isComplete: boolean;
}

/** Something with unused blocks. */
interface Target {
  readonly source: BlockSource;
  readonly unused: ExtentSet;
  readonly blockSize: number;
  readonly where: readonly string[];
}

interface Plan extends Target {
  readonly pieces: readonly Piece[];
  readonly total: number;
}

/** Blocks of a region that belongs to no filesystem. */
const REGION_BLOCK_BYTES = 4096;

interface Piece {
  /** What to read. */
  readonly start: number;
  readonly end: number;
  /** The unused ranges in it. */
  readonly ranges: { start: number; end: number }[];
}

/** Reads the unused blocks of every filesystem. What cannot be read is reported and leaves null. */
export async function measureStale(inspection: Inspection, context: Context): Promise<StaleMeasurement> {
  const { disk, filesystems, regions } = inspection;
  const targets: (Target | null)[] = [
    ...filesystems.map((one) =>
      !isRead(one) || one.unused === null ? null : { ...one, unused: one.unused },
    ),
    ...regions.map(({ kind, ranges: unused }) =>
      kind === 'unused'
        ? { source: disk.source, unused, blockSize: REGION_BLOCK_BYTES, where: ['unused volumes'] }
        : null,
    ),
  ];
  const plans = await Promise.all(
    targets.map((target) => (target === null ? null : orReport(target, context, () => planFor(target)))),
  );
  const task = context.progress.start(
    'reading unused blocks',
    plans.reduce((sum, plan) => sum + (plan?.total ?? 0), 0),
  );
  const found: (ExtentSet | null)[] = [];
  try {
    for (const plan of plans) {
      if (plan === null) {
        found.push(null);
        continue;
      }
      found.push(await orReport(plan, context, () => nonZeroBlocks(plan, context, task)));
    }
  } finally {
    task.done();
  }
  return {
    filesystems: found.slice(0, filesystems.length),
    regions: found.slice(filesystems.length),
    isComplete:
      found.every((set, index) => set !== null || targets[index] === null) &&
      filesystems.every((one) => !isRead(one) || one.unused !== null),
  };
}

/** What the artifact withholds is reported, and is null. */
async function orReport<T>(target: Target, context: Context, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    const place = [...target.where, ...error.where].reduce((at, one) => at.at(one), context);
    place.report(
      'error',
      error.code.replace(/^IMGOPT_/, ''),
      `${error.message}; stale space was not measured`,
    );
    return null;
  }
}

async function planFor(target: Target): Promise<Plan> {
  const { source, unused, blockSize } = target;
  const data = touchedBlocks(unused, await dataExtents(source, unused), blockSize);
  const where = target.where;
  return { source, unused, blockSize, where, pieces: cutPieces(data), total: data.total };
}

/** What the map says is stored, of the source's part that `within` spans. */
async function dataExtents(source: BlockSource, within: ExtentSet): Promise<ExtentSet> {
  const builder = new ExtentBuilder();
  if (within.isEmpty) return ExtentSet.empty;
  const range = { start: within.startOf(0), end: within.endOf(within.count - 1) };
  for await (const batch of source.extents(range)) {
    for (const extent of batch) if (extent.kind === 'data') builder.add(extent.start, extent.end);
  }
  return builder.build();
}

/** The unused blocks that hold any data; blocks are counted from the start of each unused range. */
function touchedBlocks(unused: ExtentSet, data: ExtentSet, blockSize: number): ExtentSet {
  const builder = new ExtentBuilder();
  let first = 0;
  for (const { start, end } of unused) {
    while (first < data.count && data.endOf(first) <= start) first++;
    for (let i = first; i < data.count && data.startOf(i) < end; i++) {
      const from = Math.max(0, Math.floor((data.startOf(i) - start) / blockSize)) * blockSize;
      const to = Math.ceil((data.endOf(i) - start) / blockSize) * blockSize;
      builder.add(start + from, Math.min(end, start + to));
    }
  }
  return builder.build();
}

function cutPieces(data: ExtentSet): Piece[] {
  const pieces: Piece[] = [];
  let current: { start: number; end: number; ranges: { start: number; end: number }[] } | undefined;
  for (const range of data) {
    let { start } = range;
    while (start < range.end) {
      if (
        current !== undefined &&
        start - current.end <= BRIDGE_BYTES &&
        start - current.start < PIECE_BYTES
      ) {
        const end = Math.min(range.end, current.start + PIECE_BYTES);
        current.ranges.push({ start, end });
        current.end = end;
        start = end;
      } else {
        current = { start, end: start, ranges: [] };
        pieces.push(current);
      }
    }
  }
  return pieces;
}

const ZEROS = Buffer.alloc(PIECE_BYTES);

async function nonZeroBlocks(
  { source, blockSize, pieces }: Plan,
  context: Context,
  task: { advance(amount: number): void },
): Promise<ExtentSet> {
  const found: number[][] = new Array(pieces.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
    while (next < pieces.length) {
      context.signal.throwIfAborted();
      const number = next++;
      const piece = pieces[number]!;
      const bytes = buffer.subarray(0, piece.end - piece.start);
      await source.read(bytes, piece.start);
      found[number] = scan(bytes, piece, blockSize);
      task.advance(piece.ranges.reduce((sum, range) => sum + range.end - range.start, 0));
    }
  };
  await Promise.all(Array.from({ length: Math.min(context.threads, pieces.length) }, worker));
  const builder = new ExtentBuilder();
  for (const bounds of found) {
    for (let i = 0; i < bounds.length; i += 2) builder.add(bounds[i]!, bounds[i + 1]!);
  }
  return builder.build();
}

/** Bounds of the blocks that are not zero, as [start, end, start, end …] in the source's coordinates. */
function scan(bytes: Buffer, piece: Piece, blockSize: number): number[] {
  const bounds: number[] = [];
  for (const range of piece.ranges) {
    const from = range.start - piece.start;
    const to = range.end - piece.start;
    if (isZero(bytes, from, to)) continue;
    for (let at = from; at < to; ) {
      // Ranges begin at block boundaries but for a piece's cut, which PIECE_BYTES keeps on one too.
      const end = Math.min(to, at + blockSize);
      if (!isZero(bytes, at, end)) bounds.push(piece.start + at, piece.start + end);
      at = end;
    }
  }
  return bounds;
}

function isZero(bytes: Buffer, from: number, to: number): boolean {
  return bytes.compare(ZEROS, 0, to - from, from, to) === 0;
}
