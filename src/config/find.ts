/** Looks for imgopt.yml; apart from reading it, so that runs without one load no schema. */
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { system } from '../core/errors.ts';

export const CONFIG_NAME = 'imgopt.yml';

/** Folders above that are not there, or not ours to look into, hold no configuration. */
const NOTHING_THERE = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM']);

/**
 * The nearest imgopt.yml in the folder or one above it; undefined when there is none.
 * @throws ImgoptError `system` when looking fails
 */
export async function findConfig(folder: string): Promise<string | undefined> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const path = join(at, CONFIG_NAME);
    try {
      if ((await stat(path)).isFile()) return path;
    } catch (error) {
      if (!NOTHING_THERE.has((error as NodeJS.ErrnoException).code ?? '')) throw system(error, [path]);
    }
    if (dirname(at) === at) return undefined;
  }
}
