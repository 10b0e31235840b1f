import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { HYGIENE_RULES, REMOVAL_RULES } from '../../src/analyzers/rules/index.ts';
import { configJsonSchema, loadConfig, parseConfig } from '../../src/config/config.ts';
import { findConfig } from '../../src/config/find.ts';
import { ImgoptError } from '../../src/core/errors.ts';
import { MAX_CONFIG_BYTES } from '../../src/core/limits.ts';
import { temporaryFolder } from '../support/temp.ts';

const folder = temporaryFolder();
/** What only a hang takes, on however busy a machine. */
const HANG_MS = 60_000;

/** The line that a user would see, without its advice's punctuation. */
function refusal(text: string): string {
  try {
    parseConfig(text, 'imgopt.yml');
  } catch (error) {
    expect(error).toBeInstanceOf(ImgoptError);
    expect((error as ImgoptError).exitCode).toBe(2);
    return (error as ImgoptError).toLine();
  }
  throw new Error('it was accepted');
}

describe('imgopt.yml', () => {
  test('rules: off, a level, and parameters with sizes in the units of the command line', () => {
    const { config } = parseConfig(
      `rules:
  version-control-tools: off
  git-repositories: false
  temporary-files: review
  machine-id: { severity: info }
  locales:
    safety: safe
    keep: [en, de]
  zero-runs: { larger: 16MiB, zeros: 4096 }
  stray-archives: { larger: 1.5MB }
`,
      'imgopt.yml',
    );
    expect(config.rules).toEqual({
      off: ['git-repositories', 'version-control-tools'],
      levels: { 'temporary-files': 'review', 'machine-id': 'info', locales: 'safe' },
      parameters: {
        'machine-id': {},
        locales: { keep: ['en', 'de'] },
        'zero-runs': { larger: 16 * 1024 * 1024, zeros: 4096 },
        'stray-archives': { larger: 1_500_000 },
      },
    });
  });

  test.each(['', '# nothing yet\n', 'rules:\n', '---\n', '\ufeff# with a mark\nrules: {}\n'])(
    'an empty file or section is no error: %j',
    (text) => {
      expect(() => parseConfig(text, 'imgopt.yml')).not.toThrow();
    },
  );

  test.each([
    ['rulez: {}\n', "IMGOPT_CONFIG_UNKNOWN_KEY: imgopt.yml:1:1: there is no 'rulez'; did you mean 'rules'?"],
    [
      'rules:\n  dpkg-odl: off\n',
      "IMGOPT_CONFIG_UNKNOWN_KEY: imgopt.yml:2:3: there is no 'dpkg-odl' in rules; did you mean 'dpkg-old'?",
    ],
    [
      'rules:\n  locales:\n    kepe: [en]\n',
      "IMGOPT_CONFIG_UNKNOWN_KEY: imgopt.yml:3:5: there is no 'kepe' in rules.locales; did you mean 'keep'?",
    ],
    [
      'rules:\n  machine-id: { safety: safe }\n',
      "IMGOPT_CONFIG_UNKNOWN_KEY: imgopt.yml:2:17: there is no 'safety' in rules.machine-id; known are severity",
    ],
    [
      'rules: { toolchain: reviw }\n',
      "IMGOPT_CONFIG_VALUE: imgopt.yml:1:21: 'toolchain' must be off, safe, review, risky, a mapping, not 'reviw'; did you mean 'review'?",
    ],
    [
      'rules: { toolchain: { safety: sure } }\n',
      "IMGOPT_CONFIG_VALUE: imgopt.yml:1:31: 'safety' must be safe, review, risky, not 'sure'; did you mean 'safe'?",
    ],
    [
      'rules: { toolchain: true }\n',
      "IMGOPT_CONFIG_VALUE: imgopt.yml:1:21: 'toolchain' must be off, safe, review, risky, a mapping, not true",
    ],
    [
      'rules:\n  zero-runs:\n    larger: 16XB\n',
      "IMGOPT_CONFIG_VALUE: imgopt.yml:3:13: 'larger': '16XB' is not a size: write it like 512MiB, 2GB or 1.5G",
    ],
    [
      'rules: { zero-runs: { larger: -1 } }\n',
      "IMGOPT_CONFIG_VALUE: imgopt.yml:1:31: 'larger': -1 is not a size: write a whole number of bytes, or 512MiB, 2GB, 1.5G",
    ],
    [
      'rules: { zero-runs: { larger: -5MiB } }\n',
      "IMGOPT_CONFIG_VALUE: imgopt.yml:1:31: 'larger': '-5MiB' is not a size: write it like 512MiB, 2GB or 1.5G",
    ],
    [
      'rules: { zero-runs: { larger: [] } }\n',
      "IMGOPT_CONFIG_VALUE: imgopt.yml:1:31: 'larger' must be a number or text, not a list",
    ],
    [
      'rules: { oversized-disk: { factor: -2 } }\n',
      "IMGOPT_CONFIG_VALUE: imgopt.yml:1:36: 'factor' must be at least 0",
    ],
    [
      'rules: { oversized-disk: { factor: .inf } }\n',
      "IMGOPT_CONFIG_VALUE: imgopt.yml:1:36: 'factor' must be a number, not Infinity",
    ],
    [
      'rules: { locales: { keep: en } }\n',
      "IMGOPT_CONFIG_VALUE: imgopt.yml:1:27: 'keep' must be a list, not 'en'",
    ],
    [
      'rules: { locales: { keep: [en, 5] } }\n',
      "IMGOPT_CONFIG_VALUE: imgopt.yml:1:32: 'keep'[1] must be text, not 5",
    ],
    ['rules: 5\n', "IMGOPT_CONFIG_VALUE: imgopt.yml:1:8: 'rules' must be a mapping, not 5"],
    ['- rules\n', 'IMGOPT_CONFIG_VALUE: imgopt.yml:1:1: the file must be a mapping of sections'],
    [
      'rules:\n  a-b: off\n  c-d: off\n',
      "IMGOPT_CONFIG_UNKNOWN_KEY: imgopt.yml:2:3: there is no 'a-b' in rules (and 1 more problem)",
    ],
    ['rules: {}\nrules: {}\n', "IMGOPT_CONFIG_DUPLICATE_KEY: imgopt.yml:2:1: 'rules' stands here twice"],
    [
      'rules: !!js/function "x"\n',
      'IMGOPT_CONFIG_SYNTAX: imgopt.yml:1:8: Unresolved tag: tag:yaml.org,2002:js/function',
    ],
    [
      'rules: !!map {}\n',
      'IMGOPT_CONFIG_SYNTAX: imgopt.yml:1:14: tags such as tag:yaml.org,2002:map mean nothing here; remove it',
    ],
    ['rules: *there\n', "IMGOPT_CONFIG_SYNTAX: imgopt.yml:1:8: there is no anchor 'there' before"],
    [
      'rules: {}\n---\nrules: {}\n',
      'IMGOPT_CONFIG_SYNTAX: imgopt.yml:2:1: a second document begins here; keep one of them',
    ],
    ['5: x\n', 'IMGOPT_CONFIG_SYNTAX: imgopt.yml:1:1: a key is not plain text; put it in quotes'],
    ['? [a]\n: x\n', 'IMGOPT_CONFIG_SYNTAX: imgopt.yml:1:3: a key is not plain text; put it in quotes'],
    [
      '__proto__: { rules: {} }\n',
      "IMGOPT_CONFIG_UNKNOWN_KEY: imgopt.yml:1:1: there is no '__proto__'; known are",
    ],
    ['constructor: 1\n', "IMGOPT_CONFIG_UNKNOWN_KEY: imgopt.yml:1:1: there is no 'constructor'; known are"],
    ['"\\e[2Jx": 1\n', "IMGOPT_CONFIG_UNKNOWN_KEY: imgopt.yml:1:1: there is no '\\x1b[2Jx'; known are"],
    [
      'rules: {\n',
      'IMGOPT_CONFIG_SYNTAX: imgopt.yml:2:1: Flow map in block collection must be sufficiently indented',
    ],
  ])('%j is refused', (text, line) => {
    expect(refusal(text)).toContain(line);
  });

  test('an alias stands for what it repeats, and errors stand where it is used', () => {
    const { config } = parseConfig(
      'rules:\n  zero-runs: &large { larger: 8MiB }\n  stray-archives: *large\n',
      'imgopt.yml',
    );
    expect(config.rules!.parameters['stray-archives']).toEqual({ larger: 8 * 1024 * 1024 });
    expect(refusal('rules:\n  zero-runs: &a { larger: 8MiB }\n  logs: *a\n')).toContain(
      "imgopt.yml:2:19: there is no 'larger' in rules.logs",
    );
  });

  test('where a setting stands can be asked later', () => {
    const { where } = parseConfig('rules:\n  locales:\n    keep: [en, de]\n', 'conf/imgopt.yml');
    expect(where(['rules', 'locales', 'keep', 1])).toBe('conf/imgopt.yml:3:16');
    expect(where(['rules', 'locales', 'missing'])).toBe('conf/imgopt.yml:2:3');
    expect(where([])).toBe('conf/imgopt.yml:1:1');
  });
});

