import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { MiB, madeReport } from '../budgets/made.ts';
import { type CliOptions, imgopt } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';

const ARTIFACT = fixturePath('debian-mini/debian-mini.qcow2');
const SIZE = readFileSync(ARTIFACT).length;
const folder = temporaryFolder();
const fresh = (): string => mkdtempSync(join(folder, 'case-'));

function file(name: string, text: string, where = fresh()): string {
  const path = join(where, name);
  writeFileSync(path, text);
  return path;
}

const saved = (made: Parameters<typeof madeReport>[0], name = 'report.json'): string =>
  file(name, JSON.stringify(madeReport(made)));

async function check(args: readonly string[], options: CliOptions = {}) {
  const { code, stdout, stderr } = await imgopt(['check', ...args], { cwd: folder, ...options });
  return { code, stdout, stderr };
}

describe('imgopt check', () => {
  test('a limit is the largest size that passes', async () => {
    const [exact, less] = await Promise.all([
      check([ARTIFACT, '--max-size', String(SIZE)]),
      check([ARTIFACT, '--max-size', String(SIZE - 1)]),
    ]);
    expect(exact).toMatchObject({ code: 0, stderr: '' });
    expect(exact.stdout).toMatch(/^debian-mini\.qcow2: within budget: 1 budget\n/);
    expect(less.code).toBe(1);
    expect(less.stdout).toContain('deterministic: retrying will not help');
    expect(less.stdout).toContain(`is 1 B over its limit of ${(SIZE - 1).toLocaleString('en')} bytes`);
  });

  test('--json is one document, and the exit code says the same', async () => {
    const { code, stdout, stderr } = await check([
      ARTIFACT,
      '--json',
      '--max-size',
      '1MiB',
      '--preset',
      'fat32',
    ]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      schema: 'imgopt.check/1',
      verdict: 'fail',
      deterministic: true,
      changes: null,
    });
    expect(result.budgets.map((one: { name: string; status: string }) => [one.name, one.status])).toEqual([
      ['fat32', 'pass'],
      ['--max-size', 'fail'],
    ]);
    expect(result.budgets[1]).toMatchObject({ value: SIZE, max: MiB, over: SIZE - MiB, unit: 'bytes' });
  });

  test('several outputs in one run', async () => {
    const where = fresh();
    const args = ['junit', 'sarif', 'gitlab', 'markdown', 'json'].flatMap((format) => [
      '--format',
      format,
      '--output',
      join(where, format),
    ]);
    const { code, stdout } = await check([ARTIFACT, '--max-size', '1MiB', ...args, '--format', 'table']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^debian-mini\.qcow2: over budget/);
    expect(readFileSync(join(where, 'junit'), 'utf8')).toContain(
      '<testsuites name="imgopt" tests="1" failures="1"',
    );
    expect(JSON.parse(readFileSync(join(where, 'sarif'), 'utf8')).version).toBe('2.1.0');
    expect(JSON.parse(readFileSync(join(where, 'gitlab'), 'utf8'))).toHaveLength(1);
    expect(readFileSync(join(where, 'markdown'), 'utf8')).toMatch(/^<!-- imgopt check -->\n### ❌/);
    expect(JSON.parse(readFileSync(join(where, 'json'), 'utf8')).verdict).toBe('fail');
  });

  test.each([
    ['size.xml', /^<\?xml/],
    ['size.sarif', /"version": "2\.1\.0"/],
    ['size.md', /^<!-- imgopt check -->/],
  ])('%s is written in the format that its name says', async (name, start) => {
    const path = join(fresh(), name);
    await check([ARTIFACT, '--max-size', '1MiB', '--output', path]);
    expect(readFileSync(path, 'utf8')).toMatch(start);
  });

  test('annotations go beside the table, the summary to the file that GitHub names', async () => {
    const summary = file('summary.md', 'what was there\n');
    const { code, stdout, stderr } = await check(
      [ARTIFACT, '--max-size', '1MiB', '--format', 'table', '--format', 'github'],
      { env: { GITHUB_STEP_SUMMARY: summary } },
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/^debian-mini\.qcow2: over budget/);
    expect(stderr).toMatch(/^::error file=.*debian-mini\.qcow2,title=--max-size%3A/);
    expect(readFileSync(summary, 'utf8')).toMatch(/^what was there\n<!-- imgopt check -->\n### ❌/);
  });

  test('compressed size: what imgopt compress makes of it', async () => {
    const where = fresh();
    const config = file(
      'imgopt.yml',
      'budgets:\n  limits:\n    - { measure: compressed, max: 1MiB }\n',
      where,
    );
    const packed = join(where, 'packed.zst');
    const [{ stdout }] = await Promise.all([
      check([ARTIFACT, '--json', '--config', config]),
      imgopt(['compress', ARTIFACT, '-o', packed]),
    ]);
    const [budget] = JSON.parse(stdout).budgets;
    expect(budget).toMatchObject({ evidence: 'measured', how: 'compressed with zstd', status: 'fail' });
    expect(budget.value).toBe(readFileSync(packed).length);
    const again = await check([packed, '--json', '--config', config]);
    expect(JSON.parse(again.stdout).budgets[0]).toMatchObject({
      value: readFileSync(packed).length,
      how: 'compressed already: ships as it is',
    });
  });
});

describe('imgopt.yml', () => {
  test('is found upward, its budgets hold together with those of the flags, for the artifacts that they name', async () => {
    const where = fresh();
    file(
      'imgopt.yml',
      `budgets:
  limits:
    - { measure: package, match: 'libc*', max: 1MiB, message: Use musl. }
    - { measure: hygiene, match: error, max: 100 }
    - { measure: stale, max: 1GiB }
  artifacts:
    - format: raw
      limits: [{ measure: files, max: 1 }]
    - name: 'debian-*'
      limits: [{ measure: kind, match: documentation, max: 1GiB }]
    - build: qemu.*
      limits: [{ measure: path, match: /usr, max: 1GiB }]
`,
      where,
    );
    const below = join(where, 'a', 'b');
    mkdirSync(below, { recursive: true });
    const run = async (env: Record<string, string>) =>
      JSON.parse((await check([ARTIFACT, '--json', '--max-size', '1GiB'], { cwd: below, env })).stdout);
    const result = await run({});
    expect(result.budgets.map((one: { name: string; status: string }) => [one.name, one.status])).toEqual([
      ['package libc*', 'fail'],
      ['hygiene findings (errors)', 'pass'],
      ['stale bytes', 'pass'],
      ['--max-size', 'pass'],
      ['kind documentation', 'pass'],
    ]);
    expect(result.budgets[0]).toMatchObject({ message: 'Use musl.', where: '../../imgopt.yml:3:7' });
    expect(result.budgets[2].evidence).not.toBe('unknown');
    const built = await run({ PACKER_BUILD_NAME: 'qemu.debian' });
    expect(built.budgets.at(-1).name).toBe('files in /usr');
  });

  test.each([
    [
      'an unknown key',
      '    - { measure: file-size, maximum: 1 }',
      /CONFIG_UNKNOWN_KEY: .*imgopt\.yml:3:29: /,
    ],
    [
      'a wrong unit',
      '    - { measure: file-size, max: 5 MibiB }',
      /CONFIG_VALUE: .*imgopt\.yml:3:34: .*is not a size/,
    ],
    ['a negative size', '    - { measure: file-size, max: -1 }', /CONFIG_VALUE: .*imgopt\.yml:3:34: /],
    [
      'a budget that matches nothing',
      '    - { measure: package, match: nosuch, max: 1 }',
      /BUDGET_EMPTY: .*imgopt\.yml:3:7: /,
    ],
  ])('%s is exit 2 with its line', async (_, line, message) => {
    const config = file('imgopt.yml', `budgets:\n  limits:\n${line}\n`);
    const { code, stdout, stderr } = await check([ARTIFACT, '--config', config]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('baselines', () => {
  const old = {
    fileSize: 80 * MiB,
    packages: [{ name: 'bash', version: '5.1', size: MiB }],
    files: { '/a': MiB },
  };
  const now = {
    ...old,
    fileSize: 100 * MiB,
    packages: [...old.packages, { name: 'gcc-12', size: 20 * MiB }],
    files: { '/a': MiB, '/usr/lib/gcc/cc1': 20 * MiB },
  };

  test('a saved report: growth is held against it, and the culprit named', async () => {
    const { code, stdout } = await check([
      saved(now),
      '--baseline',
      saved(old, 'old.json'),
      '--max-growth',
      '5%',
    ]);
    expect(code).toBe(1);
    expect(stdout).toContain('over its limit of growth (5% over 80.0 MiB is 84.0 MiB)');
    expect(stdout).toMatch(/\+20\.0 MiB +package +gcc-12 +added/);
    expect(stdout).toMatch(/\+20\.0 MiB +directory +\/usr\/lib\/gcc/);
  });

  test('another artifact; a flat image is held by what it allocates', async () => {
    const { code, stdout } = await check([ARTIFACT, '--baseline', ARTIFACT, '--max-growth', '0', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      baseline: { kind: 'image' },
      budgets: [{ baseline: SIZE, measure: 'file-size' }],
    });
    const flat = { ...old, virtualSize: 80 * MiB, allocated: 30 * MiB };
    const grown = await check([
      saved({ ...flat, allocated: 40 * MiB }),
      '--baseline',
      saved(flat, 'old.json'),
      '--max-growth',
      '5%',
      '--json',
    ]);
    expect(JSON.parse(grown.stdout).budgets[0]).toMatchObject({ measure: 'allocated', status: 'fail' });
  });

  test('the ratchet: recorded, held, offered to be lowered, recorded again', async () => {
    const baseline = join(fresh(), 'baseline.json');
    const report = saved(now);
    const first = await check([report, '--baseline', baseline, '--update-baseline']);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain(`recorded as the baseline: ${baseline}`);
    const recorded = readFileSync(baseline, 'utf8');
    expect(recorded).toContain('{ "name": "gcc-12", "version": "1",');

    const grown = saved({ ...now, fileSize: 101 * MiB });
    const held = await check([grown, '--baseline', baseline, '--max-growth', '0']);
    expect(held.code).toBe(1);
    expect(held.stdout).toContain('if this growth is wanted, record it with --update-baseline');

    const smaller = await check([saved(old), '--baseline', baseline, '--max-growth', '0']);
    expect(smaller.code).toBe(0);
    expect(smaller.stdout).toContain('smaller than the baseline: record it with --update-baseline');
    expect(readFileSync(baseline, 'utf8')).toBe(recorded); // nothing is recorded unasked

    const again = await check([grown, '--baseline', baseline, '--max-growth', '0', '--update-baseline']);
    expect(again.code).toBe(0);
    const changed = readFileSync(baseline, 'utf8')
      .split('\n')
      .filter((line) => !recorded.includes(line));
    expect(changed.map((line) => line.trim().split(':')[0])).toEqual([
      '"fileSize"',
      '"allocated"',
      '"file size"',
    ]);
  });

  test('maxima hold while recording, and the baseline is written all the same', async () => {
    const baseline = join(fresh(), 'baseline.json');
    const { code } = await check([
      saved(now),
      '--baseline',
      baseline,
      '--update-baseline',
      '--max-size',
      '1MiB',
    ]);
    expect(code).toBe(1);
    expect(existsSync(baseline)).toBe(true);
  });

  test.each([
    [
      'that is missing',
      () => join(folder, 'nosuch.json'),
      /IMGOPT_BASELINE: .*nosuch\.json: .*--update-baseline/,
    ],
    ['that is a folder', () => folder, /IMGOPT_BASELINE: /],
    [
      'of a later schema',
      () => file('b.json', '{"schema":"imgopt.baseline/2"}'),
      /IMGOPT_BASELINE_VERSION: .*update imgopt/,
    ],
    [
      'that is a report of a later schema',
      () => file('r.json', JSON.stringify({ ...madeReport(old), schema: 'imgopt.report/9' })),
      /IMGOPT_BASELINE: .*imgopt\.report\/9/,
    ],
    ['that breaks off', () => file('b.json', '{"schema":"imgopt.baseline/1",'), /IMGOPT_BASELINE_BROKEN: /],
    ['that is not a report', () => file('x.json', '{"some":"thing"}'), /IMGOPT_BASELINE/],
    [
      'that is damaged',
      () =>
        saved({ ...old, diagnostics: [{ code: 'IMGOPT_X', severity: 'error', message: 'x', where: '' }] }),
      /IMGOPT_BASELINE_DAMAGED: /,
    ],
    ['of another format', () => saved({ ...old, format: 'vmdk' }), /IMGOPT_BASELINE_KIND: .*qcow2.*vmdk/],
  ])('one %s is wrong configuration: exit 2', async (_, baseline, message) => {
    const { code, stdout, stderr } = await check([
      saved(now),
      '--baseline',
      baseline(),
      '--max-growth',
      '5%',
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('nothing but a recorded baseline is overwritten by --update-baseline', async () => {
    const precious = file('precious.qcow2', 'not to be lost');
    const report = saved(old, 'mine.json');
    for (const path of [precious, report]) {
      const before = readFileSync(path, 'utf8');
      const { code, stderr } = await check([saved(now), '--baseline', path, '--update-baseline']);
      expect(code).toBe(2);
      expect(stderr).toContain('IMGOPT_BASELINE_NOT_RECORDED');
      expect(readFileSync(path, 'utf8')).toBe(before);
    }
  });
});

describe('bad calls', () => {
  test.each([
    [[], /NO_BUDGETS/],
    [['--max-size', '5 bananas'], /BAD_SIZE/],
    [['--max-size=-5MiB'], /BAD_SIZE/],
    [['--max-growth', '5%'], /NO_BASELINE/],
    [['--max-growth', 'much', '--baseline', 'x'], /BAD_GROWTH/],
    [['--update-baseline'], /NO_BASELINE_FILE/],
    [['--preset', 'nosuch'], /USAGE/],
    [['--max-size', '1', '--format', 'table', '--format', 'json'], /TWO_RESULTS_ON_STDOUT/],
    [['--max-size', '1', '--config', 'nosuch.yml'], /CONFIG_NOT_FOUND/],
  ])('%j is exit 2 with one line', async (args, message) => {
    const { code, stdout, stderr } = await check([saved({}), ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('an output that exists stays without --force', async () => {
    const path = file('there.xml', 'mine');
    expect((await check([saved({}), '--max-size', '1', '--output', path])).code).toBe(4);
    expect(readFileSync(path, 'utf8')).toBe('mine');
    expect((await check([saved({}), '--max-size', '1', '--output', path, '--force'])).code).toBe(1);
  });
});

describe('a damaged artifact never passes', () => {
  let damaged: string;
  beforeAll(() => {
    damaged = join(fresh(), 'cut.qcow2');
    copyFileSync(ARTIFACT, damaged);
    truncateSync(damaged, SIZE - 1024 * 1024);
  });

  test('exit 3 although it is under budget, said in every output, and nothing is recorded', async () => {
    const where = fresh();
    const baseline = join(where, 'baseline.json');
    const history = join(where, 'history.jsonl');
    const xml = join(where, 'x.xml');
    const { code, stdout } = await check([
      damaged,
      '--max-size=1GiB',
      '--baseline',
      baseline,
      '--update-baseline',
      '--history',
      history,
      '--format',
      'junit',
      '--output',
      xml,
      '--format',
      'table',
    ]);
    expect(code).toBe(3);
    expect(stdout).toMatch(/^cut\.qcow2: damaged: not all of it could be read, so no budget passes\n/);
    expect(stdout).toMatch(/\nerror IMGOPT_/);
    expect(readFileSync(xml, 'utf8')).toMatch(/errors="1"/);
    expect([existsSync(baseline), existsSync(history)]).toEqual([false, false]);
  });

  test('what is no artifact at all is exit 3 too', async () => {
    const { code, stderr } = await check([join(folder, 'nosuch.qcow2'), '--max-size', '1']);
    expect(code).toBe(3);
    expect(stderr).toContain('IMGOPT_NOT_FOUND');
  });
});

describe('history', () => {
  test('a line for each build, in which a line that was cut off spoils nothing', async () => {
    const history = join(fresh(), 'history.jsonl');
    const build = (fileSize: number) =>
      check([saved({ fileSize }), '--max-size', '90MiB', '--history', history], {
        env: { GITHUB_SHA: 'c0ffee' },
      });
    expect((await build(80 * MiB)).code).toBe(0);
    writeFileSync(history, `${readFileSync(history, 'utf8')}{"schema":"imgopt.his`);
    expect((await build(100 * MiB)).code).toBe(1);
    const lines = readFileSync(history, 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(JSON.parse(lines[2]!)).toMatchObject({
      schema: 'imgopt.history/1',
      commit: 'c0ffee',
      verdict: 'fail',
      sizes: { fileSize: 100 * MiB },
      budgets: { '--max-size': { value: 100 * MiB, limit: 90 * MiB } },
    });
    const { code, stdout, stderr } = await imgopt(['diff', '--history', history], { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toMatch(/file size +▁█ +80\.0 MiB +100 MiB +\+20\.0 MiB/);
    expect(stderr).toContain('1 lines are no entries');
  });

  test('nothing is appended to a file that is no history', async () => {
    const path = file('notes.txt', 'my notes\n');
    const { code, stderr } = await check([saved({}), '--max-size', '1GiB', '--history', path]);
    expect(code).toBe(2);
    expect(stderr).toContain('IMGOPT_NO_HISTORY');
    expect(readFileSync(path, 'utf8')).toBe('my notes\n');
  });

  test('the artifact’s own file is no history', async () => {
    const report = saved({});
    const { code, stderr } = await check([report, '--max-size', '1GiB', '--history', report]);
    expect(code).toBe(2);
    expect(stderr).toContain('IMGOPT_OUTPUT_IS_INPUT');
  });
});
