/** The books of a run: what was there, what was dropped and why, what is left. */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import type { ImageWriter, WriterOptions, WriteTally } from '../core/contracts/writer.ts';
import { ExtentBuilder, type ExtentSet } from '../core/extents.ts';
import type { Plan } from './plan.ts';
import type { Prediction } from './predict.ts';
import { type Savings, savingsOf } from './suggestions.ts';

export interface FilesystemBooks {
  readonly index: number;
  readonly type: string;
  readonly label: string | null;
  readonly mountPoint: string | null;
  readonly size: number;
  /** Bytes of it that the source's map calls data. */
  readonly data: number;
  /** … and those of them that were dropped. */
  readonly dropped: number;
  /** Why nothing was dropped; null when what is unused was. */
  readonly kept: string | null;
}

export interface OptimizeResult {
  readonly schema: 'imgopt.optimize/1';
  readonly input: {
    readonly path: string;
    readonly format: string;
    readonly fileSize: number;
    readonly allocated: number;
    readonly virtualSize: number;
  };
  readonly output: {
    /** Null for a dry run and for standard output. */
    readonly path: string | null;
    readonly format: string;
    readonly subformat: string | null;
    readonly compression: string;
    readonly fileSize: number | null;
    readonly allocated: number | null;
    /** Bytes that were compared with the source; null when that was not asked for. */
    readonly verified: number | null;
  };
  /** Bytes of the disk: everything that the source's map calls data is in exactly one of them. */
  readonly books: {
    readonly data: number;
    /** Unused blocks of filesystems and volume systems. */
    readonly stale: number;
    readonly swap: number;
    /** Blocks of zeros among what is kept; null before anything was read. */
    readonly zero: number | null;
    /** What is left to store. */
    readonly kept: number | null;
    /** … and what that takes in the output, structures not counted. */
    readonly stored: number | null;
  };
  readonly filesystems: readonly FilesystemBooks[];
  readonly prediction: Prediction | null;
  /** What removing files and packages could still save. */
  readonly savings: Savings;
}

export interface Outcome {
  readonly writer: ImageWriter;
  readonly writerOptions: WriterOptions & { readonly tally?: WriteTally };
  readonly disk: BlockSource;
  readonly output?: {
    readonly path: string;
    readonly size: number;
    readonly allocated: number;
    readonly verified: number | null;
  };
  readonly prediction?: Prediction;
}

/** Adds up what happened. */
export async function accountFor(
  inspection: Inspection,
  plan: Plan,
  { writer, writerOptions, output, prediction }: Outcome,
): Promise<OptimizeResult> {
  const { artifact, filesystems, disk } = inspection;
  const data = await dataOf(disk.source);
  const books = plan.filesystems.map(({ index, dropped, kept }): FilesystemBooks => {
    const one = filesystems[index]!;
    let held = 0;
    for (const { start, end } of one.toDisk({ start: 0, end: one.source.size }))
      held += data.overlap(start, end);
    return {
      index,
      type: one.type,
      label: one.label,
      mountPoint: one.mountPoint,
      size: one.source.size,
      data: held,
      dropped: dropped.intersect(data).total,
      kept,
    };
  });
  const isSwap = (index: number): boolean => filesystems[index]!.usage === 'swap';
  const swap = books.reduce((sum, one) => sum + (isSwap(one.index) ? one.dropped : 0), 0);
  const stale = plan.dropped.intersect(data).total - swap;
  const kept = data.total - stale - swap;
  const tally = output === undefined ? undefined : writerOptions.tally;
  // Units of the output are coarser than the source's extents: what they round up to is not more data.
  const stored = tally === undefined ? null : Math.min(kept, tally.plain + tally.compressed);
  return {
    schema: 'imgopt.optimize/1',
    input: {
      path: artifact.path,
      format: artifact.format,
      fileSize: artifact.fileSize,
      allocated: artifact.allocated,
      virtualSize: artifact.virtualSize,
    },
    output: {
      path: output?.path ?? null,
      format: writer.format,
      subformat: writerOptions.subformat ?? writer.subformats[0] ?? null,
      compression: writerOptions.compression,
      fileSize: output?.size ?? null,
      allocated: output?.allocated ?? null,
      verified: output?.verified ?? null,
    },
    books: {
      data: data.total,
      stale,
      swap,
      zero: stored === null ? null : kept - stored,
      kept: stored,
      stored: tally === undefined ? null : tally.plain + tally.packed,
    },
    filesystems: books,
    prediction: prediction ?? null,
    savings: await savingsOf(inspection),
  };
}

async function dataOf(source: BlockSource): Promise<ExtentSet> {
  const builder = new ExtentBuilder();
  for await (const extents of source.extents()) {
    for (const { kind, start, end } of extents) if (kind === 'data') builder.add(start, end);
  }
  return builder.build();
}
