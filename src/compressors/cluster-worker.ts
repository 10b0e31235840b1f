/** A worker thread: batches of clusters in, the same buffer and the compressed clusters back. */
import { parentPort } from 'node:worker_threads';
import { type ClusterCodec, type ClusterResult, compressBatch } from './cluster-work.ts';

export interface ClusterRequest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly clusterSize: number;
  readonly codec: ClusterCodec;
}

export interface ClusterAnswer extends ClusterResult {
  /** The request's, given back. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

parentPort?.on('message', ({ bytes, clusterSize, codec }: ClusterRequest) => {
  const { packed, lengths } = compressBatch(bytes, clusterSize, codec);
  const answer: ClusterAnswer = { bytes, packed, lengths };
  parentPort?.postMessage(answer, [bytes.buffer, packed.buffer, lengths.buffer]);
});
