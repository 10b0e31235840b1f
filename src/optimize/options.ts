/** What `optimize` is asked for. */
import type { Drivers } from '../core/contracts/registry.ts';
import type { ImageCompression, ImageOutput, ImageWriter } from '../core/contracts/writer.ts';
import type { RemoteAccess } from '../sources/remote.ts';

export interface OptimizeOptions {
  readonly drivers: Drivers;
  readonly writers: readonly ImageWriter[];
  readonly followOutside: boolean;
  /** Opens artifacts that an address names. */
  readonly remote?: RemoteAccess | undefined;
  /** Null for a dry run. */
  readonly output: { readonly path: string } | { readonly stream: ImageOutput } | null;
  /** qemu-img's name; the source's own format when undefined. */
  readonly to?: string | undefined;
  readonly subformat?: string | undefined;
  /** The format's default when undefined. */
  readonly compression?: ImageCompression | undefined;
  readonly level?: number | undefined;
  readonly clusterSize?: number | undefined;
  readonly keepUnused: readonly string[];
  readonly dropSwap: boolean;
  readonly dropSnapshots: boolean;
  readonly keepBacking: boolean;
  readonly verify: boolean;
  readonly force: boolean;
  /** Write a block map of the raw output there. */
  readonly bmap?: string;
}
