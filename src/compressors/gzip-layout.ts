/** gzip (RFC 1952) and the few bits of deflate (RFC 1951) that joining streams needs. */

export const GZIP_ID1 = 0x1f;
export const GZIP_ID2 = 0x8b;
export const CM_DEFLATE = 8;
/** FLG */
export const FHCRC = 2;
export const FEXTRA = 4;
export const FNAME = 8;
export const FCOMMENT = 16;
export const FLG_RESERVED = 0xe0;

export const DEFLATE_WINDOW_BYTES = 32768;
/** CRC32 and ISIZE. */
export const GZIP_TRAILER_BYTES = 8;

/** The last block of a stream, empty, with fixed codes: BFINAL 1, BTYPE 01, end of block. */
export const FINAL_EMPTY_BLOCK = Uint8Array.of(0x03, 0x00);

/** A member's header without name and time; XFL as gzip sets it, OS unknown, so that bytes are reproducible. */
export function gzipHeader(level: number): Uint8Array {
  const xfl = level >= 9 ? 2 : level === 1 ? 4 : 0;
  return Uint8Array.of(GZIP_ID1, GZIP_ID2, CM_DEFLATE, 0, 0, 0, 0, 0, xfl, 255);
}

/** CRC32 and ISIZE (the length modulo 2^32). */
export function gzipTrailer(crc: number, length: number): Uint8Array {
  const trailer = new Uint8Array(GZIP_TRAILER_BYTES);
  const view = new DataView(trailer.buffer);
  view.setUint32(0, crc, true);
  view.setUint32(4, length % 2 ** 32, true);
  return trailer;
}
