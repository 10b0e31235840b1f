/**
 * What a worker does with a batch of clusters: leaves out the zero ones, compresses the rest one by one, and says
 * which did not shrink. Everything that decides the output's bytes is in the request, nothing in the worker.
 *
 * Calls are synchronous: for pieces this small the way through libuv's pool costs more than the work.
 */
import { crc32 } from 'node:zlib';
import { isZero } from '../core/zeros.ts';
import { type EncoderSettings, encodeAnew, encodeOnce } from './contexts.ts';
import { assertRoundTrip } from './round-trip.ts';

export interface ClusterCodec {
  /** `deflate-raw`: RFC 1951 alone (qcow2). `zlib`: with RFC 1950's header (VMDK). `zstd`: one frame. */
  readonly algorithm: 'deflate-raw' | 'zlib' | 'zstd';
  readonly level: number;
  /** Of deflate: base-2 logarithm of the window. */
  readonly windowBits?: number;
  /** Of deflate: size of its symbol buffer; follows the content unless given. */
  readonly memLevel?: number;
  /** What does not shrink is a stream too, one of stored blocks: no cluster is plain. */
  readonly storesAll?: boolean;
}

/** Values of `lengths` that are no length. */
export const CLUSTER_ZERO = 0;
export const CLUSTER_PLAIN = -1;

export interface ClusterResult {
  /** The compressed clusters, one right after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Per cluster: compressed length, CLUSTER_ZERO (all zeros) or CLUSTER_PLAIN (did not shrink). */
  readonly lengths: Int32Array<ArrayBuffer>;
  /** CRC-32 of what is to be stored, plain clusters included; 0 unless asked for. */
  readonly crc: number;
}

/** Room for what does not shrink, so that one call never grows its output. */
function boundOf(length: number): number {
  return Math.max(1024, length + (length >> 7) + 512);
}

/** deflate's symbol buffer for most content: 8192 symbols, after which it begins a new block. */
const MEM_LEVEL = 7;
/** From the middle of a cluster, to see how well it compresses. */
const TRIAL_BYTES = 4096;
const TRIAL_SETTINGS = { kind: 'deflate-raw', level: 1, memLevel: MEM_LEVEL, windowBits: 12 } as const;
/** Not worth it for smaller clusters. */
const MIN_TRIAL_CLUSTER = 32 * 1024;

/**
 * How `bytes` are compressed; follows from them and the codec alone.
 *
 * Node's zlib is Chromium's, whose hash takes four bytes where stock zlib takes three: it is faster and loses one or
 * two per cent. A part of that comes back by going along with the content. Text and tables that are mostly zeros gain
 * from small symbol buffers, so Huffman codes that follow closely, and, at the usual level, from a longer search (in
 * a window of 4 KiB, where it costs little, more of them); machine code gains from large buffers. A trial of 4 KiB
 * tells them apart for a twentieth of the time. Clusters of a Debian root, against one setting for all: 0.9967 of the
 * bytes in a window of 4 KiB; in one of 32 KiB the bytes of level 7 for 0.81 of its time.
 */
function settingsFor(bytes: Uint8Array, codec: ClusterCodec): EncoderSettings {
  const { algorithm, level, windowBits = 15, memLevel } = codec;
  if (algorithm === 'zstd') return { kind: 'zstd', level };
  const kind = algorithm === 'zlib' ? 'deflate' : 'deflate-raw';
  const usual = { kind, level, memLevel: memLevel ?? MEM_LEVEL, windowBits } as const;
  if (memLevel !== undefined || bytes.length < MIN_TRIAL_CLUSTER) return usual;
  const from = (bytes.length - TRIAL_BYTES) >> 1;
  const trial = bytes.subarray(from, from + TRIAL_BYTES);
  const ratio = compressInto(trialRoom, trial, TRIAL_SETTINGS) / TRIAL_BYTES;
  if (ratio < 0.5) {
    const isSearchedLonger = level === 6 && ratio < (windowBits <= 12 ? 0.5 : 0.15);
    return { ...usual, level: isSearchedLonger ? 7 : level, memLevel: 6 };
  }
  return ratio >= 0.6 && ratio < 0.8 ? { ...usual, memLevel: 9 } : usual;
}

function storingSettings({ algorithm, windowBits = 15 }: ClusterCodec): EncoderSettings {
  const kind = algorithm === 'zlib' ? 'deflate' : 'deflate-raw';
  return { kind, level: 0, memLevel: MEM_LEVEL, windowBits };
}

const trialRoom = new Uint8Array(boundOf(TRIAL_BYTES));

/** One cluster, compressed. */
export function compressCluster(bytes: Uint8Array, codec: ClusterCodec): Uint8Array {
  const room = new Uint8Array(boundOf(bytes.length));
  return room.subarray(0, compressInto(room, bytes, settingsFor(bytes, codec)));
}

/** Compresses `bytes` to the beginning of `room`; returns how much of it that took. */
function compressInto(room: Uint8Array, bytes: Uint8Array, settings: EncoderSettings): number {
  const length = encodeOnce(bytes, room, settings);
  if (length !== undefined) return length;
  const part = encodeAnew(bytes, boundOf(bytes.length), settings);
  room.set(part);
  return part.length;
}

/** Compressed clusters of the batch at work, one right after the other. */
let packing = new Uint8Array(0);

/**
 * Every cluster of `bytes`, which is a whole number of them.
 * @param seal decode each again, compare, and return the CRC-32 of what is to be stored
 * @throws Error with `code` BAD_ROUND_TRIP when a cluster does not come back
 */
export function compressBatch(
  bytes: Uint8Array,
  clusterSize: number,
  codec: ClusterCodec,
  seal: boolean,
): ClusterResult {
  const count = bytes.length / clusterSize;
  const lengths = new Int32Array(count);
  const room = boundOf(clusterSize);
  if (packing.length < count * room) packing = new Uint8Array(count * room);
  let at = 0;
  let crc = 0;
  for (let i = 0; i < count; i++) {
    const cluster = bytes.subarray(i * clusterSize, (i + 1) * clusterSize);
    if (isZero(cluster)) continue;
    const target = packing.subarray(at, at + room);
    let length = compressInto(target, cluster, settingsFor(cluster, codec));
    if (length >= clusterSize && codec.storesAll === true) {
      length = compressInto(target, cluster, storingSettings(codec));
    } else if (length >= clusterSize) {
      lengths[i] = CLUSTER_PLAIN;
      if (seal) crc = crc32(cluster, crc);
      continue;
    }
    lengths[i] = length;
    if (seal) {
      const packed = packing.subarray(at, at + length);
      assertRoundTrip(packed, cluster, codec.algorithm);
      crc = crc32(packed, crc);
    }
    at += length;
  }
  return { bytes: packing.slice(0, at), lengths, crc };
}
