/** The superblock: what it says, its checksum, and the features that are not read. */
import type { ProbeInput } from '../../../core/contracts/disk.ts';
import type { FilesystemProbe } from '../../../core/contracts/filesystem.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { crc32cUpdate } from '../../../core/crc32c.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import { readU64, viewOf } from '../../../core/record.ts';
import { decodeField, formatUuid, hex } from '../../../core/text.ts';
import { readBytes } from '../../../sources/read.ts';
import {
  ALGORITHM_NAMES,
  COMPAT_SB_CHKSUM,
  FEATURE_NAMES,
  INCOMPAT,
  SUPER,
  SUPER_MAGIC_V1,
  SUPER_OFFSET,
  SUPER_SIZE,
  superblock,
} from './layout.ts';

export interface Superblock {
  readonly blockSize: number;
  readonly blockBits: number;
  /** Bytes: blocks times their size. */
  readonly size: number;
  /** Where inode number 0 would stand, in bytes. */
  readonly inodes: number;
  readonly root: number;
  /** The inode that holds what files share of their ends; undefined where there is none. */
  readonly packed: number | undefined;
  /** Seconds since 1970 that times of compact inodes count from. */
  readonly epoch: number;
  readonly label: string | null;
  readonly uuid: string | null;
  readonly features: readonly string[];
  /** Numbers of the compressors that files may use, as a set of bits. */
  readonly algorithms: number;
  /** LZ4 blocks end where their cluster ends, with zeros in front of them. */
  readonly isPaddedInFront: boolean;
}

const MIN_BLOCK_BITS = 9;
const MAX_BLOCK_BITS = 16;
const KNOWN_INCOMPAT = Object.values(INCOMPAT).reduce((sum, bit) => sum | bit, 0);

export function probeSuperblock({ head }: ProbeInput): FilesystemProbe | undefined {
  if (head.length < SUPER_OFFSET + SUPER_SIZE) return undefined;
  const raw = superblock.read(head.subarray(SUPER_OFFSET));
  if (raw.magic !== SUPER_MAGIC_V1) return undefined;
  return { certainty: 'certain', description: 'erofs', type: 'erofs', usage: 'filesystem', ...namesOf(raw) };
}

function namesOf(raw: { volume_name: Uint8Array; uuid: Uint8Array }): {
  label: string | null;
  uuid: string | null;
} {
  return {
    label: decodeField(raw.volume_name) || null,
    uuid: raw.uuid.some((byte) => byte !== 0) ? formatUuid(raw.uuid) : null,
  };
}

/**
 * Reads and checks the superblock.
 * @throws ImgoptError `unsupported` naming a feature, `corrupt` for what contradicts itself or fails its checksum
 */
export async function readSuperblock(source: BlockSource): Promise<Superblock> {
  const bytes = await readBytes(source, SUPER_OFFSET, SUPER_SIZE);
  const raw = superblock.read(bytes);
  if (raw.magic !== SUPER_MAGIC_V1) throw corrupt('EROFS_MAGIC', 'there is no superblock of erofs');
  const { blkszbits: blockBits, feature_incompat: incompat } = raw;
  if (blockBits < MIN_BLOCK_BITS || blockBits > MAX_BLOCK_BITS)
    throw corrupt('EROFS_BLOCK_SIZE', `blocks of 2^${blockBits} bytes; 512 bytes to 64 KiB are possible`);
  const blockSize = 2 ** blockBits;
  if (raw.dirblkbits !== 0)
    throw unsupported('EROFS_DIRECTORY_BLOCKS', 'has directory blocks of another size than its blocks');
  refuseFeatures(incompat, raw.extra_devices);
  if ((raw.feature_compat & COMPAT_SB_CHKSUM) !== 0) await verify(source, blockSize, raw.checksum);

  const view = viewOf(bytes);
  const isLarge = (incompat & INCOMPAT['48bit']) !== 0 && view.getBigUint64(SUPER.rootnid_8b, true) !== 0n;
  const blocks = raw.blocks_lo + (isLarge ? raw.rb * 2 ** 32 : 0);
  const size = blocks * blockSize;
  if (size < SUPER_OFFSET + SUPER_SIZE || size > Number.MAX_SAFE_INTEGER)
    throw corrupt('EROFS_SIZE', `${blocks} blocks of ${blockSize} bytes are not possible`);
  const hasConfigurations = (incompat & INCOMPAT.compr_cfgs) !== 0;
  const algorithms = hasConfigurations ? raw.u1 : 1;
  if (algorithms >>> ALGORITHM_NAMES.length !== 0)
    throw unsupported('EROFS_COMPRESSOR', `uses compressors that are not known (${hex(algorithms)})`);
  return {
    blockSize,
    blockBits,
    size,
    inodes: raw.meta_blkaddr * blockSize,
    root: isLarge ? readU64(view, SUPER.rootnid_8b, true) : raw.rb,
    packed:
      (incompat & INCOMPAT.fragments) !== 0 && view.getBigUint64(SUPER.packed_nid, true) !== 0n
        ? readU64(view, SUPER.packed_nid, true)
        : undefined,
    epoch: Number(view.getBigInt64(SUPER.epoch, true)),
    ...namesOf(raw),
    features: FEATURE_NAMES.filter(
      ([field, bit]) => ((field === 'compat' ? raw.feature_compat : incompat) & bit) !== 0,
    ).map(([, , name]) => name),
    algorithms,
    isPaddedInFront: (incompat & INCOMPAT.lz4_0padding) !== 0,
  };
}

function refuseFeatures(incompat: number, devices: number): void {
  const unknown = (incompat & ~KNOWN_INCOMPAT) >>> 0;
  if (unknown !== 0)
    throw unsupported('EROFS_FEATURE', `has incompatible features that are not known (${hex(unknown)})`);
  if ((incompat & INCOMPAT.metabox) !== 0) {
    throw unsupported('EROFS_FEATURE', 'has its metadata compressed (metabox), which is not read', {
      advice: 'build it without -m to have it explained',
    });
  }
  if ((incompat & INCOMPAT.device_table) !== 0 && devices > 0) {
    throw unsupported('EROFS_DEVICES', `keeps content on ${devices} other devices, which are not read`, {
      advice: 'build it without --blobdev to have it explained',
    });
  }
}

/** CRC-32C without the last inversion, from the superblock to the end of its block, the checksum itself as zeros. */
async function verify(source: BlockSource, blockSize: number, stored: number): Promise<void> {
  const length = blockSize > SUPER_OFFSET ? blockSize - SUPER_OFFSET : blockSize;
  const bytes = await readBytes(source, SUPER_OFFSET, length);
  bytes.fill(0, SUPER.checksum, SUPER.checksum + 4);
  const made = crc32cUpdate(0xffffffff, viewOf(bytes), 0, length);
  if (made !== stored) {
    throw corrupt(
      'EROFS_SUPERBLOCK_CHECKSUM',
      `the superblock's checksum is ${hex(stored)}, its content makes ${hex(made)}`,
      { advice: 'copy the image again' },
    );
  }
}
