/**
 * Is this qcow2? The magic number decides. A header whose magic number has one or two damaged bytes but which
 * is consistent otherwise 'resembles': qemu-img takes such a file for raw and exits 0; we say what it looks like.
 */
import type { Probe, ProbeInput } from '../../../core/contracts/disk.ts';
import { viewOf } from '../../../core/record.ts';
import {
  MAGIC,
  MAX_BACKING_NAME,
  MAX_CLUSTER_BITS,
  MAX_REFCOUNT_ORDER,
  MIN_CLUSTER_BITS,
  V2_HEADER_LENGTH,
  V3_HEADER_LENGTH,
} from './layout.ts';

const MAX_DAMAGED_BYTES = 2;

export function probeQcow2({ head }: ProbeInput): Probe | undefined {
  let damaged = 0;
  for (let i = 0; i < MAGIC.length; i++) if (head[i] !== MAGIC.charCodeAt(i)) damaged++;
  if (damaged === 0) {
    const version = head.length >= 8 ? viewOf(head).getUint32(4) : undefined;
    const description =
      version === undefined ? 'qcow2' : version === 1 ? 'qcow version 1' : `qcow2 version ${version}`;
    return { certainty: 'certain', description };
  }
  if (damaged > MAX_DAMAGED_BYTES || !isConsistent(head)) return undefined;
  return {
    certainty: 'resembles',
    description: `qcow2 version ${viewOf(head).getUint32(4)} with a damaged magic number`,
  };
}

/** The header's other fields, as far as they have few valid values. */
function isConsistent(head: Uint8Array): boolean {
  if (head.length < V3_HEADER_LENGTH) return false;
  const view = viewOf(head);
  const version = view.getUint32(4);
  const clusterBits = view.getUint32(20);
  if ((version !== 2 && version !== 3) || clusterBits < MIN_CLUSTER_BITS || clusterBits > MAX_CLUSTER_BITS) {
    return false;
  }
  const clusterSize = 2 ** clusterBits;
  const headerLength = version === 2 ? V2_HEADER_LENGTH : view.getUint32(100);
  const backingOffset = view.getBigUint64(8);
  const l1Offset = view.getBigUint64(40);
  const refcountOffset = view.getBigUint64(48);
  return (
    headerLength >= V2_HEADER_LENGTH &&
    headerLength <= clusterSize &&
    view.getUint32(32) <= 2 &&
    (version === 2 || view.getUint32(96) <= MAX_REFCOUNT_ORDER) &&
    backingOffset <= BigInt(clusterSize) &&
    (backingOffset === 0n || view.getUint32(16) <= MAX_BACKING_NAME) &&
    l1Offset !== 0n &&
    l1Offset % BigInt(clusterSize) === 0n &&
    refcountOffset !== 0n &&
    refcountOffset % BigInt(clusterSize) === 0n
  );
}
