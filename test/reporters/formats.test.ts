import { describe, expect, test } from 'vitest';
import { CSV_COLUMNS, csvCell, csvReporter } from '../../src/reporters/csv.ts';
import { loadReporter, REPORTER_NAMES } from '../../src/reporters/index.ts';
import { jsonReporter } from '../../src/reporters/json.ts';
import { ncduReporter } from '../../src/reporters/ncdu.ts';
import { plainOptions, rendered, sampleReport } from './sample.ts';

/** A reader by the letter of RFC 4180. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    let cell = '';
    if (text[at] === '"') {
      for (at++; ; at++) {
        if (text[at] !== '"') cell += text[at];
        else if (text[at + 1] === '"') cell += text[at++];
        else break;
      }
      at++;
    } else {
      while (at < text.length && text[at] !== ',' && text[at] !== '\r') {
        expect(text[at]).not.toMatch(/["\n]/);
        cell += text[at++];
      }
    }
    row.push(cell);
    if (text[at] === ',') at++;
    else {
      expect(text.slice(at, at + 2)).toBe('\r\n');
      at += 2;
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

describe('csv reporter', () => {
  const rows = readCsv(rendered(csvReporter.render(sampleReport, plainOptions)));

  test('every row has every column', () => {
    expect(rows[0]).toEqual([...CSV_COLUMNS]);
    for (const row of rows) expect(row).toHaveLength(CSV_COLUMNS.length);
  });

  test('sections are told apart by kind', () => {
    const kinds = new Set(rows.slice(1).map((row) => row[0]));
    expect([...kinds]).toEqual([
      'artifact',
      'book',
      'partition',
      'filesystem',
      'total',
      'package',
      'file-kind',
      'directory',
      'file',
      'suggestion',
      'diagnostic',
    ]);
    expect(
      rows
        .filter((row) => row[0] === 'book')
        .map((row) => Number(row[2]))
        .reduce((a, b) => a + b),
    ).toBe(sampleReport.artifact.allocated);
  });

  test('no cell begins a formula', () => {
    for (const row of rows) for (const cell of row) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
    expect(rows.some((row) => row[1] === `'=cmd|" /C calc"!A0`)).toBe(true);
    expect(['=1', '+1', '-1', '@a', '\ta', '\ra'].map(csvCell).every((cell) => /^"?'/.test(cell))).toBe(true);
    expect(csvCell(-1)).toBe('-1');
    expect(csvCell('a\nb')).toBe('"a\nb"');
  });
});

describe('json reporter', () => {
  test('is JSON.stringify, in pieces', () => {
    expect(rendered(jsonReporter.render(sampleReport, plainOptions))).toBe(
      `${JSON.stringify(sampleReport, null, 2)}\n`,
    );
  });

  test('stays so over many pieces', () => {
    const files = Array.from({ length: 2500 }, (_, index) => ({
      ...sampleReport.files[0]!,
      path: `/${index}\n"`,
    }));
    const report = { ...sampleReport, files, packages: [], os: null };
    const pieces = [...jsonReporter.render(report, plainOptions)];
    expect(pieces.join('')).toBe(`${JSON.stringify(report, null, 2)}\n`);
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(1_000_000);
  });
});

test('ncdu needs the files themselves', () => {
  expect(() => rendered(ncduReporter.render(sampleReport, plainOptions))).toThrow(/saved report/);
});

test('reporters load by name', async () => {
  for (const name of REPORTER_NAMES) expect((await loadReporter(name))?.name).toBe(name);
  expect(await loadReporter('constructor')).toBeUndefined();
});
