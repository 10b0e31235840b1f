import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { historyResult, readHistory } from '../../src/budgets/history.ts';
import { renderTrendHtml } from '../../src/reporters/trend/html.ts';
import { renderTrend, renderTrendMarkdown, sparkline } from '../../src/reporters/trend/table.ts';
import { MiB } from '../budgets/made.ts';
import { HOSTILE } from './check/made.ts';

function line(day: number, fileSize: number, name = 'disk.qcow2', budget = 'file size'): string {
  return JSON.stringify({
    schema: 'imgopt.history/1',
    time: `2026-01-0${day}T10:00:00.000Z`,
    commit: name === 'disk.qcow2' ? null : name,
    artifact: name,
    format: 'qcow2',
    verdict: 'pass',
    sizes: {
      fileSize,
      virtualSize: null,
      allocated: null,
      stale: null,
      content: null,
      files: null,
      packages: 1,
    },
    budgets: { [budget]: { value: fileSize, limit: 90 * MiB, unit: 'bytes' } },
  });
}
const result = (...lines: string[]) => historyResult(readHistory(lines.join('\n'), 'h.jsonl'));

describe('the trend', () => {
  test('builds are in the order of time, whatever the order of the lines', () => {
    const { series, builds } = result(line(2, 20 * MiB), line(1, 10 * MiB), 'not a line', line(3, 15 * MiB));
    expect(builds.map((one) => one.time.slice(0, 10))).toEqual(['2026-01-01', '2026-01-02', '2026-01-03']);
    expect(series[0]).toMatchObject({ name: 'file size', values: [10 * MiB, 20 * MiB, 15 * MiB] });
  });

  test.each([
    [[1, 2, 3, 4, 5, 6, 7, 8], 8, '▁▂▃▄▅▆▇█'],
    [[5, 5, 5], 8, '▄▄▄'],
    [[0, null, 7], 8, '▁ █'],
    [[0, 7, 0, 0], 2, '█▁'], // of two builds in one bar the larger
    [[3], 8, '▄'],
  ])('sparkline of %j in %i', (values, width, expected) => {
    expect(sparkline(values, width)).toBe(expected);
  });

  test('satisfies its published schema', () => {
    const schema = JSON.parse(
      readFileSync(join(import.meta.dirname, '../../schemas/trend-1.schema.json'), 'utf8'),
    );
    const validate = new Ajv2020({ strict: false }).compile(schema);
    expect(validate(result(line(1, MiB), line(2, 2 * MiB))), JSON.stringify(validate.errors)).toBe(true);
  });

  test('no name becomes markup in the page, or drives the terminal', () => {
    const hostile = result(...HOSTILE.map((name, i) => line(1 + (i % 9), (i + 1) * MiB, name, name)));
    const html = [...renderTrendHtml(hostile)].join('');
    const tags = [...html.matchAll(/<([a-z!/][a-z0-9]*)/gi)].map((match) => match[1]!.replace('/', ''));
    const ours = [
      '!doctype',
      'html',
      'head',
      'meta',
      'title',
      'style',
      'body',
      'h1',
      'h2',
      'svg',
      'line',
      'text',
      'path',
    ];
    const known = new Set([...ours, 'circle', 'div', 'table', 'thead', 'tbody', 'tr', 'th', 'td']);
    expect([...new Set(tags)].filter((tag) => !known.has(tag))).toEqual([]);
    for (const text of [
      html,
      [...renderTrend(hostile, { columns: 80, color: false })].join(''),
      [...renderTrendMarkdown(hostile)].join(''),
    ]) {
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    }
  });
});
