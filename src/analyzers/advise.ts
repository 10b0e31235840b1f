/** Rules chosen, run and resolved: what `imgopt analyze` says could go, and what must not be published. */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { HygieneSection, MeasuredBooks } from '../core/contracts/report.ts';
import type { HygieneRule, RemovalRule, RuleOptions } from '../core/contracts/rule.ts';
import { usage } from '../core/errors.ts';
import { HYGIENE_RULES, REMOVAL_RULES } from './rules/index.ts';
import { checkHygiene, NO_OPTIONS, prepareRules, type Resolved, type RuleRun, suggest } from './suggest.ts';
import { whatIf } from './what-if.ts';

export interface AdviceOptions {
  readonly books: MeasuredBooks;
  readonly rules?: RuleOptions;
  /** Ids of the only rules to run; all when empty. */
  readonly only?: readonly string[];
  readonly without?: readonly string[];
  /** In place of what the rules find: rules, packages and paths that somebody names. */
  readonly whatIf?: readonly string[];
  /** Hygiene too. */
  readonly publish?: boolean;
  /** Rules that read content of files too. */
  readonly deep?: boolean;
}

export interface Advice {
  readonly run: RuleRun;
  readonly resolved: readonly Resolved[];
  readonly hygiene: readonly HygieneSection[];
}

/** @throws ImgoptError `usage` for a rule that does not exist */
export async function advise(inspection: Inspection, options: AdviceOptions): Promise<Advice> {
  const { only = [], without = [] } = options;
  assertRules([...only, ...without]);
  const isChosen = ({ id }: RemovalRule | HygieneRule): boolean =>
    (only.length === 0 || only.includes(id)) && !without.includes(id);
  const run = await prepareRules(inspection, options.rules ?? NO_OPTIONS, options.books);
  const removal = REMOVAL_RULES.filter((rule) => isChosen(rule) && (rule.deep !== true || options.deep));
  const hygiene = options.publish === true ? HYGIENE_RULES.filter(isChosen) : [];
  const resolved =
    options.whatIf === undefined ? await suggest(run, removal) : await whatIf(run, options.whatIf);
  return { run, resolved, hygiene: await checkHygiene(run, hygiene) };
}

/** @throws ImgoptError `usage` that names the nearest rule */
export function assertRules(ids: readonly string[]): void {
  const known = [...REMOVAL_RULES, ...HYGIENE_RULES].map(({ id }) => id);
  for (const id of ids) {
    if (known.includes(id)) continue;
    const nearest = [...known].sort((a, b) => distance(id, a) - distance(id, b))[0];
    throw usage('UNKNOWN_RULE', `there is no rule '${id}'`, {
      advice: `did you mean '${nearest}'? docs/rules.md lists them all`,
    });
  }
}

/** Edits from one word to the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= Math.min(a.length, 100); i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + Number(a[i - 1] !== b[j - 1])));
    }
    row = next;
  }
  return row.at(-1)!;
}
