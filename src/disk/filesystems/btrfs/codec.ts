/** What compressed extents hold: zlib's streams, zstd's frames and LZO's segments, each with padding behind. */
import { promisify } from 'node:util';
import { inflate, constants as Z, zstdDecompress } from 'node:zlib';
import { readFrame } from '../../../compressors/zstd-layout.ts';
import { corrupt, ImgoptError, unsupported } from '../../../core/errors.ts';
import { COMPRESSION_NAMES } from './layout.ts';
import { decodeBtrfsLzo } from './lzo.ts';

const inflated = promisify(inflate);
const unzstd = promisify(zstdDecompress);
/** The kernel's encoder takes windows of 128 KiB (ZSTD_BTRFS_MAX_WINDOWLOG). */
const ZSTD_WINDOW_LOG = 17;

/** Whether an extent is compressed in a way that is read. @throws `unsupported` naming another one */
export function checkCompression(compression: number): boolean {
  if (compression >= COMPRESSION_NAMES.length) {
    throw unsupported(
      'BTRFS_COMPRESSION',
      `an extent is compressed in way ${compression}, which is not known`,
    );
  }
  return compression !== 0;
}

/**
 * @param capacity most bytes that it may hold
 * @throws ImgoptError `corrupt` when it is damaged or holds more
 */
export async function decompress(
  compression: number,
  packed: Uint8Array,
  capacity: number,
  sectorSize: number,
): Promise<Uint8Array> {
  const name = COMPRESSION_NAMES[compression]!;
  try {
    if (name === 'zlib') return await inflated(packed, { maxOutputLength: capacity });
    if (name === 'lzo') return decodeBtrfsLzo(packed, capacity, sectorSize);
    const frame = readFrame(packed);
    if (frame === undefined) throw new Error('there is no whole frame');
    return await unzstd(packed.subarray(0, frame.end), {
      maxOutputLength: capacity,
      params: { [Z.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG },
    });
  } catch (error) {
    if (error instanceof ImgoptError && error.family !== 'corrupt') throw error;
    const { message, code } = error as NodeJS.ErrnoException;
    const reason = code === 'ERR_BUFFER_TOO_LARGE' ? 'it holds more than it should' : message;
    throw corrupt('BTRFS_COMPRESSED', `an extent of ${name} cannot be decoded: ${reason}`, { cause: error });
  }
}
