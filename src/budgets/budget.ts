/** What a budget is: something that can be measured, and the largest value of it that passes. */
import type { Growth } from './growth.ts';

/** Measured in bytes. */
export const SIZE_MEASURES = [
  'file-size',
  'virtual-size',
  'allocated',
  'stale',
  'compressed',
  'filesystem',
  'package',
  'path',
  'kind',
  'reclaimable',
] as const;
/** Counted. */
export const COUNT_MEASURES = ['files', 'hygiene'] as const;

export type Measure = (typeof SIZE_MEASURES)[number] | (typeof COUNT_MEASURES)[number];

/** Of a filesystem: what is looked at. */
export type FilesystemValue = 'used' | 'size' | 'unused' | 'stale';
export type Codec = 'zstd' | 'gzip';

export interface Budget {
  /** As people call it; unique within a check. */
  readonly name: string;
  readonly measure: Measure;
  /**
   * What of it: a package, kind, path or filesystem by name or pattern, a severity of hygiene; null is the whole
   * artifact.
   */
  readonly match: string | null;
  /** Of `filesystem`. */
  readonly of: FilesystemValue;
  /** Of `compressed`. */
  readonly codec: Codec;
  /** The largest value that passes. */
  readonly max: number | null;
  /** The largest value without a warning. */
  readonly warn: number | null;
  /** How much larger than in the baseline it may be. */
  readonly growth: Growth | null;
  /** For who breaks it: what to do. */
  readonly message: string | null;
  /** Matching nothing is fine, and 0. */
  readonly allowEmpty: boolean;
  /** Where it was set, for messages: `imgopt.yml:12:7`, `--max-size`. */
  readonly where: string;
}

/** Budgets that apply to some artifacts only. Null fields apply to all; patterns are names' patterns. */
export interface BudgetSection {
  readonly format: string | null;
  /** Of the artifact's file. */
  readonly name: string | null;
  /** Packer's name of the build. */
  readonly build: string | null;
  readonly budgets: readonly Budget[];
  readonly baseline: string | null;
}

/** The section `budgets` of imgopt.yml. */
export interface BudgetConfig {
  readonly baseline: string | null;
  readonly budgets: readonly Budget[];
  readonly sections: readonly BudgetSection[];
}

export function isCount(measure: Measure): boolean {
  return (COUNT_MEASURES as readonly string[]).includes(measure);
}

/** What a budget measures, in words: also its name unless it has one. */
export function describe(budget: Pick<Budget, 'measure' | 'match' | 'of' | 'codec'>): string {
  const { measure, match, of, codec } = budget;
  switch (measure) {
    case 'file-size':
      return 'file size';
    case 'virtual-size':
      return 'virtual size';
    case 'allocated':
      return 'allocated';
    case 'stale':
      return 'stale bytes';
    case 'compressed':
      return `compressed size (${codec})`;
    case 'filesystem':
      return `${of} of filesystem ${match ?? ''}`;
    case 'package':
      return `package ${match ?? ''}`;
    case 'path':
      return `files in ${match ?? ''}`;
    case 'kind':
      return `kind ${match ?? ''}`;
    case 'reclaimable':
      return 'what could be removed';
    case 'files':
      return match === null ? 'number of files' : `number of files in ${match}`;
    case 'hygiene':
      return `hygiene findings (${match === null || match === 'info' ? 'all' : match === 'error' ? 'errors' : 'warnings and errors'})`;
  }
}
