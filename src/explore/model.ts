/**
 * What `explore` shows: three lists over one artifact, and what each of their lines is. Made once; what somebody
 * does with it is in state.ts.
 */
import type { SizeTree } from '../analyzers/size-tree.ts';
import type { PackageSection, Report, Suggestion } from '../core/contracts/report.ts';
import { compareText } from '../core/text.ts';

export const TABS = ['directories', 'packages', 'suggestions'] as const;
export type Tab = (typeof TABS)[number];

export const SORTS = ['size', 'name', 'files', 'apparent'] as const;
export type Sort = (typeof SORTS)[number];

/** What the lists can be sorted by; the first is how they begin. */
export const SORTS_OF: Record<Tab, readonly Sort[]> = {
  directories: ['size', 'name', 'files', 'apparent'],
  packages: ['size', 'name', 'files'],
  suggestions: ['size', 'name'],
};

export interface Model {
  readonly report: Report;
  readonly tree: SizeTree;
  /** Why a line cannot be marked; null when it can. */
  refusal(tab: Tab, key: number): string | null;
}

/** A line of a list. */
export interface Row {
  /** Node of the tree, or position in the report's packages or suggestions. */
  readonly key: number;
  /** As it is in the image: not yet escaped. */
  readonly name: string;
  readonly bytes: number;
  readonly apparent: number;
  /** Null where that means nothing. */
  readonly files: number | null;
  readonly isDirectory: boolean;
}

export const packageBytes = (one: PackageSection): number => one.allocated ?? one.installedSize ?? 0;

/** The lines of a list, in no order. `directory` matters to the list of directories alone. */
export function rowsOf({ tree, report }: Model, tab: Tab, directory: number): Row[] {
  if (tab === 'packages') {
    return report.packages.map((one, key) => ({
      key,
      name: one.name,
      bytes: packageBytes(one),
      apparent: packageBytes(one),
      files: one.files,
      isDirectory: false,
    }));
  }
  if (tab === 'suggestions') {
    return report.suggestions.map((one, key) => ({
      key,
      name: one.title,
      bytes: one.reclaimable,
      apparent: one.reclaimable,
      files: null,
      isDirectory: false,
    }));
  }
  const first = tree.firstChild[directory]!;
  return Array.from({ length: tree.childCount[directory]! }, (_, index): Row => {
    const node = first + index;
    const isDirectory = tree.directory[node] === 1;
    return {
      key: node,
      name: tree.name(node),
      bytes: tree.allocated[node]!,
      apparent: tree.size[node]!,
      files: isDirectory ? tree.files[node]! : null,
      isDirectory,
    };
  });
}

const SAFETY_ORDER: Record<Suggestion['safety'], number> = { safe: 0, review: 1, risky: 2 };

/** Sorted, ties by name. Sizes and counts begin with the largest, names with the first. */
export function sortRows(
  model: Model,
  tab: Tab,
  rows: readonly Row[],
  sort: Sort,
  isReversed: boolean,
): Row[] {
  const sign = isReversed ? -1 : 1;
  const value = (row: Row): number =>
    sort === 'files' ? (row.files ?? 0) : sort === 'apparent' ? row.apparent : row.bytes;
  const safety = (row: Row): number =>
    tab === 'suggestions' ? SAFETY_ORDER[model.report.suggestions[row.key]!.safety] : 0;
  return [...rows].sort(
    (a, b) =>
      // What is safe stands above what needs a decision, however large.
      safety(a) - safety(b) ||
      (sort === 'name' ? 0 : sign * (value(b) - value(a))) ||
      (sort === 'name' ? sign : 1) * compareText(a.name, b.name) ||
      a.key - b.key,
  );
}
