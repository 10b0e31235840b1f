/** Outputs of a check by name, each loaded when it is asked for. */
import { basename } from 'node:path';
import type { CheckResult } from '../../budgets/check.ts';

export interface CheckReporterOptions {
  readonly columns: number;
  readonly color: boolean;
}

export type CheckReporter = (result: CheckResult, options: CheckReporterOptions) => Iterable<string>;

const LOADERS = {
  table: async () => (await import('./table.ts')).renderCheck,
  json: async () => (result: CheckResult) => [`${JSON.stringify(result, null, 2)}\n`],
  junit: async () => {
    const [{ renderJunit }, { testCasesOf }] = await Promise.all([
      import('../ci/junit.ts'),
      import('./findings.ts'),
    ]);
    return (result: CheckResult) =>
      renderJunit(`imgopt check ${basename(result.artifact.path)}`, testCasesOf(result));
  },
  sarif: async () => {
    const [{ renderSarif }, { findingsOf }] = await Promise.all([
      import('../ci/sarif.ts'),
      import('./findings.ts'),
    ]);
    return (result: CheckResult) =>
      renderSarif(findingsOf(result), {
        version: result.generator.version,
        isComplete: result.verdict !== 'damaged',
        notifications: result.diagnostics.filter((one) => one.severity === 'error'),
      });
  },
  markdown: async () => (await import('./markdown.ts')).renderCheckMarkdown,
  github: async () => {
    const [{ renderAnnotations }, { findingsOf }] = await Promise.all([
      import('../ci/github.ts'),
      import('./findings.ts'),
    ]);
    return (result: CheckResult) => renderAnnotations(findingsOf(result));
  },
  gitlab: async () => {
    const [{ renderCodeQuality }, { findingsOf }] = await Promise.all([
      import('../ci/gitlab.ts'),
      import('./findings.ts'),
    ]);
    return (result: CheckResult) => renderCodeQuality(findingsOf(result));
  },
} satisfies Record<string, () => Promise<CheckReporter>>;

export type CheckFormat = keyof typeof LOADERS;
export const CHECK_FORMATS = Object.keys(LOADERS) as readonly CheckFormat[];

export function loadCheckReporter(format: CheckFormat): Promise<CheckReporter> {
  return LOADERS[format]();
}
