import { describe, expect, test } from 'vitest';
import { formatBaseline, makeBaseline, readBaseline } from '../../src/budgets/baseline.ts';
import type { Budget } from '../../src/budgets/budget.ts';
import { type BaselineInput, checkReport, recordedBudgets } from '../../src/budgets/check.ts';
import { parseGrowth } from '../../src/budgets/growth.ts';
import { type CompressedSize, needsOf } from '../../src/budgets/measure.ts';
import { PRESETS, type PresetName, presetBudget } from '../../src/budgets/presets.ts';
import { exitCodeOf } from '../../src/budgets/run.ts';
import { chooseBudgets } from '../../src/budgets/select.ts';
import { snapshotOf } from '../../src/budgets/snapshot.ts';
import type { Report } from '../../src/core/contracts/report.ts';
import { GiB, KiB, type Made, MiB, madeBudget, madeManifest, madeReport } from './made.ts';

interface Extras {
  readonly baseline?: BaselineInput;
  readonly isRecording?: boolean;
  readonly compressed?: CompressedSize;
  readonly knowsHygiene?: boolean;
}

function check(report: Report, budgets: readonly Budget[], extras: Extras = {}) {
  const { compressed, baseline = null, isRecording = false, knowsHygiene = true } = extras;
  return checkReport({
    report,
    path: report.artifact.path,
    kind: 'image',
    budgets,
    baseline,
    isRecording,
    knowsHygiene,
    compressed: new Map(compressed === undefined ? [] : [['zstd', compressed]]),
  });
}

const one = (made: Made, budget: Budget, extras: Extras = {}) =>
  check(madeReport(made), [budget], extras).budgets[0]!;

/** A baseline as the repository keeps it: written and read again. */
function recorded(made: Made, budgets: readonly Budget[] = []): BaselineInput {
  const report = madeReport(made);
  const result = check(report, budgets, { isRecording: true });
  const text = formatBaseline(makeBaseline(report, recordedBudgets(result, budgets)));
  return { snapshot: readBaseline(JSON.parse(text), 'baseline.json'), measurable: null };
}

function artifact(made: Made): BaselineInput {
  const report = madeReport(made);
  return {
    snapshot: snapshotOf(report, 'old.qcow2', 'image'),
    measurable: { report, compressed: new Map(), knowsHygiene: true },
  };
}

const FILES = {
  '/usr/bin/gcc': 30 * MiB,
  '/usr/share/doc/a': 2 * MiB,
  '/usr/share/doc/b/c': 3 * MiB,
  '/var/log/syslog': 4 * MiB,
};
const MADE: Made = {
  fileSize: 100 * MiB,
  allocated: 90 * MiB,
  virtualSize: 1024 * MiB,
  stale: 7 * MiB,
  files: FILES,
  packages: [
    { name: 'gcc-12', size: 40 * MiB },
    { name: 'gcc-12-base', size: 2 * MiB },
    { name: 'six', manager: 'python', size: 5 * KiB },
  ],
  kinds: { documentation: 5 * MiB, programs: 30 * MiB },
  mounts: { '/': 300 * MiB, '/boot': 50 * MiB },
  suggestions: [
    ['apt-lists', 'Package lists', 40 * MiB],
    ['logs', 'Logs', MiB],
  ],
  hygiene: [
    ['SSH host keys', 'error'],
    ['Machine ID', 'warning'],
    ['Host name', 'info'],
  ],
};

