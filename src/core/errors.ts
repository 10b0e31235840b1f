/**
 * Errors that a user can act on. Three families are never mixed, because a caller treats each differently:
 *
 * - `system`:      the machine said no (I/O, permission, no space, network)
 * - `unsupported`: the artifact is fine, but we lack the feature; the feature is named
 * - `corrupt`:     the artifact contradicts itself or its specification
 *
 * Beside them stand `usage` (the call or its configuration is wrong), `unreadable` (there is no artifact to
 * speak of: not found, unknown, empty) and `failed-check` (all went well and the answer is no).
 *
 * Every error carries a stable code and its place, outermost first:
 * `disk.qcow2 > gpt > 2 > ext4 > inode 1312 > extent tree`. Code that catches one either adds its place
 * (`within`, `locate`) or turns it into a diagnostic; nothing else catches.
 */

export type ErrorFamily = 'system' | 'unsupported' | 'corrupt' | 'usage' | 'unreadable' | 'failed-check';

/** Process exit codes of the contract; see docs/exit-codes in the README. */
export const EXIT = {
  done: 0,
  failedCheck: 1,
  usage: 2,
  unreadable: 3,
  system: 4,
  bug: 70,
  interrupted: 130,
} as const;

const EXIT_OF_FAMILY: Record<ErrorFamily, number> = {
  system: EXIT.system,
  unsupported: EXIT.unreadable,
  corrupt: EXIT.unreadable,
  usage: EXIT.usage,
  unreadable: EXIT.unreadable,
  'failed-check': EXIT.failedCheck,
};

export interface ErrorOptions {
  /** What the user can do about it: a short imperative clause. */
  advice?: string;
  cause?: unknown;
  /** Places, outermost first. */
  where?: readonly string[];
}

/** The one error class; `family` decides how callers and the exit code treat it. */
export class ImgoptError extends Error {
  override readonly name = 'ImgoptError';
  readonly code: string;
  readonly family: ErrorFamily;
  readonly advice: string | undefined;
  /** Places, outermost first. */
  readonly where: readonly string[];

  /** `code` without its `IMGOPT_` prefix, `message` without place or advice. */
  constructor(family: ErrorFamily, code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.family = family;
    this.code = code.startsWith('IMGOPT_') ? code : `IMGOPT_${code}`;
    this.advice = options.advice;
    this.where = options.where ?? [];
  }

  get exitCode(): number {
    return EXIT_OF_FAMILY[this.family];
  }

  /** The same error, seen from one place further out. */
  within(place: string): ImgoptError {
    const outer = new ImgoptError(this.family, this.code, this.message, {
      where: [place, ...this.where],
      cause: this.cause,
      ...(this.advice === undefined ? {} : { advice: this.advice }),
    });
    if (this.stack !== undefined) outer.stack = this.stack;
    return outer;
  }

  /** The place as one string: `disk.qcow2 > gpt > 2`. */
  get place(): string {
    return this.where.join(' > ');
  }

  /** One line: code, place, message, advice. */
  toLine(): string {
    const place = this.where.length > 0 ? `${this.place}: ` : '';
    const advice = this.advice === undefined ? '' : `; ${this.advice}`;
    return `${this.code}: ${place}${this.message}${advice}`;
  }
}

/** The artifact contradicts itself or its specification. */
export function corrupt(code: string, message: string, options?: ErrorOptions): ImgoptError {
  return new ImgoptError('corrupt', code, message, options);
}

/** The artifact is fine, but imgopt lacks the feature. */
export function unsupported(code: string, message: string, options?: ErrorOptions): ImgoptError {
  return new ImgoptError('unsupported', code, message, options);
}

/** The call or its configuration is wrong. */
export function usage(code: string, message: string, options?: ErrorOptions): ImgoptError {
  return new ImgoptError('usage', code, message, options);
}

/** There is no artifact to speak of: not found, unknown, empty. */
export function unreadable(code: string, message: string, options?: ErrorOptions): ImgoptError {
  return new ImgoptError('unreadable', code, message, options);
}

const SYSTEM_MESSAGES: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOSPC: 'no space left on device',
  EDQUOT: 'disk quota exceeded',
  EROFS: 'read-only file system',
  EIO: 'input/output error',
  EMFILE: 'too many open files',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  EFBIG: 'file too large',
};

/** Turns a failure of the operating system (a Node error with `code`) into an ImgoptError. */
export function system(error: unknown, where: readonly string[] = []): ImgoptError {
  if (error instanceof ImgoptError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const text = (code === undefined ? undefined : SYSTEM_MESSAGES[code]) ?? message;
  return new ImgoptError('system', code ?? 'SYSTEM', text, { where, cause: error });
}

/** True for the failures that belong to the artifact, not to the machine or to us. */
export function isArtifactError(error: unknown): error is ImgoptError {
  return (
    error instanceof ImgoptError &&
    (error.family === 'corrupt' || error.family === 'unsupported' || error.family === 'unreadable')
  );
}

/** Runs `work` and adds `place` to whatever ImgoptError it throws. */
export async function locate<T>(place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ImgoptError ? error.within(place) : error;
  }
}

/** As `locate`, for work that does not wait. */
export function locateSync<T>(place: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof ImgoptError ? error.within(place) : error;
  }
}
