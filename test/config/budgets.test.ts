import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { COUNT_MEASURES, SIZE_MEASURES } from '../../src/budgets/budget.ts';
import { PRESETS } from '../../src/budgets/presets.ts';
import { budgetConfig } from '../../src/config/budgets.ts';
import { parseConfig } from '../../src/config/config.ts';
import { ImgoptError } from '../../src/core/errors.ts';

const MiB = 1024 * 1024;

function read(text: string) {
  const { config, where } = parseConfig(text, 'imgopt.yml');
  return budgetConfig(config.budgets!, where, (file) => `beside/${file}`);
}

function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    expect(error).toBeInstanceOf(ImgoptError);
    expect((error as ImgoptError).exitCode).toBe(2);
    return (error as ImgoptError).toLine();
  }
  return 'it was accepted';
}

/** A budget with these lines; `measure` stands in line 3, column 7. */
const limit = (...lines: string[]): string => `budgets:\n  limits:\n    - ${lines.join('\n      ')}\n`;

describe('budgets of imgopt.yml', () => {
  test('every key of a budget, with where it stands', () => {
    const { budgets } = read(
      limit(
        'measure: package',
        'match: gcc-*',
        'name: no toolchain',
        'max: 1.5GiB',
        'warn: 100MB',
        'growth: 1.3x',
        'allowEmpty: true',
        'message: |',
        '  Purge build-essential',
        '  at the end.',
      ),
    );
    expect(budgets).toEqual([
      {
        name: 'no toolchain',
        measure: 'package',
        match: 'gcc-*',
        of: 'used',
        codec: 'zstd',
        max: 1536 * MiB,
        warn: 100_000_000,
        growth: { text: '1.3x', numerator: 13n, denominator: 10n, bytes: 0 },
        message: 'Purge build-essential\nat the end.\n',
        allowEmpty: true,
        where: 'imgopt.yml:3:7',
      },
    ]);
  });

  test('a name unless given: what is measured', () => {
    const text = `budgets:
  limits:
    - { measure: file-size, max: 1 }
    - { measure: compressed, codec: gzip, max: 1 }
    - { measure: filesystem, match: /boot, of: unused, max: 1 }
    - { measure: path, match: /var/log/**, max: 0 }
    - { measure: files, max: 1 }
    - { measure: hygiene, match: error, max: 0 }
`;
    expect(read(text).budgets.map((one) => one.name)).toEqual([
      'file size',
      'compressed size (gzip)',
      'unused of filesystem /boot',
      'files in /var/log/**',
      'number of files',
      'hygiene findings (errors)',
    ]);
  });

  test('presets, sections and baselines beside the file', () => {
    const config = read(`budgets:
  baseline: base.json
  presets: [github-release, fat32]
  artifacts:
    - format: vmdk
      name: 'debian-*'
      build: qemu.debian
      baseline: vmdk.json
      limits:
        - { measure: virtual-size, max: 8GiB }
`);
    expect(config.baseline).toBe('beside/base.json');
    expect(config.budgets.map((one) => [one.name, one.where])).toEqual([
      ['github-release', 'imgopt.yml:3:13'],
      ['fat32', 'imgopt.yml:3:29'],
    ]);
    expect(config.sections).toMatchObject([
      { format: 'vmdk', name: 'debian-*', build: 'qemu.debian', baseline: 'beside/vmdk.json' },
    ]);
    expect(config.sections[0]!.budgets[0]).toMatchObject({ max: 8192 * MiB, where: 'imgopt.yml:10:11' });
  });

  test('growth in every form, a bare number too', () => {
    for (const growth of ['5%', '50MiB', '1.3x', '0', 0, 4096]) {
      expect(refusal(limit('measure: file-size', `growth: ${growth}`))).toBe('it was accepted');
    }
  });
});