describe('every measure', () => {
  test.each([
    [{ measure: 'file-size' }, 100 * MiB],
    [{ measure: 'virtual-size' }, 1024 * MiB],
    [{ measure: 'allocated' }, 90 * MiB],
    [{ measure: 'stale' }, 7 * MiB],
    [{ measure: 'reclaimable' }, 41 * MiB],
    [{ measure: 'files' }, 4],
    [{ measure: 'files', match: '/usr/share/**' }, 2],
    [{ measure: 'filesystem', match: '/' }, 300 * MiB],
    [{ measure: 'filesystem', match: 'label1' }, 50 * MiB],
    [{ measure: 'filesystem', match: '0b7ba9a8-8c0f-4f1c-9a3e-3f5ad0f7a001' }, 50 * MiB],
    [{ measure: 'filesystem', match: '*' }, 350 * MiB],
    [{ measure: 'filesystem', match: '/', of: 'size' }, 1024 * MiB],
    [{ measure: 'filesystem', match: '/', of: 'unused' }, 724 * MiB],
    [{ measure: 'package', match: 'gcc-12' }, 40 * MiB],
    [{ measure: 'package', match: 'gcc-*' }, 42 * MiB],
    [{ measure: 'package', match: 'python:*' }, 5 * KiB],
    [{ measure: 'path', match: '/usr/share/doc' }, 5 * MiB],
    [{ measure: 'path', match: '/usr/share/doc/*' }, 2 * MiB],
    [{ measure: 'kind', match: 'documentation' }, 5 * MiB],
    [{ measure: 'hygiene', match: null }, 3],
    [{ measure: 'hygiene', match: 'warning' }, 2],
    [{ measure: 'hygiene', match: 'error' }, 1],
  ] as const)('%j is %i', (budget, value) => {
    expect(one(MADE, madeBudget({ ...budget, max: value }))).toMatchObject({
      value,
      status: 'pass',
      over: 0,
    });
    // The limit is the largest value that passes.
    expect(one(MADE, madeBudget({ ...budget, max: value - 1 }))).toMatchObject({ status: 'fail', over: 1 });
  });

  test('compressed: a sample says what it is', () => {
    const compressed = { bytes: 50 * MiB, evidence: 'sampled', error: MiB, how: '64 of 100 pieces' } as const;
    expect(one(MADE, madeBudget({ measure: 'compressed', max: 40 * MiB }), { compressed })).toMatchObject({
      value: 50 * MiB,
      evidence: 'sampled',
      error: MiB,
      how: '64 of 100 pieces',
      status: 'fail',
    });
  });

  test('stale bytes that were bounded are called estimated, and those nobody knows are an error', () => {
    const budget = madeBudget({ measure: 'stale', max: MiB });
    expect(one({ ...MADE, staleEvidence: 'estimated' }, budget).evidence).toBe('estimated');
    expect(() => one({ ...MADE, staleEvidence: 'unknown' }, budget)).toThrow(
      expect.objectContaining({ code: 'IMGOPT_BUDGET_UNMEASURED' }),
    );
  });

  test('what must be found out is asked for, and nothing else', () => {
    const needs = (...budgets: Parameters<typeof madeBudget>[0][]) => needsOf(budgets.map(madeBudget));
    expect(needs({ measure: 'file-size' })).toEqual({ deep: false, publish: false, compressed: new Set() });
    expect(needs({ measure: 'stale' }).deep).toBe(true);
    expect(needs({ measure: 'filesystem', of: 'stale' }).deep).toBe(true);
    expect(needs({ measure: 'hygiene' }).publish).toBe(true);
    expect(needs({ measure: 'compressed' }, { measure: 'compressed', codec: 'gzip' }).compressed).toEqual(
      new Set(['zstd', 'gzip']),
    );
  });
});

describe('what cannot be measured is an error', () => {
  const code = (work: () => unknown): string => {
    try {
      work();
    } catch (error) {
      expect(error).toMatchObject({ family: 'usage', exitCode: 2, where: ['imgopt.yml:3:7'] });
      return (error as { code: string }).code;
    }
    return 'nothing';
  };

  test.each([
    { measure: 'package', match: 'nosuch' },
    { measure: 'package', match: 'nosuch-*' },
    { measure: 'path', match: '/nosuch' },
    { measure: 'kind', match: 'nosuch' },
    { measure: 'filesystem', match: '/nosuch' },
    { measure: 'files', match: '/nosuch' },
  ] as const)('%j matches nothing, unless that may be', (budget) => {
    expect(code(() => one(MADE, madeBudget({ ...budget, max: 1 })))).toBe('IMGOPT_BUDGET_EMPTY');
    expect(one(MADE, madeBudget({ ...budget, max: 0, allowEmpty: true }))).toMatchObject({
      value: 0,
      status: 'pass',
    });
  });

  test('a name with a slip is told the right one', () => {
    expect(() => one(MADE, madeBudget({ measure: 'package', match: 'gcc12', max: 1 }))).toThrow(
      expect.objectContaining({ advice: expect.stringContaining("did you mean 'gcc-12'?") }),
    );
  });

  test.each([
    'file-size',
    'virtual-size',
    'allocated',
    'stale',
    'reclaimable',
    'files',
    'compressed',
  ] as const)('%s of a manifest', (measure) => {
    const manifest = madeManifest([{ name: 'a' }]);
    expect(code(() => check(manifest, [madeBudget({ measure, max: 1 })]))).toBe('IMGOPT_BUDGET_UNMEASURED');
  });

  test.each(['path', 'kind', 'filesystem'] as const)('%s of a manifest', (measure) => {
    const manifest = madeManifest([{ name: 'a' }]);
    expect(code(() => check(manifest, [madeBudget({ measure, match: '/x', max: 1 })]))).toBe(
      'IMGOPT_BUDGET_UNMEASURED',
    );
  });

  test('a package of a manifest without sizes; with them it can', () => {
    const budget = madeBudget({ measure: 'package', match: 'a', max: MiB });
    const manifest = (declared: number | null) => madeManifest([{ name: 'a', declared }]);
    expect(code(() => check(manifest(null), [budget]))).toBe('IMGOPT_BUDGET_UNMEASURED');
    expect(check(manifest(MiB), [budget]).verdict).toBe('pass');
  });

  test('a path in a report whose list of files was cut', () => {
    expect(code(() => one({ ...MADE, top: 2 }, madeBudget({ measure: 'path', match: '/usr', max: 1 })))).toBe(
      'IMGOPT_BUDGET_UNMEASURED',
    );
  });

  test('hygiene of a report that does not say whether it was looked at', () => {
    const budget = madeBudget({ measure: 'hygiene', max: 0 });
    expect(code(() => one({ ...MADE, hygiene: [] }, budget, { knowsHygiene: false }))).toBe(
      'IMGOPT_BUDGET_UNMEASURED',
    );
    expect(one({ ...MADE, hygiene: [] }, budget, { knowsHygiene: true }).status).toBe('pass');
    expect(one(MADE, budget, { knowsHygiene: false }).status).toBe('fail');
  });
});

