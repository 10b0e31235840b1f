/** A text result in a file: whole or not at all. */
import { chmod, readFile, stat } from 'node:fs/promises';
import { ImgoptError, system } from '../core/errors.ts';
import { OutputFile } from '../core/output-file.ts';

/**
 * Writes `pieces` to `path`.
 * @throws ImgoptError `system` when it exists without `force`, or the host refuses; nothing is left behind then
 */
export async function writeTextFile(
  path: string,
  pieces: Iterable<string>,
  options: { readonly force: boolean; readonly signal: AbortSignal; readonly mode?: number },
): Promise<void> {
  const file = await OutputFile.create(path, { force: options.force });
  try {
    for (const piece of pieces) {
      options.signal.throwIfAborted();
      await file.write(Buffer.from(piece));
    }
    // Whatever the umask says.
    if (options.mode !== undefined) await chmod(file.temporary, options.mode);
    await file.finish();
  } catch (error) {
    await file.abort();
    throw error;
  }
}

/**
 * Puts `text` in place of a file's text. The file keeps its mode, and a symbolic link to it stays one.
 * @param expected what it held when `text` was made from it
 * @throws ImgoptError `system` when it holds something else by now, or the host refuses
 */
export async function replaceText(
  path: string,
  expected: string,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  let mode: number;
  try {
    ({ mode } = await stat(path));
    if ((await readFile(path, 'utf8')) !== expected) {
      throw new ImgoptError('system', 'FILE_CHANGED', 'changed while it was looked at', {
        where: [path],
        advice: 'run again',
      });
    }
  } catch (error) {
    throw system(error, [path]);
  }
  await writeTextFile(path, [text], { force: true, signal, mode: mode & 0o7777 });
}
