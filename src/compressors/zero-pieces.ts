import { crc32 } from 'node:zlib';

interface ZeroPiece {
  readonly bytes: Uint8Array;
  /** CRC-32 of the zeros, and of `bytes`. */
  readonly crc: number;
  readonly seal: number;
}

/** Compressed zeros by length: each length is compressed once. Pieces have two lengths, the full and the last. */
export class ZeroPieces {
  private readonly known = new Map<number, ZeroPiece>();
  private readonly compress: (zeros: Uint8Array) => Uint8Array;

  constructor(compress: (zeros: Uint8Array) => Uint8Array) {
    this.compress = compress;
  }

  of(length: number): ZeroPiece {
    let piece = this.known.get(length);
    if (piece === undefined) {
      const zeros = new Uint8Array(length);
      const bytes = this.compress(zeros);
      piece = { bytes, crc: crc32(zeros), seal: crc32(bytes) };
      this.known.set(length, piece);
    }
    // The taker owns what it gets.
    return { ...piece, bytes: Uint8Array.from(piece.bytes) };
  }
}
