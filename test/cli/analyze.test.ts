import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { MeasuredReport } from '../../src/core/contracts/report.ts';
import { reportSchema } from '../../src/manifests/report-schema.ts';
import { type CliResult, imgopt, ROOT } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';

const ARTIFACT = fixturePath('debian-mini/debian-mini.qcow2');
const folder = temporaryFolder();
const scratch = (): string => mkdtempSync(join(folder, 'run-'));

describe('imgopt analyze', () => {
  let json: CliResult;
  let report: MeasuredReport;

  beforeAll(async () => {
    json = await imgopt(['analyze', ARTIFACT, '--json']);
    report = JSON.parse(json.stdout) as MeasuredReport;
  });

  test('--json is the report and nothing else', () => {
    expect({ code: json.code, stderr: json.stderr }).toEqual({ code: 0, stderr: '' });
    expect(reportSchema.parse(report)).toEqual(report);
    expect(report.artifact).toMatchObject({ path: ARTIFACT, format: 'qcow2' });
    expect(report.os?.id).toBe('debian');
    expect(report.packages.length).toBeGreaterThan(0);
    const { books } = report;
    const sum =
      books.files.bytes + books.metadata.bytes + books.stale.bytes + books.unread.bytes + books.other.bytes;
    expect(sum).toBe(report.artifact.allocated);
  });

  test('--format json prints the same, and the same bytes every time and with any number of threads', async () => {
    for (const threads of ['1', '4']) {
      const again = await imgopt(['analyze', ARTIFACT, '--format', 'json', '--threads', threads]);
      expect(again.stdout).toBe(json.stdout);
    }
  });

  test('without flags: a table that begins with where the bytes are, no colour in a pipe', async () => {
    const { code, stdout, stderr } = await imgopt(['analyze', ARTIFACT], { env: { COLUMNS: '80' } });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^debian-mini\.qcow2: qcow2, .+ on disk, .+ virtual; .+ files/);
    expect(stdout).not.toContain('\u001b');
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('--top cuts the lists, 0 is all', async () => {
    const three = JSON.parse(
      (await imgopt(['analyze', ARTIFACT, '--json', '--top', '3'])).stdout,
    ) as MeasuredReport;
    expect([three.files.length, three.directories.length]).toEqual([3, 3]);
    expect(three.packages).toHaveLength(report.packages.length);
    const all = JSON.parse(
      (await imgopt(['analyze', ARTIFACT, '--json', '--top', '0'])).stdout,
    ) as MeasuredReport;
    expect(all.files).toHaveLength(all.totals.files);
    expect(all.directories).toHaveLength(all.totals.directories);
    expect(all.files.slice(0, 3)).toEqual(three.files);
  });

  test('--deep measures stale', async () => {
    const deep = JSON.parse(
      (await imgopt(['analyze', ARTIFACT, '--json', '--deep'])).stdout,
    ) as MeasuredReport;
    for (const one of deep.filesystems) if (one.unused !== null) expect(one.stale).toBeTypeOf('number');
  });

  test('several formats go to their outputs, the last to standard output', async () => {
    const cwd = scratch();
    const { code, stdout } = await imgopt(
      [
        'analyze',
        ARTIFACT,
        '--format',
        'json',
        '--output',
        'r.json',
        '--format',
        'ncdu',
        '--output',
        'n.json',
        '--format',
        'csv',
      ],
      { cwd },
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^kind,name,bytes,/);
    expect(readFileSync(join(cwd, 'r.json'), 'utf8')).toBe(json.stdout);
    expect((JSON.parse(readFileSync(join(cwd, 'n.json'), 'utf8')) as unknown[]).slice(0, 2)).toEqual([1, 1]);
  });

  test('an output that exists is kept, exit 4, unless --force', async () => {
    const cwd = scratch();
    writeFileSync(join(cwd, 'r.csv'), 'mine');
    const args = ['analyze', ARTIFACT, '--output', 'r.csv'];
    const refused = await imgopt(args, { cwd });
    expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 4, stdout: '' });
    expect(refused.stderr).toMatch(/^imgopt: IMGOPT_OUTPUT_EXISTS: r\.csv: exists already; .+\n$/);
    expect(readFileSync(join(cwd, 'r.csv'), 'utf8')).toBe('mine');
    expect((await imgopt([...args, '--force'], { cwd })).code).toBe(0);
    expect(readFileSync(join(cwd, 'r.csv'), 'utf8')).toMatch(/^kind,/);
  });

  test('the artifact itself is never an output, --force or not', async () => {
    const cwd = scratch();
    copyFileSync(ARTIFACT, join(cwd, 'a.qcow2'));
    const { code, stderr } = await imgopt(['analyze', 'a.qcow2', '--output', 'a.qcow2', '--force'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('IMGOPT_OUTPUT_IS_INPUT');
    expect(readFileSync(join(cwd, 'a.qcow2'))).toEqual(readFileSync(ARTIFACT));
  });

  test.each([
    [['--format', 'csv', '--format', 'table'], 2, 'IMGOPT_TWO_RESULTS_ON_STDOUT'],
    [['--format', 'yaml'], 2, 'IMGOPT_USAGE'],
    [['--top', '-1'], 2, 'IMGOPT_USAGE'],
  ])('%j is refused', async (args, code, name) => {
    const result = await imgopt(['analyze', ARTIFACT, ...args]);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: '' });
    expect(result.stderr).toMatch(new RegExp(`^imgopt: ${name}: .+\\n$`));
  });

  test('a reader that has seen enough is no failure', () => {
    const script = '"$0" bin/run.js analyze "$1" --format json --top 0 | head -1; echo $PIPESTATUS';
    const result = spawnSync('bash', ['-c', script, process.execPath, ARTIFACT], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect(result).toMatchObject({ stdout: '{\n0\n', stderr: '' });
  });

  test('what cannot be read is one line and exit 3; JSON with --json', async () => {
    const cwd = scratch();
    writeFileSync(join(cwd, 'text'), 'not an image\n'.repeat(1000));
    for (const [path, code] of [
      ['missing.qcow2', 'IMGOPT_NOT_FOUND'],
      ['text', 'IMGOPT_UNKNOWN_FORMAT'],
      ['.', 'IMGOPT_IS_A_DIRECTORY'],
    ] as const) {
      const plain = await imgopt(['analyze', path], { cwd });
      expect({ path, code: plain.code, stdout: plain.stdout }).toEqual({ path, code: 3, stdout: '' });
      expect(plain.stderr).toMatch(new RegExp(`^imgopt: ${code}: .+\\n$`));
      const asJson = await imgopt(['analyze', path, '--json'], { cwd });
      expect({ code: asJson.code, stderr: asJson.stderr }).toEqual({ code: 3, stderr: '' });
      expect(JSON.parse(asJson.stdout)).toMatchObject({ error: { code } });
    }
  });

  test('a truncated image never passes: what could be read is reported, exit 3', async () => {
    const path = join(scratch(), 'cut.qcow2');
    copyFileSync(ARTIFACT, path);
    truncateSync(path, Math.floor(readFileSync(ARTIFACT).length * 0.6));
    const { code, stdout } = await imgopt(['analyze', path, '--json']);
    expect(code).toBe(3);
    expect(stdout).toContain('IMGOPT_');
  });
});
