/**
 * Runs the rules over an inspection and makes one honest list of what they find.
 *
 * Findings take their bytes in an order that makes every prefix of the list true: safe ones before those to review
 * before risky ones, so that whoever applies only the safe ones frees exactly what they say; within one safety
 * packages come first, since removing a package takes its documentation along. What an earlier finding took is not
 * counted again, and a finding that nothing is left of is not shown. Packages that something else still requires,
 * or that the boot needs, drop out of a finding (src/analyzers/graph.ts).
 */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { HygieneSection, MeasuredBooks, Safety, Suggestion } from '../core/contracts/report.ts';
import type {
  Finding,
  GuestBoot,
  HygieneRule,
  HygieneSeverity,
  RemovalRule,
  RuleFamily,
  RuleInput,
  RuleOptions,
} from '../core/contracts/rule.ts';
import { formatSize } from '../core/size.ts';
import { compareText } from '../core/text.ts';
import { aptKeepsSuggested, aptNeverRemoves } from './apt.ts';
import { neededForBoot, readBoot } from './boot.ts';
import { Claims, type Taken } from './claims.ts';
import { FAMILIES, SAFETIES } from './families.ts';
import { DependencyGraph } from './graph.ts';
import { InspectedFiles } from './guest-files.ts';
import { removeCommand } from './remove-packages.ts';
import { someOf } from './suggest-text.ts';

export interface RuleRun {
  readonly inspection: Inspection;
  readonly files: InspectedFiles;
  readonly graph: DependencyGraph;
  readonly boot: GuestBoot;
  readonly books: MeasuredBooks | null;
  readonly options: RuleOptions;
}

/** A suggestion with what a script needs beside it. */
export interface Resolved {
  readonly suggestion: Suggestion;
  readonly family: RuleFamily;
  /** Positions of the packages that leave. */
  readonly packages: readonly number[];
  /** The rule's own commands, without those that remove packages. */
  readonly commands: readonly string[];
  /** What it came from. */
  readonly rule: RemovalRule;
  readonly finding: Finding;
  /** Table entries that go, and what each frees. */
  readonly taken: readonly Taken[];
}

export const NO_OPTIONS: RuleOptions = { platform: null, off: [], levels: {}, parameters: {} };

/** Gathers what all rules need, once. */
export async function prepareRules(
  inspection: Inspection,
  options: RuleOptions = NO_OPTIONS,
  books: MeasuredBooks | null = null,
): Promise<RuleRun> {
  const files = new InspectedFiles(inspection);
  const boot = await readBoot(inspection, files);
  const { packages, owner, root } = inspection;
  const graph = new DependencyGraph(packages, {
    keep: neededForBoot(inspection, boot),
    never: await aptNeverRemoves(packages, files),
    aptKeepsSuggested: await aptKeepsSuggested(files),
    fileOwners: (path) => {
      const entry = root?.lookup(path) ?? -1;
      return entry < 0 || owner[entry]! < 0 ? [] : [owner[entry]!];
    },
  });
  return { inspection, files, graph, boot, books, options };
}

function inputFor(run: RuleRun, rule: RemovalRule | HygieneRule): RuleInput {
  const parameter = (name: string): unknown => {
    const declared = rule.parameters?.find((one) => one.name === name);
    if (declared === undefined) throw new Error(`rule ${rule.id} declares no parameter ${name}`);
    return run.options.parameters[rule.id]?.[name] ?? declared.default;
  };
  return {
    ...run,
    number: (name) => Number(parameter(name)),
    list: (name) => {
      const value = parameter(name);
      return Array.isArray(value) ? value.map(String) : [];
    },
  };
}

interface Candidate {
  readonly rule: RemovalRule;
  readonly finding: Finding;
  readonly safety: Suggestion['safety'];
  readonly position: number;
}

