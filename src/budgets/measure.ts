/**
 * Measures a budget on a report. What cannot be measured is an error, never a 0 that passes: a manifest knows no
 * file size, a short list of files no sum over a folder.
 */
import type { Severity } from '../core/contracts/context.ts';
import type { Report } from '../core/contracts/report.ts';
import { usage } from '../core/errors.ts';
import { nearestWord } from '../core/nearest.ts';
import { formatCount } from '../core/size.ts';
import { type Budget, type Codec, describe } from './budget.ts';
import { compilePattern, isPattern } from './pattern.ts';
import { filesystemName, isComplete, type SizedItem } from './snapshot.ts';

/** `sampled`: a sample was compressed; the value is the middle of an interval. */
export type MeasureEvidence = 'measured' | 'estimated' | 'sampled';

export interface CompressedSize {
  readonly bytes: number;
  readonly evidence: 'measured' | 'sampled';
  /** Half the width of the interval that holds the true size 95 times in 100. */
  readonly error: number;
  /** How it was found: `512 of 8,000 pieces compressed`. */
  readonly how: string;
}

export interface Measurement {
  /** Bytes, or a count. */
  readonly value: number;
  readonly evidence: MeasureEvidence;
  readonly error: number;
  /** How it was found, where that is not plain. */
  readonly how: string | null;
  /** What the value is the sum of, largest first: packages, files. Empty for a single number. */
  readonly parts: readonly SizedItem[];
}

/** What the report does not hold by itself; see `needsOf`. */
export interface MeasureNeeds {
  /** Read the unused blocks: stale bytes are budgeted. */
  readonly deep: boolean;
  /** Run the rules of hygiene. */
  readonly publish: boolean;
  readonly compressed: ReadonlySet<Codec>;
}

/** What must be found out of an image so that these budgets can be measured. */
export function needsOf(budgets: readonly Budget[]): MeasureNeeds {
  return {
    deep: budgets.some(
      (one) => one.measure === 'stale' || (one.measure === 'filesystem' && one.of === 'stale'),
    ),
    publish: budgets.some((one) => one.measure === 'hygiene'),
    compressed: new Set(budgets.filter((one) => one.measure === 'compressed').map((one) => one.codec)),
  };
}

export interface MeasureInput {
  readonly report: Report;
  /** Of an image: by codec, for the budgets that ask. */
  readonly compressed: ReadonlyMap<Codec, CompressedSize>;
  /** The rules of hygiene ran. A saved report with findings shows that they did; without, nobody knows. */
  readonly knowsHygiene: boolean;
}

const SEVERITIES: readonly Severity[] = ['error', 'warning', 'info'];

/**
 * @throws ImgoptError `usage` when the budget matches nothing (unless `allowEmpty`), or cannot be measured on what
 *   the report knows
 */
export function measureBudget(budget: Budget, input: MeasureInput): Measurement {
  const { report } = input;
  const { artifact, totals, books } = report;
  switch (budget.measure) {
    case 'file-size':
      return known(budget, artifact.fileSize);
    case 'virtual-size':
      return known(budget, artifact.virtualSize);
    case 'allocated':
      return known(budget, artifact.allocated);
    case 'stale':
      return {
        ...known(budget, books.stale.evidence === 'unknown' ? null : books.stale.bytes),
        evidence: books.stale.evidence === 'estimated' ? 'estimated' : 'measured',
      };
    case 'reclaimable':
      return {
        ...known(budget, totals.reclaimable),
        parts: sorted(report.suggestions.map((one) => ({ name: one.title, size: one.reclaimable }))),
      };
    case 'compressed':
      return compressedSize(budget, input.compressed.get(budget.codec));
    case 'filesystem':
      return filesystems(budget, report);
    case 'package':
      return packages(budget, report);
    case 'kind':
      if (artifact.allocated === null) throw unmeasurable(budget, NO_BYTES);
      return sum(
        budget,
        matching(
          budget,
          'name',
          report.kinds.map((one) => ({ name: one.kind, size: one.allocated })),
        ),
        report.kinds.map((one) => one.kind),
      );
    case 'path':
      return sum(budget, matching(budget, 'path', listedFiles(budget, report)));
    case 'files': {
      if (budget.match === null) return known(budget, totals.files);
      const parts = matching(budget, 'path', listedFiles(budget, report));
      return { ...sum(budget, parts), value: parts.length };
    }
    case 'hygiene':
      return hygiene(budget, input);
  }
}

const NO_BYTES = 'a manifest tells no bytes';

