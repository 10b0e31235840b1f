/** Standard input and output as streams of bytes, with a reader that may leave early and a signal that may come. */
import { fstatSync, write } from 'node:fs';
import { Socket } from 'node:net';
import type { ByteSink } from '../core/contracts/compressor.ts';
import { system, usage } from '../core/errors.ts';

/** Thrown when the reader of standard output is gone (`| head`): the work ends, quietly. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
}

export interface StandardOutput {
  readonly sink: ByteSink;
  close(): void;
}

/**
 * Standard output for binary data.
 * @throws ImgoptError (usage) when it is a terminal, unless forced
 */
export function standardOutput(force: boolean, signal: AbortSignal): StandardOutput {
  if (process.stdout.isTTY === true && !force)
    throw usage('BINARY_TO_TERMINAL', 'standard output is a terminal', {
      advice: 'redirect it to a file or a pipe, or insist with --force',
    });
  const isFile = fstatSync(1).isFile();
  if (isFile || process.stdout.isTTY === true) {
    return { sink: (bytes) => writeAll(bytes), close() {} };
  }
  // process.stdout writes to pipes synchronously: a slow reader would block progress and signals.
  const socket = new Socket({ fd: 1, readable: false, writable: true });
  let failure: Error | undefined;
  let wake: ((error?: Error) => void) | undefined;
  socket.on('error', (error) => {
    failure = (error as NodeJS.ErrnoException).code === 'EPIPE' ? new ReaderGone() : system(error, ['standard output']);
    wake?.(failure);
  });
  signal.addEventListener('abort', () => wake?.(signal.reason as Error), { once: true });
  return {
    sink: (bytes) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure);
        wake = (error) => (error === undefined ? resolve() : reject(error));
        socket.write(bytes, (error) => {
          if (error == null) resolve();
        });
      }),
    close() {
      socket.destroy();
    },
  };
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += await new Promise<number>((resolve, reject) => {
      write(1, bytes, at, bytes.length - at, null, (error, count) => {
        if (error === null) resolve(count);
        else reject(system(error, ['standard output']));
      });
    });
  }
}
