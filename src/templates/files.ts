/**
 * The files of a lint run: read once, bounded, as text. What cannot be read is said once and does not stop the rest.
 */
import { closeSync, fstatSync, openSync, readdirSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { ImgoptError, system, unreadable, unsupported } from '../core/errors.ts';
import { MAX_LINT_FILES, MAX_TEMPLATE_BYTES } from '../core/limits.ts';
import { SourceFile } from './text.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const latin1 = new TextDecoder('latin1');

export class LintFiles {
  private readonly byPath = new Map<string, SourceFile | ImgoptError>();
  /** Files that are no UTF-8: read as Latin-1, so that their commands are seen. */
  readonly recoded = new Set<string>();

  /**
   * Text of a file.
   * @throws ImgoptError `unreadable`, `unsupported` (binary, too large) or `system`
   */
  read(path: string): SourceFile {
    const key = resolve(path);
    let found = this.byPath.get(key);
    if (found === undefined) {
      if (this.byPath.size >= MAX_LINT_FILES) {
        throw unsupported('LINT_TOO_MANY', `more than ${MAX_LINT_FILES} files`, { where: [path] });
      }
      try {
        found = this.load(path);
      } catch (error) {
        if (!(error instanceof ImgoptError)) throw error;
        found = error;
      }
      this.byPath.set(key, found);
    }
    if (found instanceof ImgoptError) throw found;
    return found;
  }

  /** The same, undefined where it cannot be read. */
  tryRead(path: string): SourceFile | undefined {
    try {
      return this.read(path);
    } catch (error) {
      if (error instanceof ImgoptError) return undefined;
      throw error;
    }
  }

  private load(path: string): SourceFile {
    const bytes = readBounded(path);
    if (bytes.includes(0)) {
      throw unsupported('LINT_BINARY', 'is not text', { where: [path], advice: 'name text files only' });
    }
    let text: string;
    try {
      text = utf8.decode(bytes);
    } catch {
      this.recoded.add(path);
      text = latin1.decode(bytes);
    }
    return new SourceFile(path, text);
  }
}

/** @throws ImgoptError */
function readBounded(path: string): Uint8Array {
  let descriptor: number;
  try {
    // Before opening: a pipe that nobody writes to would hold us.
    const kind = statSync(path);
    if (!kind.isFile()) throw unreadable('LINT_NOT_A_FILE', 'is no regular file', { where: [path] });
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (error instanceof ImgoptError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw unreadable('NOT_FOUND', 'no such file', { where: [path], cause: error });
    }
    if (code === 'ELOOP') {
      throw unreadable('LINT_LINK_LOOP', 'its symbolic links lead back to themselves', {
        where: [path],
        cause: error,
      });
    }
    throw system(error, [path]);
  }
  try {
    const { size } = fstatSync(descriptor);
    if (size > MAX_TEMPLATE_BYTES) {
      throw unsupported('LINT_TOO_LARGE', `has ${size} bytes, lint reads at most ${MAX_TEMPLATE_BYTES}`, {
        where: [path],
        advice: 'lint the script without its payload',
      });
    }
    const bytes = new Uint8Array(size);
    let at = 0;
    while (at < size) {
      const got = readSync(descriptor, bytes, at, size - at, at);
      if (got === 0) break;
      at += got;
    }
    return bytes.subarray(0, at);
  } catch (error) {
    throw error instanceof ImgoptError ? error : system(error, [path]);
  } finally {
    closeSync(descriptor);
  }
}

export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Names in a folder, sorted; none where it cannot be read. */
export function namesIn(folder: string): { readonly name: string; readonly isFolder: boolean }[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .map((entry) => ({
        name: entry.name,
        isFolder: entry.isDirectory() || (entry.isSymbolicLink() && isFolder(join(folder, entry.name))),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  } catch {
    return [];
  }
}

/** A path's one real name, for telling whether a folder was visited. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** A path as people type it: relative where it lies below the current folder. */
export function shownPath(path: string): string {
  const from = relative('.', resolve(path));
  return from === '' ? '.' : from.startsWith('..') || isAbsolute(from) ? path : from.replaceAll('\\', '/');
}

/** The folder of a file and those above it, innermost first. */
export function* foldersAbove(path: string, count: number): Iterable<string> {
  let folder = dirname(resolve(path));
  for (let i = 0; i < count; i++) {
    yield folder;
    const parent = dirname(folder);
    if (parent === folder) return;
    folder = parent;
  }
}
