/**
 * How large will the output be? The maps tell which units of the output hold data; how well those compress, a
 * sample of them tells: drawn at random from a fixed seed, so that the same image gives the same prediction, and
 * spread evenly over the data (one from each of as many strata), because neighbours resemble each other.
 */
import { compressCluster } from '../compressors/cluster-work.ts';
import type { Context } from '../core/contracts/context.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import type { WriterUnits } from '../core/contracts/writer.ts';
import { isZero } from '../core/zeros.ts';

const SAMPLES = 512;
const SEED = 0x1d872b41;
/** Of the normal distribution: 95 in 100. */
const CONFIDENCE = 1.96;

export interface Prediction {
  /** Bytes of the output. */
  readonly bytes: number;
  /** Half the width of the interval that holds the true size 95 times in 100. */
  readonly error: number;
  /** Units that were read and compressed, of how many that hold data by the map. */
  readonly sampled: number;
  readonly units: number;
}

/** mulberry32: 32 bits of state are plenty to choose from strata. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** @param samples units to look at, at most */
export async function predictSize(
  source: BlockSource,
  { unit, codec }: WriterUnits,
  context: Context,
  samples = SAMPLES,
): Promise<Prediction> {
  // Runs of units with data, and how many units come before each.
  const starts: number[] = [];
  const before: number[] = [];
  let units = 0;
  let lastEnd = -1;
  for await (const extents of source.extents()) {
    for (const { kind, start, end } of extents) {
      if (kind !== 'data') continue;
      const first = Math.max(lastEnd, Math.floor(start / unit));
      const last = Math.ceil(end / unit);
      if (last <= first) continue;
      starts.push(first);
      before.push(units);
      units += last - first;
      lastEnd = last;
    }
  }
  const count = Math.min(samples, units);
  const task = context.progress.start('sampling', count);
  const next = random(SEED);
  const sizes: number[] = [];
  let run = 0;
  try {
    for (let i = 0; i < count; i++) {
      context.signal.throwIfAborted();
      const low = Math.floor((i * units) / count);
      const high = Math.floor(((i + 1) * units) / count);
      const chosen = low + Math.floor(next() * (high - low));
      while (run + 1 < before.length && before[run + 1]! <= chosen) run++;
      const offset = (starts[run]! + chosen - before[run]!) * unit;
      const bytes = new Uint8Array(unit);
      await source.read(bytes.subarray(0, Math.min(unit, source.size - offset)), offset);
      if (isZero(bytes)) sizes.push(0);
      else sizes.push(codec === null ? unit : Math.min(unit, compressCluster(bytes, codec).length));
      task.advance(1);
    }
  } finally {
    task.done();
  }
  const mean = sizes.reduce((sum, size) => sum + size, 0) / Math.max(1, count);
  const variance = sizes.reduce((sum, size) => sum + (size - mean) ** 2, 0) / Math.max(1, count - 1);
  const share = count === units ? 0 : 1 - count / units;
  const error = CONFIDENCE * Math.sqrt((variance / Math.max(1, count)) * share) * units;
  return { bytes: Math.round(mean * units), error: Math.round(error), sampled: count, units };
}
