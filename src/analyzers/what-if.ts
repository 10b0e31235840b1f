/**
 * What if these rules, packages and paths went: the same engine, asked about what somebody names instead of about
 * what rules find. A package takes along whatever requires it, and what only those kept.
 */

import type { Suggestion } from '../core/contracts/report.ts';
import type { Finding, RemovalRule } from '../core/contracts/rule.ts';
import { usage } from '../core/errors.ts';
import { escapeName } from '../core/text.ts';
import { shellQuote } from './remove-packages.ts';
import { REMOVAL_RULES } from './rules/index.ts';
import { type Resolved, type RuleRun, suggest } from './suggest.ts';
import { someOf } from './suggest-text.ts';

/** @param asked rule ids, names of packages, absolute paths */
export async function whatIf(run: RuleRun, asked: readonly string[]): Promise<Resolved[]> {
  const rules: RemovalRule[] = [];
  for (const one of asked) {
    const rule = REMOVAL_RULES.find(({ id }) => id === one);
    if (rule !== undefined) rules.push(rule);
    else if (one.startsWith('/')) rules.push(asRule(one, pathFinding(run, one)));
    else rules.push(asRule(one, packageFinding(run, one)));
  }
  return suggest(run, rules);
}

function asRule(asked: string, finding: Finding, id = 'what-if'): RemovalRule {
  const family = finding.packages === undefined ? 'content' : 'packages';
  return {
    id,
    title: asked,
    safety: 'risky' satisfies Suggestion['safety'],
    family,
    description: '',
    evaluate: () => [finding],
  };
}

function pathFinding({ files }: RuleRun, path: string): Finding {
  const entry = files.lookup(path.length > 1 ? path.replace(/\/+$/, '') : path);
  if (entry < 0) {
    throw usage('WHAT_IF', `there is no ${escapeName(path)} in the image`, {
      advice: 'name what the report lists',
    });
  }
  return {
    entries: files.tree(entry),
    paths: [path],
    commands: [`rm -rf ${shellQuote(path)}`],
    reason: 'asked for',
  };
}

function packageFinding(run: RuleRun, name: string): Finding {
  const asked = run.graph.find(name);
  if (asked.length === 0) {
    throw usage('WHAT_IF', `'${escapeName(name)}' is no rule, no installed package and no absolute path`, {
      advice: 'docs/rules.md lists the rules',
    });
  }
  const { leaving, kept } = leavingWith(run, asked);
  if (kept.length > 0) {
    const names = kept.map((index) => run.inspection.packages[index]!.name);
    throw usage('WHAT_IF', `${escapeName(name)} cannot go: the machine needs ${someOf(names, 5)}`);
  }
  return { packages: leaving, paths: [], commands: [], reason: 'asked for, with what requires it' };
}

/** Positions of what cannot stay without these packages, themselves included, and of those that must stay. */
export function leavingWith(
  { graph }: RuleRun,
  asked: readonly number[],
): { readonly leaving: readonly number[]; readonly kept: readonly number[] } {
  const leaving = graph.dependents(asked);
  return { leaving, kept: leaving.filter((index) => graph.isProtected(index)) };
}

/** What somebody marked. */
export interface Marked {
  /** Files and directories with all below; no command where none can name it. */
  readonly trees: readonly {
    readonly entry: number;
    readonly title: string;
    readonly command: string | null;
  }[];
  /** Positions in the inspection's packages. */
  readonly packages: readonly number[];
  /** As they were found. */
  readonly suggestions: readonly Resolved[];
}

/**
 * What goes when all that is marked goes, no byte twice: files of packages that leave and of directories that are
 * removed are freed once.
 */
export async function removalOf(run: RuleRun, { trees, packages, suggestions }: Marked): Promise<Resolved[]> {
  const rules = suggestions.map(({ rule, finding }): RemovalRule => ({ ...rule, evaluate: () => [finding] }));
  if (packages.length > 0) {
    const { leaving } = leavingWith(run, packages);
    const names = packages.map((index) => run.inspection.packages[index]!.name);
    const finding = { packages: leaving, paths: [], commands: [], reason: 'marked, with what requires it' };
    rules.push(asRule(`Packages ${someOf([...new Set(names)], 5)}`, finding, 'explore'));
  }
  for (const { entry, title, command } of trees) {
    const finding = {
      entries: run.files.tree(entry),
      paths: [title],
      commands: command === null ? [] : [command],
      reason: 'marked',
    };
    rules.push(asRule(title, finding, 'explore'));
  }
  return suggest(run, rules);
}
