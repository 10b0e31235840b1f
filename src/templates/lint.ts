/**
 * Runs the rules over a project: what they find, without what configuration and comments turn off, sorted by place.
 */
import { nearestWord } from '../core/nearest.ts';
import { compareText } from '../core/text.ts';
import type { Problem, Project } from './plan.ts';
import type { Edit, LintRule, LintSeverity } from './rule.ts';
import { LINT_RULES } from './rules/index.ts';
import type { Place, SourceFile } from './text.ts';

export interface LintFinding {
  readonly rule: LintRule;
  readonly severity: LintSeverity;
  readonly message: string;
  readonly place: Place;
  readonly edits: readonly Edit[];
}

/** What a configuration or the command line says about rules. */
export interface LintSettings {
  readonly off: readonly string[];
  readonly levels: { readonly [rule: string]: LintSeverity };
  /** Run only these; empty: all. */
  readonly only: readonly string[];
}

export const NO_SETTINGS: LintSettings = { off: [], levels: {}, only: [] };

export interface LintResult {
  readonly findings: readonly LintFinding[];
  /** Findings that comments turned off. */
  readonly ignored: number;
  readonly problems: readonly Problem[];
}

/** Lowest first. */
export const SEVERITIES: readonly LintSeverity[] = ['info', 'warning', 'error'];

export function lint(project: Project, settings: LintSettings = NO_SETTINGS): LintResult {
  const found: LintFinding[] = [];
  const seen = new Set<string>();
  for (const rule of LINT_RULES) {
    if (settings.off.includes(rule.id)) continue;
    if (settings.only.length > 0 && !settings.only.includes(rule.id)) continue;
    for (const { place, message, severity, edits = [] } of rule.check(project)) {
      if (!project.isWanted(place.file) || place.file.path === '') continue;
      // One script in several builds is wrong once.
      const key = `${rule.id}\0${place.file.path}\0${place.start}\0${message}`;
      if (seen.has(key)) continue;
      seen.add(key);
      found.push({
        rule,
        severity: settings.levels[rule.id] ?? severity ?? rule.severity,
        message,
        place,
        edits,
      });
    }
  }
  const problems = [...project.problems];
  const directives = new Map<SourceFile, Directives>();
  const kept = found.filter(({ rule, place }) => {
    let known = directives.get(place.file);
    if (known === undefined) {
      known = readDirectives(place.file);
      directives.set(place.file, known);
    }
    return !known.covers(rule.id, place);
  });
  for (const file of project.files) {
    for (const { id, place } of (directives.get(file) ?? readDirectives(file)).named) {
      if (LINT_RULES.some((rule) => rule.id === id)) continue;
      const nearest = nearestWord(
        id,
        LINT_RULES.map((rule) => rule.id),
      );
      const advice = nearest === undefined ? '' : `; did you mean ${nearest}?`;
      problems.push({
        code: 'IMGOPT_LINT_UNKNOWN_RULE',
        severity: 'warning',
        message: `ignores ${id}, which is no rule${advice}`,
        place,
        path: file.path,
      });
    }
  }
  kept.sort(
    (a, b) =>
      compareText(a.place.file.path, b.place.file.path) ||
      a.place.start - b.place.start ||
      compareText(a.rule.id, b.rule.id) ||
      compareText(a.message, b.message),
  );
  problems.sort(
    (a, b) =>
      compareText(a.path, b.path) ||
      (a.place?.start ?? 0) - (b.place?.start ?? 0) ||
      compareText(a.code, b.code),
  );
  return { findings: kept, ignored: found.length - kept.length, problems };
}

interface Directives {
  /** Every rule that a comment names. */
  readonly named: readonly { readonly id: string; readonly place: Place }[];
  covers(rule: string, place: Place): boolean;
}

const DIRECTIVE = /(?:#|\/\/)[ \t]*imgopt[ \t]+ignore(-file)?=([\w,-]+)/g;

/**
 * `# imgopt ignore=ID,ID` speaks of its own line, or of the next when it stands alone; `ignore-file=ID` of the file.
 * Templates, scripts, playbooks and seeds all write comments so, inside of here-documents and strings as well.
 */
function readDirectives(file: SourceFile): Directives {
  const lines = new Map<number, Set<string>>();
  const everywhere = new Set<string>();
  const named: { id: string; place: Place }[] = [];
  for (const match of file.text.matchAll(DIRECTIVE)) {
    const place = file.place(match.index, match.index + match[0].length);
    const ids = match[2]!.split(',').filter((id) => id !== '');
    named.push(...ids.map((id) => ({ id, place })));
    if (match[1] !== undefined) {
      for (const id of ids) everywhere.add(id);
      continue;
    }
    let { line } = file.position(match.index);
    const isAlone = file.line(line).trimStart().startsWith(match[0].slice(0, 2).trimEnd());
    if (isAlone) while (/^\s*(?:#|\/\/)/.test(file.line(++line)));
    const known = lines.get(line) ?? new Set();
    lines.set(line, new Set([...known, ...ids]));
  }
  return {
    named,
    covers: (rule, place) =>
      everywhere.has(rule) ||
      (lines.size > 0 && lines.get(file.position(place.start).line)?.has(rule) === true),
  };
}

/** The number of findings that are at least this severe. */
export function countAtLeast(findings: readonly LintFinding[], level: LintSeverity): number {
  const least = SEVERITIES.indexOf(level);
  return findings.filter((one) => SEVERITIES.indexOf(one.severity) >= least).length;
}
