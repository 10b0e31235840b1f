import type { ByteRange } from '../extents.ts';

/**
 * What a stretch of a source holds, in the words of `qemu-img map`:
 * `data` is stored, `zero` reads as zeros by decree, `hole` is not stored anywhere and reads as zeros.
 */
export type ExtentKind = 'data' | 'zero' | 'hole';

export interface BlockExtent extends ByteRange {
  readonly kind: ExtentKind;
  /**
   * Bytes of the artifact's own files that hold this stretch: its length for plain data, less for compressed
   * data, 0 for zeros, holes and data that a backing file holds.
   */
  readonly stored: number;
  /** Stored compressed. */
  readonly compressed?: boolean;
}

/** How stored bytes hold a stretch: as they are, or as one compressed stream or frame. */
export type StoredCodec = 'none' | 'deflate-raw' | 'zlib' | 'zstd';

/** Where a stretch of a source is stored. */
export interface StoredPlace extends ByteRange {
  readonly codec: StoredCodec;
  /** In the artifact's own file. */
  readonly offset: number;
  /** Bytes that may belong to it; with a compression perhaps more than do. */
  readonly length: number;
}

/** The stored bytes themselves, for who compares those rather than what they decode to. */
export interface StoredBytes {
  /** What is stored, ascending; a compressed unit is one place. What is missing is stored nowhere or elsewhere. */
  places(): AsyncIterable<readonly StoredPlace[]>;
  /** Reads the artifact's file. @throws as `read` of a source */
  read(target: Uint8Array, offset: number): Promise<void>;
}

/** Bytes at positions. Reads are positional, without a cursor, so calls overlap freely. */
export interface BlockSource {
  /** Bytes. */
  readonly size: number;
  /** Offsets and lengths that are multiples of it are read at no extra cost. A power of two. */
  readonly granularity: number;
  /**
   * Fills `target` from `offset` on, or throws.
   * @throws ImgoptError: `corrupt` past the end, `system` when the machine fails
   */
  read(target: Uint8Array, offset: number): Promise<void>;
  /**
   * Ordered, gapless cover of `range` (default: everything), in batches so that nothing is awaited per extent.
   * Neighbours of a kind are merged unless compressed, where each cluster is its own extent.
   */
  extents(range?: ByteRange): AsyncIterable<readonly BlockExtent[]>;
  /** Given where the source is one file that stores units. */
  readonly storedBytes?: StoredBytes | undefined;
  close(): Promise<void>;
}
