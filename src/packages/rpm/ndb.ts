/**
 * NDB, rpm's own database format (openSUSE, SUSE Linux Enterprise): slots that say where each header lies.
 * Source of the layout: rpm, lib/backend/ndb/rpmpkg.c. Index.db beside it only speeds up queries.
 */
import { corrupt, unsupported } from '../../core/errors.ts';
import {
  NDB_MAGIC,
  NDB_PAGE_BYTES,
  NDB_UNIT_BYTES,
  ndbBlobHead,
  ndbBlobTail,
  ndbHeader,
  ndbSlot,
} from './layout.ts';

const HEAD_BYTES = 16;
const TAIL_BYTES = 12;
/** The first two slots' place is the header's. */
const FIRST_SLOT = 32;
const ADLER_MODULUS = 65521;
/** Additions that fit 32 bits before a modulus is due (RFC 1950, zlib's NMAX). */
const ADLER_RUN = 5552;

/** Adler-32 of RFC 1950. */
export function adler32(bytes: Uint8Array, start: number, end: number): number {
  let low = 1;
  let high = 0;
  for (let at = start; at < end; ) {
    const stop = Math.min(end, at + ADLER_RUN);
    for (; at < stop; at++) {
      low += bytes[at]!;
      high += low;
    }
    low %= ADLER_MODULUS;
    high %= ADLER_MODULUS;
  }
  return high * 65536 + low;
}

/** Yields the header blobs of a Packages.db in order of installation; throws `corrupt` (`RPM_NDB_…`). */
export function* ndbBlobs(bytes: Uint8Array): Generator<Uint8Array> {
  const { magic, version, slotnpages } = ndbHeader.read(bytes);
  if (magic !== NDB_MAGIC.header) throw corrupt('RPM_NDB_MAGIC', 'Packages.db does not begin with RpmP');
  if (version !== 0) throw unsupported('RPM_NDB_VERSION', `NDB version ${version}; rpm knows version 0`);
  const slotsEnd = slotnpages * NDB_PAGE_BYTES;
  if (slotsEnd > bytes.length) {
    throw corrupt('RPM_NDB_SLOTS', `${slotnpages} pages of slots in a file of ${bytes.length} bytes`);
  }
  const slots: { pkgidx: number; start: number; end: number }[] = [];
  for (let at = FIRST_SLOT; at < slotsEnd; at += NDB_UNIT_BYTES) {
    const slot = ndbSlot.read(bytes, at);
    if (slot.magic !== NDB_MAGIC.slot) throw corrupt('RPM_NDB_SLOTS', `no slot at offset ${at}`);
    if (slot.blkoff === 0) continue;
    const start = slot.blkoff * NDB_UNIT_BYTES;
    const end = start + slot.blkcnt * NDB_UNIT_BYTES;
    if (start < slotsEnd || end > bytes.length || slot.pkgidx === 0) {
      throw corrupt('RPM_NDB_SLOTS', `the slot at offset ${at} points to ${start} … ${end}`);
    }
    slots.push({ pkgidx: slot.pkgidx, start, end });
  }
  slots.sort((a, b) => a.start - b.start);
  for (let i = 1; i < slots.length; i++) {
    if (slots[i]!.start < slots[i - 1]!.end) {
      throw corrupt('RPM_NDB_SLOTS', `packages ${slots[i - 1]!.pkgidx} and ${slots[i]!.pkgidx} overlap`);
    }
  }
  slots.sort((a, b) => a.pkgidx - b.pkgidx);
  for (const { pkgidx, start, end } of slots) {
    const head = ndbBlobHead.read(bytes, start);
    const blob = start + HEAD_BYTES;
    const tail = end - TAIL_BYTES;
    const { adler32: sum, bloblen, magic: tailMagic } = ndbBlobTail.read(bytes, tail);
    if (
      head.magic !== NDB_MAGIC.head ||
      tailMagic !== NDB_MAGIC.tail ||
      head.pkgidx !== pkgidx ||
      head.bloblen !== bloblen ||
      blob + bloblen > tail
    ) {
      throw corrupt('RPM_NDB_BLOB', `package ${pkgidx}: its blob at offset ${start} contradicts its slot`);
    }
    if (adler32(bytes, start, tail) !== sum) {
      throw corrupt(
        'RPM_NDB_CHECKSUM',
        `package ${pkgidx}: its blob at offset ${start} has a wrong checksum`,
      );
    }
    yield bytes.subarray(blob, blob + bloblen);
  }
}
