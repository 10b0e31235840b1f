/** A report that imgopt wrote earlier (`--json`, `--format json`). */
import type { Report } from '../core/contracts/report.ts';
import { corrupt, unsupported } from '../core/errors.ts';
import { escapeName } from '../core/text.ts';

const FAMILY = 'imgopt.report/';

/** True for a report of any version. */
export function isSavedReport(document: unknown): boolean {
  const schema = (document as { schema?: unknown } | null)?.schema;
  return typeof schema === 'string' && schema.startsWith(FAMILY);
}

/**
 * The report as its schema has it: fields that an older imgopt did not write get their defaults.
 * @throws ImgoptError `unsupported` for another version of the schema, `corrupt` for what does not satisfy it
 */
export async function readSavedReport(document: unknown): Promise<Report> {
  const { reportSchema } = await import('./report-schema.ts');
  const { schema } = document as { schema: string };
  if (schema !== reportSchema.shape.schema.value) {
    throw unsupported(
      'REPORT_VERSION',
      `is a report of schema ${escapeName(schema)}, and this imgopt reads ${reportSchema.shape.schema.value}`,
      { advice: 'update imgopt, or analyze the artifact again' },
    );
  }
  const { success, data, error } = reportSchema.safeParse(document);
  if (success) return data;
  const [issue] = error.issues;
  const place = issue === undefined || issue.path.length === 0 ? 'its top' : issue.path.join('.');
  throw corrupt(
    'REPORT_INVALID',
    `is no whole report: ${escapeName(place)}: ${issue?.message ?? 'invalid'}`,
    {
      advice: 'analyze the artifact again',
    },
  );
}