function known(budget: Budget, value: number | null): Measurement {
  if (value === null) throw unmeasurable(budget, NO_BYTES);
  return { value, evidence: 'measured', error: 0, how: null, parts: [] };
}

function compressedSize(budget: Budget, size: CompressedSize | undefined): Measurement {
  if (size === undefined) throw unmeasurable(budget, 'only the image itself can be compressed');
  return { value: size.bytes, evidence: size.evidence, error: size.error, how: size.how, parts: [] };
}

function filesystems(budget: Budget, report: Report): Measurement {
  if (report.artifact.allocated === null) throw unmeasurable(budget, NO_BYTES);
  const accepts = compilePattern(budget.match ?? '*', 'name');
  const chosen = report.filesystems.filter((one) =>
    [
      filesystemName(one),
      one.mountPoint,
      ...(one.subvolumes ?? []).map(({ mountPoint }) => mountPoint),
      one.label,
      one.uuid,
      String(one.index),
    ].some((name) => name !== null && accepts(name)),
  );
  const parts = chosen.map((one) => {
    const size = one[budget.of];
    if (size === null) {
      const why =
        budget.of === 'stale' ? 'its unused blocks were not read (--deep)' : 'imgopt does not read it';
      throw unmeasurable(budget, `${filesystemName(one)}: ${why}`);
    }
    return { name: filesystemName(one), size };
  });
  return sum(budget, parts, report.filesystems.map(filesystemName));
}

function packages(budget: Budget, report: Report): Measurement {
  const accepts = compilePattern(budget.match ?? '*', 'name');
  const parts: SizedItem[] = [];
  for (const one of report.packages) {
    if (!accepts(one.name) && !accepts(`${one.manager}:${one.name}`)) continue;
    const size = one.allocated ?? one.installedSize;
    if (size === null) throw unmeasurable(budget, `the size of ${one.name} is not known`);
    parts.push({ name: one.name, size });
  }
  return sum(
    budget,
    parts,
    report.packages.map((one) => one.name),
  );
}

function listedFiles(budget: Budget, report: Report): SizedItem[] {
  if (report.artifact.allocated === null) throw unmeasurable(budget, NO_BYTES);
  if (!isComplete(report.files.length, report.totals.files)) {
    throw unmeasurable(
      budget,
      `the report lists ${formatCount(report.files.length)} of ${formatCount(report.totals.files ?? 0)} files: make it with --top 0`,
    );
  }
  return report.files.map((one) => ({ name: one.path, size: one.allocated }));
}

function hygiene(budget: Budget, { report, knowsHygiene }: MeasureInput): Measurement {
  if (!knowsHygiene && report.hygiene.length === 0) {
    throw unmeasurable(budget, 'the report does not say whether hygiene was looked at');
  }
  const worst = SEVERITIES.slice(0, SEVERITIES.indexOf((budget.match ?? 'info') as Severity) + 1);
  const parts = report.hygiene
    .filter((one) => worst.includes(one.severity))
    .map((one) => ({ name: `${one.title} (${one.severity})`, size: null }));
  return { value: parts.length, evidence: 'measured', error: 0, how: null, parts };
}

function matching(budget: Budget, kind: 'name' | 'path', items: readonly SizedItem[]): SizedItem[] {
  const accepts = compilePattern(budget.match!, kind);
  return items.filter((one) => accepts(one.name));
}

/** @param all names that there are, to say which was meant */
function sum(budget: Budget, parts: readonly SizedItem[], all: readonly string[] = []): Measurement {
  if (parts.length === 0 && !budget.allowEmpty) {
    const { match } = budget;
    const nearest = match === null || isPattern(match) ? undefined : nearestWord(match, all);
    throw usage('BUDGET_EMPTY', `the budget '${budget.name}' matches nothing: ${describe(budget)}`, {
      where: [budget.where],
      advice:
        nearest === undefined
          ? 'correct it, or set allowEmpty: true if it may be missing'
          : `did you mean '${nearest}'? Otherwise set allowEmpty: true`,
    });
  }
  return {
    value: parts.reduce((total, { size }) => total + (size ?? 0), 0),
    evidence: 'measured',
    error: 0,
    how: null,
    parts: sorted(parts),
  };
}

function sorted(parts: readonly SizedItem[]): SizedItem[] {
  return [...parts].sort((a, b) => (b.size ?? 0) - (a.size ?? 0) || (a.name < b.name ? -1 : 1));
}

function unmeasurable(budget: Budget, why: string): Error {
  return usage('BUDGET_UNMEASURED', `the budget '${budget.name}' cannot be measured: ${why}`, {
    where: [budget.where],
    advice: 'check the image itself, or remove the budget',
  });
}
