import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import { marked, type Token, type Tokens } from 'marked';
import { describe, expect, test } from 'vitest';
import type { CheckResult } from '../../../src/budgets/check.ts';
import { type CheckFormat, loadCheckReporter } from '../../../src/reporters/check/index.ts';
import { MiB } from '../../budgets/made.ts';
import { HOSTILE, hostileCheck, madeCheck } from './made.ts';

const OPTIONS = { columns: 120, color: false };

async function render(format: CheckFormat, result: CheckResult): Promise<string> {
  return [...(await loadCheckReporter(format))(result, OPTIONS)].join('');
}

/** C0 (but line feeds), DEL, C1, bidi controls: nothing that drives a terminal may be left. */
const DRIVES = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

describe('every output', () => {
  test.each(['table', 'junit', 'markdown', 'github'] as const)(
    '%s lets no name drive a terminal',
    async (format) => {
      expect(await render(format, hostileCheck())).not.toMatch(DRIVES);
    },
  );

  test.each(['table', 'json', 'junit', 'sarif', 'markdown', 'github', 'gitlab'] as const)(
    '%s is the same for the same result',
    async (format) => {
      expect(await render(format, madeCheck())).toBe(await render(format, madeCheck()));
    },
  );
});

describe('the table', () => {
  test('says the verdict, that retrying will not help, what is over by how much, and who is to blame', async () => {
    const text = await render('table', madeCheck({ message: 'Remove the toolchain in setup.sh.' }));
    expect(text).toMatch(
      /^debian\.qcow2: over budget: 1 of 3 budgets failed; deterministic: retrying will not help\n/,
    );
    expect(text).toMatch(/FAIL +file size +100 MiB +90\.0 MiB +\+10\.0 MiB +80\.0 MiB/);
    expect(text).toMatch(/ok +shell +2\.0 MiB +10\.0 MiB/);
    expect(text).toMatch(/WARN +as it ships +≈ 50\.0 MiB ± 1\.0 MiB/);
    expect(text).toContain('file size: 100 MiB is 10.0 MiB over its limit of 90.0 MiB (imgopt.yml:3:7)');
    expect(text).toContain('Remove the toolchain in setup.sh.');
    expect(text).toContain('grew most since baseline.json:');
    expect(text).toMatch(/\+40\.0 MiB +package +gcc-12 +added/);
    expect(text).toMatch(/\+1\.0 MiB +package +bash +upgraded from 5\.1/);
    expect(text).toMatch(/≥ \+29\.0 MiB +directory +\/usr\/lib\/gcc/);
  });

  test('tells two sizes apart that print alike', async () => {
    const text = await render('table', madeCheck({ max: 100 * MiB - 1 }));
    expect(text).toContain('104,857,600 bytes is 1 B over its limit of 104,857,599 bytes');
  });

  test.each([40, 80, 140])('keeps within %i columns', async (columns) => {
    const text = [
      ...(await loadCheckReporter('table'))(madeCheck({ message: 'word '.repeat(60) }), {
        columns,
        color: false,
      }),
    ].join('');
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(columns);
  });
});

describe('SARIF', () => {
  const require = createRequire(import.meta.url);
  // Written for draft 4, of which it uses nothing that draft 7 took otherwise but the names of two keys.
  const { id, $schema, ...schema } = require('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json');
  const validate = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false }).compile(schema);

  test('the schema is the standard’s, and refuses what is none', () => {
    expect([id, $schema, schema.title]).toEqual([
      expect.stringContaining('sarif-2.1.0-rtm.5.json'),
      'http://json-schema.org/draft-04/schema#',
      expect.stringContaining('(SARIF) Version 2.1.0'),
    ]);
    expect(validate({ version: '2.1.0', runs: [{}] })).toBe(false);
  });

  test.each([
    ['a failed check', madeCheck()],
    ['a check that passes', madeCheck({ max: 200 * MiB })],
    ['a hostile one', hostileCheck()],
  ])('%s satisfies the 2.1.0 schema', async (_, result) => {
    const log = JSON.parse(await render('sarif', result));
    expect(validate(log), JSON.stringify(validate.errors)).toBe(true);
  });

  test('points at the budget, with its level', async () => {
    const [run] = JSON.parse(await render('sarif', madeCheck())).runs;
    expect(run.invocations[0]).toEqual({ executionSuccessful: true, toolExecutionNotifications: [] });
    expect(run.results.map((one: { ruleId: string; level: string }) => [one.ruleId, one.level])).toEqual([
      ['budget/file-size', 'error'],
      ['budget/compressed', 'warning'],
    ]);
    expect(run.results[0].locations[0].physicalLocation).toEqual({
      artifactLocation: { uri: 'imgopt.yml' },
      region: { startLine: 3, startColumn: 7 },
    });
    for (const one of run.results) expect(run.tool.driver.rules[one.ruleIndex].id).toBe(one.ruleId);
  });

  test('a damaged artifact is an unsuccessful run', async () => {
    const [run] = JSON.parse(await render('sarif', hostileCheck())).runs;
    expect(run.invocations[0].executionSuccessful).toBe(false);
    expect(run.invocations[0].toolExecutionNotifications).toHaveLength(HOSTILE.length);
  });

  test('messages hold no link and no placeholder (3.11.5, 3.11.6); locations are valid references', async () => {
    const [run] = JSON.parse(await render('sarif', hostileCheck())).runs;
    for (const { message, locations } of run.results) {
      const links = /(?<!\\)(?:\\\\)*\[[^\]]*\]\([^)]*\)/;
      expect(message.text).not.toMatch(links);
      expect(message.text.replace(/\{\{|\}\}/g, '')).not.toMatch(/[{}]/);
      expect(message.text).not.toMatch(DRIVES);
      const { uri } = locations[0].physicalLocation.artifactLocation;
      expect(uri).toMatch(/^(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-F]{2})+$/); // RFC 3986
    }
  });
});

