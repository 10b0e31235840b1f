/** The schema of `imgopt.lint/1`; the compiler holds it together with lint-report.ts. */
import { z } from 'zod';
import { LINT_SCHEMA, type LintReport } from './lint-report.ts';

const count = z.int().nonnegative();
const bytes = count.meta({ description: 'bytes' });
const severity = z.enum(['info', 'warning', 'error']);

const location = {
  path: z.string(),
  line: z.int().positive().meta({ description: 'from 1' }),
  column: z.int().positive().meta({ description: 'from 1, in UTF-16 units' }),
  endLine: z.int().positive(),
  endColumn: z.int().positive().meta({ description: 'exclusive' }),
};

const costedPackage = z.strictObject({
  name: z.string(),
  version: z.string().nullable().meta({ description: 'null: it is not in the image' }),
  allocated: bytes,
});

export const lintReportSchema: z.ZodType<LintReport> = z
  .strictObject({
    schema: z.literal(LINT_SCHEMA),
    generator: z.strictObject({ name: z.literal('imgopt'), version: z.string() }),
    totals: z.strictObject({
      files: count,
      templates: count,
      errors: count,
      warnings: count,
      infos: count,
      ignored: count.meta({ description: 'findings that comments turned off' }),
    }),
    findings: z.array(
      z.strictObject({
        rule: z.string(),
        severity,
        ...location,
        title: z.string(),
        message: z.string(),
        why: z.string().meta({ description: 'what it costs' }),
        fix: z.string().meta({ description: 'what to write instead' }),
        fixable: z.boolean().meta({ description: '--fix does it' }),
      }),
    ),
    artifact: z
      .strictObject({
        path: z.string(),
        costs: z.array(
          z.strictObject({
            ...location,
            text: z.string(),
            manager: z.string(),
            packages: z.array(costedPackage).meta({ description: 'what the line names' }),
            brings: z
              .array(costedPackage)
              .meta({ description: 'what goes with them, for nothing else needs it' }),
            own: bytes.meta({ description: 'of the packages themselves' }),
            exclusive: bytes.meta({ description: 'that would go if the line did' }),
            dynamic: z.boolean().meta({ description: 'some names are known only to the build' }),
          }),
        ),
        cleanup: z.array(
          z.strictObject({
            ...location,
            text: z.string(),
            outcome: z.enum(['clean', 'residue']),
            conditional: z.boolean().meta({ description: 'it stands in a condition and may not have run' }),
            residue: z.array(
              z.strictObject({ name: z.string(), kind: z.enum(['path', 'package']), allocated: bytes }),
            ),
            bytes,
          }),
        ),
      })
      .nullable(),
    diagnostics: z.array(
      z.strictObject({
        code: z.string(),
        severity,
        message: z.string(),
        where: z.string().meta({ description: 'FILE or FILE:LINE:COLUMN' }),
      }),
    ),
  })
  .meta({ description: 'What imgopt lint found.' });

/** The published JSON Schema (draft 2020-12). */
export function lintJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(lintReportSchema, { io: 'input', target: 'draft-2020-12' });
  return {
    $schema,
    $id: 'https://raw.githubusercontent.com/imgopt/imgopt/main/schemas/lint-1.schema.json',
    title: LINT_SCHEMA,
    ...rest,
  };
}
