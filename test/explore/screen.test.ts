import { describe, expect, test } from 'vitest';
import type { Removal } from '../../src/explore/removal.ts';
import { afterwards, type Line, screen } from '../../src/explore/screen.ts';
import type { Action } from '../../src/explore/state.ts';
import { displayWidth } from '../../src/reporters/text-table.ts';
import { modelWith, play, report, tree } from './support.ts';

const MiB = 1024 * 1024;
const model = modelWith();
const removal: Removal = {
  refusal: () => null,
  alongWith: () => [],
  predict: async () => ({ content: 0, artifact: 0, isUpperBound: false, left: 0 }),
  script: async () => '',
  measure: null,
};
const textOf = (line: Line): string => line.map(({ text }) => text).join('');
const shown = (actions: readonly Action[], columns: number, rows: number): string[] =>
  screen(model, removal, play(model, actions, columns, rows)).map(textOf);

const STATES: Record<string, Action[]> = {
  directories: [],
  inside: [{ type: 'open' }, { type: 'open' }],
  packages: [{ type: 'tab', to: 'packages' }],
  suggestions: [{ type: 'tab', to: 'suggestions' }],
  help: [{ type: 'overlay', kind: 'help' }],
  'details of a file': [{ type: 'edge', at: 'last' }, { type: 'details' }],
  'details of a package': [{ type: 'tab', to: 'packages' }, { type: 'move', by: 1 }, { type: 'details' }],
  'details of a suggestion': [{ type: 'tab', to: 'suggestions' }, { type: 'details' }],
  filter: [
    { type: 'overlay', kind: 'filter' },
    { type: 'text', text: 'no such name' },
  ],
  write: [{ type: 'mark' }, { type: 'overlay', kind: 'write' }],
  marked: [{ type: 'mark' }],
};

describe.each([
  [40, 10],
  [80, 24],
  [140, 40],
])('%i x %i', (columns, rows) => {
  test.each(Object.keys(STATES))('%s fits, one line short of the terminal', (name) => {
    const lines = shown(STATES[name]!, columns, rows);
    expect(lines).toHaveLength(rows - 1);
    for (const line of lines) {
      expect(displayWidth(line)).toBeLessThanOrEqual(columns);
      expect(line).not.toMatch(/[\u0000-\u001f\u007f\u202a-\u202e]/);
    }
  });
});

test('a terminal that is too small is told so', () => {
  expect(shown([], 30, 20)).toEqual(['The terminal is too small: 40x']);
  expect(shown([], 80, 5)).toEqual(['The terminal is too small: 40x10 at least.']);
});

test('sizes, shares and names of a directory', () => {
  const [title, tabs, place, , first] = shown([], 80, 24);
  expect(title).toContain('debian.qcow2  qcow2, Debian GNU/Linux 12 (bookworm)');
  expect(title).toContain('1.6 GiB on disk');
  expect(tabs).toContain('1 Directories');
  // Blocks of 4096: seven directories, and files of 98, 1, 22, 1, 5, 3 and 2 of them: 139 in all.
  expect(place).toContain('556 KiB in 7 files');
  // Below /usr: three directories, and 98 + 1 + 22 + 1 blocks.
  expect(first).toMatch(/^> {5}500 KiB 89\.9 % █+ {2}usr\/ +4$/);
});

test('what would be left, in the guest and in the image', () => {
  const stored = 1100 * MiB;
  const whole = tree.allocated[0]!;
  expect(report.books.files.bytes).toBe(stored);
  // The image stores more than the files of this sample hold, so each byte that goes is a byte of it.
  expect(afterwards(model, 100_000, 5000)).toEqual({
    contentBefore: whole,
    content: whole - 100_000,
    artifactBefore: 1600 * MiB,
    artifact: 1600 * MiB - 100_000 - 5000,
  });
  const compressed = {
    ...report,
    books: { ...report.books, files: { bytes: whole / 4, evidence: 'measured' as const } },
  };
  expect(afterwards({ ...model, report: compressed }, 100_000, 0).artifact).toBe(1600 * MiB - 25_000);
  expect(afterwards(model, 1e12, 1e12)).toMatchObject({ content: 0, artifact: 0 });
});
