import type { Context } from './context.ts';

/**
 * Takes output in order; the next bytes come once it has resolved, so a slow taker slows the work. The bytes are
 * the taker's from then on.
 */
export type ByteSink = (bytes: Uint8Array) => Promise<void> | void;

export interface CompressionCounts {
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface CompressionOptions {
  /** Within `levels`; `levels.standard` when not given. */
  readonly level?: number | undefined;
  /** log2 of the window for long-distance matches, in bytes; only where the algorithm has one. */
  readonly windowLog?: number | undefined;
}

/**
 * One compression format. The output's bytes depend on the input, the level and the window, never on
 * `context.threads`, on how the input came in chunks, or on timing; memory is bounded by threads × block.
 */
export interface Compressor {
  /** zstd, gzip */
  readonly name: string;
  /** Of file names, with its dot. */
  readonly suffix: string;
  readonly levels: { readonly lowest: number; readonly highest: number; readonly standard: number };
  /** Whether a stream that begins with these bytes (at least 4 of them, or all) is one of ours. Pure. */
  probe(head: Uint8Array): boolean;
  /**
   * Writes one complete stream.
   * @throws ImgoptError `usage` for a level that does not exist; whatever `chunks` or `output` throw; AbortError
   */
  compress(
    chunks: AsyncIterable<Uint8Array>,
    output: ByteSink,
    options: CompressionOptions,
    context: Context,
  ): Promise<CompressionCounts>;
  /**
   * Reads a complete stream: all members or frames of it, checksums verified.
   * @throws ImgoptError `corrupt` when it is damaged, cut short or followed by anything else, `unsupported` for
   *   features that we lack; whatever `input` or `output` throw; AbortError
   */
  decompress(
    input: AsyncIterable<Uint8Array>,
    output: ByteSink,
    context: Context,
  ): Promise<CompressionCounts>;
}

/**
 * A compression that is read and not written: what plugins contribute beside the built-in ones. Whatever it throws
 * that is no error of imgopt's own means that the stream is damaged; an error with `code` `UNSUPPORTED`, that the
 * stream uses what the decoder lacks.
 */
export interface Decompressor {
  /** xz, bzip2 */
  readonly name: string;
  /** Whether a stream that begins with these bytes (16 of them, or all) is one of ours. Pure. */
  probe(head: Uint8Array): boolean;
  /** Reads a complete stream: all members of it, checksums verified; memory is bounded. */
  decompress(
    input: AsyncIterable<Uint8Array>,
    output: ByteSink,
    context: Context,
  ): Promise<CompressionCounts>;
}