describe('verdicts', () => {
  const size = (limits: Partial<Budget>) => madeBudget({ measure: 'file-size', ...limits });

  test.each([
    [{ max: 100 * MiB }, 'pass', null],
    [{ max: 100 * MiB - 1 }, 'fail', 'max'],
    [{ max: 200 * MiB, warn: 100 * MiB }, 'pass', null],
    [{ max: 200 * MiB, warn: 99 * MiB }, 'warn', 'warn'],
    [{ max: 99 * MiB, warn: 90 * MiB }, 'fail', 'max'],
    [{ warn: 1 }, 'warn', 'warn'],
  ] as const)('%j: %s', (limits, status, kind) => {
    const result = one(MADE, size(limits));
    expect(result.status).toBe(status);
    if (kind !== null) expect(result.limitKind).toBe(kind);
  });

  test.each([
    ['5%', 96 * MiB, 'pass'],
    ['5%', 95 * MiB, 'fail'], // 99.75 MiB is less than 100 MiB
    ['4MiB', 96 * MiB, 'pass'],
    ['4MiB', 96 * MiB - 1, 'fail'],
    ['1.3x', 77 * MiB, 'pass'],
    ['1.3x', 76 * MiB, 'fail'],
    ['0', 100 * MiB, 'pass'],
    ['0', 100 * MiB - 1, 'fail'],
  ] as const)('growth of %s over %i: %s', (growth, fileSize, status) => {
    const budget = size({ growth: parseGrowth(growth) });
    for (const baseline of [recorded({ ...MADE, fileSize }), artifact({ ...MADE, fileSize })]) {
      const result = one(MADE, budget, { baseline });
      expect(result).toMatchObject({ status, baseline: fileSize });
      if (status === 'fail') expect(result.limitKind).toBe('growth');
    }
  });

  test('the smaller of maximum and growth decides', () => {
    const baseline = recorded({ ...MADE, fileSize: 80 * MiB });
    const result = one(MADE, size({ max: 95 * MiB, growth: parseGrowth('10%') }), { baseline });
    expect(result).toMatchObject({ limit: 88 * MiB, limitKind: 'growth', over: 12 * MiB });
  });

  test('the worst budget decides for all, and the exit code follows', () => {
    const result = (...budgets: Budget[]) => check(madeReport(MADE), budgets);
    const pass = size({ name: 'a', max: GiB });
    const warn = size({ name: 'b', warn: 1 });
    const fail = size({ name: 'c', max: 1 });
    expect(
      [result(pass), result(pass, warn), result(warn, fail, pass)].map((one) => [
        one.verdict,
        exitCodeOf(one),
      ]),
    ).toEqual([
      ['pass', 0],
      ['warn', 0],
      ['fail', 1],
    ]);
  });

  test('a damaged artifact is damaged, under budget or not, and what it lost is not asked for', () => {
    const diagnostics = [{ code: 'IMGOPT_X', severity: 'error', message: 'broken', where: 'disk' }] as const;
    const result = check(madeReport({ ...MADE, diagnostics }), [
      size({ max: GiB }),
      madeBudget({ measure: 'package', match: 'lost', max: 1 }),
    ]);
    expect([result.verdict, exitCodeOf(result)]).toEqual(['damaged', 3]);
    expect(result.budgets.map((one) => one.measure)).toEqual(['file-size']);
  });
});

