/** Subvolumes and snapshots in the table, in CSV, and in the JSON Schema. */
import { expect, it } from 'vitest';
import type { Report, SubvolumeSection } from '../../src/core/contracts/report.ts';
import { reportSchema } from '../../src/manifests/report-schema.ts';
import { csvReporter } from '../../src/reporters/csv.ts';
import { tableReporter } from '../../src/reporters/table.ts';
import { sampleReport } from './sample.ts';

const one = (id: number, path: string, more: Partial<SubvolumeSection> = {}): SubvolumeSection => ({
  id,
  path,
  mountPoint: null,
  uuid: null,
  isSnapshot: false,
  parent: null,
  isReadOnly: false,
  isDefault: false,
  referenced: 0,
  exclusive: 0,
  ...more,
});
const withSubvolumes = (subvolumes: readonly SubvolumeSection[], snapshotBytes: number): Report => ({
  ...sampleReport,
  filesystems: [{ ...sampleReport.filesystems[0]!, type: 'btrfs', subvolumes, snapshotBytes }],
});
const report = withSubvolumes(
  [
    one(5, '', { isDefault: true }),
    one(256, '@', { mountPoint: '/', referenced: 3 * 1024 ** 2, exclusive: 4096 }),
    one(257, '@old\u001b[31m', {
      isSnapshot: true,
      parent: 256,
      isReadOnly: true,
      referenced: 3 * 1024 ** 2,
      exclusive: 1024 ** 2,
    }),
    one(258, '=HYPERLINK("x")', { isSnapshot: true }),
  ],
  2 * 1024 ** 2,
);
const options = { columns: 120, top: 20, color: false, inspection: null, base: null } as never;
const render = (of: Report, reporter = tableReporter) => [...reporter.render(of, options)].join('');

it('says what each holds alone, the most first, and names escaped', () => {
  const text = render(report);
  const section = text.slice(text.indexOf('Subvolumes'), text.indexOf('Packages')).split('\n');
  expect(section[0]).toContain('snapshots alone hold 2.0 MiB');
  expect(section[2]).toMatch(/^1\.0 MiB +3\.0 MiB +257 +snapshot of 256, read-only +@old\\x1b\[31m/);
  expect(section[3]).toMatch(/^4\.0 KiB +3\.0 MiB +256 +\/ +@/);
  expect(text).not.toContain('\u001b');
});

it('has no section without subvolumes, nor for a top level alone', () => {
  expect(render(sampleReport)).not.toContain('Subvolumes');
  expect(render(withSubvolumes([one(5, '', { isDefault: true })], 0))).not.toContain('Subvolumes');
});

it('is rows of their own in CSV, with no formula among them', () => {
  const rows = render(report, csvReporter)
    .split('\r\n')
    .filter((row) => row.startsWith('subvolume,'));
  expect(rows).toHaveLength(4);
  // A spreadsheet takes @ for the start of a formula too.
  expect(rows[1]).toBe("subvolume,'@,4096,3145728,,0,,,256 /");
  expect(rows[3]).toContain("'=HYPERLINK");
});

it('fits the schema', () => {
  expect(reportSchema.safeParse(report).error).toBeUndefined();
});
