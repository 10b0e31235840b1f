/** What a report knows of its artifact. */
import type { MeasuredReport, Report } from './contracts/report.ts';

/** True for the report of an image; false when it was made from a manifest, which knows packages but no bytes. */
export function isMeasured(report: Report): report is MeasuredReport {
  return report.artifact.allocated !== null;
}
