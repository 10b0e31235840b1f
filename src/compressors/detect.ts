/** Which algorithm a stream is of, by its first bytes; those that we cannot read are refused by name. */
import type { Compressor } from '../core/contracts/compressor.ts';
import { unreadable, unsupported } from '../core/errors.ts';
import { gzip } from './gzip.ts';
import { zstd } from './zstd.ts';

/** All algorithms, the default one first. */
export const COMPRESSORS: readonly Compressor[] = [zstd, gzip];

const FOREIGN: readonly { readonly name: string; readonly magic: readonly number[] }[] = [
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68] },
  { name: 'lz4', magic: [0x04, 0x22, 0x4d, 0x18] },
  { name: 'lzip', magic: [0x4c, 0x5a, 0x49, 0x50] },
  { name: 'compress', magic: [0x1f, 0x9d] },
];

/** The name of an algorithm that we do not read, or undefined. */
export function foreignCompression(head: Uint8Array): string | undefined {
  return FOREIGN.find(({ magic }) => magic.every((byte, i) => head[i] === byte))?.name;
}

/** The algorithm of a stream that begins so, or undefined. */
export function detectCompressor(head: Uint8Array): Compressor | undefined {
  return COMPRESSORS.find((one) => one.probe(head));
}

/** @throws ImgoptError `unsupported` for other algorithms, `unreadable` when it is not compressed at all */
export function requireCompressor(head: Uint8Array): Compressor {
  const found = detectCompressor(head);
  if (found !== undefined) return found;
  const foreign = foreignCompression(head);
  if (foreign !== undefined)
    throw unsupported('ALGORITHM', `is compressed with ${foreign}, which imgopt does not read`, {
      advice: `decompress it with ${foreign} first`,
    });
  throw unreadable('NOT_COMPRESSED', head.length === 0 ? 'is empty' : 'is neither gzip nor zstd', {
    advice: 'check that it is the file you mean',
  });
}

const SUFFIXES: readonly (readonly [suffix: string, inner: string])[] = [
  ['.zst', ''],
  ['.zstd', ''],
  ['.gz', ''],
  ['.tzst', '.tar'],
  ['.tgz', '.tar'],
];

/** `disk.raw.zst` → `disk.raw`; undefined when the name tells nothing. */
export function nameWithoutSuffix(path: string): string | undefined {
  for (const [suffix, inner] of SUFFIXES) {
    const base = path.slice(0, -suffix.length);
    if (path.toLowerCase().endsWith(suffix) && base !== '' && !/[/\\]$/.test(base)) return base + inner;
  }
  return undefined;
}
