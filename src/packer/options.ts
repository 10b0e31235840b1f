/** What `imgopt packer post-process` does with an image: the section `packer` of imgopt.yml, or its defaults. */
import type { ImageCompression } from '../core/contracts/writer.ts';

export const STEPS = ['analyze', 'check', 'optimize', 'compress'] as const;
export type Step = (typeof STEPS)[number];

export interface PackerOptions {
  /** In the order in which they run; each works on what the one before left. Null: what `defaultSteps` says. */
  readonly steps: readonly Step[] | null;
  /** Leave the image as Packer made it and put the small one beside it; otherwise the small one takes its place. */
  readonly keepInput: boolean;
  /** Write the report beside the image. */
  readonly report: boolean;
  /** Write the checksum of the result beside it. */
  readonly checksum: boolean;
  readonly optimize: {
    /** qemu-img's name; the image's own format when undefined. */
    readonly format?: string | undefined;
    readonly subformat?: string | undefined;
    readonly compression?: ImageCompression | undefined;
    readonly level?: number | undefined;
  };
  readonly compress: {
    readonly algorithm: 'zstd' | 'gzip';
    readonly level?: number | undefined;
  };
}

export const PACKER_DEFAULTS: PackerOptions = {
  steps: null,
  keepInput: true,
  report: true,
  checksum: true,
  optimize: {},
  compress: { algorithm: 'zstd' },
};

/** Without a word about steps: explain and shrink, and hold against budgets where there are any. */
export function defaultSteps(hasBudgets: boolean): readonly Step[] {
  return hasBudgets ? ['analyze', 'check', 'optimize'] : ['analyze', 'optimize'];
}

/** What is compressed as a whole is no image to shrink any more. */
export function isInOrder(steps: readonly Step[]): boolean {
  const compress = steps.indexOf('compress');
  return compress < 0 || steps.indexOf('optimize') < compress;
}
