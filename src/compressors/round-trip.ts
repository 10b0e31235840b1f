/** Does what was just compressed decode to what it was made of? Asked while both are still in a core's cache. */
import { inflateRawSync, inflateSync, constants as Z, zstdDecompressSync } from 'node:zlib';
import { MAX_ZSTD_WINDOW_LOG } from '../core/limits.ts';
import { mismatch } from '../core/seals.ts';
import { type DecoderSettings, decodeOnce } from './contexts.ts';

export type RoundTripAlgorithm = 'deflate-raw' | 'zlib' | 'zstd';

/** Marks compressed bytes that do not decode to what they were made of. */
export const BAD_ROUND_TRIP = 'IMGOPT_BAD_ROUND_TRIP';

/** @throws ImgoptError `failed-check` for that; anything else as it is */
export function rethrowRoundTrip(error: NodeJS.ErrnoException): never {
  throw error.code === BAD_ROUND_TRIP ? mismatch(error.message) : error;
}

const DECODERS: Readonly<Record<RoundTripAlgorithm, DecoderSettings>> = {
  'deflate-raw': { kind: 'inflate-raw' },
  zlib: { kind: 'inflate' },
  zstd: { kind: 'unzstd', windowLogMax: MAX_ZSTD_WINDOW_LOG },
};

let decoded = Buffer.alloc(0);

/** @throws Error with `code` BAD_ROUND_TRIP */
export function assertRoundTrip(
  packed: Uint8Array,
  content: Uint8Array,
  algorithm: RoundTripAlgorithm,
): void {
  if (decoded.length < content.length) decoded = Buffer.allocUnsafeSlow(content.length);
  const target = decoded.subarray(0, content.length);
  if (decodeOnce(packed, target, DECODERS[algorithm]) && target.equals(content)) return;
  // Whatever is unusual is asked again the documented way, which decides.
  if (decodeAnew(packed, content.length, algorithm)?.equals(content)) return;
  throw Object.assign(new Error('what was compressed does not decode to what it was made of'), {
    code: BAD_ROUND_TRIP,
  });
}

function decodeAnew(packed: Uint8Array, length: number, algorithm: RoundTripAlgorithm): Buffer | undefined {
  const options = { chunkSize: Math.max(64, length + 1), maxOutputLength: length + 1 };
  try {
    if (algorithm === 'zlib') return inflateSync(packed, options);
    if (algorithm === 'deflate-raw') return inflateRawSync(packed, options);
    return zstdDecompressSync(packed, {
      ...options,
      params: { [Z.ZSTD_d_windowLogMax]: MAX_ZSTD_WINDOW_LOG },
    });
  } catch {
    return undefined; // damaged: the caller says so
  }
}