describe('baselines', () => {
  test('growth without one, of another format, or of what it does not tell is an error', () => {
    const grow = (measure: Budget['measure'], match: string | null = null) =>
      madeBudget({ measure, match, growth: parseGrowth('5%') });
    expect(() => one(MADE, grow('file-size'))).toThrow(
      expect.objectContaining({ code: 'IMGOPT_NO_BASELINE' }),
    );
    const vmdk = recorded({ ...MADE, format: 'vmdk' });
    expect(() => one(MADE, grow('file-size'), { baseline: vmdk })).toThrow(
      expect.objectContaining({ code: 'IMGOPT_BASELINE_KIND', family: 'usage' }),
    );
    expect(one(MADE, grow('package', 'gcc-*'), { baseline: vmdk }).status).toBe('pass'); // inside, formats are equal
    expect(() => one(MADE, grow('path', '/usr'), { baseline: recorded(MADE) })).toThrow(
      expect.objectContaining({ code: 'IMGOPT_BASELINE_WITHOUT' }),
    );
    const manifest: BaselineInput = {
      snapshot: snapshotOf(madeManifest([{ name: 'a' }]), 'm', 'manifest'),
      measurable: { report: madeManifest([{ name: 'a' }]), compressed: new Map(), knowsHygiene: false },
    };
    expect(() => one(MADE, grow('virtual-size'), { baseline: manifest })).toThrow(
      expect.objectContaining({ code: 'IMGOPT_BASELINE_WITHOUT' }),
    );
  });

  test('records what budgets measured, found again by what they measure and not by name', () => {
    const path = madeBudget({
      measure: 'path',
      match: '/usr/share/doc',
      name: 'docs',
      growth: parseGrowth('0'),
    });
    const baseline = recorded(MADE, [path]);
    const grown = { ...MADE, files: { ...FILES, '/usr/share/doc/new': MiB } };
    expect(one(grown, { ...path, name: 'called otherwise' }, { baseline })).toMatchObject({
      baseline: 5 * MiB,
      value: 6 * MiB,
      status: 'fail',
    });
  });

  test('a package that was not there then had 0 bytes', () => {
    const budget = madeBudget({ measure: 'package', match: 'new', growth: parseGrowth('50%') });
    const packages = [...MADE.packages!, { name: 'new', size: MiB }];
    for (const baseline of [recorded(MADE), artifact(MADE)]) {
      expect(one({ ...MADE, packages }, budget, { baseline })).toMatchObject({ baseline: 0, status: 'fail' });
    }
  });

  test('while it is recorded, growth is not held against the old one; maxima are', () => {
    const baseline = recorded({ ...MADE, fileSize: MiB });
    const growth = madeBudget({ measure: 'file-size', growth: parseGrowth('0') });
    expect(one(MADE, growth, { baseline, isRecording: true })).toMatchObject({
      status: 'pass',
      growth: null,
    });
    expect(one(MADE, { ...growth, max: MiB }, { baseline, isRecording: true }).status).toBe('fail');
  });

  test('shrinking is offered to be recorded, growth that is too large says how', () => {
    const budget = madeBudget({ measure: 'file-size', growth: parseGrowth('0') });
    const notes = (fileSize: number) =>
      check(madeReport(MADE), [budget], { baseline: recorded({ ...MADE, fileSize }) }).notes.join();
    expect(notes(120 * MiB)).toMatch(/smaller than the baseline: record it with --update-baseline/);
    expect(notes(80 * MiB)).toMatch(/if this growth is wanted, record it with --update-baseline/);
    expect(notes(100 * MiB)).toBe('');
  });
});

