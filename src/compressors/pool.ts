/**
 * Threads that compress. Node offers two ways to use more than one core: the asynchronous calls of node:zlib on
 * libuv's pool, and worker threads that make the synchronous calls. Workers, because
 *
 * - they read their own piece of a file and write their own piece of the output: libuv's way takes every byte
 *   through a buffer that the main thread allocates and hands around, and makes three trips per piece;
 * - zero detection and CRC run beside the compression, on the same warm bytes, and not on the main thread, which
 *   with eight or more threads would become the bottleneck;
 * - libuv's pool is shared with file reads and its size is fixed before the process's first use of it.
 *
 * Results come in the order of the tasks, whoever did them; at most `limit` tasks exist at once, which bounds
 * memory. Nothing about the output depends on which thread does what.
 *
 * A native call cannot be stopped half-way: after `close` a thread ends when its current piece is done.
 */
import { Worker } from 'node:worker_threads';
import { moduleUrl } from '../core/module-url.ts';
import { type CodecTask, performTask, type ResultOf, taskTransfers } from './tasks.ts';

const WORKER = moduleUrl('compressors/worker');

/** Work that is done where it is asked for, as long as no thread has been started: the one piece of a small file. */
const IN_PLACE_BYTES = 256 * 1024;

function isSmall(task: CodecTask): boolean {
  return (
    (task.kind === 'zstd-frame' || task.kind === 'deflate-blocks') && task.input.length <= IN_PLACE_BYTES
  );
}

interface Job {
  readonly task: CodecTask;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

interface Answer {
  readonly result?: unknown;
  readonly failure?: { readonly code?: string; readonly message: string };
}

class PoolThread {
  readonly jobs: Job[] = [];
  readonly worker: Worker;

  constructor(onFree: () => void, onLost: (error: Error) => void) {
    this.worker = new Worker(WORKER, { name: 'imgopt-codec' });
    this.worker.on('message', (answer: Answer) => {
      const job = this.jobs.shift()!;
      onFree();
      if (answer.failure === undefined) job.resolve(answer.result as never);
      else
        job.reject(
          Object.assign(new Error(answer.failure.message), { code: answer.failure.code ?? 'CODEC' }),
        );
    });
    this.worker.on('error', onLost);
    this.worker.on('exit', () => onLost(new Error('a compression thread ended')));
  }
}

export interface CodecPoolOptions {
  readonly threads: number;
  /**
   * Tasks that a thread is given at once, the one at work included. 2 (the default) hides the main thread's
   * latency between short tasks; 1 shares out long ones better.
   */
  readonly depth?: number;
}

/** A set of threads that do `CodecTask`s. Threads start when first needed. Close it. */
export class CodecPool {
  readonly threads: number;
  private readonly depth: number;
  private readonly members: PoolThread[] = [];
  private readonly waiting: Job[] = [];
  private lost: Error | undefined;

  constructor(options: CodecPoolOptions) {
    this.threads = Math.max(1, options.threads);
    this.depth = options.depth ?? 2;
  }

  /** Tasks in flight that keep every thread busy. */
  get limit(): number {
    return this.threads * this.depth;
  }

  /**
   * Does one task. Buffers in it are moved: the caller must not use them again.
   * @throws Error with the `code` of tasks.ts or of the system
   */
  run<T extends CodecTask>(task: T): Promise<ResultOf<T>> {
    return new Promise((resolve, reject) => {
      if (this.lost !== undefined) return reject(this.lost);
      if (this.members.length === 0 && isSmall(task)) {
        // Starting a thread costs some 30 ms, more than the work itself.
        Promise.resolve(performTask(task)).then(resolve, reject);
        return;
      }
      this.waiting.push({ task, resolve, reject });
      this.dispatch();
    });
  }

  private dispatch(): void {
    while (this.waiting.length > 0) {
      let idlest = this.members[0];
      for (const one of this.members) if (one.jobs.length < idlest!.jobs.length) idlest = one;
      if (idlest === undefined || (idlest.jobs.length > 0 && this.members.length < this.threads)) {
        idlest = new PoolThread(
          () => this.dispatch(),
          (error) => this.fail(error),
        );
        this.members.push(idlest);
      }
      if (idlest.jobs.length >= this.depth) return;
      const job = this.waiting.shift()!;
      idlest.jobs.push(job);
      idlest.worker.postMessage(job.task, taskTransfers(job.task));
    }
  }

  private fail(error: Error): void {
    this.lost ??= error;
    for (const job of this.waiting.splice(0)) job.reject(this.lost);
    for (const member of this.members) for (const job of member.jobs.splice(0)) job.reject(this.lost);
  }

  /** Ends the threads; tasks not done are rejected. Does not wait for pieces at work. */
  close(): void {
    this.fail(new Error('the pool is closed'));
    for (const { worker } of this.members) {
      worker.removeAllListeners();
      void worker.terminate();
    }
  }
}

/**
 * Maps `items` with up to `limit` calls at once; yields results in the order of the items. The next item is only
 * asked for when there is room, so a consumer that does not keep up slows the producer.
 */
export async function* orderedMap<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  map: (item: T) => Promise<R>,
  limit: number,
): AsyncGenerator<R> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const inFlight: Promise<R>[] = [];
  let isEnd = false;
  try {
    for (;;) {
      while (!isEnd && inFlight.length < limit) {
        const next = await iterator.next();
        if (next.done === true) {
          isEnd = true;
        } else {
          const promise = map(next.value);
          promise.catch(() => {}); // it is awaited in its turn, or never, after an earlier failure
          inFlight.push(promise);
        }
      }
      const head = inFlight.shift();
      if (head === undefined) return;
      yield await head;
    }
  } finally {
    if (!isEnd) await iterator.return?.();
  }
}
