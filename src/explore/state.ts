/**
 * What somebody did: where they are, what they marked, what is open. A pure function from a state and an action to
 * the next state, so that all of it is tested without a terminal; drawing is in view.tsx, and what marks amount to
 * in removal.ts, which works on its own time and reports back with an action.
 */
import { type Model, type Row, rowsOf, SORTS_OF, type Sort, sortRows, TABS, type Tab } from './model.ts';
import type { Prediction } from './removal.ts';

export const SCRIPT_KINDS = ['shell', 'packer', 'ansible'] as const;
export type ScriptKind = (typeof SCRIPT_KINDS)[number];

const SCRIPT_NAMES: Record<ScriptKind, string> = {
  shell: 'imgopt-cleanup.sh',
  packer: 'imgopt-cleanup.pkr.hcl',
  ansible: 'imgopt-cleanup.yml',
};

/** Lines that are not the list: title, tabs, place, headings; sums and keys. */
const LINES_AROUND = 7;

export type Marks = { readonly [Name in Tab]: ReadonlySet<number> };

interface Place {
  readonly cursor: number;
  /** First line that is shown. */
  readonly top: number;
}

export type Overlay =
  | { readonly kind: 'none' }
  | { readonly kind: 'help' }
  | { readonly kind: 'details'; readonly top: number }
  | { readonly kind: 'filter' }
  | { readonly kind: 'write'; readonly script: ScriptKind; readonly path: string };

export interface State {
  readonly columns: number;
  readonly rows: number;
  readonly tab: Tab;
  /** Node whose content the list of directories shows. */
  readonly directory: number;
  readonly places: { readonly [Name in Tab]: Place };
  /** Where the cursor was in the directories above. */
  readonly trail: readonly Place[];
  readonly sort: { readonly [Name in Tab]: Sort };
  readonly isReversed: boolean;
  readonly filter: { readonly [Name in Tab]: string };
  readonly marks: Marks;
  /** Undefined while it is worked out. */
  readonly prediction: Prediction | undefined;
  /** Marks whose effect on the image is being measured; null when none is. */
  readonly measuring: Marks | null;
  readonly overlay: Overlay;
  readonly message: string;
  readonly isOver: boolean;
}

export type Action =
  | { readonly type: 'resize'; readonly columns: number; readonly rows: number }
  | { readonly type: 'move'; readonly by: number }
  | { readonly type: 'page'; readonly by: number }
  | { readonly type: 'edge'; readonly at: 'first' | 'last' }
  | { readonly type: 'open' }
  | { readonly type: 'details' }
  | { readonly type: 'up' }
  | { readonly type: 'tab'; readonly by?: number; readonly to?: Tab }
  | { readonly type: 'sort'; readonly by: Sort }
  | { readonly type: 'mark' }
  | { readonly type: 'unmark-all' }
  | { readonly type: 'overlay'; readonly kind: 'help' | 'filter' | 'write' }
  | { readonly type: 'close' }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'erase' }
  | { readonly type: 'script-kind' }
  | { readonly type: 'accept' }
  | { readonly type: 'predicted'; readonly marks: Marks; readonly prediction: Prediction }
  | { readonly type: 'measure' }
  | { readonly type: 'measured'; readonly marks: Marks; readonly message: string }
  | { readonly type: 'say'; readonly message: string }
  | { readonly type: 'quit' };

const START: Place = { cursor: 0, top: 0 };
const NOTHING: Overlay = { kind: 'none' };
const NO_MARKS: Marks = { directories: new Set(), packages: new Set(), suggestions: new Set() };
export const NO_PREDICTION: Prediction = { content: 0, artifact: 0, isUpperBound: false, left: 0 };

const NOTHING_MARKED = 'nothing is marked: mark with the space bar first';
const isUnmarked = (marks: Marks): boolean => TABS.every((tab) => marks[tab].size === 0);

export function initialState(model: Model, columns: number, rows: number): State {
  return {
    columns,
    rows,
    // A list of packages has no files to walk through.
    tab: model.tree.childCount[0]! > 0 || model.report.packages.length === 0 ? 'directories' : 'packages',
    directory: 0,
    places: { directories: START, packages: START, suggestions: START },
    trail: [],
    sort: { directories: 'size', packages: 'size', suggestions: 'size' },
    isReversed: false,
    filter: { directories: '', packages: '', suggestions: '' },
    marks: NO_MARKS,
    prediction: NO_PREDICTION,
    measuring: null,
    overlay: NOTHING,
    message: '',
    isOver: false,
  };
}

/** Lines of the list that fit. */
export const listLines = ({ rows }: Pick<State, 'rows'>): number => Math.max(1, rows - LINES_AROUND);