describe('GitHub annotations', () => {
  /** The grammar of workflow commands, and how the runner undoes its escapes. */
  function parse(text: string): { command: string; properties: Record<string, string>; message: string }[] {
    const undo = (value: string): string =>
      value.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
    const undoProperty = (value: string): string => undo(value.replaceAll('%3A', ':').replaceAll('%2C', ','));
    return text
      .trimEnd()
      .split('\n')
      .map((line) => {
        const match = /^::(error|warning|notice) ((?:[a-zA-Z]+=[^,:]*)(?:,[a-zA-Z]+=[^,:]*)*)::(.*)$/.exec(
          line,
        );
        if (match === null) throw new Error(`no workflow command: ${line}`);
        const properties = Object.fromEntries(
          match[2]!
            .split(',')
            .map((one) => [one.slice(0, one.indexOf('=')), undoProperty(one.slice(one.indexOf('=') + 1))]),
        );
        return { command: match[1]!, properties, message: undo(match[3]!) };
      });
  }

  test('one command per budget that is not kept, at its line', async () => {
    const commands = parse(await render('github', madeCheck()));
    expect(commands.map((one) => one.command)).toEqual(['error', 'warning']);
    expect(commands[0]!.properties).toEqual({
      file: 'imgopt.yml',
      line: '3',
      col: '7',
      title: 'file size: 100 MiB is 10.0 MiB over its limit of 90.0 MiB',
    });
    expect(commands[0]!.message).toContain('gcc-12');
    expect(commands[0]!.message).toContain('deterministic: retrying will not help');
  });

  test('no name makes a command of its own, in either grammar', async () => {
    const result = hostileCheck();
    const text = await render('github', result);
    expect(parse(text)).toHaveLength(HOSTILE.length + 2);
    expect(text).not.toContain('##[');
    for (const { properties } of parse(text)) {
      expect(
        Object.keys(properties).filter((key) => !['file', 'line', 'col', 'title'].includes(key)),
      ).toEqual([]);
    }
  });

  test('what passes says nothing', async () => {
    const quiet = { ...madeCheck(), budgets: [] };
    expect(await render('github', quiet)).toBe('');
  });
});

