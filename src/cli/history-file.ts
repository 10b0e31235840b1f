/** Reads the file that builds append their lines to. */
import { readFile, stat } from 'node:fs/promises';
import { system, usage } from '../core/errors.ts';
import { MAX_HISTORY_BYTES } from '../core/limits.ts';
import { formatSize } from '../core/size.ts';

/** @throws ImgoptError `usage` when it is missing, no file, or beyond the bound; `system` when the host refuses */
export async function historyText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_HISTORY_BYTES) {
      throw usage('HISTORY_TOO_LARGE', `is larger than ${formatSize(MAX_HISTORY_BYTES)}`, {
        where: [path],
        advice: 'keep its last lines (tail -n 1000)',
      });
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw usage('HISTORY_NOT_FOUND', 'no such file', { where: [path], advice: 'check --history' });
    }
    throw system(error, [path]);
  }
}
