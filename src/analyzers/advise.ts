/** Rules chosen, run and resolved: what `imgopt analyze` says could go, and what must not be published. */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { HygieneSection, MeasuredBooks } from '../core/contracts/report.ts';
import type { HygieneRule, RemovalRule, RuleOptions } from '../core/contracts/rule.ts';
import { usage } from '../core/errors.ts';
import { nearestWord } from '../core/nearest.ts';
import { escapeName } from '../core/text.ts';
import { HYGIENE_RULES, REMOVAL_RULES } from './rules/index.ts';
import { checkHygiene, NO_OPTIONS, prepareRules, type Resolved, type RuleRun, suggest } from './suggest.ts';
import { whatIf } from './what-if.ts';

export interface AdviceOptions {
  readonly books: MeasuredBooks;
  /** What is not said is as nobody configured it. */
  readonly rules?: Partial<RuleOptions>;
  /** Ids of the only rules to run, even where they are off; all that are not off when empty. */
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
  const rules = { ...NO_OPTIONS, ...options.rules };
  const isChosen = ({ id }: RemovalRule | HygieneRule): boolean =>
    (only.length === 0 ? !rules.off.includes(id) : only.includes(id)) && !without.includes(id);
  const run = await prepareRules(inspection, rules, options.books);
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
    const nearest = nearestWord(id, known);
    throw usage('UNKNOWN_RULE', `there is no rule '${escapeName(id)}'`, {
      advice: `${nearest === undefined ? '' : `did you mean '${nearest}'? `}docs/rules.md lists them all`,
    });
  }
}
