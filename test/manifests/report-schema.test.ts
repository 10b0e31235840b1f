import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { reportJsonSchema, reportSchema } from '../../src/manifests/report-schema.ts';
import { sampleReport } from '../reporters/sample.ts';

const published = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../schemas/report-1.schema.json'), 'utf8'),
) as object;
const validate = new Ajv2020({ strict: true }).compile(published);

test('the published schema is the code’s (npm run schemas)', () => {
  expect(published).toEqual(JSON.parse(JSON.stringify(reportJsonSchema())));
});

test('a report satisfies both; fields may be added', () => {
  expect(reportSchema.parse(sampleReport)).toEqual(sampleReport);
  expect(validate(sampleReport)).toBe(true);
  const newer = { ...sampleReport, weather: 'fine', books: { ...sampleReport.books, more: 1 } };
  expect(validate(newer)).toBe(true);
  expect(reportSchema.safeParse(newer).success).toBe(true);
});

test.each([
  ['another version', { ...sampleReport, schema: 'imgopt.report/2' }],
  ['a fraction of a byte', { ...sampleReport, totals: { ...sampleReport.totals, size: 1.5 } }],
  ['negative bytes', { ...sampleReport, artifact: { ...sampleReport.artifact, allocated: -1 } }],
  ['a missing section', { ...sampleReport, books: undefined }],
  [
    'an unknown evidence',
    { ...sampleReport, books: { ...sampleReport.books, stale: { bytes: 1, evidence: 'guessed' } } },
  ],
])('%s is refused by both', (_, report) => {
  expect(reportSchema.safeParse(report).success).toBe(false);
  expect(validate(JSON.parse(JSON.stringify(report)))).toBe(false);
});
