/** The word that somebody meant, for 'did you mean'. */

/** Longer words are compared by their beginnings: the cost of a comparison stays bounded. */
const MAX_COMPARED = 100;

/** Edits (insert, delete, replace, swap of neighbours) from one word to the other. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      let least = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + Number(a[i - 1] !== b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, before[j - 2]! + 1);
      }
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row.at(-1)!;
}

/** The known word that is like `word`, upper case or not; undefined when none is. The first of several wins. */
export function nearestWord(word: string, known: Iterable<string>): string | undefined {
  const asked = word.slice(0, MAX_COMPARED).toLowerCase();
  let best: string | undefined;
  // Half of the letters wrong is another word.
  let least = Math.max(2, Math.ceil(asked.length / 2)) + 1;
  for (const one of known) {
    const edits = distance(asked, one.slice(0, MAX_COMPARED).toLowerCase());
    if (edits < least) {
      least = edits;
      best = one;
    }
  }
  return best;
}
