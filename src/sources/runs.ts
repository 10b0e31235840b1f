/**
 * Reading many scattered blocks fast: runs are sorted by place, neighbours are joined over small gaps into
 * large reads, several reads are in flight, and the caller sees the blocks in disk order, in place in the read
 * buffer, without anything awaited per block. Buffers go round; the bytes are the caller's only during a call.
 *
 * A read that the artifact's own damage defeats is repeated block by block, so that one bad cluster of an image
 * costs its own blocks and not a mebibyte around them.
 */
import type { Context } from '../core/contracts/context.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import { isArtifactError } from '../core/errors.ts';
import { MAX_REREAD_BLOCKS } from '../core/limits.ts';
import { viewOf } from '../core/record.ts';

/** One read: large enough that the cost per read vanishes, small enough that a few in flight stay in cache. */
const JOB_BYTES = 256 * 1024;
/** A gap that is cheaper to read than to skip. */
const GAP_BYTES = 32 * 1024;
const MIN_IN_FLIGHT = 2;
const MAX_IN_FLIGHT = 8;

/** Stretches of blocks, in columns; `start` in blocks of the filesystem. */
export class RunList {
  count = 0;
  start: Float64Array<ArrayBuffer> = new Float64Array(64);
  length: Float64Array<ArrayBuffer> = new Float64Array(64);

  /** Returns the run's index. */
  add(start: number, length: number): number {
    if (this.count === this.start.length) this.grow();
    this.start[this.count] = start;
    this.length[this.count] = length;
    return this.count++;
  }

  protected grow(): void {
    this.start = doubled(this.start);
    this.length = doubled(this.length);
  }

  /** Indices sorted by `start`. */
  byPlace(): Uint32Array {
    const order = new Uint32Array(this.count);
    let sorted = true;
    for (let i = 0; i < this.count; i++) {
      order[i] = i;
      if (i > 0 && this.start[i]! < this.start[i - 1]!) sorted = false;
    }
    const { start } = this;
    return sorted ? order : order.sort((a, b) => start[a]! - start[b]! || a - b);
  }
}

/** The same values in an array of twice the size. */
export function doubled<T extends Float64Array | Uint32Array | Int32Array | Uint16Array | Uint8Array>(
  array: T,
): T {
  const next = new (array.constructor as new (length: number) => T)(array.length * 2);
  next.set(array as never);
  return next;
}

export interface RunVisitor {
  /** Runs are shown or lost as a whole, never in pieces; none is longer than a read (JOB_BYTES). */
  readonly wholeRuns?: true;
  /** `count` blocks of run `run`, from its block `offset` on, stand at byte `at` of `view` and `bytes`. */
  visit(run: number, offset: number, count: number, view: DataView, at: number, bytes: Uint8Array): void;
  /** `count` blocks of run `run`, from its block `offset` on, could not be read. */
  lost(run: number, offset: number, count: number, message: string): void;
}

interface Job {
  start: number;
  end: number;
  firstPiece: number;
}

