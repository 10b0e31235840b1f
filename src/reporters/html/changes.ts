/** What differs from a baseline, in the comparison and the words of `imgopt diff`, as the page shows it. */
import { compareSnapshots } from '../../budgets/compare.ts';
import type { Snapshot } from '../../budgets/snapshot.ts';
import { SECTIONS, TOTAL_NAMES, versionsOf, whatHappened } from '../diff/words.ts';
import type { Changes } from './app/payload.ts';

/** Rows of one list. */
const MAX_CHANGES = 500;

export function changesBetween(before: Snapshot, after: Snapshot): Changes {
  const comparison = compareSnapshots(before, after);
  const totals = comparison.totals
    .filter(({ delta }) => delta !== 0)
    .map(({ name, before: old, after: now, delta }) => ({
      name: TOTAL_NAMES[name],
      detail: '',
      status: '',
      before: old,
      after: now,
      delta,
      atLeast: false,
      isCount: name === 'files',
    }));
  const lists = SECTIONS.map(([section, title]) => ({
    title,
    rows: comparison[section].slice(0, MAX_CHANGES).map((change) => ({
      name: change.name,
      detail: versionsOf(change),
      status: whatHappened(change, section),
      before: change.before,
      after: change.after,
      delta: change.delta,
      atLeast: change.atLeast,
      isCount: false,
    })),
  }));
  return {
    baseline: before.path,
    allocated: sizes(before, after),
    groups: [{ title: 'In all', rows: totals }, ...lists].filter(({ rows }) => rows.length > 0),
    notes: comparison.notes,
  };
}

/** Of the artifact, or of the files in it where only those are known on both sides. */
function sizes(before: Snapshot, after: Snapshot): Changes['allocated'] {
  for (const name of ['allocated', 'fileSize', 'content'] as const) {
    const [old, now] = [before[name], after[name]];
    if (old !== null && now !== null) return [old, now];
  }
  return null;
}
