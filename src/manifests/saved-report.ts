/** A report that imgopt wrote earlier (`--json`, `--format json`). */
import type { Report } from '../core/contracts/report.ts';
import { corrupt, unsupported } from '../core/errors.ts';
import { MAX_DETAILS_DEPTH } from '../core/limits.ts';
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
  assertShallow((document as { artifact?: { formatDetails?: unknown } | null }).artifact?.formatDetails);
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

/**
 * The one part of a report that may hold anything; reading and writing it again goes down its levels by recursion.
 * @throws ImgoptError `corrupt` when it is deeper than any format's
 */
function assertShallow(details: unknown): void {
  const open: { readonly value: unknown; readonly depth: number }[] = [{ value: details, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth > MAX_DETAILS_DEPTH) {
      throw corrupt(
        'REPORT_INVALID',
        `is no whole report: artifact.formatDetails: deeper than ${MAX_DETAILS_DEPTH}`,
        {
          advice: 'analyze the artifact again',
        },
      );
    }
    for (const inner of Object.values(value)) open.push({ value: inner, depth: depth + 1 });
  }
}