describe('docs/ci.md', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/ci.md'), 'utf8');

  test('its imgopt.yml is one', () => {
    const example = /```yaml\n(budgets:\n[^`]*)```/.exec(text)![1]!;
    const { budgets, sections } = read(example);
    expect([budgets.length, sections.length]).toEqual([7, 3]);
  });

  test('tells every measure and every preset', () => {
    for (const name of [...SIZE_MEASURES, ...COUNT_MEASURES, ...Object.keys(PRESETS)]) {
      expect(text).toContain(`| \`${name}\` |`);
    }
  });
});

describe('bad budgets say line and column', () => {
  test.each([
    [limit('measure: file-sise', 'max: 1'), /^IMGOPT_CONFIG_VALUE: imgopt\.yml:3:\d+: .*file-size/],
    [
      limit('measure: file-size', 'maximum: 1'),
      /^IMGOPT_CONFIG_UNKNOWN_KEY: imgopt\.yml:4:7: .*maximum.*; did you mean 'max'/,
    ],
    [
      limit('measure: file-size', 'max: 1', 'match: x'),
      /^IMGOPT_CONFIG_UNKNOWN_KEY: imgopt\.yml:5:7: .*match/,
    ],
    [limit('measure: file-size', 'max: -5'), /^IMGOPT_CONFIG_VALUE: imgopt\.yml:4:12: .*-5 is not a size/],
    [limit('measure: file-size', 'max: -5MiB'), /imgopt\.yml:4:12: .*'-5MiB' is not a size/],
    [limit('measure: file-size', 'max: 5 MebiBytes'), /imgopt\.yml:4:12: .*is not a size.*512MiB/],
    [limit('measure: file-size', 'max: 1.5'), /imgopt\.yml:4:12: .*1\.5 is not a size/],
    [limit('measure: file-size', 'max: 99999999PiB'), /imgopt\.yml:4:12: .*too large/],
    [limit('measure: file-size', 'max: .inf'), /imgopt\.yml:4:12: /],
    [limit('measure: files', 'max: 5MiB'), /imgopt\.yml:4:12: .*number/],
    [limit('measure: files', 'max: -1'), /imgopt\.yml:4:12: .*at least 0/],
    [limit('measure: file-size'), /imgopt\.yml:3:7: .*sets no limit/],
    [limit('measure: file-size', 'max: 1MiB', 'warn: 2MiB'), /imgopt\.yml:5:13: .*never warns/],
    [limit('measure: file-size', 'growth: -5%'), /imgopt\.yml:4:15: .*is no growth/],
    [limit('measure: file-size', 'growth: 0.5x'), /imgopt\.yml:4:15: .*smaller than the baseline/],
    [limit('measure: package', 'max: 1'), /imgopt\.yml:3:\d+: .*match/],
    [limit('measure: path', 'match: usr', 'max: 1'), /imgopt\.yml:4:14: .*not absolute/],
    [limit('measure: package', 'match: "["', 'max: 1'), /imgopt\.yml:4:14: .*without its \]/],
    [limit('measure: compressed', 'codec: xz', 'max: 1'), /imgopt\.yml:4:14: .*zstd/],
    [limit('measure: hygiene', 'match: fatal', 'max: 1'), /imgopt\.yml:4:14: .*error/],
    ['budgets:\n  presets: [github]\n', /imgopt\.yml:2:13: .*github-release/],
    ['budgets: []\n', /imgopt\.yml:1:10: .*mapping/],
    ['budgets:\n  limits: {}\n', /imgopt\.yml:2:11: .*list/],
    ['budgets:\n  artifacts:\n    - formats: qcow2\n', /imgopt\.yml:3:7: .*did you mean 'format'/],
    [
      'budgets:\n  limits:\n    - { measure: file-size, max: 1 }\n    - { measure: file-size, max: 2 }\n',
      /^IMGOPT_BUDGET_TWICE: imgopt\.yml:4:7: .*imgopt\.yml:3:7/,
    ],
  ])('%j', (text, line) => {
    expect(refusal(text)).toMatch(line);
  });
});
