/** Feature bits: names as `btrfs inspect-internal dump-super` prints them, and which of them we read. */
import { COMPAT_RO, INCOMPAT, SUPER_FLAG_NAMES } from './layout.ts';

type Names = readonly (readonly [bit: bigint, name: string])[];

const INCOMPAT_NAMES: Names = [
  [INCOMPAT.mixedBackref, 'MIXED_BACKREF'],
  [INCOMPAT.defaultSubvolume, 'DEFAULT_SUBVOL'],
  [INCOMPAT.mixedGroups, 'MIXED_GROUPS'],
  [INCOMPAT.compressLzo, 'COMPRESS_LZO'],
  [INCOMPAT.compressZstd, 'COMPRESS_ZSTD'],
  [INCOMPAT.bigMetadata, 'BIG_METADATA'],
  [INCOMPAT.extendedIref, 'EXTENDED_IREF'],
  [INCOMPAT.raid56, 'RAID56'],
  [INCOMPAT.skinnyMetadata, 'SKINNY_METADATA'],
  [INCOMPAT.noHoles, 'NO_HOLES'],
  [INCOMPAT.metadataUuid, 'METADATA_UUID'],
  [INCOMPAT.raid1c34, 'RAID1C34'],
  [0x1000n, 'ZONED'],
  [0x2000n, 'EXTENT_TREE_V2'],
  [0x4000n, 'RAID_STRIPE_TREE'],
  [INCOMPAT.simpleQuota, 'SIMPLE_QUOTA'],
];
const COMPAT_RO_NAMES: Names = [
  [COMPAT_RO.freeSpaceTree, 'FREE_SPACE_TREE'],
  [COMPAT_RO.freeSpaceTreeValid, 'FREE_SPACE_TREE_VALID'],
  [COMPAT_RO.verity, 'VERITY'],
  [COMPAT_RO.blockGroupTree, 'BLOCK_GROUP_TREE'],
];

const READABLE = Object.values(INCOMPAT).reduce<bigint>((all, bit) => all | bit, 0n);
const WRITABLE = Object.values(COMPAT_RO).reduce<bigint>((all, bit) => all | bit, 0n);
/** A seed is read like any other filesystem, but what stands on it is another's. */
const REFUSED_FLAGS = [...SUPER_FLAG_NAMES.keys()];

function named(mask: bigint, names: Names, kind: string): string[] {
  const found: string[] = [];
  for (let bit = 0n; bit < 64n; bit++) {
    if (((mask >> bit) & 1n) === 0n) continue;
    found.push(names.find(([one]) => one === 1n << bit)?.[1] ?? `${kind}_${bit}`);
  }
  return found;
}

/** Names of all features, the incompatible ones first; an unknown bit is `INCOMPAT_40` or `COMPAT_RO_12`. */
export function featureNames(incompat: bigint, compatRo: bigint): string[] {
  return [...named(incompat, INCOMPAT_NAMES, 'INCOMPAT'), ...named(compatRo, COMPAT_RO_NAMES, 'COMPAT_RO')];
}

/** What a reader must not go on with, by name: incompatible features, and states that a tool left half done. */
export function unreadableFeatures(incompat: bigint, flags: bigint): string[] {
  const states = REFUSED_FLAGS.filter((bit) => (flags >> BigInt(bit)) & 1n);
  return [
    ...named(incompat & ~READABLE, INCOMPAT_NAMES, 'INCOMPAT'),
    ...states.map((bit) => SUPER_FLAG_NAMES.get(bit)!),
  ];
}

/** Unknown read-only-compatible features: reading is safe, but more may be in use than we know. */
export function unwritableFeatures(compatRo: bigint): string[] {
  return named(compatRo & ~WRITABLE, COMPAT_RO_NAMES, 'COMPAT_RO');
}
