/**
 * The compressors of squashfs. Every block is a stream of its own: zlib's for `gzip`, a frame for zstd, a bare block
 * for lz4, an .xz file for xz, which is read through the decompressor that a plugin contributes. lzma and lzo are
 * refused by name.
 */
import { promisify } from 'node:util';
import { inflate, constants as Z, zstdDecompress } from 'node:zlib';
import type { Decompressor } from '../../../core/contracts/compressor.ts';
import type { Context } from '../../../core/contracts/context.ts';
import { corrupt, ImgoptError, unsupported } from '../../../core/errors.ts';
import { decodeLz4 } from '../lz4.ts';
import { COMPRESSOR_NAMES } from './layout.ts';

/**
 * Decodes one block of at most `capacity` bytes.
 * @throws ImgoptError `corrupt` when it is damaged or holds more, `unsupported` for features that a decoder lacks
 */
export type Decode = (packed: Uint8Array, capacity: number) => Promise<Uint8Array>;

const inflated = promisify(inflate);
const unzstd = promisify(zstdDecompress);

/** A window is no larger than its block, which has 1 MiB at most; encoders may round it up once or twice. */
const ZSTD_WINDOW_LOG = 23;

/**
 * @param compression the superblock's number
 * @throws ImgoptError `unsupported`, naming the compressor
 */
export function decoderFor(
  compression: number,
  context: Context,
  decompressors: readonly Decompressor[],
): Decode {
  const name = COMPRESSOR_NAMES[compression];
  if (name === 'gzip') {
    return sound(name, (packed, capacity) => inflated(packed, { maxOutputLength: capacity }));
  }
  if (name === 'zstd') {
    const params = { [Z.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG };
    return sound(name, (packed, capacity) => unzstd(packed, { maxOutputLength: capacity, params }));
  }
  if (name === 'lz4') return sound(name, async (packed, capacity) => decodeLz4(packed, capacity));
  const contributed = decompressors.find((one) => one.name === name);
  if (name === 'xz' && contributed !== undefined) {
    return sound(name, (packed, capacity) => decompressed(contributed, packed, capacity, context));
  }
  const what = name ?? `number ${compression}`;
  throw unsupported('SQUASHFS_COMPRESSOR', `is compressed with ${what}, which is not read`, {
    advice:
      name === 'xz'
        ? 'install the plugin that reads xz'
        : 'build it with -comp zstd, gzip or lz4 to have it explained',
  });
}

/** Whatever a decoder says of its input is damage of the block, unless it is known to be something else. */
function sound(name: string, decode: Decode): Decode {
  return async (packed, capacity) => {
    try {
      return await decode(packed, capacity);
    } catch (error) {
      const { name: kind, message, code } = error as NodeJS.ErrnoException;
      if (error instanceof ImgoptError || kind === 'AbortError') throw error;
      if (code === 'UNSUPPORTED')
        throw unsupported('SQUASHFS_COMPRESSION_FEATURE', `its ${name}: ${message}`);
      const reason = code === 'ERR_BUFFER_TOO_LARGE' ? 'it holds more than its block' : message;
      throw corrupt('SQUASHFS_BLOCK', `a ${name} block cannot be decoded: ${reason}`, { cause: error });
    }
  };
}

async function decompressed(
  decompressor: Decompressor,
  packed: Uint8Array,
  capacity: number,
  context: Context,
): Promise<Uint8Array> {
  const output = new Uint8Array(capacity);
  let filled = 0;
  await decompressor.decompress(
    once(packed),
    (bytes) => {
      if (filled + bytes.length > capacity) throw corrupt('SQUASHFS_BLOCK', 'it holds more than its block');
      output.set(bytes, filled);
      filled += bytes.length;
    },
    context,
  );
  return output.subarray(0, filled);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