describe('hostile text', () => {
  test('aliases that multiply', () => {
    let text = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
    for (let i = 1; i < 12; i++) text += `a${i}: &a${i} [${`*a${i - 1}, `.repeat(10)}]\n`;
    expect(refusal(text)).toContain('IMGOPT_CONFIG_TOO_LARGE');
  });

  test('an alias inside of itself', () => {
    expect(refusal('rules: &a { x: *a }\n')).toContain('IMGOPT_CONFIG_TOO_DEEP');
  });

  test.each(['[', '{a: ', '- ', '? '])('%j a hundred thousand times', (piece) => {
    const count = Math.floor((MAX_CONFIG_BYTES - 1) / piece.length / 2);
    expect(refusal(piece.repeat(count))).toMatch(/IMGOPT_CONFIG_(?:TOO_DEEP|SYNTAX)/);
  });

  test.each([
    ['keys', Array.from({ length: 22_000 }, (_, i) => `k${i}: 1`).join('\n')],
    ['anchors', Array.from({ length: 15_000 }, (_, i) => `- &a${i} x`).join('\n')],
    ['rules', `rules:\n${Array.from({ length: 15_000 }, (_, i) => `  r${i}: off`).join('\n')}`],
    ['blanks', ' '.repeat(260_000)],
    ['quotes', `a: "${'\\"'.repeat(125_000)}"`],
    ['comments', '#\n'.repeat(125_000)],
    ['commas', `a: [${','.repeat(250_000)}]`],
    ['colons', ':'.repeat(260_000)],
  ])('as much as may be of %s takes seconds at most', { timeout: HANG_MS + 10_000 }, (_name, text) => {
    const start = performance.now();
    try {
      parseConfig(text, 'imgopt.yml');
    } catch (error) {
      expect(error).toBeInstanceOf(ImgoptError);
    }
    expect(performance.now() - start).toBeLessThan(HANG_MS);
  });

  test('a file of 100 MB is refused before it is parsed', async () => {
    const path = join(folder, 'large.yml');
    writeFileSync(path, Buffer.alloc(100 * 1024 * 1024, '#'));
    await expect(loadConfig(path, '/')).rejects.toThrow(/larger than 262144 bytes/);
  });

  test('what is no text, or is not there', async () => {
    const path = join(folder, 'latin1.yml');
    writeFileSync(path, Buffer.from([0x61, 0x3a, 0x20, 0xe9, 0x0a]));
    await expect(loadConfig(path, '/')).rejects.toMatchObject({
      family: 'usage',
      code: 'IMGOPT_CONFIG_SYNTAX',
    });
    await expect(loadConfig('no.yml', folder)).rejects.toMatchObject({
      family: 'usage',
      code: 'IMGOPT_CONFIG_NOT_FOUND',
      where: ['no.yml'],
    });
    await expect(loadConfig(folder, '/')).rejects.toMatchObject({ family: 'system', code: 'IMGOPT_EISDIR' });
  });
});

