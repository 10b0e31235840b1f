/** The thread's end of spool.ts: compressed chunks in, as it asks for them; at the end what was decoded, or why not. */
import { parentPort, workerData } from 'node:worker_threads';
import { DiagnosticLog, RunContext } from '../core/context.ts';
import { ImgoptError } from '../core/errors.ts';
import type { ChunkMessage, SpoolAnswer, SpoolJob } from './spool.ts';
import { decodeBuiltIn, spoolInto } from './spool-work.ts';

const port = parentPort!;
const { fd, threads } = workerData as SpoolJob;

/** Chunks that have come, and whoever waits for the next. */
const arrived: (Uint8Array | null)[] = [];
let wake: (() => void) | undefined;
port.on('message', ({ chunk }: ChunkMessage) => {
  arrived.push(chunk);
  wake?.();
});

async function* chunks(): AsyncGenerator<Uint8Array> {
  for (;;) {
    while (arrived.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const chunk = arrived.shift()!;
    if (chunk === null) return;
    port.postMessage({ kind: 'next' } satisfies SpoolAnswer);
    yield chunk;
  }
}

function failureOf(error: unknown): SpoolAnswer {
  if (error instanceof ImgoptError) {
    const { family, code, message, advice, where } = error;
    return { kind: 'refused', family, code, message, where, ...(advice === undefined ? {} : { advice }) };
  }
  const { message, code, errno } = error as NodeJS.ErrnoException;
  return { kind: 'failed', message, code, errno };
}

try {
  const decode = decodeBuiltIn(new RunContext({ log: new DiagnosticLog(), threads }));
  const { size, zeros } = await spoolInto(fd, chunks(), decode);
  port.postMessage({ kind: 'done', size, zeros } satisfies SpoolAnswer, [zeros.buffer]);
} catch (error) {
  port.postMessage(failureOf(error));
}
