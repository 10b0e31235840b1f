/**
 * Compressed clusters: fetched in joint host reads, decoded side by side, shared while in flight, and kept in a
 * small cache when only a part of one was asked for (a sequential reader of whole clusters leaves it alone).
 *
 * Where to decode is a matter of measure (Node 24, 2 cores, real file content). A cluster of 4 KiB takes 30 us
 * on the spot and 80 to 160 us through libuv's pool, one of 16 KiB 50 against 96, one of 64 KiB 160 against 190.
 * So clusters of up to 32 KiB are decoded on the spot; larger ones go to the pool, where they use the other
 * cores and leave the event loop to others, except a single one of 64 KiB (the usual size) that has no company, and
 * zstd of that size, which costs half as much to decode as deflate.
 *
 * Who reads much of an image (verifying, --deep) gets threads that decode a joint read each: one message instead
 * of sixteen trips through the pool, and buffers that are used again. Starting them takes some 50 ms and their
 * memory, so an image has to have been read for a while first.
 */
import { type ClusterAlgorithm, decodeCluster } from '../../../compressors/cluster-decode.ts';
import type { CodecPool } from '../../../compressors/pool.ts';
import type { DecodeUnitsResult } from '../../../compressors/tasks.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, ImgoptError, system } from '../../../core/errors.ts';
import { allDone } from '../../../core/parallel.ts';
import { hex } from '../../../core/text.ts';
import { DAMAGED_ADVICE, type Header } from './header.ts';

const MAX_SYNC_CLUSTER = 32 * 1024;
const MAX_SYNC_LONE_CLUSTER = 64 * 1024;
/** One joint read brings at most this much compressed data, to be decoded to at most MAX_GROUP_OUTPUT. */
const MAX_GROUP_INPUT = 1024 * 1024;
const MAX_GROUP_OUTPUT = 1024 * 1024;
/** Compressed clusters lie back to back; alignment may leave a little between them. */
const MAX_GAP = 4096;
/** Joint reads that one call keeps in flight: bounds its memory to some 4 MiB, and feeds 8 threads. */
const GROUPS_IN_FLIGHT = 2;
/** Bytes decoded from an image before threads are started for it; a scan of metadata stays below. */
const THREADS_AFTER_BYTES = 96 * 1024 * 1024;
/** Joint reads of fewer clusters are not worth a message. */
const MIN_STRETCH = 8;

/** A part of a compressed cluster, wanted in `target`. */
export interface Want {
  readonly host: number;
  /** Bytes from `host` on that may belong to it. */
  readonly packed: number;
  /** First byte wanted, within the decoded cluster. */
  readonly from: number;
  readonly target: Uint8Array;
}

export class CompressedClusters {
  private readonly file: BlockSource;
  private readonly header: Header;
  private readonly capacity: number;
  /** Decoded clusters by host offset, least recently used first. */
  private readonly cache = new Map<number, Uint8Array>();
  /** By host offset: waits for a cluster that is being fetched or decoded. */
  private readonly inFlight = new Map<number, () => Promise<Uint8Array>>();
  /** Clusters being fetched or decoded. */
  private active = 0;
  private readonly algorithm: ClusterAlgorithm;
  private readonly threads: number;
  private pool: Promise<CodecPool> | undefined;
  private decodedBytes = 0;
  /** Of finished stretches, to be filled again. */
  private readonly spare: { input: Uint8Array<ArrayBuffer>; output: Uint8Array<ArrayBuffer> }[] = [];

  /** `threads`: how many may decode once much has been read; 1 is none beside the caller's. */
  constructor(file: BlockSource, header: Header, cacheBytes: number, threads: number) {
    this.file = file;
    this.header = header;
    this.capacity = Math.max(1, Math.floor(cacheBytes / header.clusterSize));
    this.algorithm = header.compressionType === 'zstd' ? 'zstd' : 'deflate-raw';
    this.threads = threads;
  }

  close(): void {
    void this.pool?.then((pool) => pool.close());
  }

