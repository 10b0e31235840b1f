/** The parent of a differencing disk, by the names that its child has for it, and its files among the child's. */
import type { Disk, ImageContext, ImageFile } from '../core/contracts/disk.ts';
import { ImgoptError, locate } from '../core/errors.ts';
import { escapeName } from '../core/text.ts';

export interface Parent {
  readonly disk: Disk;
  /** The name that led to it. */
  readonly reference: string;
}

/** Nothing has that name: in the host's words, and in those for what an image refers to. */
const MISSING = new Set(['IMGOPT_NOT_FOUND', 'IMGOPT_BACKING_NOT_FOUND']);

/**
 * The first that is there, in order; names that repeat or are empty are passed by.
 * @param format qemu-img's name: a parent is of its child's
 * @param unnamed what to throw when there is no name at all
 * @throws ImgoptError of the last name tried; of a parent that is found and damaged at once
 */
export async function openParentOf(
  names: readonly string[],
  format: string,
  context: ImageContext,
  unnamed: ImgoptError,
): Promise<Parent> {
  let failure: unknown = unnamed;
  for (const reference of new Set(names.filter((name) => name !== ''))) {
    try {
      const open = (): Promise<Disk> => context.openImage(reference, format);
      return { disk: await locate(`parent ${escapeName(reference)}`, open), reference };
    } catch (error) {
      failure = error;
      // Another name may lead to it; a parent that is found and damaged stays what it is.
      if (!(error instanceof ImgoptError && MISSING.has(error.code))) throw error;
    }
  }
  throw failure;
}

/** The child's files and its parent's, which are backing files from here on. */
export function withBacking(own: readonly ImageFile[], parent: Disk): ImageFile[] {
  const backing = parent.files.map(
    (one): ImageFile => (one.role === 'image' ? { ...one, role: 'backing' } : one),
  );
  return [...own, ...backing];
}
