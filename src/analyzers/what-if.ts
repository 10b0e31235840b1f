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

function pathFinding(run: RuleRun, asked: string): Finding {
  const { files, inspection } = run;
  const path = asked.replace(/\/+$/, '') || '/';
  const entry = files.lookup(path);
  if (entry < 0) {
    throw usage('WHAT_IF', `there is no ${escapeName(path)} in the image`, {
      advice: 'name what the report lists',
    });
  }
  const entries = files.tree(entry);
  const refuse = (reason: string): never => {
    throw usage('WHAT_IF', `${escapeName(path)} ${reason}`, { advice: 'name what is in it' });
  };
  if (path === '/') refuse('is all there is');
  if (
    inspection.filesystems.some(({ mounts }) => mounts.some((one) => one.mountPoint.startsWith(`${path}/`)))
  ) {
    refuse('has another filesystem mounted in it');
  }
  const starts = entriesThatStart(run);
  if (entries.some((one) => starts.has(one))) refuse('holds the kernel that starts the machine');
  return { entries, paths: [path], commands: [removeTreeCommand(run, entry, path)], reason: 'asked for' };
}

/** What the machine cannot start without: image, modules and initramfs of its default kernel, with all in them. */
export function entriesThatStart({ boot, files }: RuleRun): Set<number> {
  const starts = new Set<number>();
  for (const kernel of boot.kernels) {
    if (kernel.version !== boot.defaultVersion) continue;
    for (const entry of [kernel.image, kernel.modules, ...kernel.initramfs]) {
      if (entry >= 0) for (const inner of files.tree(entry)) starts.add(inner);
    }
  }
  return starts;
}

/** Removes a tree; of a mount point what is in it, for the directory itself is busy. */
export function removeTreeCommand({ inspection }: RuleRun, entry: number, path: string): string {
  return inspection.table.parent[entry]! < 0
    ? `find ${shellQuote(path)} -xdev -mindepth 1 -delete`
    : `rm -rf ${shellQuote(path)}`;
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
