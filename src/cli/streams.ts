/**
 * Standard input and output as streams of bytes: with a reader that may leave early, a terminal that nobody wants
 * binary data on, and signals that must get through.
 */
import { fstatSync, write } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { system, usage } from '../core/errors.ts';

/** Thrown when the reader of standard output is gone (`| head`): the work ends, without a message. */
export class ClosedPipe extends Error {
  override readonly name = 'ClosedPipe';
}

export interface StreamUse {
  readonly readsInput: boolean;
  readonly writesOutput: boolean;
  readonly json: boolean;
  readonly removes: boolean;
  readonly verifies: boolean;
  readonly checksum: boolean;
  readonly force: boolean;
}

/** @throws ImgoptError (usage) for a use of standard input and output that cannot be meant */
export function assertStreams(use: StreamUse): void {
  if (use.readsInput && process.stdin.isTTY === true && !use.force)
    throw usage('INPUT_IS_TERMINAL', 'standard input is a terminal', {
      advice: 'name a file, or pipe something in',
    });
  if (!use.writesOutput) return;
  const clash = use.json
    ? '--json'
    : use.removes
      ? '--rm'
      : use.verifies
        ? '--verify'
        : use.checksum
          ? '--checksum'
          : undefined;
  if (clash !== undefined)
    throw usage('STDOUT_CLASH', `${clash} does not go together with standard output`, {
      advice: 'write to a file with --output',
    });
  if (process.stdout.isTTY === true && !use.force)
    throw usage('BINARY_TO_TERMINAL', 'standard output is a terminal', {
      advice: 'redirect it to a file or a pipe, or insist with --force',
    });
}

/** Standard input; the signal ends even a read that nothing arrives for. */
export async function* standardInput(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  addAbortSignal(signal, process.stdin);
  for await (const chunk of process.stdin) yield chunk as Uint8Array;
}

let pipe: Socket | undefined;
let pipeFailure: Error | undefined;

/** The pipe or socket that standard output is; undefined for files, terminals and devices. */
function outputPipe(): Socket | undefined {
  if (pipe !== undefined) return pipe;
  const stat = fstatSync(1);
  if (!stat.isFIFO() && !stat.isSocket()) return undefined;
  // process.stdout writes to pipes synchronously: while the reader is slow, no signal would be heard.
  pipe = new Socket({ fd: 1, readable: false, writable: true });
  pipe.on('error', (error) => {
    pipeFailure =
      (error as NodeJS.ErrnoException).code === 'EPIPE'
        ? new ClosedPipe()
        : system(error, ['standard output']);
  });
  return pipe;
}

/**
 * Writes to standard output; resolves when the system has taken all of it.
 * @throws ClosedPipe when the reader is gone, ImgoptError (system) for a full disk and the like, AbortError
 */
export async function standardOutput(bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
  const socket = outputPipe();
  if (socket === undefined) return writeFully(bytes);
  if (pipeFailure !== undefined) throw pipeFailure;
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      socket.destroy();
      reject(signal!.reason as Error);
    };
    if (signal?.aborted === true) return stop();
    signal?.addEventListener('abort', stop, { once: true });
    socket.write(bytes, (error) => {
      signal?.removeEventListener('abort', stop);
      if (error == null) return resolve();
      const isGone = (error as NodeJS.ErrnoException).code === 'EPIPE';
      reject(isGone ? new ClosedPipe() : (pipeFailure ?? system(error, ['standard output'])));
    });
  });
}

async function writeFully(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += await new Promise<number>((resolve, reject) => {
      write(1, bytes, at, bytes.length - at, null, (error, count) => {
        if (error === null) resolve(count);
        else reject(error.code === 'EPIPE' ? new ClosedPipe() : system(error, ['standard output']));
      });
    });
  }
}
