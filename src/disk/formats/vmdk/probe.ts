/** 'Is this a VMDK?', asked of the first bytes of a file. */
import type { Probe, ProbeInput } from '../../../core/contracts/disk.ts';
import { viewOf } from '../../../core/record.ts';
import { probeDescriptor } from './descriptor.ts';
import {
  COWD_MAGIC,
  END_LINE_CHARS,
  SECTOR,
  SESPARSE_MAGIC,
  SESPARSE_VERSION,
  SPARSE_MAGIC,
  SparseExtentHeader,
} from './layout.ts';

export type VmdkKind = 'sparse' | 'cowd' | 'sesparse' | 'descriptor';

/** What the head of a file is; undefined when it is no VMDK. Pure, for any length. */
export function kindOf(head: Uint8Array): VmdkKind | undefined {
  const magic = Buffer.from(head.buffer, head.byteOffset, Math.min(4, head.length)).toString('latin1');
  if (magic === SPARSE_MAGIC) return 'sparse';
  if (magic === COWD_MAGIC) return 'cowd';
  if (head.length >= 16) {
    const view = viewOf(head);
    if (view.getBigUint64(0, true) === SESPARSE_MAGIC && view.getBigUint64(8, true) === SESPARSE_VERSION)
      return 'sesparse';
  }
  return probeDescriptor(head) === 'certain' ? 'descriptor' : undefined;
}

const DESCRIPTIONS: Record<VmdkKind, string> = {
  sparse: 'VMDK',
  cowd: 'VMDK of an ESX redo log (COWD)',
  sesparse: 'VMDK of an ESX space-efficient snapshot (seSparse)',
  descriptor: 'VMDK descriptor',
};

/** @see ImageFormat.probe */
export function probeVmdk({ head }: ProbeInput): Probe | undefined {
  const kind = kindOf(head);
  if (kind === 'sparse') {
    const version = head.length >= 8 ? ` version ${viewOf(head).getUint32(4, true)}` : ', cut short';
    return { certainty: 'certain', description: `VMDK${version}` };
  }
  if (kind !== undefined) return { certainty: 'certain', description: DESCRIPTIONS[kind] };
  if (hasSparseHeader(head)) {
    return { certainty: 'resembles', description: 'VMDK with a damaged magic number' };
  }
  if (probeDescriptor(head) === 'resembles') {
    return { certainty: 'resembles', description: 'VMDK descriptor with a damaged beginning' };
  }
  return undefined;
}

/** All but the magic number is as in a sparse extent's header: four independent fields agree. */
function hasSparseHeader(head: Uint8Array): boolean {
  if (head.length < SECTOR) return false;
  const view = viewOf(head);
  const version = view.getUint32(4, true);
  const { fields } = SparseExtentHeader;
  const grainSize = view.getBigUint64(fields.grainSize.offset, true);
  return (
    version >= 1 &&
    version <= 3 &&
    grainSize >= 8n &&
    grainSize <= 0x200000n &&
    (grainSize & (grainSize - 1n)) === 0n &&
    view.getUint32(fields.numGTEsPerGT.offset, true) === 512 &&
    fields.endLineChars.read(view, fields.endLineChars.offset) === END_LINE_CHARS
  );
}
