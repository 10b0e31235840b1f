/** Bytes of guest files for rules that judge by content; what cannot be read is no evidence. */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import { isArtifactError } from '../core/errors.ts';

/**
 * Runs `judge` over the content of a regular file.
 * @returns undefined where the image does not let it be read; the scan has reported that
 */
export async function judgeContent<T>(
  { table, filesystems, filesystemOf }: Inspection,
  entry: number,
  judge: (source: BlockSource) => Promise<T>,
): Promise<T | undefined> {
  try {
    const source = await filesystems[filesystemOf(entry)]?.filesystem?.open(table.inode[entry]!);
    return source === undefined ? undefined : await judge(source);
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    return undefined;
  }
}
