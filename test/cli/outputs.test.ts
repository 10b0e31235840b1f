import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeTextFile } from '../../src/cli/output-file.ts';
import { planOutputs } from '../../src/cli/outputs.ts';
import { temporaryFolder } from '../support/temp.ts';

describe('planOutputs', () => {
  const cases: [string[], string[], boolean, ReturnType<typeof planOutputs>][] = [
    [[], [], false, [{ format: 'table', path: null }]],
    [[], [], true, []],
    [[], ['r.json'], false, [{ format: 'json', path: 'r.json' }]],
    [[], ['r.csv'], true, [{ format: 'csv', path: 'r.csv' }]],
    [[], ['r.txt'], false, [{ format: 'table', path: 'r.txt' }]],
    [['csv'], [], false, [{ format: 'csv', path: null }]],
    [
      ['csv', 'table'],
      ['a'],
      false,
      [
        { format: 'csv', path: 'a' },
        { format: 'table', path: null },
      ],
    ],
    [
      ['csv', 'ncdu'],
      ['a', 'b'],
      true,
      [
        { format: 'csv', path: 'a' },
        { format: 'ncdu', path: 'b' },
      ],
    ],
  ];
  test.each(cases)('%j to %j (json %j)', (formats, outputs, json, expected) => {
    expect(planOutputs(formats, outputs, json)).toEqual(expected);
  });

  test.each<[string[], string[], boolean, string]>([
    [['csv', 'table'], [], false, 'IMGOPT_TWO_RESULTS_ON_STDOUT'],
    [['csv'], [], true, 'IMGOPT_TWO_RESULTS_ON_STDOUT'],
    [['csv'], ['a', 'b'], false, 'IMGOPT_OUTPUT_WITHOUT_FORMAT'],
    [[], ['a', 'b'], false, 'IMGOPT_OUTPUT_WITHOUT_FORMAT'],
    [['csv', 'json'], ['a', 'a'], false, 'IMGOPT_OUTPUT_TWICE'],
  ])('%j to %j (json %j) is refused: %s', (formats, outputs, json, code) => {
    expect(() => planOutputs(formats, outputs, json)).toThrow(
      expect.objectContaining({ code, family: 'usage', exitCode: 2 }),
    );
  });
});

describe('writeTextFile', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'out.txt');
  const { signal } = new AbortController();

  test('writes all pieces', async () => {
    await writeTextFile(path, ['one', 'two'], { force: false, signal });
    expect(readFileSync(path, 'utf8')).toBe('onetwo');
  });

  test('overwrites only with force, and says so with exit 4', async () => {
    writeFileSync(path, 'mine');
    await expect(writeTextFile(path, ['x'], { force: false, signal })).rejects.toMatchObject({
      code: 'IMGOPT_OUTPUT_EXISTS',
      exitCode: 4,
    });
    expect(readFileSync(path, 'utf8')).toBe('mine');
    await writeTextFile(path, ['x'], { force: true, signal });
    expect(readFileSync(path, 'utf8')).toBe('x');
  });

  test('a failure in the middle leaves the old file and nothing else', async () => {
    function* failing(): Generator<string> {
      yield 'half';
      throw new Error('no more');
    }
    await expect(writeTextFile(path, failing(), { force: true, signal })).rejects.toThrow('no more');
    expect(readFileSync(path, 'utf8')).toBe('x');
    await expect(writeTextFile(path, ['y'], { force: true, signal: AbortSignal.abort() })).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(['out.txt']);
  });

  test('a folder that is not there is the system saying no', async () => {
    const missing = join(folder, 'missing', 'out.txt');
    await expect(writeTextFile(missing, ['x'], { force: false, signal })).rejects.toMatchObject({
      exitCode: 4,
    });
  });
});
