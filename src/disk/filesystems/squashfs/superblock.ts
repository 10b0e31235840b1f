/** The superblock: what it says, bounded by the source that holds it. */
import type { ProbeInput } from '../../../core/contracts/disk.ts';
import type { FilesystemProbe } from '../../../core/contracts/filesystem.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import { readU64, viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { FLAG_NAMES, MAGIC, SUPER, SUPERBLOCK_SIZE, SWAPPED_MAGIC, superblock } from './layout.ts';

export interface Superblock {
  readonly inodes: number;
  readonly blockSize: number;
  readonly fragments: number;
  readonly compression: number;
  readonly ids: number;
  readonly flagNames: readonly string[];
  /** Root inode: where its metadata block starts in the inode table, and its place in the decoded block. */
  readonly root: number;
  readonly bytesUsed: number;
  readonly idTable: number;
  readonly inodeTable: number;
  readonly directoryTable: number;
  /** Undefined where there is none. */
  readonly fragmentTable: number | undefined;
  readonly exportTable: number | undefined;
}

const MIN_BLOCK_LOG = 12;
const MAX_BLOCK_LOG = 20;

function magicOf(head: Uint8Array): string {
  return Buffer.from(head.subarray(0, 4)).toString('latin1');
}

function versionOf(head: Uint8Array): string {
  const little = magicOf(head) === MAGIC;
  return `${viewOf(head).getUint16(28, little)}.${viewOf(head).getUint16(30, little)}`;
}

/** By blkid's names: `squashfs3` before version 4. */
export function probeSuperblock({ head }: ProbeInput): FilesystemProbe | undefined {
  if (head.length < SUPERBLOCK_SIZE || ![MAGIC, SWAPPED_MAGIC].includes(magicOf(head))) return undefined;
  const version = versionOf(head);
  return {
    certainty: 'certain',
    description: `squashfs version ${version}`,
    type: Number.parseInt(version, 10) >= 4 ? 'squashfs' : 'squashfs3',
    usage: 'filesystem',
    label: null,
    uuid: null,
  };
}

/**
 * @param bytes SUPERBLOCK_SIZE of them
 * @throws ImgoptError `unsupported` for another version, `corrupt` for tables out of place
 */
export function parseSuperblock(bytes: Uint8Array): Superblock {
  const version = bytes.length < SUPERBLOCK_SIZE ? '4.0' : versionOf(bytes);
  if (version !== '4.0' || magicOf(bytes) === SWAPPED_MAGIC) {
    throw unsupported('SQUASHFS_VERSION', `squashfs version ${version} is not read, only 4.0`, {
      advice: 'make it again with mksquashfs 4.0 or newer',
    });
  }
  const raw = superblock.read(bytes);
  if (raw.block_log < MIN_BLOCK_LOG || raw.block_log > MAX_BLOCK_LOG || raw.block_size !== 2 ** raw.block_log)
    throw corrupt(
      'SQUASHFS_BLOCK_SIZE',
      `blocks of ${raw.block_size} bytes, whose logarithm is ${raw.block_log}`,
    );
  const optional = (at: number): number | undefined => {
    const view = viewOf(bytes);
    return view.getBigUint64(at, true) === 2n ** 64n - 1n ? undefined : readU64(view, at, true);
  };
  const result: Superblock = {
    inodes: raw.inodes,
    blockSize: raw.block_size,
    fragments: raw.fragments,
    compression: raw.compression,
    ids: raw.no_ids,
    flagNames: FLAG_NAMES.filter(([bit]) => (raw.flags & bit) !== 0).map(([, name]) => name),
    root: raw.root_inode,
    bytesUsed: raw.bytes_used,
    idTable: raw.id_table_start,
    inodeTable: raw.inode_table_start,
    directoryTable: raw.directory_table_start,
    fragmentTable: raw.fragments === 0 ? undefined : optional(SUPER.fragment_table_start),
    exportTable: optional(SUPER.lookup_table_start),
  };
  const { inodeTable, directoryTable, bytesUsed } = result;
  if (
    inodeTable < SUPERBLOCK_SIZE ||
    directoryTable < inodeTable ||
    [directoryTable, result.idTable, result.fragmentTable ?? 0, result.exportTable ?? 0].some(
      (start) => start > bytesUsed,
    )
  ) {
    throw corrupt(
      'SQUASHFS_TABLES',
      `tables lie outside: inodes at ${hex(inodeTable)}, directories at ${hex(directoryTable)}, end at ${hex(bytesUsed)}`,
    );
  }
  if (raw.fragments > 0 && result.fragmentTable === undefined)
    throw corrupt('SQUASHFS_TABLES', `${raw.fragments} fragments and no table of them`);
  if (raw.no_ids === 0) throw corrupt('SQUASHFS_TABLES', 'there is no owner in its table of ids');
  return result;
}
