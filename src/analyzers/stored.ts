/** How many bytes of the artifact hold certain stretches of its disk. */
import type { Inspection } from '../core/contracts/inspection.ts';
import { isArtifactError } from '../core/errors.ts';
import type { ExtentSet } from '../core/extents.ts';
import { BOOK_NAMES, classMap, shareOut } from './books.ts';

/** Null where the map of the image does not tell (a sparse raw file, a damaged table). */
export async function storedBytes({ disk }: Inspection, ranges: ExtentSet): Promise<number | null> {
  if (!disk?.mapIsExact) return null;
  const book = 'stale';
  try {
    const map = classMap([{ book, ranges }], disk.source.size);
    return (await shareOut(disk.source.extents(), map)).bytes[BOOK_NAMES.indexOf(book)]!;
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    return null; // what cannot be read is reported elsewhere
  }
}