const shownRows = new WeakMap<Model, { key: string; rows: readonly Row[] }>();

/** The lines of the list that is shown, in order and as the filter leaves them. */
export function visibleRows(model: Model, state: State): readonly Row[] {
  const { tab, directory, isReversed } = state;
  const sort = state.sort[tab];
  const filter = state.filter[tab].toLowerCase();
  const key = [tab, directory, sort, isReversed, filter].join('\0');
  const known = shownRows.get(model);
  if (known?.key === key) return known.rows;
  const all = rowsOf(model, tab, directory);
  const some = filter === '' ? all : all.filter(({ name }) => name.toLowerCase().includes(filter));
  const rows = sortRows(model, tab, some, sort, isReversed);
  shownRows.set(model, { key, rows });
  return rows;
}

/** The line under the cursor; undefined in an empty list. */
export const currentRow = (model: Model, state: State): Row | undefined =>
  visibleRows(model, state)[state.places[state.tab].cursor];

export type Marking = 'marked' | 'inside' | 'holds' | 'none';

/** Whether a line is marked, lies in something marked, or holds some. */
export function markingOf(model: Model, state: State, key: number): Marking {
  const marks = state.marks[state.tab];
  if (marks.has(key)) return 'marked';
  if (state.tab !== 'directories' || marks.size === 0) return 'none';
  const { parent } = model.tree;
  for (let at = parent[key]!; at >= 0; at = parent[at]!) if (marks.has(at)) return 'inside';
  for (const mark of marks) {
    for (let at = parent[mark]!; at >= 0; at = parent[at]!) if (at === key) return 'holds';
  }
  return 'none';
}

export function reduce(model: Model, state: State, action: Action): State {
  // What comes by itself does not take away what somebody is reading.
  const isTheirs = action.type !== 'predicted' && action.type !== 'measured' && action.type !== 'resize';
  const next = step(model, isTheirs ? { ...state, message: '' } : state, action);
  return next.isOver ? next : settled(model, next);
}

/** Keeps the cursor in the list and the list's window around the cursor. */
function settled(model: Model, state: State): State {
  const place = state.places[state.tab];
  const count = visibleRows(model, state).length;
  const lines = listLines(state);
  const cursor = Math.max(0, Math.min(place.cursor, count - 1));
  let top = Math.min(place.top, cursor, Math.max(0, count - lines));
  if (cursor >= top + lines) top = cursor - lines + 1;
  if (cursor === place.cursor && top === place.top) return state;
  return withPlace(state, { cursor, top });
}

const withPlace = (state: State, place: Place): State => ({
  ...state,
  places: { ...state.places, [state.tab]: place },
});

function moved(state: State, cursor: number): State {
  return withPlace(state, { cursor: Math.max(0, cursor), top: state.places[state.tab].top });
}

function step(model: Model, state: State, action: Action): State {
  const place = state.places[state.tab];
  switch (action.type) {
    case 'resize':
      return { ...state, columns: action.columns, rows: action.rows };
    case 'move':
    case 'page': {
      const by = action.type === 'page' ? action.by * listLines(state) : action.by;
      if (state.overlay.kind !== 'details') return moved(state, place.cursor + by);
      return { ...state, overlay: { kind: 'details', top: Math.max(0, state.overlay.top + by) } };
    }
    case 'edge':
      return moved(state, action.at === 'first' ? 0 : visibleRows(model, state).length - 1);
    case 'open':
      return opened(model, state);
    case 'details':
      return currentRow(model, state) === undefined
        ? state
        : { ...state, overlay: { kind: 'details', top: 0 } };
    case 'up':
      return above(model, state);
    case 'tab': {
      const at = action.to ?? TABS[(TABS.indexOf(state.tab) + (action.by ?? 1) + TABS.length) % TABS.length]!;
      return { ...state, tab: at, overlay: NOTHING };
    }
    case 'sort':
      return sorted(state, action.by);
    case 'mark':
      return marked(model, state);
    case 'unmark-all':
      return { ...state, marks: NO_MARKS, prediction: NO_PREDICTION };
    case 'overlay':
      return overlaid(state, action.kind);
    case 'close':
      return closed(state);
    case 'text':
    case 'erase':
      return typed(state, action.type === 'text' ? action.text : null);
    case 'script-kind':
      return otherKind(state);
    case 'accept':
      return { ...state, overlay: NOTHING };
    case 'predicted':
      return action.marks === state.marks ? { ...state, prediction: action.prediction } : state;
    case 'measure':
      if (isUnmarked(state.marks)) return { ...state, message: NOTHING_MARKED };
      return { ...state, measuring: state.marks, message: 'reading samples of the image …' };
    case 'measured':
      if (action.marks !== state.measuring) return state;
      return {
        ...state,
        measuring: null,
        message: action.marks === state.marks ? action.message : state.message,
      };
    case 'say':
      return { ...state, message: action.message };
    case 'quit':
      return { ...state, isOver: true };
  }
}