/** Reads all runs and shows them to `visitor`. Runs may overlap; they must lie inside the filesystem. */
export async function readRuns(
  source: BlockSource,
  blockSize: number,
  runs: RunList,
  context: Context,
  visitor: RunVisitor,
): Promise<void> {
  const jobBlocks = Math.max(1, JOB_BYTES / blockSize);
  const gapBlocks = GAP_BYTES / blockSize;
  const held = Math.floor(source.size / blockSize);
  // Pieces: (run, offset in the run, count) within a job.
  const pieces = {
    run: new Uint32Array(64),
    offset: new Float64Array(64),
    length: new Uint32Array(64),
    count: 0,
  };
  const jobs: Job[] = [];
  let job: Job | undefined;
  for (const run of runs.byPlace()) {
    const first = runs.start[run]!;
    let length = runs.length[run]!;
    // What a truncated source does not hold is lost in one piece, not block by block.
    if (first + length > held) {
      const rest = Math.min(length, first + length - held);
      length -= rest;
      visitor.lost(run, length, rest, 'it lies past the end of what holds the filesystem');
      if (visitor.wholeRuns) continue;
    }
    for (let offset = 0; offset < length; ) {
      const at = first + offset;
      const needed = visitor.wholeRuns ? length : 1;
      if (
        job === undefined ||
        at > job.end + gapBlocks ||
        at < job.start ||
        at + needed > job.start + jobBlocks
      ) {
        job = { start: at, end: at, firstPiece: pieces.count };
        jobs.push(job);
      }
      const take = Math.min(length - offset, job.start + jobBlocks - at);
      if (pieces.count === pieces.run.length) {
        pieces.run = doubled(pieces.run);
        pieces.offset = doubled(pieces.offset);
        pieces.length = doubled(pieces.length);
      }
      pieces.run[pieces.count] = run;
      pieces.offset[pieces.count] = offset;
      pieces.length[pieces.count++] = take;
      job.end = Math.max(job.end, at + take);
      offset += take;
    }
  }

  const inFlight = Math.min(jobs.length, MAX_IN_FLIGHT, Math.max(MIN_IN_FLIGHT, context.threads * 2));
  // No larger than the largest job: reading one inode must not cost half a mebibyte of zeroing.
  const jobBytes = jobs.reduce((most, { start, end }) => Math.max(most, end - start), 0) * blockSize;
  const buffers = Array.from({ length: inFlight }, () => new Uint8Array(jobBytes));
  // Promises never reject, so that none is left unobserved when an earlier one ends the scan.
  const pending: Promise<unknown>[] = [];
  const begin = (index: number): void => {
    const { start, end } = jobs[index]!;
    const target = buffers[index % inFlight]!.subarray(0, (end - start) * blockSize);
    pending[index % inFlight] = source.read(target, start * blockSize).then(
      () => undefined,
      (error: unknown) => error ?? new Error('read failed'),
    );
  };
  for (let index = 0; index < inFlight; index++) begin(index);
  let lostBlocks = 0;
  try {
    for (let index = 0; index < jobs.length; index++) {
      const error = await pending[index % inFlight];
      context.signal.throwIfAborted();
      const current = jobs[index]!;
      const bytes = buffers[index % inFlight]!;
      const view = viewOf(bytes);
      let lost: Map<number, string> | undefined;
      if (error !== undefined) {
        lost = await readSingly(source, blockSize, current, bytes, error, lostBlocks < MAX_REREAD_BLOCKS);
        lostBlocks += lost.size;
      }
      const lastPiece = jobs[index + 1]?.firstPiece ?? pieces.count;
      for (let piece = current.firstPiece; piece < lastPiece; piece++) {
        const run = pieces.run[piece]!;
        const offset = pieces.offset[piece]!;
        const length = pieces.length[piece]!;
        const inJob = runs.start[run]! + offset - current.start;
        if (lost === undefined) visitor.visit(run, offset, length, view, inJob * blockSize, bytes);
        else if (visitor.wholeRuns) {
          const message = firstLost(lost, inJob, length);
          if (message !== undefined) visitor.lost(run, offset, length, message);
          else visitor.visit(run, offset, length, view, inJob * blockSize, bytes);
        } else {
          for (let block = 0; block < length; block++) {
            const message = lost.get(inJob + block);
            if (message !== undefined) visitor.lost(run, offset + block, 1, message);
            else visitor.visit(run, offset + block, 1, view, (inJob + block) * blockSize, bytes);
          }
        }
      }
      if (index + inFlight < jobs.length) begin(index + inFlight);
    }
  } finally {
    await Promise.all(pending);
  }
}

function firstLost(lost: ReadonlyMap<number, string>, from: number, length: number): string | undefined {
  for (let block = from; block < from + length; block++) {
    const message = lost.get(block);
    if (message !== undefined) return message;
  }
  return undefined;
}

/** Repeats a failed read block by block, unless too much is lost already; returns what is lost, by block of the job. */
async function readSingly(
  source: BlockSource,
  blockSize: number,
  job: Job,
  bytes: Uint8Array,
  error: unknown,
  again: boolean,
): Promise<Map<number, string>> {
  if (!isArtifactError(error)) throw error;
  const lost = new Map<number, string>();
  for (let block = 0; block < job.end - job.start; block++) {
    if (!again) {
      lost.set(block, error.message);
      continue;
    }
    try {
      const target = bytes.subarray(block * blockSize, (block + 1) * blockSize);
      await source.read(target, (job.start + block) * blockSize);
    } catch (single) {
      if (!isArtifactError(single)) throw single;
      lost.set(block, single.message);
    }
  }
  return lost;
}