describe('blame', () => {
  const budget = madeBudget({ measure: 'file-size', max: 1 });
  const before: Made = { files: FILES, packages: [{ name: 'bash', version: '5.1', size: MiB }] };
  const after: Made = {
    files: { ...FILES, '/usr/lib/gcc/cc1': 30 * MiB, '/var/log/syslog': 5 * MiB },
    packages: [
      { name: 'bash', version: '5.2', size: 2 * MiB },
      { name: 'gcc-12', size: 40 * MiB },
    ],
  };

  test.each([
    ['another artifact', artifact],
    ['a recorded baseline', recorded],
  ])('since %s: packages, directories and files that grew, largest first', (_, make) => {
    const { blame } = one(after, budget, { baseline: make(before) });
    expect(blame.since).toBe('baseline');
    expect(blame.packages.map((thing) => [thing.name, thing.bytes, thing.note])).toEqual([
      ['gcc-12', 40 * MiB, 'added'],
      ['bash', MiB, 'upgraded from 5.1'],
    ]);
    expect(blame.directories[0]!.name).toBe('/usr/lib/gcc');
    expect(blame.files.map((thing) => thing.name)).toEqual(['/usr/lib/gcc/cc1', '/var/log/syslog']);
  });

  test('of a budget on packages or paths names only what it is about', () => {
    const baseline = artifact(before);
    const packages = one(after, madeBudget({ measure: 'package', match: 'bash', max: 1 }), {
      baseline,
    }).blame;
    expect(packages.packages.map((thing) => thing.name)).toEqual(['bash']);
    expect([...packages.directories, ...packages.files]).toEqual([]);
    const paths = one(after, madeBudget({ measure: 'path', match: '/var/log', max: 1 }), { baseline }).blame;
    expect(paths.files.map((thing) => thing.name)).toEqual(['/var/log/syslog']);
    expect(paths.packages).toEqual([]);
  });

  test('without a baseline: the largest of it', () => {
    const { blame } = one(MADE, madeBudget({ measure: 'package', match: 'gcc-*', max: 1 }));
    expect(blame.since).toBeNull();
    expect(blame.packages.map((thing) => thing.name)).toEqual(['gcc-12', 'gcc-12-base']);
    expect(one(MADE, budget).blame.files[0]).toMatchObject({ name: '/usr/bin/gcc', bytes: 30 * MiB });
  });

  test('what passes blames nobody', () => {
    expect(one(after, { ...budget, max: GiB }, { baseline: artifact(before) }).blame.packages).toEqual([]);
  });
});

describe('presets', () => {
  // From the documentation of each: see `source` of the preset.
  test.each([
    ['github-release', 'file-size', 2147483647], // under 2 GiB
    ['gitlab-package', 'file-size', 5368709120],
    ['s3-put', 'file-size', 5000000000],
    ['digitalocean', 'virtual-size', 99999999999], // smaller than 100 GB
    ['linode', 'compressed', 5000000000],
    ['fat32', 'file-size', 4294967295],
  ])('%s: %s up to %i', (name, measure, max) => {
    expect(presetBudget(name as PresetName, '--preset')).toMatchObject({ name, measure, max });
  });

  test('each says where its number is from, in its message', () => {
    for (const [name, { source }] of Object.entries(PRESETS)) {
      expect(source).toMatch(/^https:\/\//);
      expect(presetBudget(name as PresetName, 'x').message).toContain(source);
    }
  });

  test('exactly 2 GiB does not fit a GitHub release, one byte less does', () => {
    const budget = presetBudget('github-release', 'x');
    expect(one({ ...MADE, fileSize: 2 * GiB }, budget).status).toBe('fail');
    expect(one({ ...MADE, fileSize: 2 * GiB - 1 }, budget).status).toBe('pass');
  });
});

describe('sections for some artifacts', () => {
  const budget = (name: string, max: number) => madeBudget({ measure: 'file-size', name, max });
  const section = { format: null, name: null, build: null, baseline: null, budgets: [] };
  const config = {
    baseline: 'common.json',
    budgets: [budget('all', 1), budget('size', 2)],
    sections: [
      { ...section, format: 'vmdk', budgets: [budget('size', 3)], baseline: 'vmdk.json' },
      { ...section, name: 'debian-*', budgets: [budget('debian', 4)] },
      { ...section, build: 'qemu.*', budgets: [budget('build', 5)] },
      { ...section, format: 'vmdk', name: 'debian-*', budgets: [budget('both', 6)] },
    ],
  };
  const chosen = (name: string, format: string, build: string | null = null) => {
    const { budgets, baseline } = chooseBudgets(config, { name, format, build });
    return [budgets.map((one) => `${one.name} ${one.max}`).join(', '), baseline];
  };

  test('are chosen by format, name and build; all that is given must fit', () => {
    expect(chosen('x.qcow2', 'qcow2')).toEqual(['all 1, size 2', 'common.json']);
    expect(chosen('x.vmdk', 'vmdk')).toEqual(['all 1, size 3', 'vmdk.json']);
    expect(chosen('debian-12.qcow2', 'qcow2')).toEqual(['all 1, size 2, debian 4', 'common.json']);
    expect(chosen('debian-12.vmdk', 'vmdk')).toEqual(['all 1, size 3, debian 4, both 6', 'vmdk.json']);
    expect(chosen('x.qcow2', 'qcow2', 'qemu.debian')).toEqual(['all 1, size 2, build 5', 'common.json']);
    expect(chosen('x.qcow2', 'qcow2', 'virtualbox')).toEqual(['all 1, size 2', 'common.json']);
  });
});
