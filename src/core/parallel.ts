/** Waiting for several pieces of work whose buffers belong to the caller. */

/** Waits for all, also when one fails: nothing writes into a caller's buffer after this has thrown. */
export async function allDone(work: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) if (result.status === 'rejected') throw result.reason;
}

/** Runs jobs, at most `limit` at once; stops taking new ones after a failure. */
export async function inParallel(jobs: readonly (() => Promise<void>)[], limit: number): Promise<void> {
  if (jobs.length === 1) return jobs[0]!();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < jobs.length) {
      try {
        await jobs[next++]!();
      } catch (error) {
        next = jobs.length;
        throw error;
      }
    }
  };
  await allDone(Array.from({ length: Math.min(limit, jobs.length) }, worker));
}
