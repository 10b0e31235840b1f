/** The thread's end of CodecPool: a task in, its result or failure out, in the order of the tasks. */
import { parentPort } from 'node:worker_threads';
import { release } from './release.ts';
import { type CodecTask, performTask, resultTransfers } from './tasks.ts';

const port = parentPort!;

async function answer(task: CodecTask): Promise<void> {
  try {
    const result = await performTask(task);
    if (!('input' in result && result.input !== undefined) && task.input instanceof Uint8Array)
      release(task.input);
    port.postMessage({ result }, resultTransfers(result));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    port.postMessage({ failure: { code, message } });
  }
}

// Some tasks wait in between; the next one uses the same memory and must not start before they are done.
let last: Promise<void> = Promise.resolve();
port.on('message', (task: CodecTask) => {
  last = last.then(() => answer(task));
});
