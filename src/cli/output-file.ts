/** A text result in a file: whole or not at all. */
import { OutputFile } from '../core/output-file.ts';

/**
 * Writes `pieces` to `path`.
 * @throws ImgoptError `system` when it exists without `force`, or the host refuses; nothing is left behind then
 */
export async function writeTextFile(
  path: string,
  pieces: Iterable<string>,
  options: { readonly force: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const file = await OutputFile.create(path, { force: options.force });
  try {
    for (const piece of pieces) {
      options.signal.throwIfAborted();
      await file.write(Buffer.from(piece));
    }
    await file.finish();
  } catch (error) {
    await file.abort();
    throw error;
  }
}