  /**
   * Fills the targets of `wants` (in guest order).
   * @throws ImgoptError `corrupt` when a cluster does not decompress
   */
  async read(wants: readonly Want[]): Promise<void> {
    const groups = this.plan(wants);
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < groups.length) await this.readGroup(groups[next++]!);
    };
    const atOnce = this.usesThreads ? Math.max(GROUPS_IN_FLIGHT, this.threads) : GROUPS_IN_FLIGHT;
    const workers = Array.from({ length: Math.min(atOnce, groups.length) }, worker);
    await allDone(workers);
  }

  /** Serves what is cached; cuts the rest into groups that are worth one host read each. */
  private plan(wants: readonly Want[]): Want[][] {
    const most = Math.max(1, Math.floor(MAX_GROUP_OUTPUT / this.header.clusterSize));
    const groups: Want[][] = [];
    let group: Want[] = [];
    let groupStart = 0;
    let groupEnd = 0;
    for (const want of wants) {
      const cached = this.cache.get(want.host);
      if (cached !== undefined) {
        this.cache.delete(want.host);
        this.cache.set(want.host, cached);
        copyTo(want, cached);
        continue;
      }
      const end = want.host + want.packed;
      if (
        group.length > 0 &&
        group.length < most &&
        want.host >= groupStart &&
        want.host - groupEnd <= MAX_GAP &&
        end - groupStart <= MAX_GROUP_INPUT
      ) {
        group.push(want);
        groupEnd = Math.max(groupEnd, end);
      } else {
        group = [want];
        groups.push(group);
        groupStart = want.host;
        groupEnd = end;
      }
    }
    return groups;
  }

  private async readGroup(group: readonly Want[]): Promise<void> {
    const waiting: Promise<void>[] = [];
    const fresh: Want[] = [];
    for (const want of group) {
      const running = this.inFlight.get(want.host);
      if (running === undefined) fresh.push(want);
      else waiting.push(running().then((cluster) => copyTo(want, cluster)));
    }
    if (fresh.length > 0) {
      // Clusters need not lie in the guest's order, and the group's first may be in flight elsewhere.
      let start = Number.POSITIVE_INFINITY;
      let end = 0;
      for (const want of fresh) {
        start = Math.min(start, want.host);
        end = Math.max(end, want.host + want.packed);
      }
      this.decodedBytes += fresh.length * this.header.clusterSize;
      if (fresh.length >= MIN_STRETCH && this.usesThreads) waiting.push(this.readStretch(fresh, start, end));
      else {
        const bytes = new Uint8Array(end - start);
        const reading = this.file.read(bytes, start);
        for (const want of fresh) waiting.push(this.decodeWant(want, bytes, start, reading));
      }
    }
    await allDone(waiting);
  }

  private get usesThreads(): boolean {
    return this.threads > 1 && this.decodedBytes > THREADS_AFTER_BYTES;
  }

  /** Reads and decodes clusters that lie in one stretch of the file, on a thread. */
  private async readStretch(wants: readonly Want[], start: number, end: number): Promise<void> {
    const { clusterSize } = this.header;
    this.pool ??= startPool(this.threads);
    const starting = this.pool;
    const buffers = this.spare.pop() ?? {
      input: new Uint8Array(new ArrayBuffer(MAX_GROUP_INPUT + 2 * clusterSize)),
      output: new Uint8Array(new ArrayBuffer(Math.max(MAX_GROUP_OUTPUT, clusterSize))),
    };
    const inputBuffer =
      buffers.input.length >= end - start ? buffers.input.buffer : new ArrayBuffer(end - start);
    const input = new Uint8Array(inputBuffer, 0, end - start);
    const decoding = this.file.read(input, start).then(async () =>
      (await starting).run({
        kind: 'decode-units',
        algorithm: this.algorithm,
        clusterSize,
        input,
        starts: Int32Array.from(wants, ({ host }) => host - start),
        lengths: Int32Array.from(wants, ({ packed }) => packed),
        output: buffers.output,
      }),
    );
    /** The cluster at `i`, valid until the buffers are filled again; one that fails is decoded alone, for the words. */
    const clusterOf = (result: DecodeUnitsResult, i: number): Uint8Array | Promise<Uint8Array> => {
      const { host, packed } = wants[i]!;
      if (result.failed.includes(i)) {
        return this.decode(result.input.slice(host - start, host - start + packed), host);
      }
      return result.bytes.subarray(i * clusterSize, (i + 1) * clusterSize);
    };
    // Who wants one of them meanwhile gets a copy: both hear of the result in one turn, before the buffers go on.
    const share = wants.map(
      (_, i) => (): Promise<Uint8Array> =>
        decoding.then((result) => {
          const cluster = clusterOf(result, i);
          return cluster instanceof Promise ? cluster : cluster.slice();
        }),
    );
    for (const [i, { host }] of wants.entries()) this.inFlight.set(host, share[i]!);
    try {
      const result = await decoding;
      for (const [i, want] of wants.entries()) {
        const cluster = clusterOf(result, i);
        copyTo(want, cluster instanceof Promise ? await cluster : cluster);
      }
      this.spare.push({ input: new Uint8Array(result.input.buffer), output: result.bytes });
    } finally {
      for (const [i, { host }] of wants.entries()) {
        if (this.inFlight.get(host) === share[i]) this.inFlight.delete(host);
      }
    }
  }

  private async decodeWant(
    want: Want,
    bytes: Uint8Array,
    start: number,
    reading: Promise<void>,
  ): Promise<void> {
    const { host, packed } = want;
    this.active++;
    const decoding = reading.then(() =>
      this.decode(bytes.subarray(host - start, host - start + packed), host),
    );
    const share = (): Promise<Uint8Array> => decoding;
    this.inFlight.set(host, share);
    try {
      const cluster = await decoding;
      copyTo(want, cluster);
      if (want.target.length < cluster.length) this.keep(host, cluster);
    } finally {
      this.active--;
      if (this.inFlight.get(host) === share) this.inFlight.delete(host);
    }
  }

  private keep(host: number, cluster: Uint8Array): void {
    this.cache.delete(host);
    this.cache.set(host, cluster);
    for (const key of this.cache.keys()) {
      if (this.cache.size <= this.capacity) break;
      this.cache.delete(key);
    }
  }

  /** Decodes one cluster; `packed` may go on behind its compressed data. */
  private async decode(packed: Uint8Array, host: number): Promise<Uint8Array> {
    const { clusterSize } = this.header;
    const isFast = this.algorithm === 'zstd' || this.active === 1;
    const onTheSpot = clusterSize <= (isFast ? MAX_SYNC_LONE_CLUSTER : MAX_SYNC_CLUSTER);
    let cluster: Uint8Array;
    try {
      cluster = await decodeCluster(packed, clusterSize, this.algorithm, onTheSpot);
    } catch (error) {
      if (error instanceof ImgoptError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'Z_MEM_ERROR' || code === 'ZSTD_error_memory_allocation') throw system(error);
      // `maxOutputLength` is the cluster size: a stream that goes on was made for larger clusters.
      const why = code === 'ERR_BUFFER_TOO_LARGE' ? 'it holds more than a cluster' : message;
      throw corrupt('QCOW2_COMPRESSED_DATA', `the compressed cluster at ${hex(host)} is damaged: ${why}`, {
        advice: DAMAGED_ADVICE,
      });
    }
    if (cluster.length !== clusterSize) {
      throw corrupt(
        'QCOW2_COMPRESSED_DATA',
        `the compressed cluster at ${hex(host)} ends after ${cluster.length} of ${clusterSize} bytes`,
        { advice: DAMAGED_ADVICE },
      );
    }
    return cluster;
  }
}

/** Loaded when it is needed: most images are closed before that, and reading them starts faster without. */
async function startPool(threads: number): Promise<CodecPool> {
  const { CodecPool } = await import('../../../compressors/pool.ts');
  return new CodecPool({ threads });
}

function copyTo(want: Want, cluster: Uint8Array): void {
  want.target.set(cluster.subarray(want.from, want.from + want.target.length));
}
