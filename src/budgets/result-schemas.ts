/**
 * The documents of `check --json`, `diff --json` and `diff --history --json` for machines: published as JSON Schemas
 * (schemas/, written by scripts/schemas.ts). The code is written against the types; that the two say the same is
 * checked by the compiler at the end of this module. Objects are open: fields may be added within `/1`.
 */
import { z } from 'zod';
import { COUNT_MEASURES, SIZE_MEASURES } from './budget.ts';
import type { CheckResult } from './check.ts';
import type { DiffResult } from './diff.ts';
import type { HistoryResult } from './history.ts';

const bytes = z.int().min(0);
const change = z.int();

const generator = z.object({ name: z.string(), version: z.string() });
const kind = z.enum(['image', 'report', 'manifest', 'baseline']);

const changeFields = {
  name: z.string().describe('On the new side; on the old side for what was removed.'),
  oldName: z.string().nullable().describe('On the old side, where it differs.'),
  status: z.enum(['added', 'removed', 'upgraded', 'renamed', 'grown', 'shrunk', 'same']),
  before: bytes.nullable().describe('Null where it is not there, or not known.'),
  after: bytes.nullable(),
  delta: change.nullable().describe('Null where the sizes are not known.'),
  atLeast: z.boolean().describe('A list was cut: the change is at least that large.'),
};
const changes = z.array(z.object(changeFields)).describe('By the size of the change, ties by name.');

const comparison = {
  totals: z.array(
    z.object({
      name: z.enum(['fileSize', 'virtualSize', 'allocated', 'stale', 'content', 'files', 'reclaimable']),
      before: bytes.nullable(),
      after: bytes.nullable(),
      delta: change.nullable(),
    }),
  ),
  filesystems: changes,
  packages: z.array(
    z.object({
      ...changeFields,
      manager: z.string(),
      architecture: z.string().nullable(),
      oldVersion: z.string().nullable(),
      version: z.string().nullable(),
    }),
  ),
  kinds: changes,
  directories: changes.describe('Only what no directory inside of it says already; sizes are cumulative.'),
  files: changes,
  suggestions: changes,
  notes: z.array(z.string()).describe('What limits the comparison.'),
};

const side = z.object({ path: z.string(), kind, artifact: z.string(), format: z.string() });

const diffSchema = z.object({
  schema: z.literal('imgopt.diff/1'),
  generator,
  old: side,
  new: side,
  differs: z.boolean(),
  ...comparison,
});

const blamed = z.array(
  z.object({ name: z.string(), bytes: bytes.nullable(), atLeast: z.boolean(), note: z.string() }),
);

const budget = z.object({
  name: z.string(),
  measure: z.enum([...SIZE_MEASURES, ...COUNT_MEASURES]),
  match: z.string().nullable(),
  what: z.string().describe('What was measured, in words.'),
  unit: z.enum(['bytes', 'count']),
  status: z.enum(['pass', 'warn', 'fail']),
  value: bytes,
  evidence: z.enum(['measured', 'estimated', 'sampled']),
  error: bytes.describe(
    'Of a sample: half the width of the interval that holds the true value 95 times in 100.',
  ),
  how: z.string().nullable(),
  limit: bytes.nullable().describe('What decided: the largest value that passes.'),
  limitKind: z.enum(['max', 'growth', 'warn']).nullable(),
  over: bytes.describe('By how much it is over that limit.'),
  max: bytes.nullable(),
  warn: bytes.nullable(),
  growth: z.object({ text: z.string(), limit: bytes }).nullable(),
  baseline: bytes.nullable().describe('What was measured then.'),
  message: z.string().nullable(),
  where: z.string().describe('Where the budget was set: FILE:LINE:COLUMN, or a flag.'),
  blame: z
    .object({
      since: z.literal('baseline').nullable(),
      packages: blamed,
      directories: blamed,
      files: blamed,
    })
    .describe('What grew most since the baseline; without one, the largest.'),
});

const checkSchema = z.object({
  schema: z.literal('imgopt.check/1'),
  generator,
  artifact: z.object({ path: z.string(), format: z.string() }),
  verdict: z
    .enum(['pass', 'warn', 'fail', 'damaged'])
    .describe('damaged: not all of the artifact could be read, so that no budget counts.'),
  deterministic: z.literal(true).describe('A failed check of the same artifact fails again.'),
  baseline: z.object({ path: z.string(), kind, artifact: z.string() }).nullable(),
  budgets: z.array(budget),
  changes: z.object(comparison).nullable(),
  notes: z.array(z.string()),
  diagnostics: z.array(
    z.object({
      code: z.string(),
      severity: z.enum(['info', 'warning', 'error']),
      message: z.string(),
      where: z.string(),
    }),
  ),
});

const trendSchema = z.object({
  schema: z.literal('imgopt.trend/1'),
  builds: z.array(
    z.object({
      time: z.string(),
      commit: z.string().nullable(),
      artifact: z.string(),
      format: z.string(),
      verdict: z.enum(['pass', 'warn', 'fail']),
    }),
  ),
  series: z.array(
    z.object({
      name: z.string(),
      unit: z.enum(['bytes', 'count']),
      values: z.array(bytes.nullable()).describe('By build; null where it was not measured.'),
      limits: z.array(bytes.nullable()),
    }),
  ),
  skipped: z.int().min(0).describe('Lines of the history that are no entries.'),
});

function published(schema: z.ZodType, file: string, title: string): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12' });
  return {
    $schema,
    $id: `https://raw.githubusercontent.com/imgopt/imgopt/main/schemas/${file}`,
    title,
    ...rest,
  };
}

/** The published JSON Schemas (draft 2020-12), by the name of their file. */
export const RESULT_SCHEMAS: Readonly<Record<string, () => unknown>> = {
  'check-1.schema.json': () => published(checkSchema, 'check-1.schema.json', 'imgopt.check/1'),
  'diff-1.schema.json': () => published(diffSchema, 'diff-1.schema.json', 'imgopt.diff/1'),
  'trend-1.schema.json': () => published(trendSchema, 'trend-1.schema.json', 'imgopt.trend/1'),
};

type DeepReadonly<T> = T extends readonly (infer One)[]
  ? readonly DeepReadonly<One>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;

/** Fails to compile when type and schema drift apart. */
export const SCHEMAS_ARE_THE_TYPES: readonly [
  Same<DeepReadonly<z.output<typeof checkSchema>>, CheckResult>,
  Same<DeepReadonly<z.output<typeof diffSchema>>, DiffResult>,
  Same<DeepReadonly<z.output<typeof trendSchema>>, HistoryResult>,
] = [true, true, true];
