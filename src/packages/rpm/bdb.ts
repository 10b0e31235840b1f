/**
 * Berkeley DB hash files: what rpm kept its headers in until RHEL 8 and Amazon Linux 2.
 *
 * A header's record is found by hashing its number, but whoever wants all of them has no need to hash: every
 * bucket is a chain of hash pages, and every hash page of the file belongs to a bucket. So the pages are read
 * in file order. An item that is larger than a quarter of a page lies in a chain of overflow pages; those are
 * used once each, which bounds the work for hostile chains by the size of the file.
 *
 * Layout: Berkeley DB 5.3, dbinc/db_page.h. Files are in the byte order of the machine that made them.
 */
import { corrupt, unsupported } from '../../core/errors.ts';
import { viewOf } from '../../core/record.ts';
import { hex } from '../../core/text.ts';
import {
  BDB_ITEM,
  BDB_PAGE,
  BDB_PAGE_OVERHEAD,
  bdbMetaBig,
  bdbMetaLittle,
  bdbPageBig,
  bdbPageLittle,
  DB_BTREEMAGIC,
  DB_HASHMAGIC,
  DBMETA_CHKSUM,
  HOFFPAGE_BYTES,
  P_HASHMETA,
} from './layout.ts';

/** Hash versions since Berkeley DB 3.1: items are laid out alike in all. */
const OLDEST_HASH = 7;
const NEWEST_HASH = 10;
const SMALLEST_PAGE = 512;
const LARGEST_PAGE = 65536;

interface Geometry {
  readonly little: boolean;
  readonly pageSize: number;
  readonly pages: number;
}

function geometryOf(bytes: Uint8Array): Geometry {
  const little = bdbMetaLittle.read(bytes);
  const isLittle = little.magic === DB_HASHMAGIC || little.magic === DB_BTREEMAGIC;
  const meta = isLittle ? little : bdbMetaBig.read(bytes);
  if (meta.magic === DB_BTREEMAGIC) {
    throw unsupported('RPM_BDB_BTREE', 'Packages is a Berkeley DB btree; rpm writes hash files');
  }
  if (meta.magic !== DB_HASHMAGIC || meta.type !== P_HASHMETA) {
    throw corrupt('RPM_BDB_MAGIC', `Packages is no Berkeley DB hash file (magic ${hex(little.magic)})`);
  }
  if (meta.version < OLDEST_HASH || meta.version > NEWEST_HASH) {
    throw unsupported('RPM_BDB_VERSION', `Berkeley DB hash version ${meta.version}`);
  }
  if (meta.encrypt_alg !== 0) throw unsupported('RPM_BDB_ENCRYPTED', 'the Berkeley DB file is encrypted');
  if ((meta.metaflags & DBMETA_CHKSUM) !== 0) {
    throw unsupported('RPM_BDB_CHECKSUM', 'the Berkeley DB file has page checksums; rpm never asks for them');
  }
  const { pagesize, last_pgno } = meta;
  const isPower = (pagesize & (pagesize - 1)) === 0;
  if (pagesize < SMALLEST_PAGE || pagesize > LARGEST_PAGE || !isPower) {
    throw corrupt('RPM_BDB_PAGE_SIZE', `page size ${pagesize}`);
  }
  const pages = Math.floor(bytes.length / pagesize);
  if (last_pgno >= pages) {
    throw corrupt('RPM_BDB_TRUNCATED', `the last page is ${last_pgno}, the file has ${pages}`);
  }
  return { little: isLittle, pageSize: pagesize, pages: last_pgno + 1 };
}

/**
 * Yields the header blobs of a Packages file, in page order; throws `corrupt` or `unsupported` (`RPM_BDB_…`).
 * @param reportOrphans told how many overflow pages belong to no item, when there are any: the file counts its
 *   records nowhere, so this is how a lost hash page shows
 */
