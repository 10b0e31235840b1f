/**
 * What the page is given: the report, and the tree of files in columns. Written by src/reporters/html.ts into the
 * page as JSON; read by main.ts. Types only.
 */
import type { MeasuredReport } from '../../../core/contracts/report.ts';

/**
 * Nodes in breadth-first order: the children of node 0 come right after it, then those of node 1, and so on, so
 * that the numbers of children say which they are.
 */
export interface PackedTree {
  readonly names: readonly string[];
  /** Number of children of each node; -1 for what is no directory. */
  readonly children: readonly number[];
  /** Allocated bytes with all below, in units. */
  readonly allocated: readonly number[];
  /** Bytes of one unit of `allocated`. */
  readonly unit: number;
  /** Apparent bytes with all below. */
  readonly size: readonly number[];
  /** Files with all below. */
  readonly files: readonly number[];
  /** Position in `kinds` by node; the one with most bytes for a directory. Empty when it is not known. */
  readonly kind: readonly number[];
  /** Position in the report's `packages` by node; -1 for none. */
  readonly package: readonly number[];
  /** Nodes that were left out, smallest first; what they hold is still in their directories' sums. */
  readonly omitted: number;
  /** False when it was made from a saved report, which lists only the largest. */
  readonly isComplete: boolean;
}

/** One thing that differs from the baseline. */
export interface Change {
  readonly name: string;
  /** Versions, or the name that it had. */
  readonly detail: string;
  /** `added`, `removed`, `upgraded` …; empty for a total. */
  readonly status: string;
  /** Bytes, or a count; null where it is not there or not known. */
  readonly before: number | null;
  readonly after: number | null;
  readonly delta: number | null;
  /** One of the two lists was cut: the change is at least that large. */
  readonly atLeast: boolean;
  readonly isCount: boolean;
}

export interface Changes {
  readonly baseline: string;
  /** Null where the two have no size in common. */
  readonly allocated: readonly [before: number, after: number] | null;
  readonly groups: readonly { readonly title: string; readonly rows: readonly Change[] }[];
  /** What limits the comparison. */
  readonly notes: readonly string[];
}

export interface Payload {
  /** With the declared sizes of packages, and zeros, where only a manifest was read. */
  readonly report: MeasuredReport;
  /** False when it was made from a manifest: there is no artifact and there are no files to show. */
  readonly isMeasured: boolean;
  readonly tree: PackedTree;
  readonly kinds: readonly string[];
  readonly changes: Changes | null;
}
