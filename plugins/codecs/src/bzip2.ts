/**
 * bzip2 through seek-bzip, which decodes synchronously: so it runs in a thread of its own, waits there for input, and
 * the rest of the program stays responsive. Both directions are bounded: the thread waits while OUTSTANDING pieces
 * of its output are not taken yet, and input is sent when it asks.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { ByteSink, CompressionCounts } from 'imgopt/contracts';
import { INPUT, type Message, OUTPUT_TAKEN } from './bzip2-messages.ts';

/** Compiled, or as it stands in the tests: Node takes both. */
const WORKER = new URL(`./bzip2-worker${import.meta.url.slice(-3)}`, import.meta.url);

/** @throws Error for damage; whatever `input` and `output` throw */
export async function decompressBzip2(
  input: AsyncIterable<Uint8Array>,
  output: ByteSink,
  signal: AbortSignal,
): Promise<CompressionCounts> {
  const counts = { bytesIn: 0, bytesOut: 0 };
  /** How many messages have been sent, and how many pieces of output were taken. */
  const flags = new Int32Array(new SharedArrayBuffer(8));
  const iterator = input[Symbol.asyncIterator]();
  const worker = new Worker(WORKER, { workerData: flags });
  const queue: Message[] = [];
  let wake = (): void => {};
  worker.on('message', (message: Message) => {
    queue.push(message);
    wake();
  });
  const failed = once(worker, 'error').then(([error]) => {
    throw error as Error;
  });
  failed.catch(() => {}); // awaited below; a thread that ends well never fails
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  try {
    for (;;) {
      signal.throwIfAborted();
      const message = queue.shift();
      if (message === undefined) {
        await Promise.race([
          failed,
          new Promise<void>((resolve) => {
            wake = resolve;
            if (queue.length > 0 || signal.aborted) resolve();
          }),
        ]);
        continue;
      }
      if (message.kind === 'end') return counts;
      if (message.kind === 'failed') throw new Error(message.reason);
      if (message.kind === 'wants') {
        const next = await iterator.next();
        if (next.done !== true) counts.bytesIn += next.value.length;
        worker.postMessage(next.done === true ? null : next.value);
        Atomics.add(flags, INPUT, 1);
        Atomics.notify(flags, INPUT);
        continue;
      }
      counts.bytesOut += message.bytes.length;
      await output(message.bytes);
      Atomics.add(flags, OUTPUT_TAKEN, 1);
      Atomics.notify(flags, OUTPUT_TAKEN);
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    await worker.terminate();
    await iterator.return?.();
  }
}
