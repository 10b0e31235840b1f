import { describe, expect, test } from 'vitest';
import { pathInTree } from '../../src/analyzers/size-tree.ts';
import { actionFor, type Key, splitKeys } from '../../src/explore/keys.ts';
import {
  type Action,
  currentRow,
  listLines,
  markingOf,
  reduce,
  type State,
  visibleRows,
} from '../../src/explore/state.ts';
import { modelWith, play, tree } from './support.ts';

const model = modelWith();
const names = (state: State): string[] => visibleRows(model, state).map(({ name }) => name);
const here = (state: State): string | undefined => currentRow(model, state)?.name;
const move = (by: number): Action => ({ type: 'move', by });
const open: Action = { type: 'open' };
const up: Action = { type: 'up' };
const mark: Action = { type: 'mark' };
const marked = (state: State): string[] =>
  [...state.marks.directories].map((node) => pathInTree(tree, node)).sort();

describe('walking', () => {
  test('begins in the root directory, the largest first', () => {
    const state = play(model, []);
    expect(state.tab).toBe('directories');
    expect(names(state).slice(0, 2)).toEqual(['usr', 'var']);
    expect(here(state)).toBe('usr');
  });

  test('opens directories and comes back to where it was', () => {
    expect(names(play(model, [open]))).toEqual(['lib', 'bin']);
    const inBin = play(model, [open, move(1), open]);
    expect(names(inBin)).toEqual(['tool', 'sparse']);
    const back = play(model, [open, move(1), open, up]);
    expect([names(back), here(back)]).toEqual([['lib', 'bin'], 'bin']);
    expect(here(play(model, [open, move(1), open, up, up]))).toBe('usr');
    expect(play(model, [up]).directory).toBe(0);
  });

  test('comes back to its directory in another order too', () => {
    const state = play(model, [move(1), open, { type: 'sort', by: 'name' }, up]);
    expect(here(state)).toBe('var');
  });

  test('stays in the list', () => {
    const last = names(play(model, [])).at(-1);
    expect(here(play(model, [move(-5)]))).toBe('usr');
    expect(here(play(model, [move(1000)]))).toBe(last);
    expect(here(play(model, [{ type: 'edge', at: 'last' }]))).toBe(last);
    expect(
      here(
        play(model, [
          { type: 'edge', at: 'last' },
          { type: 'edge', at: 'first' },
        ]),
      ),
    ).toBe('usr');
  });

  test('scrolls with the cursor, and keeps it in sight when the terminal shrinks', () => {
    const small = play(model, [{ type: 'edge', at: 'last' }], 80, 10);
    const count = names(small).length;
    const { cursor, top } = small.places.directories;
    expect(cursor).toBe(count - 1);
    expect(cursor - top).toBeLessThan(listLines(small));
    const shrunk = play(model, [move(3), { type: 'resize', columns: 60, rows: 10 }]);
    expect(here(shrunk)).toBe(names(shrunk)[3]);
    const place = shrunk.places.directories;
    expect(place.cursor - place.top).toBeLessThan(listLines(shrunk));
    const grown = play(
      model,
      [
        { type: 'edge', at: 'last' },
        { type: 'resize', columns: 80, rows: 50 },
      ],
      80,
      10,
    );
    expect(grown.places.directories.top).toBe(0);
  });

  test('an empty directory and a file are told about instead of opened', () => {
    const inVar = play(model, [move(1), open]);
    expect(names(inVar)).toEqual(['log', 'empty']);
    expect(play(model, [move(1), open, move(1), open])).toMatchObject({
      message: 'nothing in it',
      directory: inVar.directory,
    });
    expect(play(model, [open, open, open]).overlay).toEqual({ kind: 'details', top: 0 });
  });
});

