/** What could still be saved: the removal rules' sums, for the end of the books. Paths and commands are analyze's. */
import { advise } from '../analyzers/advise.ts';
import { analyzeBooks } from '../analyzers/books.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type { Safety } from '../core/contracts/report.ts';

/** Sums over the suggestions of one safety, in bytes of the guest's filesystems. */
export interface SavingsOf {
  readonly suggestions: number;
  readonly reclaimable: number;
}

export type Savings = Readonly<Record<Safety, SavingsOf>>;

/**
 * Adds up what `imgopt analyze` would suggest for files and packages. What concerns the disk itself (stale blocks,
 * compression) is left out: that is what optimizing does.
 */
export async function savingsOf(inspection: Inspection): Promise<Savings> {
  const books = await analyzeBooks(inspection);
  const { resolved } = await advise(inspection, { books });
  const sums = {
    safe: { suggestions: 0, reclaimable: 0 },
    review: { suggestions: 0, reclaimable: 0 },
    risky: { suggestions: 0, reclaimable: 0 },
  };
  for (const { suggestion } of resolved) {
    if (!suggestion.needsUnusedDropped) continue;
    sums[suggestion.safety].suggestions++;
    sums[suggestion.safety].reclaimable += suggestion.reclaimable;
  }
  return sums;
}
