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

function asRule(asked: string, finding: Finding): RemovalRule {
  const family = finding.packages === undefined ? 'content' : 'packages';
  return {
    id: 'what-if',
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

function packageFinding({ graph, inspection }: RuleRun, name: string): Finding {
  const asked = graph.find(name);
  if (asked.length === 0) {
    throw usage('WHAT_IF', `'${escapeName(name)}' is no rule, no installed package and no absolute path`, {
      advice: 'docs/rules.md lists the rules',
    });
  }
  const leaving = graph.dependents(asked);
  const kept = leaving.filter((index) => graph.isProtected(index));
  if (kept.length > 0) {
    const names = kept.map((index) => inspection.packages[index]!.name);
    throw usage('WHAT_IF', `${escapeName(name)} cannot go: the machine needs ${someOf(names, 5)}`);
  }
  return { packages: leaving, paths: [], commands: [], reason: 'asked for, with what requires it' };
}
