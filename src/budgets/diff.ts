/** The document of `imgopt diff`: a comparison, and what was compared. */
import { type Comparison, compareSnapshots, isDifferent } from './compare.ts';
import type { Snapshot } from './snapshot.ts';

export interface DiffSide {
  readonly path: string;
  readonly kind: Snapshot['kind'];
  readonly artifact: string;
  readonly format: string;
}

export interface DiffResult extends Comparison {
  readonly schema: 'imgopt.diff/1';
  readonly generator: { readonly name: string; readonly version: string };
  readonly old: DiffSide;
  readonly new: DiffSide;
  readonly differs: boolean;
}

/** @param version of imgopt */
export function diffSnapshots(before: Snapshot, after: Snapshot, version: string): DiffResult {
  const comparison = compareSnapshots(before, after);
  return {
    schema: 'imgopt.diff/1',
    generator: { name: 'imgopt', version },
    old: sideOf(before),
    new: sideOf(after),
    differs: isDifferent(comparison),
    ...comparison,
  };
}

/** The longest lists that a result shows; 0 is all. */
export function cutComparison<Of extends Comparison>(comparison: Of, top: number): Of {
  if (top === 0) return comparison;
  return {
    ...comparison,
    filesystems: comparison.filesystems.slice(0, top),
    packages: comparison.packages.slice(0, top),
    kinds: comparison.kinds.slice(0, top),
    directories: comparison.directories.slice(0, top),
    files: comparison.files.slice(0, top),
    suggestions: comparison.suggestions.slice(0, top),
  };
}

function sideOf({ path, kind, artifact, format }: Snapshot): DiffSide {
  return { path, kind, artifact, format };
}
