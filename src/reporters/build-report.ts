/**
 * The reports of a Packer build of several disks, as one document or one text. A build of one disk has that disk's
 * report and nothing around it.
 */
import type { Report } from '../core/contracts/report.ts';

export interface BuildReport {
  readonly schema: 'imgopt.reports/1';
  readonly generator: Report['generator'];
  /** One for each image, in the order of the manifest. */
  readonly reports: readonly Report[];
}

/** @param reports at least one */
export function buildReport(reports: readonly Report[]): BuildReport {
  return { schema: 'imgopt.reports/1', generator: reports[0]!.generator, reports };
}