function opened(model: Model, state: State): State {
  const row = currentRow(model, state);
  if (row === undefined) return state;
  if (state.tab !== 'directories' || !row.isDirectory)
    return { ...state, overlay: { kind: 'details', top: 0 } };
  if (model.tree.childCount[row.key] === 0) return { ...state, message: 'nothing in it' };
  return {
    ...state,
    directory: row.key,
    trail: [...state.trail, state.places.directories],
    filter: { ...state.filter, directories: '' },
    places: { ...state.places, directories: START },
  };
}

function above(model: Model, state: State): State {
  if (state.overlay.kind !== 'none') return closed(state);
  if (state.tab !== 'directories' || state.directory === 0) return state;
  const from = state.directory;
  const next = {
    ...state,
    directory: model.tree.parent[from]!,
    trail: state.trail.slice(0, -1),
    filter: { ...state.filter, directories: '' },
    places: { ...state.places, directories: state.trail.at(-1) ?? START },
  };
  // The order may have changed meanwhile: the cursor stands on where it came from.
  const cursor = visibleRows(model, next).findIndex(({ key }) => key === from);
  return cursor < 0 ? next : moved(next, cursor);
}

function sorted(state: State, by: Sort): State {
  if (!SORTS_OF[state.tab].includes(by))
    return { ...state, message: `${state.tab} have no ${by} to sort by` };
  if (state.sort[state.tab] === by) return moved({ ...state, isReversed: !state.isReversed }, 0);
  return moved({ ...state, isReversed: false, sort: { ...state.sort, [state.tab]: by } }, 0);
}

function marked(model: Model, state: State): State {
  const row = currentRow(model, state);
  if (row === undefined) return state;
  const { tab } = state;
  const set = new Set(state.marks[tab]);
  if (!set.delete(row.key)) {
    if (markingOf(model, state, row.key) === 'inside')
      return { ...state, message: `${row.name} lies in a directory that is marked` };
    const refusal = model.refusal(tab, row.key);
    if (refusal !== null) return { ...state, message: `${row.name} ${refusal}` };
    if (tab === 'directories') {
      // What lies in it is marked with it.
      for (const other of set) if (isBelow(model, other, row.key)) set.delete(other);
    }
    set.add(row.key);
  }
  const marks = { ...state.marks, [tab]: set };
  const next = { ...state, marks, prediction: isUnmarked(marks) ? NO_PREDICTION : undefined };
  return state.overlay.kind === 'none' ? moved(next, state.places[tab].cursor + 1) : next;
}

function isBelow({ tree }: Model, node: number, above: number): boolean {
  for (let at = tree.parent[node]!; at >= 0; at = tree.parent[at]!) if (at === above) return true;
  return false;
}

function overlaid(state: State, kind: 'help' | 'filter' | 'write'): State {
  if (kind !== 'write') return { ...state, overlay: { kind } };
  if (isUnmarked(state.marks)) return { ...state, message: NOTHING_MARKED };
  return { ...state, overlay: { kind, script: 'shell', path: SCRIPT_NAMES.shell } };
}

function closed(state: State): State {
  if (state.overlay.kind !== 'filter') return { ...state, overlay: NOTHING };
  return { ...state, overlay: NOTHING, filter: { ...state.filter, [state.tab]: '' } };
}

/** @param text null takes the last character away */
function typed(state: State, text: string | null): State {
  const edit = (before: string): string =>
    text === null ? [...before].slice(0, -1).join('') : before + text;
  if (state.overlay.kind === 'write')
    return { ...state, overlay: { ...state.overlay, path: edit(state.overlay.path) } };
  if (state.overlay.kind !== 'filter') return state;
  return moved({ ...state, filter: { ...state.filter, [state.tab]: edit(state.filter[state.tab]) } }, 0);
}

function otherKind(state: State): State {
  const { overlay } = state;
  if (overlay.kind !== 'write') return state;
  const script = SCRIPT_KINDS[(SCRIPT_KINDS.indexOf(overlay.script) + 1) % SCRIPT_KINDS.length]!;
  // A name that somebody typed stays.
  const path = overlay.path === SCRIPT_NAMES[overlay.script] ? SCRIPT_NAMES[script] : overlay.path;
  return { ...state, overlay: { kind: 'write', script, path } };
}
