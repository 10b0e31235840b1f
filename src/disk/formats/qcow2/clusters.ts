/**
 * Compressed clusters: fetched in joint host reads, decoded side by side, shared while in flight, and kept in a
 * small cache when only a part of one was asked for (a sequential reader of whole clusters leaves it alone).
 *
 * Where to decode is a matter of measure (Node 24, 2 cores, real file content). A cluster of 4 KiB takes 30 us
 * on the spot and 80 to 160 us through libuv's pool, one of 16 KiB 50 against 96, one of 64 KiB 160 against 190.
 * So clusters of up to 32 KiB are decoded on the spot; larger ones go to the pool, where they use the other
 * cores and leave the event loop to others, except a single one of 64 KiB (the usual size) that has no company, and
 * zstd of that size, which costs half as much to decode as deflate.
 */
import { inflateRaw, inflateRawSync, constants as Z, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, ImgoptError, system } from '../../../core/errors.ts';
import { viewOf } from '../../../core/record.ts';
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
/** RFC 8878, 3.1.1.1.2, recommends that decoders support windows of 8 MiB; a cluster has 2 MiB at most. */
const MAX_ZSTD_WINDOW_LOG = 23;

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
  private readonly inFlight = new Map<number, Promise<Uint8Array>>();
  /** Clusters being fetched or decoded. */
  private active = 0;

  constructor(file: BlockSource, header: Header, cacheBytes: number) {
    this.file = file;
    this.header = header;
    this.capacity = Math.max(1, Math.floor(cacheBytes / header.clusterSize));
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
    const workers = Array.from({ length: Math.min(GROUPS_IN_FLIGHT, groups.length) }, worker);
    const results = await Promise.allSettled(workers); // nobody writes to a target after we return
    for (const result of results) if (result.status === 'rejected') throw result.reason;
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
      else waiting.push(running.then((cluster) => copyTo(want, cluster)));
    }
    if (fresh.length > 0) {
      // Clusters need not lie in the guest's order, and the group's first may be in flight elsewhere.
      let start = Number.POSITIVE_INFINITY;
      let end = 0;
      for (const want of fresh) {
        start = Math.min(start, want.host);
        end = Math.max(end, want.host + want.packed);
      }
      const bytes = new Uint8Array(end - start);
      const reading = this.file.read(bytes, start);
      for (const want of fresh) waiting.push(this.decodeWant(want, bytes, start, reading));
    }
    const results = await Promise.allSettled(waiting);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
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
    this.inFlight.set(host, decoding);
    try {
      const cluster = await decoding;
      copyTo(want, cluster);
      if (want.target.length < cluster.length) this.keep(host, cluster);
    } finally {
      this.active--;
      if (this.inFlight.get(host) === decoding) this.inFlight.delete(host);
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
    const { clusterSize, compressionType } = this.header;
    const isFast = compressionType === 'zstd' || this.active === 1;
    const onTheSpot = clusterSize <= (isFast ? MAX_SYNC_LONE_CLUSTER : MAX_SYNC_CLUSTER);
    let cluster: Uint8Array;
    try {
      cluster =
        compressionType === 'zstd'
          ? await decodeZstd(packed, clusterSize, onTheSpot)
          : await decodeDeflate(packed, clusterSize, onTheSpot);
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

function copyTo(want: Want, cluster: Uint8Array): void {
  want.target.set(cluster.subarray(want.from, want.from + want.target.length));
}

/**
 * Raw deflate with a window of 4 KiB; the decoder's default window accepts any. Sync-flush as the end, because
 * decoding stops when a cluster is full: writers need not finish the stream, and what follows is not ours.
 */
function decodeDeflate(
  packed: Uint8Array,
  clusterSize: number,
  onTheSpot: boolean,
): Uint8Array | Promise<Uint8Array> {
  const options = { chunkSize: clusterSize, maxOutputLength: clusterSize, finishFlush: Z.Z_SYNC_FLUSH };
  if (onTheSpot) return inflateRawSync(packed, options);
  return new Promise((resolve, reject) => {
    inflateRaw(packed, options, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
}

/** One or more frames until a cluster is full; node:zlib refuses trailing bytes, so each frame is measured. */
async function decodeZstd(packed: Uint8Array, clusterSize: number, onTheSpot: boolean): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let filled = 0;
  let at = 0;
  while (filled < clusterSize && at < packed.length) {
    const length = zstdFrameLength(packed.subarray(at));
    if (length === null) break;
    const part = await decodeZstdFrame(
      packed.subarray(at, at + length),
      clusterSize,
      clusterSize - filled,
      onTheSpot,
    );
    parts.push(part);
    filled += part.length;
    at += length;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

function decodeZstdFrame(
  frame: Uint8Array,
  clusterSize: number,
  most: number,
  onTheSpot: boolean,
): Uint8Array | Promise<Uint8Array> {
  const options = {
    chunkSize: clusterSize,
    maxOutputLength: most,
    params: { [Z.ZSTD_d_windowLogMax]: MAX_ZSTD_WINDOW_LOG },
  };
  if (onTheSpot) return zstdDecompressSync(frame, options);
  return new Promise((resolve, reject) => {
    zstdDecompress(frame, options, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
}

const ZSTD_MAGIC = 0xfd2fb528;

/**
 * Bytes of the zstd frame at the start of `bytes` (RFC 8878, 3.1.1); null when there is no whole frame.
 * Walks block headers only.
 */
export function zstdFrameLength(bytes: Uint8Array): number | null {
  if (bytes.length < 6) return null;
  const view = viewOf(bytes);
  const magic = view.getUint32(0, true);
  if (magic >>> 4 === 0x184d2a5) {
    const length = bytes.length < 8 ? Number.POSITIVE_INFINITY : 8 + view.getUint32(4, true);
    return length <= bytes.length ? length : null;
  }
  if (magic !== ZSTD_MAGIC) return null;
  const descriptor = bytes[4]!;
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3]!;
  const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
  let at = 5 + (singleSegment ? 0 : 1) + dictionary + contentSize;
  for (;;) {
    if (at + 3 > bytes.length) return null;
    const header = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
    const type = (header >>> 1) & 3;
    if (type === 3) return null; // reserved
    at += 3 + (type === 1 ? 1 : header >>> 3); // a run-length block stores one byte
    if ((header & 1) !== 0) break;
  }
  if ((descriptor & 0x04) !== 0) at += 4;
  return at <= bytes.length ? at : null;
}
