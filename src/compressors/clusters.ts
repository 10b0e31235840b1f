/**
 * From a disk to its clusters, in order, each compressed for itself: what every format that compresses inside the
 * image writes (clusters of qcow2, grains of VMDK).
 *
 * Only what the source's map calls data is read, neighbours together in pieces of a mebibyte, ahead of the
 * threads that compress. Threads make synchronous calls over whole batches, which for clusters of 64 KiB is more
 * than twice as fast as zlib's asynchronous calls, one per cluster. Results come in the order of the disk,
 * whoever made them, and a cluster's bytes depend on its content and the codec alone; so the number of threads
 * changes nothing about the output. The batches in flight bound the memory.
 */
import type { Context, ProgressTask } from '../core/contracts/context.ts';
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import type { WriteTally } from '../core/contracts/writer.ts';
import { allDone } from '../core/parallel.ts';
import { PLAIN_UNIT, type SealLog } from '../core/seals.ts';
import { isZero } from '../core/zeros.ts';
import { CLUSTER_PLAIN, CLUSTER_ZERO, type ClusterCodec } from './cluster-work.ts';
import { CodecPool } from './pool.ts';
import { release } from './release.ts';
import { rethrowRoundTrip } from './round-trip.ts';

export { CLUSTER_PLAIN, CLUSTER_ZERO, type ClusterCodec } from './cluster-work.ts';

/** Bytes of a batch; one cluster at least. */
const BATCH_BYTES = 1024 * 1024;
/** One batch is compressed while the next waits, so that no thread does. */
const BATCHES_PER_THREAD = 2;
/** Read ahead of those. */
const BATCHES_AHEAD = 2;
/** Bounds the memory whatever the number of threads. */
const MAX_BATCHES = 64;

export interface ClusterOptions {
  readonly clusterSize: number;
  /** Null: nothing is compressed, zero clusters are still found. */
  readonly codec: ClusterCodec | null;
  /** Extents whose clusters are wanted; default: all data. A cluster counts once one byte of it is in one. */
  readonly wants?: (extent: BlockExtent) => boolean;
  readonly tally?: WriteTally | undefined;
  readonly seals?: SealLog | undefined;
}

/** Clusters that hold data by the map, ascending. Valid until the next batch is asked for. */
export interface ClusterBatch {
  readonly clusters: readonly number[];
  /** Their content, one right after the other; the disk's last cluster is filled up with zeros. */
  readonly bytes: Uint8Array;
  /** Per cluster: compressed length, CLUSTER_ZERO or CLUSTER_PLAIN. */
  readonly lengths: Int32Array;
  /** The compressed ones, one right after the other. */
  readonly packed: Uint8Array;
  /** CRC-32 of what is to be stored, in this order; 0 without seals. */
  readonly crc: number;
}

/**
 * @returns batches in the order of the disk
 * @throws ImgoptError of the source; AbortError when `context.signal` aborts
 */
export async function* compressClusters(
  source: BlockSource,
  options: ClusterOptions,
  context: Context,
): AsyncGenerator<ClusterBatch> {
  const { clusterSize, codec, tally, seals } = options;
  if (codec !== null) seals?.begin(clusterSize, codec.algorithm);
  const perBatch = Math.max(1, Math.floor(BATCH_BYTES / clusterSize));
  const threads = codec === null ? 1 : context.threads;
  const inFlight = Math.min(MAX_BATCHES, threads * BATCHES_PER_THREAD + BATCHES_AHEAD);
  const pool = codec === null ? undefined : new CodecPool({ threads, depth: BATCHES_PER_THREAD });
  const buffers: ArrayBuffer[] = [];
  const begun: Promise<ClusterBatch>[] = [];
  const task = context.progress.start('writing', await wantedBytes(source, options));

  const begin = async (clusters: readonly number[]): Promise<ClusterBatch> => {
    const buffer = buffers.pop() ?? new ArrayBuffer(perBatch * clusterSize);
    const bytes = new Uint8Array(buffer, 0, clusters.length * clusterSize);
    await readClusters(source, clusters, clusterSize, bytes);
    if (pool === undefined || codec === null) return { clusters, ...findZeros(bytes, clusterSize) };
    const seal = seals !== undefined;
    const work = pool.run({ kind: 'units', input: bytes, unit: clusterSize, codec, seal });
    const answer = await work.catch(rethrowRoundTrip);
    const { lengths, crc } = answer;
    return { clusters, bytes: answer.input, lengths, packed: answer.bytes, crc };
  };
  const take = async (): Promise<ClusterBatch> => {
    const batch = await begun.shift()!;
    account(batch, clusterSize, tally, task);
    if (codec !== null) seals?.add(batch.clusters, sealedLengths(batch.lengths), batch.crc);
    return batch;
  };

  try {
    for await (const clusters of batchesOf(source, options, perBatch)) {
      context.signal.throwIfAborted();
      const promise = begin(clusters);
      promise.catch(() => {}); // thrown when its turn comes
      begun.push(promise);
      if (begun.length < inFlight) continue;
      const batch = await take();
      yield batch;
      buffers.push(batch.bytes.buffer as ArrayBuffer);
      release(batch.packed);
    }
    while (begun.length > 0) {
      context.signal.throwIfAborted();
      const batch = await take();
      yield batch;
      release(batch.packed);
    }
  } finally {
    task.done();
    // Reads into our buffers end before the caller may close the source.
    await Promise.allSettled(begun);
    pool?.close();
  }
}

