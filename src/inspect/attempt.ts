/** Work that may fail because the artifact is damaged, and the inspection goes on without. */
import type { RunContext } from '../core/context.ts';
import { isArtifactError } from '../core/errors.ts';

/** Null instead of a failure of the artifact's, which is reported unless there is no context to report to. */
export async function orDiagnostic<T>(context: RunContext | null, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    context?.log.addError(error, context.where);
    return null;
  }
}

export async function readOrNothing<T>(
  context: RunContext,
  work: () => Promise<T | undefined>,
): Promise<T | undefined> {
  return (await orDiagnostic(context, work)) ?? undefined;
}
