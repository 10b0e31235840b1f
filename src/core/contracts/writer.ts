import type { SealLog } from '../seals.ts';
import type { Context } from './context.ts';
import type { Disk } from './disk.ts';
import type { BlockSource } from './source.ts';

/** Where an image is written. */
export interface ImageOutput {
  /** True for standard output: offsets must ascend without a gap. */
  readonly isSequential: boolean;
  /** Writes at a position; what was never written reads as zeros. The bytes may be reused once it resolves. */
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /** Sets the final length. */
  setSize(size: number): Promise<void>;
}

/** `gzip`: the whole image as one stream (raw). */
export type ImageCompression = 'none' | 'zlib' | 'zstd' | 'gzip';

/** Bytes of the disk by what became of them, filled in while writing. */
export interface WriteTally {
  /** Called data by the map, and all zeros. */
  zero: number;
  /** Stored as they are. */
  plain: number;
  /** Stored compressed … */
  compressed: number;
  /** … and what that took. */
  packed: number;
}

export interface WriterOptions {
  readonly subformat?: string;
  readonly compression: ImageCompression;
  readonly level?: number;
  readonly clusterSize?: number;
  /** The source's own: content ID, adapter type, geometry, lazy refcounts are carried over where they mean something. */
  readonly details: Disk['details'];
  /** Kept as a backing file rather than flattened: as the new image is to name it. */
  readonly backing?: { readonly reference: string; readonly format: string };
  /** Filled in when given. */
  readonly tally?: WriteTally;
  /** Filled in when given, by writers that compress: each unit is decoded again and compared as it is compressed. */
  readonly seals?: SealLog;
}

/** In what units a writer stores data and how: what a prediction of its output's size needs. */
export interface WriterUnits {
  /** Bytes; each unit is stored, or left out when zero, for itself. */
  readonly unit: number;
  /** How a unit is compressed; null when it is not. */
  readonly codec: {
    readonly algorithm: 'deflate-raw' | 'zlib' | 'zstd';
    readonly level: number;
    readonly windowBits?: number;
    readonly memLevel?: number;
  } | null;
}

/**
 * Writes a disk in a format. What the source's map calls zero or hole is not stored; data that turns out to be all
 * zeros is not either. The output's bytes depend on the source's content and on the options, never on threads,
 * time or chance.
 */
export interface ImageWriter {
  /** qemu-img's name of the format. */
  readonly format: string;
  /** The first is the default. */
  readonly subformats: readonly string[];
  readonly compressions: readonly ImageCompression[];
  /** Bytes that the disk has in this format: the source's size, unless the format wants whole units. Zeros fill them. */
  virtualSize?(size: number, options: WriterOptions): number;
  /** Whether `write` works on an output that is sequential, for these options. */
  canStream(options: WriterOptions): boolean;
  /** For predictions; without it the output's size cannot be foretold. */
  units?(options: WriterOptions): WriterUnits;
  /** @throws ImgoptError `usage` for options that the format does not know */
  write(source: BlockSource, output: ImageOutput, options: WriterOptions, context: Context): Promise<void>;
}
