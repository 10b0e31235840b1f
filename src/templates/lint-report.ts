/** The result of a lint run as a document: what `--json` prints, schema `imgopt.lint/1`. */
import type { CleanupStep, CostLine } from './artifact.ts';
import type { LintResult } from './lint.ts';
import { type LintLocation, locationOf } from './location.ts';
import type { Project } from './plan.ts';
import type { LintSeverity } from './rule.ts';

export const LINT_SCHEMA = 'imgopt.lint/1';

export interface ReportedFinding extends LintLocation {
  readonly rule: string;
  readonly severity: LintSeverity;
  readonly title: string;
  readonly message: string;
  /** What it costs. */
  readonly why: string;
  /** What to write instead. */
  readonly fix: string;
  /** `--fix` does it. */
  readonly fixable: boolean;
}

export interface LintDiagnostic {
  readonly code: string;
  readonly severity: 'info' | 'warning' | 'error';
  readonly message: string;
  /** `FILE` or `FILE:LINE:COLUMN`. */
  readonly where: string;
}

export interface LintReport {
  readonly schema: typeof LINT_SCHEMA;
  readonly generator: { readonly name: 'imgopt'; readonly version: string };
  readonly totals: {
    readonly files: number;
    readonly templates: number;
    readonly errors: number;
    readonly warnings: number;
    readonly infos: number;
    /** Findings that comments turned off. */
    readonly ignored: number;
  };
  readonly findings: readonly ReportedFinding[];
  /** What the artifact says of the template; null without one. */
  readonly artifact: {
    readonly path: string;
    /** What each installing command costs, the largest first. */
    readonly costs: readonly CostLine[];
    /** What the template's own clean-up left behind. */
    readonly cleanup: readonly CleanupStep[];
  } | null;
  readonly diagnostics: readonly LintDiagnostic[];
}

export function createLintReport(
  project: Project,
  result: LintResult,
  options: { readonly version: string; readonly artifact?: LintReport['artifact'] },
): LintReport {
  const count = (severity: LintSeverity): number =>
    result.findings.filter((one) => one.severity === severity).length;
  return {
    schema: LINT_SCHEMA,
    generator: { name: 'imgopt', version: options.version },
    totals: {
      files: project.files.length,
      templates: project.templates.length,
      errors: count('error'),
      warnings: count('warning'),
      infos: count('info'),
      ignored: result.ignored,
    },
    findings: result.findings.map(({ rule, severity, message, place, edits }) => ({
      rule: rule.id,
      severity,
      ...locationOf(place),
      title: rule.title,
      message,
      why: rule.why,
      fix: rule.fix,
      fixable: edits.length > 0,
    })),
    artifact: options.artifact ?? null,
    diagnostics: result.problems.map(({ code, severity, message, place, path }) => ({
      code,
      severity,
      message,
      where:
        place === null
          ? path
          : `${path}:${place.file.position(place.start).line}:${place.file.position(place.start).column}`,
    })),
  };
}
