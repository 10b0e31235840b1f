/**
 * The largest N of a million, without sorting a million.
 *
 * Weights are numbers in a column; names are text that costs time to build. So the weights alone find the N-th
 * largest one first (a bounded heap), and names are only built for what ties with it. Ties are no rarity: most
 * files of a machine image occupy exactly one block.
 */
import { compareText } from '../core/text.ts';

export interface Naming {
  /** Full name by which ties are ordered. */
  path(entry: number): string;
  /** What the full name of the entry and all its siblings begins with; its directory's path with a slash. */
  prefix(entry: number): string;
  /** Key under which `prefix` is the same: the directory's entry. */
  group(entry: number): number;
}

/** The k-th largest weight of the candidates, for 1 ≤ k ≤ candidates.length. */
export function kthLargest(candidates: Int32Array, weight: Float64Array, k: number): number {
  const heap = new Float64Array(k); // smallest on top
  const sink = (from: number, value: number): void => {
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= k) break;
      if (child + 1 < k && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= value) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = value;
  };
  for (let i = 0; i < k; i++) heap[i] = weight[candidates[i]!]!;
  for (let i = (k >> 1) - 1; i >= 0; i--) sink(i, heap[i]!);
  for (let i = k; i < candidates.length; i++) {
    const value = weight[candidates[i]!]!;
    if (value > heap[0]!) sink(0, value);
  }
  return heap[0]!;
}

/**
 * The `top` heaviest candidates (0: all), heaviest first, ties by path.
 * @param weight by entry
 */
export function selectLargest(
  candidates: Int32Array,
  weight: Float64Array,
  top: number,
  naming: Naming,
): number[] {
  let chosen: number[];
  if (top === 0 || candidates.length <= top) {
    chosen = [...candidates];
  } else {
    const least = kthLargest(candidates, weight, top);
    chosen = [];
    const ties: number[] = [];
    for (const entry of candidates) {
      const value = weight[entry]!;
      if (value > least) chosen.push(entry);
      else if (value === least) ties.push(entry);
    }
    chosen.push(...firstByPath(ties, top - chosen.length, naming));
  }
  const paths = new Map<number, string>();
  const pathOf = (entry: number): string => {
    let path = paths.get(entry);
    if (path === undefined) {
      path = naming.path(entry);
      paths.set(entry, path);
    }
    return path;
  };
  return chosen.sort((a, b) => weight[b]! - weight[a]! || compareText(pathOf(a), pathOf(b)));
}

/** The `room` entries whose paths come first. A whole directory is passed over when its prefix comes too late. */
function firstByPath(entries: readonly number[], room: number, naming: Naming): readonly number[] {
  if (entries.length <= room) return entries;
  const best: { path: string; entry: number }[] = []; // ascending by path, at most `room`
  const tooLate = new Set<number>();
  const prefixes = new Map<number, string>();
  for (const entry of entries) {
    const group = naming.group(entry);
    if (best.length === room) {
      if (tooLate.has(group)) continue;
      let prefix = prefixes.get(group);
      if (prefix === undefined) {
        prefix = naming.prefix(entry);
        prefixes.set(group, prefix);
      }
      const last = best[room - 1]!.path;
      // `last` only ever moves forward in the alphabet's beginning, so the verdict stays true.
      if (prefix > last && !last.startsWith(prefix)) {
        tooLate.add(group);
        continue;
      }
    }
    const path = naming.path(entry);
    if (best.length === room && compareText(path, best[room - 1]!.path) >= 0) continue;
    let at = best.length;
    while (at > 0 && compareText(best[at - 1]!.path, path) > 0) at--;
    best.splice(at, 0, { path, entry });
    if (best.length > room) best.pop();
  }
  return best.map((one) => one.entry);
}
