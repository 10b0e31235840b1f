/** Feature bits: names as `xfs_db -c version` prints them, and which of them we read. */
import { FEATURES2, INCOMPAT, RO_COMPAT, VERSION } from './layout.ts';

export interface FeatureBits {
  readonly version: number;
  readonly features2: number;
  readonly compat: number;
  readonly roCompat: number;
  readonly incompat: number;
}

type Names = readonly (readonly [bit: number, name: string])[];

/** In the order of version_string() in xfs_db; sb_versionnum, sb_features2, then version 5's two words as one list. */
const VERSION_NAMES: Names = [
  [VERSION.nlink, 'NLINK'],
  [VERSION.dirv2, 'DIRV2'],
  [0x10, 'ATTR'],
  [0x40, 'QUOTA'],
  [0x80, 'ALIGN'],
  [0x100, 'DALIGN'],
  [VERSION.shared, 'SHARED'],
  [0x400, 'LOGV2'],
  [VERSION.extflg, 'EXTFLG'],
  [0x800, 'SECTOR'],
  [0x4000, 'ASCII_CI'],
  [VERSION.morebits, 'MOREBITS'],
];
const FEATURES2_NAMES: Names = [
  [0x8, 'ATTR2'],
  [FEATURES2.lazysbcount, 'LAZYSBCOUNT'],
  [0x80, 'PROJID32BIT'],
  [FEATURES2.crc, 'CRC'],
  [FEATURES2.ftype, 'FTYPE'],
];
const INCOMPAT_NAMES: Names = [
  [INCOMPAT.ftype, 'FTYPE'],
  [INCOMPAT.spinodes, 'SPARSE_INODES'],
  [INCOMPAT.metaUuid, 'META_UUID'],
  [INCOMPAT.bigtime, 'BIGTIME'],
  [INCOMPAT.needsRepair, 'NEEDSREPAIR'],
  [INCOMPAT.nrext64, 'NREXT64'],
  [INCOMPAT.exchrange, 'EXCHANGE'],
  [INCOMPAT.parent, 'PARENT'],
  [0x100, 'METADIR'],
  [0x200, 'ZONED'],
  [0x400, 'ZONE_GAPS'],
];
const RO_COMPAT_NAMES: Names = [
  [RO_COMPAT.finobt, 'FINOBT'],
  [RO_COMPAT.rmapbt, 'RMAPBT'],
  [RO_COMPAT.reflink, 'REFLINK'],
  [RO_COMPAT.inobtcnt, 'INOBTCNT'],
];
/** Of version 5's features, as xfs_db prints them. */
const ORDER = [
  ...['FTYPE', 'FINOBT', 'SPARSE_INODES', 'META_UUID', 'RMAPBT', 'REFLINK', 'INOBTCNT', 'BIGTIME'],
  ...['NEEDSREPAIR', 'NREXT64', 'EXCHANGE', 'PARENT', 'METADIR', 'ZONED', 'ZONE_GAPS'],
];

const READABLE_INCOMPAT = Object.values(INCOMPAT).reduce((all, bit) => all | bit, 0);

function named(mask: number, names: Names, letter: string): string[] {
  let rest = mask;
  const found: string[] = [];
  for (const [bit, name] of names) {
    if ((mask & bit) === 0) continue;
    found.push(name);
    rest &= ~bit;
  }
  for (let bit = 0; bit < 32; bit++) if ((rest >>> bit) & 1) found.push(`FEATURE_${letter}${bit}`);
  return found;
}

/** Names of all features; an unknown bit is `FEATURE_I12` (incompatible) or `FEATURE_R12` (read-only). */
export function featureNames({ version, features2, roCompat, incompat }: FeatureBits): string[] {
  const plain = [
    ...named(version & ~VERSION.numbits, VERSION_NAMES, 'V'),
    ...named(features2, FEATURES2_NAMES, 'F'),
  ];
  const rank = (name: string): number => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  const later = [...named(incompat, INCOMPAT_NAMES, 'I'), ...named(roCompat, RO_COMPAT_NAMES, 'R')];
  later.sort((a, b) => rank(a) - rank(b));
  return [...new Set([`V${version & VERSION.numbits}`, ...plain, ...later])];
}

/** Incompatible features that we do not understand, by name: a reader must not go on with any of them. */
export function unreadableFeatures({ incompat }: FeatureBits): string[] {
  return named(incompat & ~READABLE_INCOMPAT, INCOMPAT_NAMES, 'I');
}

/** Unknown read-only-compatible features: reading is safe, but more may be in use than we know. */
export function unwritableFeatures({ roCompat }: FeatureBits): string[] {
  const known = RO_COMPAT_NAMES.reduce((all, [bit]) => all | bit, 0);
  return named(roCompat & ~known, [], 'R');
}
