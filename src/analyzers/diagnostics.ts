/** What the user must know about what was read. */
import type { Diagnostic } from '../core/contracts/context.ts';
import type { DiagnosticSection } from '../core/contracts/report.ts';

export function analyzeDiagnostics(diagnostics: readonly Diagnostic[]): DiagnosticSection[] {
  return diagnostics.map(({ code, severity, message, where }) => ({ code, severity, message, where }));
}
