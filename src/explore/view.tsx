/** Draws the screen in a terminal with Ink, and turns keys into actions. All that it knows is in state.ts. */
import { Box, render, Text, useApp, useInput, useWindowSize } from 'ink';
import { type ReactElement, useCallback, useEffect, useRef, useState } from 'react';
import { formatSize } from '../core/size.ts';
import { actionFor, splitKeys } from './keys.ts';
import type { Model } from './model.ts';
import type { Removal } from './removal.ts';
import { type Line, screen, type Tone } from './screen.ts';
import { type Action, initialState, type Marks, reduce, type ScriptKind, type State } from './state.ts';

export interface Session {
  readonly model: Model;
  readonly removal: Removal;
  /** Writes a script; what it rejects with is shown. */
  write(path: string, text: string): Promise<void>;
  readonly color: boolean;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}

const TONES: Record<Tone, { color?: string; bold?: true; dimColor?: true; inverse?: true }> = {
  plain: {},
  bold: { bold: true },
  dim: { dimColor: true },
  accent: { color: 'cyan' },
  warning: { color: 'yellow' },
  good: { color: 'green' },
  bad: { color: 'red' },
  title: { inverse: true, bold: true },
  chosen: { inverse: true },
  cursor: { inverse: true },
};

function Row({ line, color }: { readonly line: Line; readonly color: boolean }): ReactElement {
  return (
    <Text wrap="truncate">
      {line.length === 0
        ? ' '
        : line.map(({ text, tone }, index) => {
            const { color: ink, ...style } = TONES[tone];
            return (
              // biome-ignore lint/suspicious/noArrayIndexKey: a line's spans have no other identity
              <Text key={index} {...style} {...(color && ink !== undefined ? { color: ink } : {})}>
                {text}
              </Text>
            );
          })}
    </Text>
  );
}

function Explorer({ session }: { readonly session: Session }): ReactElement {
  const { model, removal } = session;
  const { exit } = useApp();
  const { columns, rows } = useWindowSize();
  const [state, setState] = useState(() => initialState(model, columns, rows));
  // Of several keys that come at once each must see what the one before it did.
  const latest = useRef(state);
  const dispatch = useCallback(
    (action: Action): void => {
      latest.current = reduce(model, latest.current, action);
      setState(latest.current);
    },
    [model],
  );
  useEffect(() => dispatch({ type: 'resize', columns, rows }), [dispatch, columns, rows]);
  useEffect(() => {
    if (state.isOver) exit();
  }, [state.isOver, exit]);
  const { marks, prediction } = state;
  useEffect(() => {
    if (prediction !== undefined) return;
    removal.predict(marks).then(
      (found) => dispatch({ type: 'predicted', marks, prediction: found }),
      (error: unknown) => exit(error instanceof Error ? error : new Error(String(error))),
    );
  }, [dispatch, marks, prediction, removal, exit]);
  const { measuring } = state;
  useEffect(() => {
    if (measuring === null) return;
    void measure(removal, measuring).then((message) =>
      dispatch({ type: 'measured', marks: measuring, message }),
    );
  }, [dispatch, measuring, removal]);
  useInput((input, key) => {
    if (key.ctrl && input === 'c') {
      exit(new DOMException('interrupted', 'AbortError'));
      return;
    }
    for (const one of splitKeys(input, key)) {
      const { overlay } = latest.current;
      if (overlay.kind === 'write' && one.key.return) {
        const before = latest.current;
        void writeScript(session, before, overlay.script, overlay.path).then((message) =>
          dispatch({ type: 'say', message }),
        );
      }
      const action = actionFor(latest.current, one.input, one.key);
      if (action !== undefined) dispatch(action);
    }
  });
  return (
    <Box flexDirection="column">
      {screen(model, removal, state).map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines are told apart by where they are
        <Row key={index} line={line} color={session.color} />
      ))}
    </Box>
  );
}

/** @returns what to tell of it */
async function measure(removal: Removal, marks: Marks): Promise<string> {
  if (removal.measure === null) return 'a saved report has nothing to read samples of: explore the image';
  try {
    const { before, after, error } = await removal.measure(marks);
    const sizes = `${formatSize(before.compressed)} → ${formatSize(after.compressed)} (± ${formatSize(error)})`;
    return `optimize --compress zstd would write ${sizes}`;
  } catch (error) {
    return `cannot be told: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** @returns what to tell of it */
async function writeScript(session: Session, state: State, kind: ScriptKind, path: string): Promise<string> {
  if (path === '') return 'not written: no file is named';
  try {
    await session.write(path, await session.removal.script(state.marks, kind));
  } catch (error) {
    return `not written: ${error instanceof Error ? error.message : String(error)}`;
  }
  const left = state.prediction?.left ?? 0;
  const note = left === 0 ? '' : `; ${left} of the marks cannot be removed by a script`;
  return `wrote ${path}${note}`;
}

/** Runs until somebody leaves, or the signal aborts. The terminal is then as it was. */
export async function explore(session: Session): Promise<void> {
  const { stdin, stdout, signal } = session;
  // Before the first frame: what is typed meanwhile is a key, not an echo in the middle of the screen.
  stdin.setRawMode(true);
  const app = render(<Explorer session={session} />, {
    stdin,
    stdout,
    alternateScreen: true,
    incrementalRendering: true,
    exitOnCtrlC: false,
    // Whether this is a terminal was asked before; what CI sets in the environment does not change it.
    interactive: true,
    patchConsole: false,
  });
  const stop = (): void => app.unmount();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await app.waitUntilExit();
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
