/**
 * Writes the published JSON Schemas to schemas/; with `--check`, only tells whether they are up to date.
 * Run by `npm run schemas`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { baselineJsonSchema } from '../src/budgets/baseline.ts';
import { RESULT_SCHEMAS } from '../src/budgets/result-schemas.ts';
import { configJsonSchema } from '../src/config/config.ts';
import { buildReportJsonSchema, reportJsonSchema } from '../src/manifests/report-schema.ts';
import { lintJsonSchema } from '../src/templates/lint-schema.ts';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '..', 'schemas');

const SCHEMAS: Record<string, () => unknown> = {
  'baseline-1.schema.json': baselineJsonSchema,
  ...RESULT_SCHEMAS,
  'imgopt-yml.schema.json': configJsonSchema,
  'lint-1.schema.json': lintJsonSchema,
  'report-1.schema.json': reportJsonSchema,
  'reports-1.schema.json': buildReportJsonSchema,
};

const check = process.argv.includes('--check');
mkdirSync(FOLDER, { recursive: true });
for (const [name, make] of Object.entries(SCHEMAS)) {
  const path = join(FOLDER, name);
  const wanted = `${JSON.stringify(make(), null, 2)}\n`;
  let present = '';
  try {
    present = readFileSync(path, 'utf8');
  } catch {
    // not there yet
  }
  if (present === wanted) continue;
  if (check) {
    console.error(`schemas/${name} does not match the code: run npm run schemas`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, wanted);
    console.log(`wrote schemas/${name}`);
  }
}
