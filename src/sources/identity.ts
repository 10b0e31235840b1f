/**
 * Identifiers of images that are written: formats want something random, we want the same input to give the same
 * bytes. So they come from the disk itself: its size, its beginning (where partition tables keep the random
 * identifiers of the disk) and its end. A writer that streams knows no more than that when it needs them.
 */
import { createHash } from 'node:crypto';
import type { BlockSource } from '../core/contracts/source.ts';

const SAMPLE_BYTES = 1024 * 1024;

/**
 * 32 bytes that name a disk.
 * @param purpose keeps the identifiers of one disk apart
 */
export async function contentIdentity(source: BlockSource, purpose: string): Promise<Buffer> {
  const sample = new Uint8Array(Math.min(SAMPLE_BYTES, source.size));
  const hash = createHash('sha256').update(`imgopt\n${purpose}\n${source.size}\n`);
  await source.read(sample, 0);
  hash.update(sample);
  await source.read(sample, source.size - sample.length);
  return hash.update(sample).digest();
}

/** The same as a UUID of version 8 (RFC 9562, 5.8), in the order of its text. */
export async function contentUuid(source: BlockSource, purpose: string): Promise<Uint8Array> {
  const uuid = (await contentIdentity(source, purpose)).subarray(0, 16);
  uuid[6] = (uuid[6]! & 0x0f) | 0x80;
  uuid[8] = (uuid[8]! & 0x3f) | 0x80;
  return uuid;
}

/** A UUID's text as its 16 bytes; undefined when it is none. */
export function parseUuid(text: unknown): Uint8Array | undefined {
  if (typeof text !== 'string' || !/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text))
    return undefined;
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}

/** A UUID's 16 bytes with its first three fields little-endian, as Microsoft's and VirtualBox's formats store it. */
export function guidBytes(uuid: Uint8Array): Uint8Array {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, (index) => uuid[index]!);
}
