/** The formats of a lint report by name, each loaded when it is asked for. */
import type { LintReport } from '../../templates/lint-report.ts';
import type { Finding } from '../ci/finding.ts';
import type { LintTableOptions } from './table.ts';

type Renderer = (report: LintReport, options: LintTableOptions) => Promise<Iterable<string>>;

const RENDERERS: Record<string, Renderer> = {
  table: async (report, options) => (await import('./table.ts')).renderLintTable(report, options),
  json: async (report) => [`${JSON.stringify(report, null, 2)}\n`],
  sarif: async (report) => {
    const { renderSarif } = await import('../ci/sarif.ts');
    const errors = report.diagnostics.filter((one) => one.severity === 'error');
    return renderSarif(findingsOf(report), {
      version: report.generator.version,
      isComplete: errors.length === 0,
      notifications: errors.map(({ code, message, where }) => ({ code, message: `${where}: ${message}` })),
    });
  },
  github: async (report) => (await import('../ci/github.ts')).renderAnnotations(findingsOf(report)),
  checkstyle: async (report) => (await import('./checkstyle.ts')).renderCheckstyle(report),
};

export const LINT_FORMATS: readonly string[] = Object.keys(RENDERERS);

/** @param format one of LINT_FORMATS */
export async function renderLint(
  format: string,
  report: LintReport,
  options: LintTableOptions,
): Promise<Iterable<string>> {
  return RENDERERS[format]!(report, options);
}

/** As CI systems take them. */
function findingsOf(report: LintReport): Finding[] {
  return report.findings.map(
    (one): Finding => ({
      rule: one.rule,
      description: `${one.title}. ${one.why}`,
      level: one.severity === 'info' ? 'note' : one.severity,
      title: one.title,
      message: `${one.message}. ${one.fix}`,
      file: one.path,
      line: one.line,
      column: one.column,
      // The line may move; what is wrong, and in which file, stays.
      identity: `lint ${one.rule} ${one.path} ${one.message}`,
    }),
  );
}
