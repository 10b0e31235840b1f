/** What holds volumes rather than files: LVM, software RAID, caches, pools, encryption. And swap. */

import { rawCrc32 } from '../../../core/crc32.ts';
import { recogniser, type Window } from './window.ts';

/** LVM's own start value of its checksum (lib/misc/crc.h). */
const LVM_CRC_SEED = 0xf597a6cf;

/*
 * LVM and software RAID are read by their volume systems (src/disk/volumes); their recognisers name by blkid's words
 * what lies deeper in volumes than those are followed.
 */

/** struct label_header in one of the first four sectors, struct pv_header behind it. */
const lvm2 = recogniser('LVM2_member', 'container', (at) => {
  for (let sector = 0; sector < 4; sector++) {
    const start = sector * 512;
    if (!at.is(start, 'LABELONE') || !at.is(start + 24, 'LVM2 001')) continue;
    const covered = at.bytes(start + 20, 512 - 20);
    if (covered === undefined || rawCrc32(covered, LVM_CRC_SEED) !== at.u32(start + 16)) continue;
    const id = at.text(start + at.u32(start + 20), 32);
    const uuid =
      id === null ? null : id.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
    return { uuid, description: 'LVM2 physical volume' };
  }
  return undefined;
});

/** LUKS On-Disk Format Specification 1.2.3 and LUKS2 1.1.3; big-endian. LUKS2's second header has its own magic. */
const luks = recogniser('crypto_LUKS', 'container', (at) => {
  const second = [0x4000, 0x8000, 0x10000];
  const start = at.is(0, 'LUKS\xba\xbe') ? 0 : second.find((offset) => at.is(offset, 'SKUL\xba\xbe'));
  if (start === undefined) return undefined;
  const version = at.u16(start + 6, false);
  if (version !== 1 && version !== 2) return undefined;
  return {
    label: version === 2 ? at.text(start + 24, 48) : null,
    uuid: at.text(start + 168, 40),
    description: `LUKS version ${version}`,
  };
});

const MD_MAGIC = 0xa92b4efc;

/** drivers/md/md_p.h: struct mdp_superblock_1 at three places, mdp_superblock_s (0.90) near the end. */
const raid = recogniser('linux_raid_member', 'container', (at) => {
  const sectors = Math.floor(at.size / 512);
  const places: [number, string][] = [
    [0, '1.1'],
    [4096, '1.2'],
    [(sectors - 16 - ((sectors - 16) % 8)) * 512, '1.0'],
  ];
  for (const [start, version] of places) {
    if (at.u32(start) !== MD_MAGIC || at.u32(start + 4) !== 1) continue;
    // A superblock says where it lies: one copied elsewhere, or at the end of a disk for its last partition, is not it.
    if (at.u64(start + 144) * 512n !== BigInt(start)) continue;
    return {
      label: at.text(start + 32, 32),
      uuid: at.uuid(start + 16),
      description: `MD RAID member, metadata ${version}`,
    };
  }
  const start = at.size - (at.size % 65536) - 65536;
  for (const little of [true, false]) {
    if (at.u32(start, little) !== MD_MAGIC || at.u32(start + 4, little) !== 0) continue;
    return { uuid: oldRaidUuid(at, start, little), description: 'MD RAID member, metadata 0.90' };
  }
  return undefined;
});

/** Four 32-bit words, of which the first stands apart. */
function oldRaidUuid(at: Window, start: number, little: boolean): string {
  const words = [20, 52, 56, 60].map((offset) => at.u32(start + offset, little));
  const text = words.map((word) => word.toString(16).padStart(8, '0')).join('');
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** struct cache_sb at 4 KiB. */
const bcache = recogniser('bcache', 'container', (at) =>
  at.is(4096 + 24, '\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81')
    ? { uuid: at.uuid(4096 + 40), label: at.text(4096 + 72, 32) }
    : undefined,
);

/** A vdev label's name-value list at 16 KiB (ZFS On-Disk Specification, 1.3.3): XDR, big-endian. */
const zfs = recogniser('zfs_member', 'container', (at) => {
  const start = 16384;
  // NV_ENCODE_XDR, any host order, NV_VERSION 0, NV_UNIQUE_NAME.
  if (at.u8(start) !== 1 || at.u32(start + 4, false) !== 0 || at.u32(start + 8, false) !== 1)
    return undefined;
  let label: string | null = null;
  let uuid: string | null = null;
  let version = false;
  let pair = start + 12;
  for (let i = 0; i < 256; i++) {
    const length = at.u32(pair, false);
    if (length < 20 || pair + length > start + 112 * 1024) break;
    const nameLength = at.u32(pair + 8, false);
    if (nameLength > 256) break;
    const name = at.text(pair + 12, nameLength);
    const type = pair + 12 + Math.ceil(nameLength / 4) * 4;
    const value = type + 8;
    if (name === 'version') version = true;
    else if (name === 'name' && at.u32(type, false) === 9)
      label = at.text(value + 4, Math.min(256, at.u32(value, false)));
    else if (name === 'pool_guid' && at.u32(type, false) === 8) uuid = at.u64(value, false).toString();
    pair += length;
  }
  return version ? { label, uuid, description: 'ZFS pool member' } : undefined;
});

/** BitLocker: of Windows Vista and later, and 'To Go' behind a FAT32 boot sector. */
const bitlocker = recogniser('BitLocker', 'container', (at) =>
  at.is(3, '-FVE-FS-') ||
  (at.is(3, 'MSWIN4.1') && at.is(424, '\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01'))
    ? {}
    : undefined,
);

/** drivers/md/dm-verity: a hash device. */
const verity = recogniser('DM_verity_hash', 'container', (at) =>
  at.is(0, 'verity\0\0') && at.u32(8) === 1 ? { uuid: at.uuid(16) } : undefined,
);

/** One page of 4 to 64 KiB ends with the signature; what hibernation wrote over it is `swsuspend`. */
const swap = recogniser('swap', 'swap', (at) => {
  for (const page of [4096, 8192, 16384, 32768, 65536]) {
    const end = page - 10;
    if (at.is(end, 'SWAPSPACE2')) {
      const little = at.u32(1024) === 1;
      if (!little && at.u32(1024, false) !== 1) continue; // version 1 is the only one there is
      if (at.u32(1028, little) === 0) continue; // last_page
      return { label: at.text(1052, 16), uuid: at.uuid(1036) };
    }
    if (at.is(end, 'SWAP-SPACE')) return { description: 'swap version 0' };
    const suspended = [
      'S1SUSPEND\0',
      'S2SUSPEND\0',
      'ULSUSPEND\0',
      'LINHIB0001',
      '\xed\xc3\x02\xe9\x98\x56\xe5\x0c',
    ];
    if (suspended.some((magic) => at.is(end, magic)))
      return {
        type: 'swsuspend',
        description: 'swap that holds a hibernated system',
        label: at.text(1052, 16),
        uuid: at.uuid(1036),
      };
  }
  return undefined;
});

export const containerRecognisers = [lvm2, luks, raid, bcache, zfs, bitlocker, verity, swap];
