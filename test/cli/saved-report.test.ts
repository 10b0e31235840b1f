import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { sampleReport } from '../reporters/sample.ts';
import { imgopt } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';

const ARTIFACT = fixturePath('debian-mini/debian-mini.qcow2');
const folder = temporaryFolder();

describe('imgopt analyze on a report that it wrote', () => {
  // The kind is found from the content: a name that says otherwise changes nothing.
  const saved = join(folder, 'report.qcow2');
  const broken = (name: string, text: string): string => {
    const path = join(mkdtempSync(join(folder, 'broken-')), name);
    writeFileSync(path, text);
    return path;
  };

  beforeAll(async () => {
    writeFileSync(saved, (await imgopt(['analyze', ARTIFACT, '--json', '--profile', 'publish'])).stdout);
  });

  test('prints the same JSON again, whatever --top', async () => {
    const again = await imgopt(['analyze', saved, '--json', '--top', '1']);
    expect({ code: again.code, stderr: again.stderr }).toEqual({ code: 0, stderr: '' });
    expect(again.stdout).toBe(readFileSync(saved, 'utf8'));
  });

  test.each(['table', 'csv', 'json'])('as %s it is what the image itself gives', async (format) => {
    const [image, report] = await Promise.all([
      imgopt(['analyze', ARTIFACT, '--profile', 'publish', '--format', format]),
      imgopt(['analyze', saved, '--format', format]),
    ]);
    expect(report).toEqual(image);
  });

  test('a format that needs every file says so', async () => {
    const { code, stdout, stderr } = await imgopt(['analyze', saved, '--format', 'ncdu']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^imgopt: IMGOPT_REPORT_WITHOUT_FILES: /);
  });

  test.each([
    [['--deep'], '--deep'],
    [['--emit', 'shell'], '--emit'],
    [['--rule', 'manuals'], '--rule'],
    [['--what-if', 'manuals'], '--what-if'],
    [['--profile', 'publish'], '--profile'],
    [['--platform', 'aws'], '--platform'],
  ])('%j asks for the image', async (args, flag) => {
    const { code, stdout, stderr } = await imgopt(['analyze', saved, ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`IMGOPT_NEEDS_IMAGE: ${saved}: ${flag} needs the image itself`);
  });

  test.each([
    [
      'of a later schema',
      { ...sampleReport, schema: 'imgopt.report/2' },
      /REPORT_VERSION: .+imgopt\.report\/2/,
    ],
    [
      'with a size that is none',
      { ...sampleReport, totals: { ...sampleReport.totals, size: -1 } },
      /REPORT_INVALID: .+totals\.size/,
    ],
    ['without its packages', { ...sampleReport, packages: undefined }, /REPORT_INVALID: .+packages/],
    ['without an artifact', { schema: 'imgopt.report/1', artifact: null }, /REPORT_INVALID: /],
  ])('a report %s is exit 3', async (_, report, message) => {
    const { code, stdout, stderr } = await imgopt(['analyze', broken('r.json', JSON.stringify(report))]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.split('\n')).toHaveLength(2);
  });

  test('details without end are exit 3, not a bug', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const text = JSON.stringify(sampleReport).replace(
      '"formatDetails":{',
      `"formatDetails":{"deep":${deep},`,
    );
    const { code, stderr } = await imgopt(['analyze', broken('r.json', text)]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/REPORT_INVALID: .+formatDetails: deeper than 32/);
  });

  test('a report that breaks off is exit 3 and tells where', async () => {
    const text = readFileSync(saved, 'utf8').slice(0, 5000);
    const { code, stderr } = await imgopt(['analyze', broken('r.json', text)]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^imgopt: IMGOPT_JSON_BROKEN: .+ \(line \d+ column \d+\); make it again\n$/);
  });

  test('what could not be read of the image stays exit 3', async () => {
    const path = broken('r.json', JSON.stringify(sampleReport));
    const { code, stdout } = await imgopt(['analyze', path]);
    expect(code).toBe(3);
    expect(stdout).toContain('IMGOPT_EXT_BAD_INODE');
    expect(stdout).not.toContain('\u001b');
  });

  test('an older report gets what it lacks', async () => {
    const { hygiene, ...older } = sampleReport;
    const path = broken('r.json', JSON.stringify({ ...older, diagnostics: [] }));
    const { code, stdout } = await imgopt(['analyze', path, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ ...sampleReport, hygiene: [], diagnostics: [] });
  });

  test('it is never overwritten', async () => {
    const { code, stderr } = await imgopt(['analyze', saved, '--output', saved, '--force']);
    expect(code).toBe(2);
    expect(stderr).toContain('IMGOPT_OUTPUT_IS_INPUT');
  });

  test('JSON that is something else is no image', async () => {
    const { code, stderr } = await imgopt(['analyze', broken('x.json', '{"weather": "fine"}')]);
    expect(code).toBe(3);
    expect(stderr).toContain('IMGOPT_UNKNOWN_FORMAT');
  });
});
