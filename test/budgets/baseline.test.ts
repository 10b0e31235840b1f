import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { formatBaseline, isBaseline, makeBaseline, readBaseline } from '../../src/budgets/baseline.ts';
import { compareSnapshots, isDifferent } from '../../src/budgets/compare.ts';
import { snapshotOf } from '../../src/budgets/snapshot.ts';
import { KiB, type Made, MiB, madeManifest, madeReport } from './made.ts';

const MADE: Made = {
  files: {
    '/usr/bin/large': 3 * MiB,
    '/usr/bin/small': KiB,
    '/usr/lib/x86_64-linux-gnu/deep/er/lib.so': 2 * MiB,
    '/__proto__': MiB,
    '/home/\u001b[31m"\n\u202eevil': MiB,
  },
  packages: [
    { name: 'zlib1g', size: 200 * KiB },
    { name: 'bash', version: '5.2', size: 5 * MiB },
    { name: '__proto__', size: MiB },
  ],
  kinds: { programs: 3 * MiB },
};
const write = (made: Made): string =>
  formatBaseline(makeBaseline(madeReport(made), new Map([['file size', 1]])));

describe('the recorded baseline', () => {
  test('satisfies its published schema', () => {
    const schema = JSON.parse(
      readFileSync(join(import.meta.dirname, '../../schemas/baseline-1.schema.json'), 'utf8'),
    );
    const validate = new Ajv2020({ strict: false }).compile(schema);
    expect(validate(JSON.parse(write(MADE))), JSON.stringify(validate.errors)).toBe(true);
  });

  test('holds a line per package, and changes only in the lines of what changed', () => {
    const before = write(MADE).split('\n');
    const packages = MADE.packages!.map((one) => (one.name === 'bash' ? { ...one, size: 6 * MiB } : one));
    const after = write({ ...MADE, packages }).split('\n');
    const changed = after.filter((line) => !before.includes(line));
    expect(changed).toEqual([
      `    { "name": "bash", "version": "5.2", "architecture": "amd64", "manager": "dpkg", "size": ${6 * MiB} },`,
    ]);
    expect(after).toHaveLength(before.length);
  });

  test('does not depend on the order in which things were found', () => {
    const files = Object.fromEntries(Object.entries(MADE.files!).reverse());
    expect(write({ ...MADE, packages: [...MADE.packages!].reverse(), files })).toBe(write(MADE));
  });

  test('leaves out what is small or deep', () => {
    const { files, directories } = makeBaseline(madeReport(MADE), new Map());
    expect(Object.keys(files!)).not.toContain('/usr/bin/small');
    expect(Object.keys(directories!)).toContain('/usr/lib/x86_64-linux-gnu');
    expect(Object.keys(directories!)).not.toContain('/usr/lib/x86_64-linux-gnu/deep');
  });

  test('read again differs in nothing from what it was made of', () => {
    const recorded = readBaseline(JSON.parse(write(MADE)), 'baseline.json');
    const now = snapshotOf(madeReport(MADE), 'disk.qcow2', 'image');
    const comparison = compareSnapshots(recorded, now);
    expect(isDifferent(comparison)).toBe(false);
    expect(recorded.packages.items.map((one) => one.name)).toContain('__proto__');
  });

  test('of a manifest keeps the packages and says that nothing else is known', () => {
    const baseline = makeBaseline(
      madeManifest([
        { name: 'a', declared: MiB },
        { name: 'b', declared: null },
      ]),
      new Map(),
    );
    expect(baseline).toMatchObject({ packageSizes: 'declared', files: null, sizes: { fileSize: null } });
    const again = readBaseline(JSON.parse(formatBaseline(baseline)), 'x');
    expect(again.packages.items.map((one) => one.size)).toEqual([MiB, null]);
    expect(again.fileList.floor).toBe(Infinity);
  });

  test('of a short report does not pretend to know the files', () => {
    expect(makeBaseline(madeReport({ ...MADE, top: 1 }), new Map()).files).toBeNull();
  });
});

describe('a bad baseline is wrong configuration', () => {
  const good = JSON.parse(write(MADE));
  test.each([
    [
      'of a later schema',
      { ...good, schema: 'imgopt.baseline/2' },
      'IMGOPT_BASELINE_VERSION',
      /update imgopt/,
    ],
    ['without its sizes', { ...good, sizes: undefined }, 'IMGOPT_BASELINE_INVALID', /sizes/],
    ['with a negative size', { ...good, budgets: { x: -1 } }, 'IMGOPT_BASELINE_INVALID', /budgets\.x/],
    [
      'with a package without a name',
      { ...good, packages: [{ version: '1' }] },
      'IMGOPT_BASELINE_INVALID',
      /packages\.0/,
    ],
    [
      'with sizes beyond what numbers hold',
      { ...good, budgets: { x: 1e300 } },
      'IMGOPT_BASELINE_INVALID',
      /budgets/,
    ],
    [
      'whose schema has control characters',
      { ...good, schema: 'imgopt.baseline/\u001b[31m' },
      'IMGOPT_BASELINE_VERSION',
      /\\x1b/,
    ],
  ])('%s', (_, document, code, line) => {
    expect(isBaseline(document)).toBe(true);
    let error: unknown;
    try {
      readBaseline(document, 'baseline.json');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code, family: 'usage', exitCode: 2, where: ['baseline.json'] });
    expect((error as { toLine(): string }).toLine()).toMatch(line);
  });

  test.each([null, 1, 'text', [], {}, { schema: 'imgopt.report/1' }, { schema: 7 }])(
    '%j is none',
    (document) => {
      expect(isBaseline(document)).toBe(false);
    },
  );
});