export function* bdbBlobs(bytes: Uint8Array, reportOrphans: (pages: number) => void): Generator<Uint8Array> {
  const geometry = geometryOf(bytes);
  const { little, pageSize, pages } = geometry;
  const pageHead = little ? bdbPageLittle : bdbPageBig;
  const view = viewOf(bytes);
  const used = new Uint8Array(pages);
  let overflowPages = 0;
  for (let page = 1; page < pages; page++) {
    const start = page * pageSize;
    const { type, entries } = pageHead.read(bytes, start);
    if (type === BDB_PAGE.overflow) {
      overflowPages++;
      continue;
    }
    if (type === BDB_PAGE.free || type === P_HASHMETA) continue;
    if (type !== BDB_PAGE.hash && type !== BDB_PAGE.hashUnsorted) {
      throw corrupt('RPM_BDB_PAGE', `page ${page} has type ${type}, which no hash file has`);
    }
    const indexEnd = BDB_PAGE_OVERHEAD + entries * 2;
    if (indexEnd > pageSize) throw corrupt('RPM_BDB_PAGE', `page ${page} claims ${entries} items`);
    // Items are laid down from the page's end: each ends where the one before it begins.
    let end = pageSize;
    let keyIsHeader = false;
    for (let i = 0; i < entries; i++) {
      const at = view.getUint16(start + BDB_PAGE_OVERHEAD + i * 2, little);
      if (at < indexEnd || at >= end)
        throw corrupt('RPM_BDB_PAGE', `item ${i} of page ${page} lies at ${at}`);
      const kind = bytes[start + at]!;
      if (i % 2 === 0) {
        // Keys are header numbers; record 0 holds the highest number given so far.
        keyIsHeader =
          kind === BDB_ITEM.keyData && end - at === 5 && view.getUint32(start + at + 1, little) !== 0;
      } else if (keyIsHeader) {
        if (kind === BDB_ITEM.keyData) {
          yield bytes.subarray(start + at + 1, start + end);
        } else if (kind === BDB_ITEM.offPage && end - at >= HOFFPAGE_BYTES) {
          const first = view.getUint32(start + at + 4, little);
          const length = view.getUint32(start + at + 8, little);
          yield overflow(bytes, geometry, used, first, length);
        } else {
          throw corrupt('RPM_BDB_ITEM', `item ${i} of page ${page} has type ${kind}`);
        }
      }
      end = at;
    }
  }
  const orphans = overflowPages - used.reduce((sum, one) => sum + one, 0);
  if (orphans > 0) reportOrphans(orphans);
}

function overflow(
  bytes: Uint8Array,
  { little, pageSize, pages }: Geometry,
  used: Uint8Array,
  first: number,
  length: number,
): Uint8Array {
  if (length > bytes.length) {
    throw corrupt('RPM_BDB_OVERFLOW', `an item of ${length} bytes in a file of ${bytes.length}`);
  }
  const pageHead = little ? bdbPageLittle : bdbPageBig;
  const result = new Uint8Array(length);
  let filled = 0;
  for (let page = first; page !== 0; ) {
    if (page >= pages || used[page] === 1) {
      throw corrupt('RPM_BDB_OVERFLOW', `the chain from page ${first} comes to page ${page}`);
    }
    used[page] = 1;
    const start = page * pageSize;
    const { type, pgno, hf_offset: size, next_pgno } = pageHead.read(bytes, start);
    if (type !== BDB_PAGE.overflow || pgno !== page || size > pageSize - BDB_PAGE_OVERHEAD) {
      throw corrupt('RPM_BDB_OVERFLOW', `page ${page} of the chain from page ${first} is no overflow page`);
    }
    if (filled + size > length) break;
    result.set(bytes.subarray(start + BDB_PAGE_OVERHEAD, start + BDB_PAGE_OVERHEAD + size), filled);
    filled += size;
    page = next_pgno;
  }
  if (filled !== length) {
    throw corrupt('RPM_BDB_OVERFLOW', `the chain from page ${first} holds ${filled} of ${length} bytes`);
  }
  return result;
}
