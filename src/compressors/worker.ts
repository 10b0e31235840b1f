/** The thread's end of CodecPool: a task in, its result or failure out. */
import { parentPort } from 'node:worker_threads';
import { type CodecTask, performTask, resultTransfers } from './tasks.ts';

parentPort!.on('message', (task: CodecTask) => {
  try {
    const result = performTask(task);
    parentPort!.postMessage({ result }, resultTransfers(result));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    parentPort!.postMessage({ failure: { code, message } });
  }
});
