/**
 * The compressors of EROFS: bare LZ4 blocks, MicroLZMA and bare DEFLATE streams, zstd frames. Each cluster is a stream of
 * its own, with zeros in front of it that fill its blocks. (Images before the feature lz4_0padding fill them behind.)
 */
import { promisify } from 'node:util';
import { inflateRaw, constants as Z, zstdDecompress } from 'node:zlib';
import { corrupt } from '../../../core/errors.ts';
import { decodeLz4, decodeLz4Prefix } from '../lz4.ts';
import { ALGORITHM_NAMES, PCLUSTER_MAX_DSIZE } from './layout.ts';
import { decodeMicroLzma } from './micro-lzma.ts';

const inflated = promisify(inflateRaw);
const unzstd = promisify(zstdDecompress);

/** A window is no larger than the cluster's decoded bytes: 12 MiB at most, rounded up. */
const ZSTD_WINDOW_LOG = 24;

/**
 * Decodes one cluster.
 * @param length bytes that are wanted
 * @param isPartial the stream may hold more than that
 * @param isPaddedInFront whether LZ4's padding stands in front
 * @returns `length` bytes
 * @throws ImgoptError `corrupt` when it is damaged or holds another number of bytes
 */
export async function decodeCluster(
  algorithm: number,
  packed: Uint8Array,
  length: number,
  isPartial: boolean,
  isPaddedInFront: boolean,
): Promise<Uint8Array> {
  const name = ALGORITHM_NAMES[algorithm]!;
  const fail = (reason: string, cause?: unknown) =>
    corrupt('EROFS_CLUSTER', `a compressed cluster (${name}) cannot be decoded: ${reason}`, { cause });
  const isBehind = name === 'lz4' && !isPaddedInFront;
  let start = 0;
  if (!isBehind) while (start < packed.length && packed[start] === 0) start++;
  if (start === packed.length && !isBehind) throw fail('it holds nothing but zeros');
  const stream = packed.subarray(start);
  let bytes: Uint8Array;
  try {
    if (name === 'lz4') {
      bytes = isPartial || isBehind ? decodeLz4Prefix(stream, length) : decodeLz4(stream, length);
    } else if (name === 'lzma') bytes = decodeMicroLzma(stream, length, isPartial);
    else {
      const maxOutputLength = isPartial ? PCLUSTER_MAX_DSIZE : length;
      const params = { [Z.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG };
      bytes =
        name === 'zstd'
          ? await unzstd(stream, { maxOutputLength, params })
          : await inflated(stream, { maxOutputLength });
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw fail(code === 'ERR_BUFFER_TOO_LARGE' ? 'it holds more than its extent' : message, error);
  }
  if (bytes.length < length) throw fail(`it holds ${bytes.length} bytes, its extent has ${length}`);
  return bytes.length === length ? bytes : bytes.subarray(0, length);
}
