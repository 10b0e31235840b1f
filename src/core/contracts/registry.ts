import type { Decompressor } from './compressor.ts';
import type { ImageFormat, VolumeSystem } from './disk.ts';
import type { FilesystemDriver } from './filesystem.ts';
import type { PackageDatabase } from './package.ts';
import type { Reporter } from './reporter.ts';
import type { ImageWriter } from './writer.ts';

/** What a plugin's hook `imgopt:contribute` returns; built-ins use the same shape. */
export interface Contribution {
  readonly apiVersion: 1;
  readonly formats?: readonly ImageFormat[];
  readonly writers?: readonly ImageWriter[];
  readonly volumeSystems?: readonly VolumeSystem[];
  readonly filesystems?: readonly FilesystemDriver[];
  readonly packageDatabases?: readonly PackageDatabase[];
  readonly reporters?: readonly Reporter[];
  readonly decompressors?: readonly Decompressor[];
}

/** The drivers that an inspection is given. Order matters: detection asks in it, and the first certain one wins. */
export interface Drivers {
  readonly formats: readonly ImageFormat[];
  readonly volumeSystems: readonly VolumeSystem[];
  readonly filesystems: readonly FilesystemDriver[];
  readonly packageDatabases: readonly PackageDatabase[];
  /** Beside gzip and zstd. */
  readonly decompressors?: readonly Decompressor[];
}

/** The drivers, and what only commands that write need. */
export interface Registry extends Drivers {
  readonly writers: readonly ImageWriter[];
}
