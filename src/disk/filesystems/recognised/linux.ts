/** Filesystems of Linux: where each keeps magic number, label and UUID. Offsets from the kernel's headers. */
import { rawCrc32 } from '../../../core/crc32.ts';
import { recogniser, type Window } from './window.ts';

/** struct f2fs_super_block at 1024. */
const f2fs = recogniser('f2fs', 'filesystem', (at) =>
  at.is(1024, '\x10\x20\xf5\xf2')
    ? { label: at.utf16(1024 + 124, 1024), uuid: at.uuid(1024 + 108) }
    : undefined,
);

/** struct reiserfs_super_block at 64 KiB, in old volumes at 8 KiB. */
const reiserfs = recogniser('reiserfs', 'filesystem', (at) => {
  for (const start of [0x10000, 0x2000]) {
    if (['ReIsErFs', 'ReIsEr2Fs', 'ReIsEr3Fs'].some((magic) => at.is(start + 52, magic)))
      return { label: at.text(start + 100, 16), uuid: at.uuid(start + 84) };
  }
  return at.is(0x10000, 'ReIsEr4')
    ? { type: 'reiser4', label: at.text(0x10000 + 36, 16), uuid: at.uuid(0x10000 + 20) }
    : undefined;
});

/** struct jfs_superblock at 32 KiB. */
const jfs = recogniser('jfs', 'filesystem', (at) => {
  const start = 0x8000;
  if (!at.is(start, 'JFS1')) return undefined;
  // A block size and its logarithm that disagree: stale or damaged (as blkid checks).
  if (at.u32(start + 16) !== 2 ** at.u16(start + 20)) return undefined;
  return { label: at.text(start + 152, 16), uuid: at.uuid(start + 136) };
});

/** struct nilfs_super_block at 1024; two bytes of magic prove little, so its checksum must hold. */
const nilfs2 = recogniser('nilfs2', 'filesystem', (at) => {
  const start = 1024;
  if (at.u16(start + 6) !== 0x3434) return undefined;
  const length = at.u16(start + 8);
  if (length < 20 || length > 1024) return undefined;
  const block = at.copy(start, length);
  if (block === undefined) return undefined;
  block.fill(0, 16, 20); // s_sum, zero while it is computed
  if (rawCrc32(block, at.u32(start + 12)) !== at.u32(start + 16)) return undefined;
  return { label: at.text(start + 168, 80), uuid: at.uuid(start + 152) };
});

/** struct minix_super_block and minix3_super_block at 1024; two bytes of magic, so the maps must fit. */
const minix = recogniser('minix', 'filesystem', (at) => {
  const start = 1024;
  const fits = (inodes: number, imap: number, zones: number, zmap: number, first: number, block: number) =>
    inodes > 0 && zones > first && imap * 8 * block >= inodes && zmap * 8 * block >= zones - first;
  for (const little of [true, false]) {
    const u16 = (offset: number): number => at.u16(start + offset, little);
    const magic = u16(16);
    const old = magic === 0x137f || magic === 0x138f;
    if (old || magic === 0x2468 || magic === 0x2478) {
      const zones = old ? u16(2) : at.u32(start + 20, little);
      if (fits(u16(0), u16(4), zones, u16(6), u16(8), 1024))
        return { description: `minix version ${old ? 1 : 2}` };
    }
    if (u16(24) === 0x4d5a) {
      const inodes = at.u32(start, little);
      const zones = at.u32(start + 20, little);
      if (u16(28) >= 512 && fits(inodes, u16(6), zones, u16(8), u16(10), u16(28)))
        return { description: 'minix version 3' };
    }
  }
  return undefined;
});

/** struct cramfs_super, either byte order. */
const cramfs = recogniser('cramfs', 'filesystem', (at) =>
  (at.is(0, '\x45\x3d\xcd\x28') || at.is(0, '\x28\xcd\x3d\x45')) && at.is(16, 'Compressed ROMFS')
    ? { label: at.text(48, 16) }
    : undefined,
);

const romfs = recogniser('romfs', 'filesystem', (at) =>
  at.is(0, '-rom1fs-') ? { label: at.text(16, 16) } : undefined,
);

/** struct ocfs2_dinode with its superblock, in the third block of 512, 1024, 2048 or 4096 bytes. */
const ocfs2 = recogniser('ocfs2', 'filesystem', (at) => {
  for (const block of [512, 1024, 2048, 4096]) {
    const start = 2 * block;
    if (at.is(start, 'OCFSV2')) return { label: at.text(start + 272, 64), uuid: at.uuid(start + 336) };
  }
  return undefined;
});

/** struct gfs2_sb at 64 KiB, big-endian. The lock table's name serves as label. */
const gfs2 = recogniser('gfs2', 'filesystem', (at) => {
  const start = 0x10000;
  if (!at.is(start, '\x01\x16\x19\x70\0\0\0\x01')) return undefined;
  if (at.u32(start + 24, false) < 1800 || at.u32(start + 24, false) > 1899) return undefined;
  return { label: at.text(start + 160, 64), uuid: at.uuid(start + 256) };
});

/** struct bch_sb at 4 KiB; its magic is its own or, in old volumes, bcache's with version 8 and above. */
const bcachefs = recogniser('bcachefs', 'filesystem', (at) =>
  at.is(4096 + 24, '\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef')
    ? { label: at.text(4096 + 72, 32), uuid: at.uuid(4096 + 56) }
    : undefined,
);

const bfs = recogniser('bfs', 'filesystem', (at) => (at.is(0, '\xce\xfa\xad\x1b') ? {} : undefined));

/** struct fs of the BSDs: UFS1 at 8 KiB, UFS2 at 64 KiB, either byte order. */
const ufs = recogniser('ufs', 'filesystem', (at: Window) => {
  for (const [start, magic] of [
    [0x2000, 0x00011954],
    [0x10000, 0x19540119],
  ] as const) {
    for (const little of [true, false]) {
      if (at.u32(start + 1372, little) !== magic) continue;
      const id = [at.u32(start + 144, little), at.u32(start + 148, little)];
      const uuid = id.map((part) => part.toString(16).padStart(8, '0')).join('');
      return { label: at.text(start + 680, 32), uuid: id.every((part) => part === 0) ? null : uuid };
    }
  }
  return undefined;
});

export const linuxRecognisers = [
  f2fs,
  reiserfs,
  jfs,
  nilfs2,
  cramfs,
  romfs,
  ocfs2,
  gfs2,
  bcachefs,
  ufs,
  bfs,
  minix,
];