describe('lists', () => {
  test('every list keeps its own place', () => {
    const state = play(model, [move(1), { type: 'tab', by: 1 }, move(1), { type: 'tab', to: 'directories' }]);
    expect(here(state)).toBe('var');
    expect(state.places.packages.cursor).toBe(1);
    expect(play(model, [{ type: 'tab', by: -1 }]).tab).toBe('suggestions');
    expect(play(model, [{ type: 'tab', by: 3 }]).tab).toBe('directories');
  });

  test('sorting, and again for the other way round', () => {
    const by = (...sorts: ('name' | 'size' | 'files' | 'apparent')[]): string[] =>
      names(play(model, [open, move(1), open, ...sorts.map((one): Action => ({ type: 'sort', by: one }))]));
    expect(by()).toEqual(['tool', 'sparse']);
    expect(by('apparent')).toEqual(['sparse', 'tool']);
    expect(by('name')).toEqual(['sparse', 'tool']);
    expect(by('name', 'name')).toEqual(['tool', 'sparse']);
    expect(by('name', 'size')).toEqual(['tool', 'sparse']);
  });

  test('what cannot be sorted by is said', () => {
    const state = play(model, [
      { type: 'tab', to: 'suggestions' },
      { type: 'sort', by: 'files' },
    ]);
    expect([state.sort.suggestions, state.message]).toEqual(['size', 'suggestions have no files to sort by']);
  });

  test('what is safe stands above what needs a decision', () => {
    expect(names(play(model, [{ type: 'tab', to: 'suggestions' }]))).toEqual([
      'Logs',
      'Package indexes',
      'Compilers',
    ]);
  });

  test('a filter, kept or given up', () => {
    const typed: Action[] = [
      { type: 'overlay', kind: 'filter' },
      { type: 'text', text: 'US' },
      { type: 'text', text: 'R' },
    ];
    expect(names(play(model, typed))).toEqual(['usr']);
    expect(names(play(model, [...typed, { type: 'accept' }]))).toEqual(['usr']);
    expect(names(play(model, [...typed, { type: 'close' }])).length).toBeGreaterThan(3);
    expect(
      names(
        play(model, [...typed, { type: 'erase' }, { type: 'erase' }, { type: 'erase' }, { type: 'erase' }]),
      ).length,
    ).toBeGreaterThan(3);
    const inside = play(model, [...typed, { type: 'accept' }, open]);
    expect(names(inside)).toEqual(['lib', 'bin']);
  });
});

