/**
 * Artifacts that an address names instead of a path. Addresses may hold secrets, so past the command line they go by
 * the name that is shown; only who holds a `RemoteAccess` can tell what a name stands for.
 */
import type { FileSource } from './file.ts';

/** Does this name an address rather than a path? */
export function isAddress(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

export interface RemoteAccess {
  /** Opens what a name stands for; the caller closes it. */
  open(name: string): Promise<FileSource>;
  /**
   * The name of what a file refers to, beside it on the same server.
   * @returns undefined when the reference leaves the folder of `name`
   */
  beside(name: string, reference: string): string | undefined;
}
