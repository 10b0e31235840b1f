import { copyFileSync, mkdtempSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Made, MiB, madeReport } from '../budgets/made.ts';
import { HOSTILE } from '../reporters/check/made.ts';
import { imgopt } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';

const ARTIFACT = fixturePath('debian-mini/debian-mini.qcow2');
const folder = temporaryFolder();

function saved(made: Made, name = 'report.json'): string {
  const path = join(mkdtempSync(join(folder, 'case-')), name);
  writeFileSync(path, JSON.stringify(madeReport(made)));
  return path;
}

async function diff(...args: string[]) {
  const { code, stdout, stderr } = await imgopt(['diff', ...args], { cwd: folder });
  return { code, stdout, stderr };
}

const OLD: Made = {
  fileSize: 80 * MiB,
  packages: [
    { name: 'linux-image-6.1.0-18-amd64', version: '6.1.76', size: 300 * MiB },
    { name: 'vim', size: 30 * MiB },
  ],
  files: { '/boot/vmlinuz-6.1.0-18-amd64': 8 * MiB },
};
const NEW: Made = {
  fileSize: 90 * MiB,
  packages: [
    { name: 'linux-image-6.1.0-21-amd64', version: '6.1.90', size: 310 * MiB },
    { name: 'gcc-12', size: 50 * MiB },
  ],
  files: { '/boot/vmlinuz-6.1.0-21-amd64': 9 * MiB },
};

describe('imgopt diff', () => {
  test('sorted by the size of the change, an upgrade in one line', async () => {
    const { code, stdout, stderr } = await diff(saved(OLD), saved(NEW));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const rows = stdout.split('\n').filter((line) => / (added|removed|upgraded|renamed) /.test(line));
    expect(rows.map((line) => line.trim().replace(/ {2,}/g, ' | '))).toEqual([
      '+50.0 MiB | 50.0 MiB | added | gcc-12 | 1',
      '-30.0 MiB | 30.0 MiB | removed | vim | 1',
      '+10.0 MiB | 300 MiB | 310 MiB | upgraded | linux-image-6.1.0-21-amd64 | linux-image-6.1.0-18-amd64 6.1.76 → 6.1.90',
      '+1.0 MiB | 8.0 MiB | 9.0 MiB | renamed | /boot/vmlinuz-6.1.0-21-amd64 | was /boot/vmlinuz-6.1.0-18-amd64',
    ]);
    expect(stdout).toMatch(/\+10\.0 MiB +\+12\.5 % +80\.0 MiB +90\.0 MiB +file size/);
  });

  test('exit code 0 whether or not they differ; --exit-code gives 1 on a difference', async () => {
    const [old, now] = [saved(OLD), saved(NEW)];
    expect((await diff(old, now)).code).toBe(0);
    expect((await diff(old, now, '--exit-code')).code).toBe(1);
    const same = await diff(old, old, '--exit-code');
    expect(same.code).toBe(0);
    expect(same.stdout).toContain('No differences.');
  });

  test('images, reports, recorded baselines in any mix; the same image differs in nothing', async () => {
    const report = join(mkdtempSync(join(folder, 'mix-')), 'report.json');
    writeFileSync(report, (await imgopt(['analyze', ARTIFACT, '--json', '--top', '0'])).stdout);
    const baseline = join(mkdtempSync(join(folder, 'mix-')), 'baseline.json');
    await imgopt(['check', ARTIFACT, '--baseline', baseline, '--update-baseline']);
    for (const sides of [
      [ARTIFACT, report],
      [report, ARTIFACT],
      [baseline, ARTIFACT],
      [report, baseline],
      [ARTIFACT, ARTIFACT],
    ] as const) {
      const { code, stdout } = await diff(...sides, '--exit-code');
      expect(code, stdout).toBe(0);
    }
  });

  test('--json: a document with its schema, cut at --top', async () => {
    const { code, stdout } = await diff(saved(OLD), saved(NEW), '--json', '--top', '1');
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      schema: 'imgopt.diff/1',
      differs: true,
      old: { kind: 'report', format: 'qcow2' },
      packages: [{ name: 'gcc-12', status: 'added', delta: 50 * MiB }],
    });
  });

  test('as Markdown', async () => {
    const { stdout } = await diff(saved(OLD), saved(NEW), '--format', 'markdown');
    expect(stdout).toContain('| +50.0 MiB |  | 50.0 MiB | added | `gcc-12` | `1` |');
  });

  test('no name drives the terminal', async () => {
    const files = Object.fromEntries(HOSTILE.map((name, i) => [`/x/${name}`, (i + 1) * MiB]));
    const packages = HOSTILE.map((name) => ({ name, version: name }));
    for (const format of ['table', 'markdown']) {
      const { stdout } = await diff(saved({}), saved({ files, packages }), '--format', format);
      expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    }
  });

  test('a damaged side is exit 3, with what could be read', async () => {
    const damaged = join(mkdtempSync(join(folder, 'cut-')), 'cut.qcow2');
    copyFileSync(ARTIFACT, damaged);
    truncateSync(damaged, readFileSync(ARTIFACT).length - 1024 * 1024);
    const { code, stdout } = await diff(ARTIFACT, damaged);
    expect(code).toBe(3);
    expect(stdout).toContain('not all of the new side could be read');
  });

  test('package lists have no totals, and no table of them', async () => {
    const list = readFileSync(fixturePath('manifests/dpkg-query.sizes.txt'), 'utf8').split('\n');
    const shorter = join(folder, 'shorter.txt');
    const longer = join(folder, 'longer.txt');
    writeFileSync(longer, list.join('\n'));
    writeFileSync(shorter, list.filter((_, i) => i !== 2).join('\n'));
    const { code, stdout } = await diff(shorter, longer);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^.* → .*\n\nPackages {2}1 change\n/);
    expect(stdout).not.toMatch(/\n\n\n/);
  });

  test.each([
    [[], /TWO_SIDES/],
    [['one'], /TWO_SIDES/],
    [['nosuch', 'nosuch'], /NOT_FOUND/],
    [['a', 'b', '--history', 'h'], /HISTORY_ALONE/],
    [['a', 'b', '--format', 'html'], /NO_HTML/],
    [['--history', 'nosuch.jsonl'], /HISTORY_NOT_FOUND/],
  ])('%j is refused in one line', async (args, message) => {
    const { code, stdout, stderr } = await diff(...args);
    expect([2, 3]).toContain(code);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