describe('GitLab code quality', () => {
  // docs.gitlab.com/ci/testing/code_quality: description, check_name, fingerprint, location.path, lines.begin, severity.
  const validate = new Ajv({ strict: false }).compile({
    type: 'array',
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['description', 'check_name', 'fingerprint', 'location', 'severity'],
      properties: {
        description: { type: 'string', minLength: 1 },
        check_name: { type: 'string', minLength: 1 },
        fingerprint: { type: 'string', minLength: 1 },
        severity: { enum: ['info', 'minor', 'major', 'critical', 'blocker'] },
        location: {
          type: 'object',
          additionalProperties: false,
          required: ['path', 'lines'],
          properties: {
            // 'must not be prefixed with ./'
            path: { type: 'string', minLength: 1, not: { pattern: '^\\./' } },
            lines: {
              type: 'object',
              required: ['begin'],
              properties: { begin: { type: 'integer', minimum: 1 } },
            },
          },
        },
      },
    },
  });

  test.each([
    ['a failed check', madeCheck()],
    ['one that was named with ./', madeCheck({ where: '--max-size', path: './out/x.qcow2' })],
    ['a hostile one', hostileCheck()],
  ])('%s satisfies the documented format', async (_, result) => {
    const issues = JSON.parse(await render('gitlab', result));
    expect(validate(issues), JSON.stringify(validate.errors)).toBe(true);
    const fingerprints = issues.map((one: { fingerprint: string }) => one.fingerprint);
    expect(new Set(fingerprints).size).toBe(fingerprints.length);
    for (const one of issues) expect(one.description).not.toMatch(DRIVES);
  });

  test('the fingerprint stays while the size changes', async () => {
    const prints = async (max: number): Promise<unknown> =>
      JSON.parse(await render('gitlab', madeCheck({ max }))).map(
        (one: { fingerprint: string }) => one.fingerprint,
      );
    expect(await prints(90 * MiB)).toEqual(await prints(80 * MiB));
  });

  test('what passes is an empty report', async () => {
    expect(JSON.parse(await render('gitlab', { ...madeCheck(), budgets: [] }))).toEqual([]);
  });
});

describe('Markdown', () => {
  const tokens = (text: string): Token[] => marked.lexer(text);

  function walk(text: string): Token[] {
    const all: Token[] = [];
    marked.walkTokens(tokens(text), (token) => void all.push(token));
    return all;
  }

  /** HTML that we write ourselves. */
  const OURS = /^(<!-- (imgopt check )?-->|<\/?(details|summary|code)( open)?>|<summary>[^<>]*<\/summary>)$/;

  test('folds what is green, opens what is not', async () => {
    const green = madeCheck({ max: 200 * MiB, before: { ...madeMade(), fileSize: 100 * MiB } });
    const text = await render('markdown', { ...green, budgets: green.budgets.slice(0, 2), verdict: 'pass' });
    expect(text).toMatch(/^<!-- imgopt check -->\n### ✅ `debian\.qcow2` is within budget: 2 budgets\n/);
    expect(text).not.toContain('<details open>');
    expect(text).toContain('<details>\n<summary>Budgets: 2 of 2 kept</summary>');
    const red = await render('markdown', madeCheck());
    expect(red).toMatch(
      /^<!-- imgopt check -->\n### ❌ `debian\.qcow2` is over budget: 1 of 3 budgets failed/,
    );
    expect(red.match(/<details open>/g)).toHaveLength(2);
  });

  test('shows at most 20 changes of a kind and counts the rest', async () => {
    const packages = Array.from({ length: 33 }, (_, i) => ({
      name: `new${String.fromCharCode(97 + (i % 26))}x${'y'.repeat(i)}`,
      size: MiB,
    }));
    const text = await render(
      'markdown',
      madeCheck({ after: { packages: [{ name: 'bash' }, ...packages] } }),
    );
    expect(text.match(/\| added \| `new/g)).toHaveLength(20);
    expect(text).toContain('… and 14 smaller changes'); // bash was upgraded, too
  });

  test('tables have as many cells in every row as in their head, whatever the names', async () => {
    const found = walk(await render('markdown', hostileCheck())).filter(
      (token): token is Tokens.Table => token.type === 'table',
    );
    expect(found.length).toBeGreaterThan(2);
    for (const table of found) {
      for (const row of table.rows) expect(row).toHaveLength(table.header.length);
      expect(table.rows.flat().map((cell) => cell.text)).not.toContain('injected');
    }
  });

  test('no name becomes markup', async () => {
    const all = walk(await render('markdown', hostileCheck()));
    const kinds = new Set(all.map((token) => token.type));
    for (const kind of ['image', 'em', 'code', 'del']) expect(kinds).not.toContain(kind);
    // The message, once for each budget that is not kept, is written by the project: its addresses are links.
    const message = all.filter((token) => token.type === 'blockquote').length;
    expect(all.filter((token) => token.type === 'link').length).toBeLessThanOrEqual(message * 5);
    for (const token of all) {
      if (token.type === 'html') {
        for (const line of token.raw.trim().split('\n')) if (line !== '') expect(line).toMatch(OURS);
      }
      // Bare addresses in a budget's own message are links; names are not.
      if (token.type === 'link') expect(token.raw).toMatch(/^(https?:|www\.)/);
      if (token.type === 'strong') expect(token.raw).not.toBe('**bold**');
    }
  });
});

function madeMade() {
  return { files: { '/usr/bin/bash': MiB, '/usr/lib/gcc/cc1': 30 * MiB }, packages: [] };
}
