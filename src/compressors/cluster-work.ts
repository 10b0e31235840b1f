/**
 * What a worker does with a batch of clusters: leaves out the zero ones, compresses the rest one by one, and says
 * which did not shrink. Everything that decides the output's bytes is in the request, nothing in the worker.
 *
 * Calls are synchronous: for pieces this small the way through libuv's pool costs more than the work.
 */
import { constants, deflateRawSync, deflateSync, zstdCompressSync } from 'node:zlib';
import { isZero } from '../core/zeros.ts';
import { type ContextSettings, encodeOnce } from './contexts.ts';

export interface ClusterCodec {
  /** `deflate-raw`: RFC 1951 alone (qcow2). `zlib`: with RFC 1950's header (VMDK). `zstd`: one frame. */
  readonly algorithm: 'deflate-raw' | 'zlib' | 'zstd';
  readonly level: number;
  /** Of deflate: base-2 logarithm of the window. */
  readonly windowBits?: number;
  /** Of deflate: size of its symbol buffer; MEM_LEVEL unless given. */
  readonly memLevel?: number;
}

/** Values of `lengths` that are no length. */
export const CLUSTER_ZERO = 0;
export const CLUSTER_PLAIN = -1;

export interface ClusterResult {
  /** The compressed clusters, one right after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Per cluster: compressed length, CLUSTER_ZERO (all zeros) or CLUSTER_PLAIN (did not shrink). */
  readonly lengths: Int32Array<ArrayBuffer>;
}

/**
 * deflate's memory level. Node's zlib is Chromium's, whose hash takes four bytes where stock zlib takes three: it
 * is faster and loses one or two per cent. Smaller symbol buffers, so Huffman tables that follow the content more
 * closely, win a part of it back; below 7 nothing more is to be had in clusters of 64 KiB.
 */
const MEM_LEVEL = 7;

/** Room for what does not shrink, so that one call never grows its output. */
function boundOf(length: number): number {
  return Math.max(1024, length + (length >> 7) + 512);
}

function settingsOf({
  algorithm,
  level,
  memLevel = MEM_LEVEL,
  windowBits = 15,
}: ClusterCodec): ContextSettings {
  if (algorithm === 'zstd') return { kind: 'zstd', level };
  return { kind: algorithm === 'zlib' ? 'deflate' : 'deflate-raw', level, memLevel, windowBits };
}

/** One cluster, compressed. */
export function compressCluster(bytes: Uint8Array, codec: ClusterCodec): Uint8Array {
  const room = new Uint8Array(boundOf(bytes.length));
  const length = compressInto(room, bytes, codec);
  return room.subarray(0, length);
}

/** Compresses `bytes` to the beginning of `room`; returns how much of it that took. */
function compressInto(room: Uint8Array, bytes: Uint8Array, codec: ClusterCodec): number {
  const length = encodeOnce(bytes, room, settingsOf(codec));
  if (length !== undefined) return length;
  const part = compressAnew(bytes, codec);
  room.set(part);
  return part.length;
}

/** The same in a context of its own: the documented way. */
export function compressAnew(bytes: Uint8Array, codec: ClusterCodec): Uint8Array {
  const { algorithm, level, memLevel = MEM_LEVEL, windowBits = 15 } = codec;
  const chunkSize = boundOf(bytes.length);
  if (algorithm === 'zstd') {
    return zstdCompressSync(bytes, {
      chunkSize,
      // Knowing the size, zstd allocates and clears tables for it rather than for megabytes: a third of the time.
      pledgedSrcSize: bytes.length,
      params: { [constants.ZSTD_c_compressionLevel]: level },
    });
  }
  const options = { level, chunkSize, memLevel, windowBits };
  return algorithm === 'zlib' ? deflateSync(bytes, options) : deflateRawSync(bytes, options);
}

/** Compressed clusters of the batch at work, one right after the other. */
let packing = new Uint8Array(0);

/** Every cluster of `bytes`, which is a whole number of them. */
export function compressBatch(bytes: Uint8Array, clusterSize: number, codec: ClusterCodec): ClusterResult {
  const count = bytes.length / clusterSize;
  const lengths = new Int32Array(count);
  const worst = bytes.length + boundOf(clusterSize);
  if (packing.length < worst) packing = new Uint8Array(worst);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const cluster = bytes.subarray(i * clusterSize, (i + 1) * clusterSize);
    if (isZero(cluster)) continue;
    const length = compressInto(packing.subarray(at, at + boundOf(clusterSize)), cluster, codec);
    if (length >= clusterSize) {
      lengths[i] = CLUSTER_PLAIN;
      continue;
    }
    lengths[i] = length;
    at += length;
  }
  return { bytes: packing.slice(0, at), lengths };
}
