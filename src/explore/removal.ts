/**
 * What marks amount to: which cannot be set, what is left when all that is marked is gone, and the script for it.
 *
 * With an image the same engine answers that makes suggestions, so no byte is counted twice: a file that a marked
 * package owns and that lies in a marked directory goes once, and a package takes along what requires it. A saved
 * report has sums and no files; there the marks of one list are disjoint, and over several lists their sum is a
 * bound that is said to be one.
 */
import type { Taken } from '../analyzers/claims.ts';
import { emit, type Step } from '../analyzers/emit.ts';
import { positionsInReport } from '../analyzers/packages.ts';
import { removeCommand, shellQuote } from '../analyzers/remove-packages.ts';
import { pathInTree, type SizeTree } from '../analyzers/size-tree.ts';
import type { Resolved, RuleRun } from '../analyzers/suggest.ts';
import { someOf } from '../analyzers/suggest-text.ts';
import {
  entriesThatStart,
  leavingWith,
  type Marked,
  removalOf,
  removeTreeCommand,
} from '../analyzers/what-if.ts';
import type { PredictionSection, Report, Suggestion } from '../core/contracts/report.ts';
import type { RuleFamily } from '../core/contracts/rule.ts';
import { FILE_FLAG } from '../core/file-table.ts';
import { packageBytes, type Tab } from './model.ts';
import type { Marks, ScriptKind } from './state.ts';

/** What goes. */
export interface Prediction {
  /** Bytes of the guest's files and directories. */
  readonly content: number;
  /** Bytes of the artifact beside them: what lies in unused blocks, say. */
  readonly artifact: number;
  /** The marks may overlap, so that less goes. */
  readonly isUpperBound: boolean;
  /** Marks that a script cannot carry out. */
  readonly left: number;
}

export interface Removal {
  /** Why something cannot be marked; null when it can. */
  refusal(tab: Tab, key: number): string | null;
  /** Positions in the report's packages of what goes along with one, without itself. */
  alongWith(index: number): readonly number[];
  predict(marks: Marks): Promise<Prediction>;
  script(marks: Marks, kind: ScriptKind): Promise<string>;
  /** What optimize would write now and afterwards; null without an image to read. */
  measure: ((marks: Marks) => Promise<PredictionSection>) | null;
}

export interface ScriptOptions {
  readonly artifact: string;
  readonly version: string;
}

/** A path that a shell can be given. Bytes that are no UTF-8 are lost in a name, so it would mean another file. */
const isNameable = (path: string): boolean => !path.includes('\ufffd');

/**
 * @param resolved the report's suggestions, in its order
 * @param sample what optimize would write without these entries
 */
export function removalFromImage(
  run: RuleRun,
  report: Report,
  resolved: readonly Resolved[],
  tree: SizeTree,
  options: ScriptOptions,
  sample: (taken: readonly Taken[]) => Promise<PredictionSection>,
): Removal {
  const { inspection } = run;
  const inReport = positionsInReport(inspection, report.packages);
  const inInspection = new Map(inReport.map((at, index) => [at, index]));
  const reasons = untouchable(run, tree);
  const isMounted = (entry: number): boolean =>
    (inspection.table.flags[entry]! & (FILE_FLAG.snapshot | FILE_FLAG.unmounted)) === 0;
  const markedOf = (marks: Marks): Marked => ({
    trees: [...marks.directories].map((node) => {
      const path = pathInTree(tree, node);
      const entry = tree.entry[node]!;
      // What a mount hides and what is mounted nowhere has no path in the running guest.
      const isReachable = inspection.pathOf(entry) === path && isMounted(entry) && isNameable(path);
      return { entry, title: path, command: isReachable ? removeTreeCommand(run, entry, path) : null };
    }),
    packages: [...marks.packages].flatMap((at) => inInspection.get(at) ?? []),
    suggestions: [...marks.suggestions].map((index) => resolved[index]!),
  });
  return {
    refusal(tab, key) {
      if (tab === 'directories') return reasons.get(key) ?? null;
      if (tab === 'suggestions') return null;
      const index = inInspection.get(key);
      if (index === undefined) return null;
      if (!run.graph.isInstalled(index)) return 'is not installed any more';
      const { kept } = leavingWith(run, [index]);
      if (kept.length === 0) return null;
      return `cannot go: the machine needs ${someOf(
        kept.map((one) => inspection.packages[one]!.name),
        2,
      )}`;
    },
    alongWith(key) {
      const index = inInspection.get(key);
      if (index === undefined) return [];
      return leavingWith(run, [index])
        .leaving.filter((one) => one !== index)
        .map((one) => inReport[one]!);
    },
    async predict(marks) {
      const marked = markedOf(marks);
      const going = await removalOf(run, marked);
      let content = 0;
      let artifact = 0;
      for (const { family, suggestion } of going) {
        if (family === 'disk') artifact += suggestion.reclaimable;
        else content += suggestion.reclaimable;
      }
      const left =
        marked.trees.filter(({ command }) => command === null).length +
        marked.suggestions.filter((one) => one.commands.length + one.packages.length === 0).length;
      return { content, artifact, isUpperBound: false, left };
    },
    async script(marks, kind) {
      const going = await removalOf(run, markedOf(marks));
      return emit(kind, going, inspection.packages, { safety: 'risky', ...options });
    },
    async measure(marks) {
      const going = await removalOf(run, markedOf(marks));
      return sample(going.flatMap(({ taken }) => taken));
    },
  };
}

