/** Which key does what. */
import type { Action, State } from './state.ts';

/** As Ink tells it. */
export interface Key {
  readonly upArrow: boolean;
  readonly downArrow: boolean;
  readonly leftArrow: boolean;
  readonly rightArrow: boolean;
  readonly pageUp: boolean;
  readonly pageDown: boolean;
  readonly home: boolean;
  readonly end: boolean;
  readonly return: boolean;
  readonly escape: boolean;
  readonly tab: boolean;
  readonly shift: boolean;
  readonly ctrl: boolean;
  readonly meta: boolean;
  readonly backspace: boolean;
  readonly delete: boolean;
}

/** For the help: keys and what they do. */
export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['↑ ↓  k j', 'move; PgUp PgDn by a page, Home End (g G) to the ends'],
  ['→ Enter  l', 'look into a directory; details of a file, package, suggestion'],
  ['← Backsp. h', 'back up'],
  ['Tab  1 2 3', 'directories, packages, suggestions'],
  ['Space', 'mark for removal, or take the mark away'],
  ['u', 'take all marks away'],
  ['p', 'predict what optimize would write without what is marked: reads samples'],
  ['w', 'write the script that removes what is marked'],
  ['s n c a', 'sort by size, name, count of files, apparent size; again: reverse'],
  ['/', 'show only names with this text; Esc shows all'],
  ['i', 'details of the line'],
  ['q', 'quit'],
];

const LETTERS: Record<string, Action> = {
  k: { type: 'move', by: -1 },
  j: { type: 'move', by: 1 },
  g: { type: 'edge', at: 'first' },
  G: { type: 'edge', at: 'last' },
  l: { type: 'open' },
  h: { type: 'up' },
  '1': { type: 'tab', to: 'directories' },
  '2': { type: 'tab', to: 'packages' },
  '3': { type: 'tab', to: 'suggestions' },
  ' ': { type: 'mark' },
  u: { type: 'unmark-all' },
  p: { type: 'measure' },
  w: { type: 'overlay', kind: 'write' },
  s: { type: 'sort', by: 'size' },
  n: { type: 'sort', by: 'name' },
  c: { type: 'sort', by: 'files' },
  a: { type: 'sort', by: 'apparent' },
  '/': { type: 'overlay', kind: 'filter' },
  '?': { type: 'overlay', kind: 'help' },
  i: { type: 'details' },
  q: { type: 'quit' },
};

const NO_KEY: Key = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  pageUp: false,
  pageDown: false,
  home: false,
  end: false,
  return: false,
  escape: false,
  tab: false,
  shift: false,
  ctrl: false,
  meta: false,
  backspace: false,
  delete: false,
};
const CONTROLS: Record<string, Partial<Key>> = {
  '\r': { return: true },
  '\n': { return: true },
  '\t': { tab: true },
  '\u001b': { escape: true },
  '\u007f': { backspace: true },
  '\b': { backspace: true },
};

/** The single keys of what came at once: somebody types fast, or the machine is slow. */
export function splitKeys(input: string, key: Key): readonly { readonly input: string; readonly key: Key }[] {
  const parts = [...input];
  if (parts.length < 2) return [{ input, key }];
  return parts.map((part) =>
    Object.hasOwn(CONTROLS, part)
      ? { input: '', key: { ...NO_KEY, ...CONTROLS[part] } }
      : { input: part, key: NO_KEY },
  );
}

/** @returns undefined for a key that means nothing here */
export function actionFor(state: State, input: string, key: Key): Action | undefined {
  const { kind } = state.overlay;
  if (kind === 'write' || kind === 'filter') return whileTyping(kind, input, key);
  if (kind === 'help') return { type: 'close' };
  if (key.escape) return { type: 'close' };
  if (key.upArrow) return { type: 'move', by: -1 };
  if (key.downArrow) return { type: 'move', by: 1 };
  if (key.pageUp) return { type: 'page', by: -1 };
  if (key.pageDown) return { type: 'page', by: 1 };
  if (key.home) return { type: 'edge', at: 'first' };
  if (key.end) return { type: 'edge', at: 'last' };
  if (key.tab) return { type: 'tab', by: key.shift ? -1 : 1 };
  if (kind === 'details' && (key.return || key.rightArrow)) return { type: 'close' };
  if (key.rightArrow || key.return) return { type: 'open' };
  if (key.leftArrow || key.backspace || key.delete) return { type: 'up' };
  if (key.ctrl || key.meta || !Object.hasOwn(LETTERS, input)) return undefined;
  return LETTERS[input];
}

function whileTyping(kind: 'write' | 'filter', input: string, key: Key): Action | undefined {
  if (key.escape) return { type: 'close' };
  if (key.return) return { type: 'accept' };
  if (key.tab && kind === 'write') return { type: 'script-kind' };
  if (key.backspace || key.delete) return { type: 'erase' };
  if (kind === 'filter' && (key.upArrow || key.downArrow)) return { type: 'move', by: key.upArrow ? -1 : 1 };
  if (key.ctrl || key.meta || key.tab || input === '' || /[\u0000-\u001f\u007f]/.test(input))
    return undefined;
  return { type: 'text', text: input };
}
