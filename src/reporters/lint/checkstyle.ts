/** Checkstyle's XML, which Jenkins, reviewdog and many editors read. It knows the severities error, warning, info. */
import { escapeName } from '../../core/text.ts';
import type { LintReport } from '../../templates/lint-report.ts';

export function* renderCheckstyle(report: LintReport): Generator<string> {
  yield '<?xml version="1.0" encoding="UTF-8"?>\n<checkstyle version="4.3">\n';
  for (const [path, findings] of Map.groupBy(report.findings, (one) => one.path)) {
    yield `  <file name="${attribute(path)}">\n`;
    for (const { line, column, severity, message, rule } of findings) {
      yield `    <error line="${line}" column="${column}" severity="${severity}" message="${attribute(message)}" source="imgopt.${rule}"/>\n`;
    }
    yield '  </file>\n';
  }
  yield '</checkstyle>\n';
}

/** XML 1.0 has no way to write most control characters, so they are escaped as for a terminal. */
function attribute(text: string): string {
  return escapeName(text.toWellFormed())
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