/**
 * By node: why it cannot be marked. Removing the root directory, the kernel that starts the machine, or a directory
 * with another filesystem mounted in it is not what anybody wants of a cleanup.
 */
function untouchable(run: RuleRun, tree: SizeTree): Map<number, string> {
  const reasons = new Map<number, string>();
  const forbidAbove = (node: number, reason: string): void => {
    for (let at = node; at >= 0 && !reasons.has(at); at = tree.parent[at]!) reasons.set(at, reason);
  };
  const { table } = run.inspection;
  const starts = entriesThatStart(run);
  reasons.set(0, 'is all there is');
  for (let node = 1; node < tree.count; node++) {
    const entry = tree.entry[node]!;
    if (entry < 0) reasons.set(node, 'is no directory of one filesystem: mark what is in it');
    else if (starts.has(entry)) forbidAbove(node, 'holds the kernel that starts the machine');
    else if ((table.flags[entry]! & FILE_FLAG.snapshot) !== 0) {
      forbidAbove(node, 'is or holds a snapshot: mark the suggestion that removes those');
    } else if (table.parent[entry]! < 0) {
      forbidAbove(tree.parent[node]!, 'has another filesystem mounted in it: mark what is in it');
    }
  }
  return reasons;
}

/** With the sums of a saved report. */
export function removalFromReport(report: Report, tree: SizeTree, options: ScriptOptions): Removal {
  const { packages, suggestions } = report;
  const requirers = new Map<string, number[]>();
  packages.forEach(({ name }, index) => {
    const list = requirers.get(name);
    if (list === undefined) requirers.set(name, [index]);
    else list.push(index);
  });
  const leavingWithAll = (asked: Iterable<number>): Set<number> => {
    const leaving = new Set(asked);
    for (const index of leaving) {
      for (const name of packages[index]!.requiredBy)
        for (const one of requirers.get(name) ?? []) leaving.add(one);
    }
    return leaving;
  };
  return {
    refusal: (tab, key) => (tab === 'directories' && key === 0 ? 'is all there is' : null),
    alongWith: (index) => [...leavingWithAll([index])].filter((one) => one !== index),
    async predict(marks) {
      let content = 0;
      let artifact = 0;
      for (const node of marks.directories) content += tree.allocated[node]!;
      for (const index of leavingWithAll(marks.packages)) content += packageBytes(packages[index]!);
      for (const index of marks.suggestions) {
        const { family, reclaimable } = suggestions[index]!;
        if (family === 'disk') artifact += reclaimable;
        else content += reclaimable;
      }
      const lists = [marks.directories, marks.packages, marks.suggestions].filter(({ size }) => size > 0);
      const left = [...marks.suggestions].filter((index) => suggestions[index]!.commands.length === 0).length;
      return { content, artifact, isUpperBound: lists.length > 1, left };
    },
    async script(marks, kind) {
      const steps = [...marks.suggestions].map((index) =>
        stepOf(suggestions[index]!.title, suggestions[index]!),
      );
      const leaving = [...leavingWithAll(marks.packages)].map((index) => packages[index]!);
      if (leaving.length > 0) {
        const title = `Packages ${someOf(
          leaving.map(({ name }) => name),
          5,
        )}`;
        const reclaimable = leaving.reduce((sum, one) => sum + packageBytes(one), 0);
        steps.push(stepOf(title, { reclaimable, commands: removeCommand(leaving), family: 'packages' }));
      }
      for (const node of marks.directories) {
        const path = pathInTree(tree, node);
        const commands = isNameable(path) ? [`rm -rf ${shellQuote(path)}`] : [];
        steps.push(stepOf(path, { reclaimable: tree.allocated[node]!, commands, family: 'content' }));
      }
      return emit(kind, steps, [], { safety: 'risky', ...options });
    },
    measure: null,
  };
}

/** A step of a script without an image: its commands are all there is. */
function stepOf(
  title: string,
  { reclaimable, commands, family, shell }: Pick<Suggestion, 'reclaimable' | 'commands' | 'family' | 'shell'>,
): Step {
  return {
    suggestion: {
      rule: 'explore',
      title,
      safety: 'risky',
      reclaimable,
      paths: [],
      packages: [],
      commands,
      reason: 'marked',
      family,
      needsUnusedDropped: true,
      ...(shell === undefined ? {} : { shell }),
    },
    family: family as RuleFamily,
    packages: [],
    commands,
  };
}
