/** Small helpers over a BlockSource that every reader needs. */
import type { ProbeInput } from '../core/contracts/disk.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import { corrupt, isArtifactError } from '../core/errors.ts';
import { MAX_READ_BYTES, PROBE_HEAD_BYTES, PROBE_TAIL_BYTES } from '../core/limits.ts';

/**
 * Reads `length` bytes at `offset` into a new array.
 * @throws ImgoptError `corrupt` when the range is outside the source or longer than MAX_READ_BYTES
 */
export async function readBytes(source: BlockSource, offset: number, length: number): Promise<Uint8Array> {
  if (length > MAX_READ_BYTES) throw corrupt('READ_TOO_LARGE', `${length} bytes asked for at once`);
  if (offset + length > source.size) await source.read(EMPTY, offset + length); // lets the source word the error
  const target = new Uint8Array(length);
  await source.read(target, offset);
  return target;
}

const EMPTY = new Uint8Array(0);

/**
 * Head and tail for detection. A truncated image has lost its tail: that one is empty then, since the head alone
 * tells most kinds, and reading them will meet the damage again and report it.
 */
export async function readProbe(source: BlockSource): Promise<ProbeInput> {
  const head = new Uint8Array(Math.min(PROBE_HEAD_BYTES, source.size));
  const tail = new Uint8Array(Math.min(PROBE_TAIL_BYTES, source.size));
  const [, isTailThere] = await Promise.all([
    source.read(head, 0),
    source.read(tail, source.size - tail.length).then(
      () => true,
      (error: unknown) => {
        if (!isArtifactError(error)) throw error;
        return false;
      },
    ),
  ]);
  return { head, tail: isTailThere ? tail : new Uint8Array(0), size: source.size };
}
