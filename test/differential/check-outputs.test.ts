/** What CI systems read, held against readers that are not ours: libxml2, and GitHub's own Markdown (cmark-gfm). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CheckResult } from '../../src/budgets/check.ts';
import { type CheckFormat, loadCheckReporter } from '../../src/reporters/check/index.ts';
import { HOSTILE, hostileCheck, madeCheck } from '../reporters/check/made.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

const folder = temporaryFolder();

async function written(format: CheckFormat, result: CheckResult): Promise<string> {
  const path = join(folder, `${Math.random()}.${format}`);
  const text = [...(await loadCheckReporter(format))(result, { columns: 120, color: false })].join('');
  writeFileSync(path, text);
  return path;
}

describeWithTools(['xmllint'], 'JUnit XML', () => {
  test.each([
    ['a failed check', madeCheck(), 3, 1, 0],
    ['one that passes', { ...madeCheck({ max: 2 ** 40 }) }, 3, 0, 0],
    ['a hostile, damaged one', hostileCheck(), 3, 1, 1],
  ])('%s is valid, with the right counts', async (_, result, tests, failures, errors) => {
    const path = await written('junit', result);
    await runTool('xmllint', ['--noout', '--schema', fixturePath('ci/junit.xsd'), path]);
    const count = async (xpath: string): Promise<number> =>
      Number(await runTool('xmllint', ['--xpath', xpath, path]));
    expect(await count('count(//testcase)')).toBe(tests);
    expect(await count('count(//failure)')).toBe(failures);
    expect(await count('count(//error)')).toBe(errors);
    expect(await count('number(/testsuites/@failures)')).toBe(failures);
    expect(await count('count(//injected)')).toBe(0);
    expect(await count('count(//*[local-name() = "script" or @name = "injected"])')).toBe(0);
  });

  test('what a failure says comes back letter for letter', async () => {
    const path = await written('junit', madeCheck({ message: 'a < b & "c" \'d\' ]]> e' }));
    const text = await runTool('xmllint', ['--xpath', 'string(//failure)', path]);
    expect(text).toContain('a < b & "c" \'d\' ]]> e');
    expect(text).toContain('deterministic: retrying will not help');
  });
});

describeWithTools(['cmark-gfm', 'xmllint'], 'Markdown, as GitHub reads it', () => {
  const parse = async (
    result: CheckResult,
  ): Promise<{ count: (xpath: string) => Promise<number>; texts: (xpath: string) => Promise<string> }> => {
    const path = await written('markdown', result);
    const extensions = ['table', 'autolink', 'strikethrough', 'tagfilter'].flatMap((name) => ['-e', name]);
    const xml = join(folder, `${Math.random()}.xml`);
    // Its document type is on no disk; and Markdown allows two characters that XML does not.
    const text = (await runTool('cmark-gfm', [...extensions, '--to', 'xml', path]))
      .replace(/<!DOCTYPE[^>]*>/, '')
      .replace(/ xmlns="[^"]*"/, '')
      .replace(/[\ufffe\uffff]/g, '');
    writeFileSync(xml, text);
    const ask = (xpath: string): Promise<string> => runTool('xmllint', ['--xpath', xpath, xml]);
    return { count: async (xpath) => Number(await ask(xpath)), texts: ask };
  };

  test('no name becomes markup, a link, or a cell', async () => {
    const { count, texts } = await parse(hostileCheck());
    for (const kind of ['image', 'emph', 'strikethrough', 'code_block']) {
      expect(await count(`count(//${kind})`), kind).toBe(0);
    }
    // Three budgets, of which two are not kept; the project's message may hold links, names may not.
    expect(await count('count(//link[not(ancestor::block_quote)])')).toBe(0);
    expect(await count('count(//strong[text() = "bold"])')).toBe(0);
    expect(await count('count(//table_cell[normalize-space(.) = "injected"])')).toBe(0);
    const rows = await count('count(//table_row)');
    expect(rows).toBeGreaterThan(HOSTILE.length);
    const uneven = 'count(//table_row[count(table_cell) != count(../table_header/table_cell)])';
    expect(await count(uneven)).toBe(0);
    const html = await texts('//html_block | //html_inline');
    expect(html).not.toMatch(/script|&lt;b&gt;/);
  });

  test('an ordinary result is a heading, a table of budgets and tables of changes', async () => {
    const { count, texts } = await parse(madeCheck());
    expect(await count('count(//heading)')).toBe(1);
    expect(await count('count(//table)')).toBeGreaterThanOrEqual(3);
    expect(await texts('string(//heading)')).toContain('debian.qcow2');
    expect(await texts('//table//code/text()')).toContain('gcc-12');
  });
});
