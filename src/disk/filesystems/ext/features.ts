/** Feature bits: their names as e2fsprogs prints them, which of them we read, and blkid's type rules. */
import { COMPAT, FLAGS_TEST_FILESYS, INCOMPAT, RO_COMPAT } from './layout.ts';

export interface FeatureBits {
  readonly compat: number;
  readonly incompat: number;
  readonly roCompat: number;
}

/** Names of lib/e2p/feature.c, by bit. */
const COMPAT_NAMES: Record<number, string> = {
  0: 'dir_prealloc',
  1: 'imagic_inodes',
  2: 'has_journal',
  3: 'ext_attr',
  4: 'resize_inode',
  5: 'dir_index',
  6: 'lazy_bg',
  8: 'snapshot_bitmap',
  9: 'sparse_super2',
  10: 'fast_commit',
  11: 'stable_inodes',
  12: 'orphan_file',
};
const INCOMPAT_NAMES: Record<number, string> = {
  0: 'compression',
  1: 'filetype',
  2: 'needs_recovery',
  3: 'journal_dev',
  4: 'meta_bg',
  6: 'extent',
  7: '64bit',
  8: 'mmp',
  9: 'flex_bg',
  10: 'ea_inode',
  12: 'dirdata',
  13: 'metadata_csum_seed',
  14: 'large_dir',
  15: 'inline_data',
  16: 'encrypt',
  17: 'casefold',
};
const RO_COMPAT_NAMES: Record<number, string> = {
  0: 'sparse_super',
  1: 'large_file',
  3: 'huge_file',
  4: 'uninit_bg',
  5: 'dir_nlink',
  6: 'extra_isize',
  8: 'quota',
  9: 'bigalloc',
  10: 'metadata_csum',
  11: 'replica',
  12: 'read-only',
  13: 'project',
  14: 'shared_blocks',
  15: 'verity',
  16: 'orphan_present',
};

/** Incompatible features that the reader understands. */
const READABLE_INCOMPAT =
  Object.values(INCOMPAT).reduce((all, bit) => all | bit, 0) & ~(INCOMPAT.compression | INCOMPAT.journal_dev);

function namesOf(mask: number, names: Record<number, string>, letter: string): string[] {
  const found: string[] = [];
  for (let bit = 0; bit < 32; bit++) {
    if ((mask >>> bit) & 1) found.push(names[bit] ?? `FEATURE_${letter}${bit}`);
  }
  return found;
}

/** In dumpe2fs's order and spelling; an unknown bit is `FEATURE_I25` and the like. */
export function featureNames(features: FeatureBits): string[] {
  return [
    ...namesOf(features.compat, COMPAT_NAMES, 'C'),
    ...namesOf(features.incompat, INCOMPAT_NAMES, 'I'),
    ...namesOf(features.roCompat, RO_COMPAT_NAMES, 'R'),
  ];
}

/** Incompatible features that we do not understand, by name: a reader must not go on with any of them. */
export function unreadableFeatures(features: FeatureBits): string[] {
  return namesOf(features.incompat & ~READABLE_INCOMPAT, INCOMPAT_NAMES, 'I');
}

/** Unknown read-only-compatible features: reading is safe, but the meaning of a bitmap may have changed. */
export function unwritableFeatures(features: FeatureBits): string[] {
  const known = Object.keys(RO_COMPAT_NAMES).reduce((all, bit) => all | (1 << Number(bit)), 0);
  return namesOf(features.roCompat & ~known, RO_COMPAT_NAMES, 'R');
}

/** What ext3 understands (util-linux libblkid/src/superblocks/ext.c); 0x4 is a BTREE_DIR that never was. */
const EXT3_RO_COMPAT = RO_COMPAT.sparse_super | RO_COMPAT.large_file | 0x4;
const EXT3_INCOMPAT = INCOMPAT.filetype | INCOMPAT.recover | INCOMPAT.meta_bg;

/** blkid's TYPE: jbd, ext4dev, ext4, ext3 or ext2. */
export function blkidType(features: FeatureBits, flags: number): string {
  if (features.incompat & INCOMPAT.journal_dev) return 'jbd';
  if (flags & FLAGS_TEST_FILESYS) return 'ext4dev';
  const beyondExt3 = (features.roCompat & ~EXT3_RO_COMPAT) | (features.incompat & ~EXT3_INCOMPAT);
  if (beyondExt3 !== 0) return 'ext4';
  if (features.compat & COMPAT.has_journal) return 'ext3';
  // RECOVER without a journal is beyond ext2, which leaves ext4's rule unmet too: blkid then says nothing.
  return 'ext2';
}