function sealedLengths(lengths: Int32Array): Uint32Array {
  return Uint32Array.from(lengths, (length) => (length === CLUSTER_PLAIN ? PLAIN_UNIT : length));
}

function account(
  batch: ClusterBatch,
  clusterSize: number,
  tally: WriteTally | undefined,
  task: ProgressTask,
): void {
  task.advance(batch.clusters.length * clusterSize);
  if (tally === undefined) return;
  for (const length of batch.lengths) {
    if (length === CLUSTER_ZERO) tally.zero += clusterSize;
    else if (length === CLUSTER_PLAIN) tally.plain += clusterSize;
    else {
      tally.compressed += clusterSize;
      tally.packed += length;
    }
  }
}

const isData = (extent: BlockExtent): boolean => extent.kind === 'data';

async function wantedBytes(source: BlockSource, options: ClusterOptions): Promise<number> {
  let total = 0;
  for await (const clusters of clusterRuns(source, options)) total += clusters.end - clusters.start;
  return total * options.clusterSize;
}

/** Runs of wanted clusters, ascending and disjoint. */
async function* clusterRuns(
  source: BlockSource,
  { clusterSize, wants = isData }: ClusterOptions,
): AsyncGenerator<{ start: number; end: number }> {
  let run: { start: number; end: number } | undefined;
  for await (const extents of source.extents()) {
    for (const extent of extents) {
      if (!wants(extent)) continue;
      const start = Math.floor(extent.start / clusterSize);
      const end = Math.ceil(extent.end / clusterSize);
      if (run !== undefined && start <= run.end) {
        if (end > run.end) run.end = end;
        continue;
      }
      if (run !== undefined) yield run;
      run = { start, end };
    }
  }
  if (run !== undefined) yield run;
}

async function* batchesOf(
  source: BlockSource,
  options: ClusterOptions,
  perBatch: number,
): AsyncGenerator<readonly number[]> {
  let batch: number[] = [];
  for await (const run of clusterRuns(source, options)) {
    for (let cluster = run.start; cluster < run.end; cluster++) {
      batch.push(cluster);
      if (batch.length < perBatch) continue;
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

/** Fills `target`; neighbours are one read. */
async function readClusters(
  source: BlockSource,
  clusters: readonly number[],
  clusterSize: number,
  target: Uint8Array,
): Promise<void> {
  const reads: Promise<void>[] = [];
  for (let i = 0; i < clusters.length; ) {
    let next = i + 1;
    while (next < clusters.length && clusters[next] === clusters[next - 1]! + 1) next++;
    const offset = clusters[i]! * clusterSize;
    const length = Math.min(source.size - offset, (next - i) * clusterSize);
    const at = i * clusterSize;
    if (length < (next - i) * clusterSize) target.fill(0, at + length, next * clusterSize);
    reads.push(source.read(target.subarray(at, at + length), offset));
    i = next;
  }
  await allDone(reads);
}

function findZeros(bytes: Uint8Array, clusterSize: number): Omit<ClusterBatch, 'clusters'> {
  const lengths = new Int32Array(bytes.length / clusterSize);
  for (let i = 0; i < lengths.length; i++) {
    const isEmpty = isZero(bytes.subarray(i * clusterSize, (i + 1) * clusterSize));
    lengths[i] = isEmpty ? CLUSTER_ZERO : CLUSTER_PLAIN;
  }
  return { bytes, lengths, packed: new Uint8Array(0), crc: 0 };
}
