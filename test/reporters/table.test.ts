import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { tableReporter } from '../../src/reporters/table.ts';
import {
  bar,
  displayWidth,
  renderTable,
  shortenEnd,
  shortenMiddle,
  styleFor,
  wrap,
} from '../../src/reporters/text-table.ts';
import { plainOptions, rendered, sampleReport } from './sample.ts';

const at = (columns: number, color = false): string =>
  rendered(tableReporter.render(sampleReport, { ...plainOptions, columns, color }));

describe('table reporter', () => {
  test('the first lines say where the bytes went', () => {
    const first = at(200).split('\n').slice(0, 5).join('\n');
    expect(first).toContain(
      'debian.qcow2: qcow2, 1.6 GiB on disk, 6.0 GiB virtual; 1.1 GiB files, 79.0 MiB metadata',
    );
    expect(first).toContain('≈ 420 MiB stale (deleted data that is still shipped)');
    expect(first).toContain('Debian GNU/Linux 12 (bookworm)');
    expect(first).toContain('200 MiB in no package');
  });

  test.each([60, 80, 120, 200, 400])('no line is wider than %i columns', (columns) => {
    for (const line of at(columns).split('\n')) {
      if (line.startsWith('error ') || line.startsWith('warning ')) continue; // one unbreakable code
      expect(stringWidth(line), line).toBeLessThanOrEqual(columns);
    }
  });

  test('names cannot drive the terminal', () => {
    const text = at(120);
    expect(text).toContain('/home/\\x1b[31m\\n\\u{202e}evil');
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e]/);
  });

  test('a long path keeps its end', () => {
    const line = at(80)
      .split('\n')
      .find((one) => one.includes('libLLVM-14.so.1'))!;
    expect(line).toMatch(/\/var\/lib\/deep.*….*libLLVM-14\.so\.1/);
  });

  test('numbers are right-aligned', () => {
    const lines = at(120).split('\n');
    const from = lines.findIndex((line) => line.startsWith('Packages'));
    const ends = [1, 2, 3].map(
      (offset) => /^\s*(allocated|\S+ [KMG]?i?B)/.exec(lines[from + offset]!)![0].length,
    );
    expect(new Set(ends).size).toBe(1);
  });

  test('colour only when asked for', () => {
    expect(at(120)).not.toContain('\u001b');
    expect(at(120, true)).toContain('\u001b[1m');
    expect(at(120, true).replace(/\u001b\[\d+m/g, '')).toBe(at(120));
  });

  test('errors stand before warnings, at the end', () => {
    const lines = at(120).trimEnd().split('\n');
    expect(lines.at(-2)).toMatch(/^error IMGOPT_EXT_BAD_INODE: debian\.qcow2 > gpt > 1 > ext4: inode 12/);
    expect(lines.at(-1)).toMatch(/^warning IMGOPT_EXT_NEEDS_RECOVERY/);
  });

  test('top cuts every list, and says of how many', () => {
    const text = rendered(tableReporter.render(sampleReport, { ...plainOptions, top: 1 }));
    expect(text).toContain('the largest 1 of 2');
    expect(text).not.toContain('libc6 ');
  });
});

describe('suggestions', () => {
  const one = (rule: string, safety: 'safe' | 'review', reclaimable: number) => ({
    rule,
    title: rule,
    safety,
    reclaimable,
    paths: [],
    packages: [],
    commands: [],
    reason: `why ${'and why '.repeat(30)}`,
    family: 'caches',
    needsUnusedDropped: true,
  });
  const page = (suggestions: ReturnType<typeof one>[], top: number): string =>
    rendered(tableReporter.render({ ...sampleReport, suggestions }, { ...plainOptions, columns: 120, top }));

  test('those that free most are shown, whatever their safety, in the order of safety', () => {
    const small = Array.from({ length: 30 }, (_, i) => one(`small-${i}`, 'safe', 1000 - i));
    const text = page([...small, one('tells', 'safe', 0), one('large', 'review', 1_000_000)], 5);
    const rules = text.split('\n').filter((line) => / (?:small-\d+|tells|large) /.test(line));
    expect(rules).toHaveLength(20);
    expect(rules.at(-2)).toContain('tells');
    expect(rules.at(-1)).toContain('large');
    expect(text).toContain('12 smaller ones are not shown (--top 0 shows all)');
    expect(page([...small, one('large', 'review', 1_000_000)], 0)).not.toContain('not shown');
  });

  test('a reason keeps its beginning', () => {
    const line = page([one('large', 'review', 1_000_000)], 5)
      .split('\n')
      .find((text) => text.includes('why and why'))!;
    expect(line).toMatch(/ why and why .*…$/);
    expect(displayWidth(line)).toBeLessThanOrEqual(120);
  });
});

describe('text tables', () => {
  test('display width counts cells, not characters', () => {
    expect(displayWidth('abc')).toBe(3);
    expect(displayWidth('日本')).toBe(4);
    expect(displayWidth('e\u0301')).toBe(1);
  });

  test.each([
    '/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1',
    '/写真/日本語の名前のとても長い.png',
    'a👨‍👩‍👧‍👦b'.repeat(9),
  ])('shortening %s always fits', (text) => {
    for (let width = 0; width <= 60; width++) {
      expect(stringWidth(shortenMiddle(text, width))).toBeLessThanOrEqual(width);
      expect(stringWidth(shortenEnd(text, width))).toBeLessThanOrEqual(width);
    }
    expect(shortenMiddle(text, 500)).toBe(text);
  });

  test('bars show what is there at all', () => {
    expect(bar(0, 10)).toBe('');
    expect(bar(0.0001, 10)).toBe('▏');
    expect(bar(1, 10)).toBe('█'.repeat(10));
    expect(bar(Number.NaN, 10)).toBe('');
  });

  test('optional columns leave before the table overflows', () => {
    const columns = [{ title: 'a' }, { title: 'b', leaves: 1 }, { title: 'c', leaves: 2 }];
    const rows = [['x'.repeat(10), 'y'.repeat(10), 'z'.repeat(10)]];
    expect(renderTable(columns, rows, 34, styleFor(false))).toContain('zzz');
    expect(renderTable(columns, rows, 33, styleFor(false))).not.toContain('z');
    expect(renderTable(columns, rows, 12, styleFor(false))).not.toContain('y');
  });

  test('wrapping keeps words and indents', () => {
    expect(wrap('one two three', 8)).toBe('one two\n  three');
  });
});
