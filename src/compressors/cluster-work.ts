/**
 * What a worker does with a batch of clusters: leaves out the zero ones, compresses the rest one by one, and says
 * which did not shrink. Everything that decides the output's bytes is in the request, nothing in the worker.
 *
 * Calls are synchronous: for pieces this small the way through libuv's pool costs more than the work.
 */
import { constants, deflateRawSync, deflateSync, zstdCompressSync } from 'node:zlib';
import { isZero } from '../core/zeros.ts';
import { release } from './release.ts';

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

/** One cluster, compressed. */
export function compressCluster(bytes: Uint8Array, codec: ClusterCodec): Uint8Array {
  const { algorithm, level } = codec;
  // Room for what does not shrink, so that the one call never grows its output.
  const chunkSize = Math.max(1024, bytes.length + (bytes.length >> 7) + 512);
  if (algorithm === 'zstd') {
    return zstdCompressSync(bytes, {
      chunkSize,
      // Knowing the size, zstd allocates and clears tables for it rather than for megabytes: a third of the time.
      pledgedSrcSize: bytes.length,
      params: { [constants.ZSTD_c_compressionLevel]: level },
    });
  }
  const options = {
    level,
    chunkSize,
    memLevel: codec.memLevel ?? MEM_LEVEL,
    windowBits: codec.windowBits ?? 15,
  };
  return algorithm === 'zlib' ? deflateSync(bytes, options) : deflateRawSync(bytes, options);
}

/** Every cluster of `bytes`, which is a whole number of them. */
export function compressBatch(bytes: Uint8Array, clusterSize: number, codec: ClusterCodec): ClusterResult {
  const count = bytes.length / clusterSize;
  const lengths = new Int32Array(count);
  const parts: Uint8Array[] = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    const cluster = bytes.subarray(i * clusterSize, (i + 1) * clusterSize);
    if (isZero(cluster)) continue;
    const part = compressCluster(cluster, codec);
    if (part.length >= clusterSize) {
      release(part);
      lengths[i] = CLUSTER_PLAIN;
      continue;
    }
    lengths[i] = part.length;
    total += part.length;
    parts.push(part);
  }
  const packed = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    packed.set(part, at);
    at += part.length;
    release(part);
  }
  return { bytes: packed, lengths };
}
