import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Report } from '../../src/core/contracts/report.ts';
import { reportSchema } from '../../src/manifests/report-schema.ts';
import { imgopt } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';

const ARTIFACT = fixturePath('debian-mini/debian-mini.qcow2');
const folder = temporaryFolder();

async function report(...flags: string[]): Promise<Report> {
  const { code, stdout, stderr } = await imgopt(['analyze', ARTIFACT, '--json', ...flags]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return reportSchema.parse(JSON.parse(stdout));
}

describe('imgopt analyze: suggestions', () => {
  test('their sum is what the totals say; safe ones come first', async () => {
    const { suggestions, totals, hygiene } = await report();
    expect(suggestions.length).toBeGreaterThan(0);
    expect(totals.reclaimable).toBe(suggestions.reduce((sum, one) => sum + one.reclaimable, 0));
    const order = suggestions.map(({ safety }) => ['safe', 'review', 'risky'].indexOf(safety));
    expect(order).toEqual([...order].sort());
    expect(hygiene).toEqual([]);
  });

  test('--rule and --not-rule choose; --profile publish adds hygiene', async () => {
    const all = await report();
    const rule = all.suggestions[0]!.rule;
    expect((await report('--rule', rule)).suggestions.every((one) => one.rule === rule)).toBe(true);
    expect((await report('--not-rule', rule)).suggestions.some((one) => one.rule === rule)).toBe(false);
    const { hygiene } = await report('--profile', 'publish');
    expect(hygiene.length).toBeGreaterThan(0);
  });

  test('an unknown rule is wrong usage and names the nearest', async () => {
    const { code, stderr } = await imgopt(['analyze', ARTIFACT, '--rule', 'dpkg-odl']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^imgopt: IMGOPT_UNKNOWN_RULE: .*'dpkg-odl'; did you mean 'dpkg-old'\?/);
  });

  test('--emit prints the script alone, or writes it beside a report', async () => {
    const alone = await imgopt(['analyze', ARTIFACT, '--emit', 'shell', '--safety', 'risky']);
    expect(alone.stdout).toMatch(/^#!\/bin\/sh\n# imgopt /);
    expect(alone.stdout).not.toContain('What could be removed');
    const paths = [join(folder, 'report.json'), join(folder, 'cleanup.sh')] as const;
    const both = await imgopt(
      [
        'analyze',
        ARTIFACT,
        '--format',
        'json',
        '--output',
        paths[0],
        '--emit',
        'shell',
        '--safety',
        'risky',
      ].concat('--output', paths[1]),
    );
    expect({ code: both.code, stdout: both.stdout }).toEqual({ code: 0, stdout: '' });
    expect(readFileSync(paths[1], 'utf8')).toBe(alone.stdout);
    expect(() => reportSchema.parse(JSON.parse(readFileSync(paths[0], 'utf8')))).not.toThrow();
  });

  test('--what-if refuses a directory with another filesystem mounted in it', async () => {
    const refused = await imgopt(['analyze', ARTIFACT, '--what-if', '/boot']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('/boot has another filesystem mounted in it');
    const { suggestions } = await report('--what-if', '/boot/efi');
    expect(suggestions[0]!.commands).toEqual(['find /boot/efi -xdev -mindepth 1 -delete']);
  });

  test('--what-if tells what goes with a path', async () => {
    const { suggestions } = await report('--what-if', '/usr/share');
    expect(suggestions).toHaveLength(1);
    expect(suggestions[0]).toMatchObject({ rule: 'what-if', title: '/usr/share' });
    const refused = await imgopt(['analyze', ARTIFACT, '--what-if', 'no-such-package']);
    expect(refused.code).toBe(2);
  });
});

describe('imgopt analyze: imgopt.yml', () => {
  const project = join(folder, 'project');
  const inner = join(project, 'packer', 'debian');
  mkdirSync(inner, { recursive: true });
  const config = (text: string): void => writeFileSync(join(project, 'imgopt.yml'), text);
  const analyze = (...flags: string[]) => imgopt(['analyze', ARTIFACT, '--json', ...flags], { cwd: inner });
  const rules = async (...flags: string[]): Promise<Report> => {
    const { code, stdout, stderr } = await analyze(...flags);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return reportSchema.parse(JSON.parse(stdout));
  };

  test('rules are off, have another level and other parameters, found upward or by --config', async () => {
    const before = await rules('--profile', 'publish');
    const [first, second] = before.suggestions;
    const hygienic = before.hygiene.find(({ severity }) => severity !== 'error')!;
    config(`rules: { ${first!.rule}: off, ${second!.rule}: risky, ${hygienic.rule}: error }\n`);
    const after = await rules('--profile', 'publish');
    expect(after.suggestions.some(({ rule }) => rule === first!.rule)).toBe(false);
    const levels = after.suggestions.filter(({ rule }) => rule === second!.rule);
    expect(levels.length).toBeGreaterThan(0);
    expect(levels.every(({ safety }) => safety === 'risky')).toBe(true);
    expect(after.suggestions.at(-1)!.safety).toBe('risky');
    expect(
      after.hygiene.filter(({ rule }) => rule === hygienic.rule).map(({ severity }) => severity),
    ).toEqual(['error']);
    // Who asks for a rule by name gets it; who names another file gets that one alone.
    expect((await rules('--rule', first!.rule)).suggestions.length).toBeGreaterThan(0);
    writeFileSync(join(inner, 'other.yml'), '');
    expect((await rules('--config', 'other.yml', '--profile', 'publish')).suggestions).toEqual(
      before.suggestions,
    );
  });

  test('a parameter reaches its rule', async () => {
    config('');
    expect((await rules('--rule', 'unpackaged-files')).suggestions).toEqual([]);
    config('rules: { unpackaged-files: { larger: 4KiB } }');
    expect((await rules('--rule', 'unpackaged-files')).suggestions).toHaveLength(1);
  });

  test('what is wrong with it is wrong usage, with its place', async () => {
    config('rules:\n  toolchian: off\n');
    const { code, stdout } = await analyze();
    expect(code).toBe(2);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'IMGOPT_CONFIG_UNKNOWN_KEY',
      where: '../../imgopt.yml:2:3',
      advice: "did you mean 'toolchain'?",
    });
    const plain = await imgopt(['analyze', ARTIFACT], { cwd: project });
    expect(plain).toMatchObject({
      code: 2,
      stdout: '',
      stderr:
        "imgopt: IMGOPT_CONFIG_UNKNOWN_KEY: imgopt.yml:2:3: there is no 'toolchian' in rules; did you mean 'toolchain'?\n",
    });
    const missing = await analyze('--config', 'no.yml');
    expect(missing.code).toBe(2);
    expect(JSON.parse(missing.stdout).error).toMatchObject({
      code: 'IMGOPT_CONFIG_NOT_FOUND',
      where: 'no.yml',
    });
  });
});