describe('marks', () => {
  test('set, taken away, and the cursor goes on', () => {
    const one = play(model, [mark]);
    expect([marked(one), here(one), one.prediction]).toEqual([['/usr'], 'var', undefined]);
    const none = play(model, [mark, move(-1), mark]);
    expect(marked(none)).toEqual([]);
    expect(none.prediction).toMatchObject({ content: 0, artifact: 0 });
    expect(marked(play(model, [mark, mark, { type: 'unmark-all' }]))).toEqual([]);
  });

  test('a directory takes the marks in it over; what lies in one is marked with it', () => {
    const inner = play(model, [open, mark, mark]);
    expect(marked(inner)).toEqual(['/usr/bin', '/usr/lib']);
    const outer = play(model, [open, mark, up, mark]);
    expect(marked(outer)).toEqual(['/usr']);
    const refused = play(model, [mark, { type: 'edge', at: 'first' }, open, mark]);
    expect([marked(refused), refused.message]).toEqual([['/usr'], 'lib lies in a directory that is marked']);
    const [lib] = visibleRows(model, refused);
    expect(markingOf(model, refused, lib!.key)).toBe('inside');
  });

  test('a directory shows that it holds marks', () => {
    const state = play(model, [open, mark, up]);
    expect(markingOf(model, state, currentRow(model, state)!.key)).toBe('holds');
  });

  test('what must stay cannot be marked, and why is said', () => {
    const strict = modelWith((tab, key) =>
      tab === 'directories' && tree.name(key) === 'usr' ? 'holds the kernel' : null,
    );
    const state = play(strict, [mark]);
    expect([marked(state), state.message]).toEqual([[], 'usr holds the kernel']);
  });

  test('a prediction counts only for the marks that it was made for', () => {
    const state = play(model, [mark]);
    const prediction = { content: 5, artifact: 0, isUpperBound: false, left: 0 };
    const later = play(model, [mark, mark]);
    expect(
      play(model, [mark, { type: 'predicted', marks: later.marks, prediction }]).prediction,
    ).toBeUndefined();
    const known = reduce(model, state, { type: 'predicted', marks: state.marks, prediction });
    expect(known.prediction).toBe(prediction);
  });

  test('measuring needs something marked, and tells only of what is marked still', () => {
    const measure: Action = { type: 'measure' };
    expect(play(model, [measure])).toMatchObject({
      measuring: null,
      message: expect.stringMatching(/nothing is marked/),
    });
    const busy = play(model, [mark, measure]);
    expect(busy.measuring).toBe(busy.marks);
    const done = { type: 'measured', marks: busy.marks, message: '5 MiB' } as const;
    expect(reduce(model, busy, done)).toMatchObject({ measuring: null, message: '5 MiB' });
    const other = reduce(model, busy, mark);
    expect(reduce(model, other, done)).toMatchObject({ measuring: null, message: '' });
  });

  test('a script needs something marked; its name follows its kind until somebody names it', () => {
    const write: Action = { type: 'overlay', kind: 'write' };
    const kind: Action = { type: 'script-kind' };
    expect(play(model, [write])).toMatchObject({
      overlay: { kind: 'none' },
      message: expect.stringMatching(/nothing is marked/),
    });
    expect(play(model, [mark, write]).overlay).toEqual({
      kind: 'write',
      script: 'shell',
      path: 'imgopt-cleanup.sh',
    });
    expect(play(model, [mark, write, kind]).overlay).toMatchObject({
      script: 'packer',
      path: 'imgopt-cleanup.pkr.hcl',
    });
    expect(
      play(model, [mark, write, { type: 'erase' }, { type: 'text', text: 'x' }, kind, kind]).overlay,
    ).toMatchObject({
      script: 'ansible',
      path: 'imgopt-cleanup.sx',
    });
    expect(play(model, [mark, write, kind, kind, kind]).overlay).toMatchObject({
      script: 'shell',
      path: 'imgopt-cleanup.sh',
    });
  });
});

describe('keys', () => {
  const none = splitKeys('ab', {} as Key)[0]!.key;
  const state = play(model, []);

  test('letters, arrows and what they are not', () => {
    expect(actionFor(state, 'j', none)).toEqual(move(1));
    expect(actionFor(state, '', { ...none, upArrow: true })).toEqual(move(-1));
    expect(actionFor(state, '', { ...none, return: true })).toEqual(open);
    expect(actionFor(state, '', { ...none, tab: true, shift: true })).toEqual({ type: 'tab', by: -1 });
    expect(actionFor(state, 'constructor', none)).toBeUndefined();
    expect(actionFor(state, 'j', { ...none, ctrl: true })).toBeUndefined();
  });

  test('while typing, letters are text', () => {
    const typing = play(model, [mark, { type: 'overlay', kind: 'write' }]);
    expect(actionFor(typing, 'q', none)).toEqual({ type: 'text', text: 'q' });
    expect(actionFor(typing, '\u0007', none)).toBeUndefined();
    expect(actionFor(typing, '', { ...none, escape: true })).toEqual({ type: 'close' });
  });

  test('keys that come at once are taken one by one', () => {
    const keys = splitKeys('jw\t\r\u007f', none);
    expect(keys.map(({ input }) => input)).toEqual(['j', 'w', '', '', '']);
    expect(keys.map(({ key }) => [key.tab, key.return, key.backspace])).toEqual([
      [false, false, false],
      [false, false, false],
      [true, false, false],
      [false, true, false],
      [false, false, true],
    ]);
  });
});