/** Everything that the rules find, resolved and in order; see the head of this module. */
export async function suggest(run: RuleRun, rules: readonly RemovalRule[]): Promise<Resolved[]> {
  const candidates: Candidate[] = [];
  // Together, so that what one waits for is another's time.
  const findings = await Promise.all(rules.map(async (rule) => rule.evaluate(inputFor(run, rule))));
  for (const [index, rule] of rules.entries()) {
    for (const finding of findings[index]!) {
      const safety = (run.options.levels[rule.id] as Safety | undefined) ?? finding.safety ?? rule.safety;
      candidates.push({ rule, finding, safety, position: candidates.length });
    }
  }
  candidates.sort(
    (a, b) =>
      // What is a share of the rest comes when the rest is known.
      Number(a.finding.share !== undefined) - Number(b.finding.share !== undefined) ||
      SAFETIES.indexOf(a.safety) - SAFETIES.indexOf(b.safety) ||
      Number(b.finding.packages !== undefined) - Number(a.finding.packages !== undefined) ||
      FAMILIES.indexOf(a.rule.family) - FAMILIES.indexOf(b.rule.family) ||
      a.position - b.position,
  );
  const claims = new Claims(run.inspection, run.files, run.boot);
  const removed = new Set<number>();
  const resolved: Resolved[] = [];
  for (const candidate of candidates) {
    const taken = resolved.reduce(
      (sum, { suggestion, family }) => sum + (family === 'disk' ? 0 : suggestion.reclaimable),
      0,
    );
    const one = resolve(run, candidate, claims, removed, taken);
    if (one !== undefined) resolved.push(one);
  }
  return resolved.sort(
    (a, b) =>
      SAFETIES.indexOf(a.suggestion.safety) - SAFETIES.indexOf(b.suggestion.safety) ||
      b.suggestion.reclaimable - a.suggestion.reclaimable ||
      compareText(a.suggestion.rule, b.suggestion.rule) ||
      compareText(a.suggestion.title, b.suggestion.title),
  );
}

function resolve(
  run: RuleRun,
  { rule, finding, safety }: Candidate,
  claims: Claims,
  removed: Set<number>,
  taken: number,
): Resolved | undefined {
  const { packages } = run.inspection;
  const before = claims.taken.length;
  let bytes = finding.bytes ?? 0;
  if (finding.share !== undefined && run.books !== null) {
    const live = run.books.files.bytes + run.books.metadata.bytes;
    bytes = Math.floor(Math.max(0, live - taken) * finding.share);
  }
  let kept = 0;
  let leaving: number[] = [];
  if (finding.packages !== undefined) {
    leaving = run.graph.plan(finding.packages, removed);
    // What was asked for stays, because something needs it: then its files stay too.
    if (leaving.length === 0) return undefined;
    for (const index of leaving) removed.add(index);
    const freed = claims.takePackages(leaving);
    bytes += freed.bytes;
    kept += freed.kept;
  }
  if (finding.entries !== undefined) {
    const freed = claims.take(finding.entries, finding.freed);
    bytes += freed.bytes;
    kept += freed.kept;
  }
  // A finding about the disk may say something that frees no byte of the artifact, and so may one about what
  // snapshots keep.
  if (bytes === 0 && kept === 0 && finding.bytes !== 0) return undefined;
  const asked = new Set(finding.packages ?? []);
  const names = [...new Set(leaving.map((index) => packages[index]!.name))];
  const along = [
    ...new Set(leaving.filter((index) => !asked.has(index)).map((index) => packages[index]!.name)),
  ];
  const reasons = [finding.reason];
  if (along.length > 0) {
    const them = asked.size === 1 ? 'it' : 'them';
    reasons.push(`with ${them} ${along.length === 1 ? 'goes' : 'go'} ${someOf(along, 6)}`);
  }
  if (kept > 0) {
    reasons.push(`${bytes === 0 ? 'frees nothing: ' : ''}snapshots or clones keep ${formatSize(kept)} of it`);
  }
  return {
    suggestion: {
      rule: rule.id,
      title: finding.title ?? rule.title,
      safety,
      reclaimable: bytes,
      paths: [...finding.paths],
      packages: names,
      commands: [...removeCommand(leaving.map((index) => packages[index]!)), ...finding.commands],
      reason: reasons.join('; '),
      family: rule.family,
      // What stays in unused blocks ships with the image until they are dropped.
      needsUnusedDropped: rule.family !== 'disk',
      ...(rule.shell === undefined ? {} : { shell: rule.shell }),
    },
    family: rule.family,
    packages: leaving,
    commands: finding.commands,
    rule,
    finding,
    taken: [
      ...claims.taken.slice(before),
      ...(rule.family !== 'disk' && finding.bytes !== undefined ? [{ entry: -1, bytes: finding.bytes }] : []),
    ],
  };
}

const SEVERITIES = ['error', 'warning', 'info'];

/** What must not be published, worst first. */
export async function checkHygiene(run: RuleRun, rules: readonly HygieneRule[]): Promise<HygieneSection[]> {
  const found: HygieneSection[] = [];
  for (const rule of rules) {
    for (const finding of await rule.evaluate(inputFor(run, rule))) {
      found.push({
        rule: rule.id,
        title: rule.title,
        severity:
          (run.options.levels[rule.id] as HygieneSeverity | undefined) ?? finding.severity ?? rule.severity,
        paths: [...finding.paths],
        commands: [...finding.commands],
        reason: finding.reason,
      });
    }
  }
  return found.sort(
    (a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || compareText(a.rule, b.rule),
  );
}
