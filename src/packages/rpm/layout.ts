/**
 * On-disk structures of rpm's databases, with the names of their own sources: header.h and rpmtag.h of rpm,
 * db_page.h of Berkeley DB 5.3, rpmpkg.c for NDB.
 */
import { record, u8, u16be, u16le, u32be, u32le } from '../../core/record.ts';

// --- header blob (rpm, lib/header.c: always big-endian, without the 8 bytes of magic that a file has) ---

/** Number of index entries and bytes of the data store, before the index. */
export const headerIntro = record('rpm header', { il: u32be(0), dl: u32be(4) });
export const HEADER_INTRO_BYTES = 8;
export const HEADER_ENTRY_BYTES = 16;

/** rpmTagType. */
export const RPM_TYPE = {
  null: 0,
  char: 1,
  int8: 2,
  int16: 3,
  int32: 4,
  int64: 5,
  string: 6,
  bin: 7,
  stringArray: 8,
  i18nString: 9,
} as const;

/** rpmTag. */
export const RPMTAG = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  installTime: 1008,
  size: 1009,
  group: 1016,
  arch: 1022,
  oldFileNames: 1027,
  fileStates: 1029,
  sourceRpm: 1044,
  provideName: 1047,
  requireFlags: 1048,
  requireName: 1049,
  requireVersion: 1050,
  conflictFlags: 1053,
  conflictName: 1054,
  conflictVersion: 1055,
  provideFlags: 1112,
  provideVersion: 1113,
  dirIndexes: 1116,
  baseNames: 1117,
  dirNames: 1118,
  longSize: 5009,
  recommendName: 5046,
  recommendVersion: 5047,
  recommendFlags: 5048,
  suggestName: 5049,
  suggestVersion: 5050,
  suggestFlags: 5051,
  supplementName: 5052,
  supplementVersion: 5053,
  supplementFlags: 5054,
} as const;

/** rpmsenseFlags. */
export const RPMSENSE = {
  less: 1 << 1,
  greater: 1 << 2,
  equal: 1 << 3,
  missingOk: 1 << 19,
  rpmlib: 1 << 24,
} as const;

/** rpmfileState; a byte, so `missing` (-1) reads 255. */
export const RPMFILE_STATE = {
  normal: 0,
  replaced: 1,
  notInstalled: 2,
  netShared: 3,
  wrongColor: 4,
} as const;

// --- Berkeley DB (dbinc/db_page.h, dbinc/hash.h); written in the byte order of the machine that made it ---

/** DBMETA, and what follows it on a hash database's page 0. */
export const bdbMetaLittle = record('Berkeley DB metadata page', {
  magic: u32le(12),
  version: u32le(16),
  pagesize: u32le(20),
  encrypt_alg: u8(24),
  type: u8(25),
  metaflags: u8(26),
  last_pgno: u32le(32),
});
export const bdbMetaBig = record('Berkeley DB metadata page', {
  magic: u32be(12),
  version: u32be(16),
  pagesize: u32be(20),
  encrypt_alg: u8(24),
  type: u8(25),
  metaflags: u8(26),
  last_pgno: u32be(32),
});
export const DB_HASHMAGIC = 0x061561;
export const DB_BTREEMAGIC = 0x053162;
export const DBMETA_CHKSUM = 1;
export const P_HASHMETA = 8;

/** PAGE: the head of every other page. */
export const bdbPageLittle = record('Berkeley DB page', {
  pgno: u32le(8),
  next_pgno: u32le(16),
  entries: u16le(20),
  hf_offset: u16le(22),
  type: u8(25),
});
export const bdbPageBig = record('Berkeley DB page', {
  pgno: u32be(8),
  next_pgno: u32be(16),
  entries: u16be(20),
  hf_offset: u16be(22),
  type: u8(25),
});
/** Bytes before a page's item index, when pages have neither checksum nor encryption. */
export const BDB_PAGE_OVERHEAD = 26;
/** `P_HASH_UNSORTED` is what Berkeley DB before 4.6 wrote. */
export const BDB_PAGE = { free: 0, hashUnsorted: 2, overflow: 7, hash: 13 } as const;
/** Types of the items on a hash page. */
export const BDB_ITEM = { keyData: 1, duplicate: 2, offPage: 3, offDuplicate: 4 } as const;
/** HOFFPAGE: type, three unused bytes, first page, length. */
export const HOFFPAGE_BYTES = 12;

// --- NDB (lib/backend/ndb/rpmpkg.c; little-endian everywhere) ---

export const ndbHeader = record('NDB header', {
  magic: u32le(0),
  version: u32le(4),
  slotnpages: u32le(12),
});
export const ndbSlot = record('NDB slot', {
  magic: u32le(0),
  pkgidx: u32le(4),
  blkoff: u32le(8),
  blkcnt: u32le(12),
});
export const ndbBlobHead = record('NDB blob', { magic: u32le(0), pkgidx: u32le(4), bloblen: u32le(12) });
export const ndbBlobTail = record('NDB blob tail', { adler32: u32le(0), bloblen: u32le(4), magic: u32le(8) });
/** 'RpmP', 'Slot', 'BlbS' and 'BlbE' as little-endian numbers. */
export const NDB_MAGIC = {
  header: 0x506d7052,
  slot: 0x746f6c53,
  head: 0x53626c42,
  tail: 0x45626c42,
} as const;
export const NDB_PAGE_BYTES = 4096;
export const NDB_UNIT_BYTES = 16;
