/**
 * Decoding of single clusters, as formats that compress inside the image store them: a cluster's compressed bytes
 * may be followed by others, and its decoded size is known. `cluster-work.ts` is the other direction.
 */
import { inflateRaw, inflateRawSync, constants as Z, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { viewOf } from '../core/record.ts';
import { decodeOnce } from './contexts.ts';
import { release } from './release.ts';

/** `deflate-raw`: RFC 1951 alone. `zstd`: RFC 8878, one or more frames. */
export type ClusterAlgorithm = 'deflate-raw' | 'zstd';

/** RFC 8878, 3.1.1.1.2, recommends that decoders support windows of 8 MiB; a cluster has 2 MiB at most. */
const MAX_ZSTD_WINDOW_LOG = 23;

/**
 * Decodes one cluster here and now, or in libuv's pool.
 * @param packed may go on behind its compressed data
 * @returns at most `clusterSize` bytes; fewer when the data ends early
 * @throws Error of node:zlib; ERR_BUFFER_TOO_LARGE when it holds more than a cluster
 */
export function decodeCluster(
  packed: Uint8Array,
  clusterSize: number,
  algorithm: ClusterAlgorithm,
  onTheSpot: boolean,
): Uint8Array | Promise<Uint8Array> {
  if (onTheSpot) {
    const cluster = new Uint8Array(clusterSize);
    if (decodeInto(cluster, packed, algorithm)) return cluster;
  }
  return algorithm === 'zstd'
    ? decodeZstd(packed, clusterSize, onTheSpot)
    : decodeDeflate(packed, clusterSize, onTheSpot);
}

/** Fills `cluster`, in a context that is used again; false when it is not the usual single frame or whole stream. */
function decodeInto(cluster: Uint8Array, packed: Uint8Array, algorithm: ClusterAlgorithm): boolean {
  if (algorithm !== 'zstd') return decodeOnce(packed, cluster, { kind: 'inflate-raw' });
  const length = zstdFrameLength(packed);
  if (length === null) return false;
  return decodeOnce(packed.subarray(0, length), cluster, {
    kind: 'unzstd',
    windowLogMax: MAX_ZSTD_WINDOW_LOG,
  });
}

/**
 * The decoder's default window accepts any that a writer chose. Sync-flush as the end, because decoding stops when
 * a cluster is full: writers need not finish the stream, and what follows is not ours.
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
function decodeZstd(
  packed: Uint8Array,
  clusterSize: number,
  onTheSpot: boolean,
): Uint8Array | Promise<Uint8Array> {
  const length = zstdFrameLength(packed);
  if (length === null) return new Uint8Array(0);
  const first = decodeZstdFrame(packed.subarray(0, length), clusterSize, clusterSize, onTheSpot);
  const isWhole = (part: Uint8Array): boolean => part.length >= clusterSize || length >= packed.length;
  if (!(first instanceof Promise)) {
    return isWhole(first) ? first : joinFrames(first, packed.subarray(length), clusterSize);
  }
  return first.then((part) =>
    isWhole(part) ? part : joinFrames(part, packed.subarray(length), clusterSize),
  );
}

/** What writers hardly ever do: a cluster of several frames. */
function joinFrames(first: Uint8Array, rest: Uint8Array, clusterSize: number): Uint8Array {
  const parts = [first];
  let filled = first.length;
  for (let at = 0; filled < clusterSize && at < rest.length; ) {
    const length = zstdFrameLength(rest.subarray(at));
    if (length === null) break;
    const frame = rest.subarray(at, at + length);
    const part = decodeZstdFrame(frame, clusterSize, clusterSize - filled, true) as Uint8Array;
    parts.push(part);
    filled += part.length;
    at += length;
  }
  return Buffer.concat(parts);
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

/** Many clusters of one stretch of a file. */
export interface ClusterStretch {
  readonly algorithm: ClusterAlgorithm;
  readonly clusterSize: number;
  readonly input: Uint8Array;
  /** Where in `input` each cluster begins, and how many bytes may belong to it. */
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  /** Room for all of them, one right after the other. */
  readonly output: Uint8Array<ArrayBuffer>;
}

/** Fills `output`; returns the positions of clusters that do not decode to just a cluster. */
export function decodeStretch({
  algorithm,
  clusterSize,
  input,
  starts,
  lengths,
  output,
}: ClusterStretch): number[] {
  const failed: number[] = [];
  for (let i = 0; i < starts.length; i++) {
    const packed = input.subarray(starts[i]!, starts[i]! + lengths[i]!);
    const target = output.subarray(i * clusterSize, (i + 1) * clusterSize);
    if (decodeInto(target, packed, algorithm)) continue;
    try {
      const cluster = decodeCluster(packed, clusterSize, algorithm, true) as Uint8Array;
      if (cluster.length === clusterSize) target.set(cluster);
      else failed.push(i);
      release(cluster);
    } catch {
      failed.push(i); // whoever asked decodes it again and words the failure
    }
  }
  return failed;
}
