import { crc32 } from 'node:zlib';

/** Compressed zeros by length: each length is compressed once. Pieces have two lengths, the full and the last. */
export class ZeroPieces {
  private readonly known = new Map<number, { readonly bytes: Uint8Array; readonly crc: number }>();
  private readonly compress: (zeros: Uint8Array) => Uint8Array;

  constructor(compress: (zeros: Uint8Array) => Uint8Array) {
    this.compress = compress;
  }

  of(length: number): { readonly bytes: Uint8Array; readonly crc: number } {
    let piece = this.known.get(length);
    if (piece === undefined) {
      const zeros = new Uint8Array(length);
      piece = { bytes: this.compress(zeros), crc: crc32(zeros) };
      this.known.set(length, piece);
    }
    // The taker owns what it gets.
    return { bytes: Uint8Array.from(piece.bytes), crc: piece.crc };
  }
}
