/**
 * What is compared with: a recorded baseline, or whatever else a command can be asked about. A baseline that is
 * nothing to compare with is wrong configuration (exit code 2), never a reason to go on without it.
 */

import type { Snapshot } from '../budgets/snapshot.ts';
import type { RunContext } from '../core/context.ts';
import { ImgoptError, usage } from '../core/errors.ts';
import { escapeName } from '../core/text.ts';
import { isAddress } from '../sources/remote.ts';
import { isIncomplete, openSubject, type Subject, type SubjectOptions } from './subject.ts';

export type Compared =
  | { readonly recorded: Snapshot; readonly subject: null }
  | { readonly recorded: null; readonly subject: Subject };

/** Opens a side of a comparison. The caller closes its subject. @throws what `openSubject` throws */
export async function openCompared(
  path: string,
  context: RunContext,
  options: SubjectOptions,
): Promise<Compared> {
  const document = isAddress(path) ? undefined : await baselineDocument(path);
  if (document !== undefined) {
    const { readBaseline } = await import('../budgets/baseline.ts');
    return { recorded: readBaseline(document, path), subject: null };
  }
  return { recorded: null, subject: await openSubject(path, context, options) };
}

/** A side of a comparison, closed again. @throws what `openSubject` throws */
export async function openSnapshot(
  path: string,
  context: RunContext,
  options: SubjectOptions,
): Promise<Snapshot> {
  const { recorded, subject } = await openCompared(path, context, options);
  if (subject === null) return recorded;
  await subject.close();
  const { snapshotOf } = await import('../budgets/snapshot.ts');
  return snapshotOf(subject.report, path, subject.kind);
}

/**
 * Opens the baseline of a check.
 * @throws ImgoptError `usage` when it is missing, no baseline, or damaged; `system` when the host refuses
 */
export async function openBaseline(
  path: string,
  context: RunContext,
  options: SubjectOptions,
): Promise<Compared> {
  try {
    const compared = await openCompared(path, context, options);
    const { subject } = compared;
    if (subject !== null && isIncomplete(subject.report)) {
      await subject.close();
      throw usage('BASELINE_DAMAGED', 'not all of the baseline could be read', {
        where: [path],
        advice: 'name another --baseline',
      });
    }
    return compared;
  } catch (error) {
    if (!(error instanceof ImgoptError) || error.family === 'usage' || error.family === 'system') throw error;
    throw usage('BASELINE', `is no baseline: ${error.message}`, {
      where: error.where.length === 0 ? [path] : error.where,
      advice:
        error.code === 'IMGOPT_NOT_FOUND'
          ? 'check --baseline, or record one with --update-baseline'
          : 'name an artifact, a report, a manifest or a recorded baseline',
      cause: error,
    });
  }
}

/**
 * Where a baseline is recorded: nothing else may be overwritten there.
 * @throws ImgoptError `usage` when no file is named, or one that is there and is no recorded baseline
 */
export async function assertRecordable(path: string | null): Promise<void> {
  if (path === null) {
    throw usage('NO_BASELINE_FILE', 'nothing says where the baseline is recorded', {
      advice: 'name a file with --baseline',
    });
  }
  try {
    if ((await baselineDocument(path)) !== undefined) return;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'IMGOPT_NOT_FOUND') return; // it will be made
    if ((error as { code?: unknown }).code === 'IMGOPT_BASELINE_BROKEN') return; // and was a baseline
    throw error;
  }
  throw usage('BASELINE_NOT_RECORDED', 'is not a recorded baseline, and is not overwritten', {
    where: [path],
    advice: 'name another file with --baseline',
  });
}

/** The document when the file is a recorded baseline of any version; undefined when it is anything else. */
async function baselineDocument(path: string): Promise<unknown> {
  const text = await smallText(path);
  if (text === undefined) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    if (!text.includes('"imgopt.baseline/')) return undefined;
    throw usage('BASELINE_BROKEN', `is no whole JSON document: ${escapeName((error as Error).message)}`, {
      where: [path],
      advice: 'take it from the repository again, or record it with --update-baseline',
    });
  }
  const { isBaseline } = await import('../budgets/baseline.ts');
  return isBaseline(document) ? document : undefined;
}

/** A baseline names itself at its beginning, and is far smaller than this. */
async function smallText(path: string): Promise<string | undefined> {
  const [{ openFileSource }, { MAX_BASELINE_BYTES }] = await Promise.all([
    import('../sources/file.ts'),
    import('../core/limits.ts'),
  ]);
  const source = await openFileSource(path);
  try {
    if (source.size > MAX_BASELINE_BYTES) return undefined;
    const first = new Uint8Array(1);
    await source.read(first, 0);
    if (first[0] !== 0x7b) return undefined; // {
    const bytes = new Uint8Array(source.size);
    await source.read(bytes, 0);
    return new TextDecoder().decode(bytes);
  } finally {
    await source.close();
  }
}