describe('looking for it', () => {
  test('the nearest one upward; a folder of that name is none', async () => {
    const inner = join(folder, 'project', 'packer', 'debian');
    mkdirSync(join(inner, 'imgopt.yml'), { recursive: true });
    writeFileSync(join(folder, 'project', 'imgopt.yml'), '');
    expect(await findConfig(inner)).toBe(join(folder, 'project', 'imgopt.yml'));
    writeFileSync(join(folder, 'project', 'packer', 'imgopt.yml'), '');
    expect(await findConfig(inner)).toBe(join(folder, 'project', 'packer', 'imgopt.yml'));
  });
});

describe('the published schema', () => {
  const ajv = new Ajv2020({ strict: true, strictTypes: false });
  const validate = ajv.compile(
    JSON.parse(readFileSync(new URL('../../schemas/imgopt-yml.schema.json', import.meta.url), 'utf8')),
  );

  test('is what the code says', () => {
    expect(JSON.parse(JSON.stringify(configJsonSchema()))).toEqual(validate.schema);
  });

  test.each([
    ['rules: { toolchain: off, locales: { keep: [en] }, zero-runs: { larger: 1.5GiB } }', true],
    ['rules: { toolchain: false, machine-id: error }', true],
    ['rules: { toolchain: error }', false],
    ['rules: { nobody: off }', false],
    ['rules: { zero-runs: { larger: 1.5XiB } }', false],
    ['rules: { zero-runs: { larger: 16mib } }', true],
    ['other: 1', false],
  ])('an editor agrees with imgopt about %s', (text, isGood) => {
    expect(validate(parse(text))).toBe(isGood);
    if (isGood) expect(() => parseConfig(text, 'imgopt.yml')).not.toThrow();
    else expect(() => parseConfig(text, 'imgopt.yml')).toThrow(ImgoptError);
  });

  test('every rule is in it, with what it is about', () => {
    const { properties } = (validate.schema as { properties: { rules: { properties: object } } }).properties
      .rules;
    expect(Object.keys(properties)).toEqual([...REMOVAL_RULES, ...HYGIENE_RULES].map(({ id }) => id));
  });
});
