/**
 * A text result in a file: written beside its target, flushed, closed with the error checked, then renamed, so
 * that a reader never sees half of it and an interrupt leaves nothing behind.
 */
import { randomBytes } from 'node:crypto';
import { access, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ImgoptError, system } from '../core/errors.ts';

/** @throws ImgoptError (system, exit 4) when the file exists and may not be overwritten */
export async function assertWritable(path: string, force: boolean): Promise<void> {
  if (force) return;
  try {
    await access(path);
  } catch {
    return;
  }
  throw new ImgoptError('system', 'OUTPUT_EXISTS', 'exists already', {
    where: [path],
    advice: 'choose another --output, or overwrite it with --force',
  });
}

/**
 * Writes `pieces` to `path`.
 * @throws ImgoptError `system` when the host refuses; nothing is left behind then
 */
export async function writeTextFile(
  path: string,
  pieces: Iterable<string>,
  options: { force: boolean; signal: AbortSignal },
): Promise<void> {
  await assertWritable(path, options.force);
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx');
    try {
      for (const piece of pieces) {
        options.signal.throwIfAborted();
        await file.writeFile(piece);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    const isHost = typeof (error as NodeJS.ErrnoException).errno === 'number';
    throw isHost ? system(error, [path]) : error;
  }
}
