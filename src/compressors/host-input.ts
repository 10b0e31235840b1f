/**
 * The input of a compression or decompression: a file of the host, read at positions, or a stream that comes as it
 * comes (a pipe, a device). A file that changes while it is read gives an output that matches neither state, so
 * size and time of modification are compared at the end.
 */
import { createReadStream, type Stats } from 'node:fs';
import { type FileHandle, open, stat, unlink } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { ImgoptError, system, unreadable } from '../core/errors.ts';
import { syncFolderOf } from '../core/output-file.ts';
import { hex } from '../core/text.ts';
import { fileChunks } from './pieces.ts';
import { SHORT_READ } from './tasks.ts';

export interface HostInput {
  /** For messages: the path, or `standard input`. */
  readonly name: string;
  /** Path of a file; undefined for standard input. */
  readonly path: string | undefined;
  /** Bytes; undefined for a stream. */
  readonly size: number | undefined;
  /** Of a file, whose ranges other threads may read; undefined for a stream. */
  readonly fd: number | undefined;
  /** Permission bits for an output made of it. */
  readonly mode: number | undefined;
  /** Its bytes from the start; once. */
  chunks(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** @throws ImgoptError (unreadable) when the file is not what it was when it was opened */
  assertUnchanged(): Promise<void>;
  /** Removes the file, unless its name means another by now. @returns whether it is gone */
  remove(): Promise<boolean>;
  /** Turns what reading threw into an error with this input's name. */
  toError(error: unknown): unknown;
  close(): Promise<void>;
}

function changed(name: string, how = 'was written to while it was read'): ImgoptError {
  return unreadable('INPUT_CHANGED', how, {
    where: [name],
    advice: 'stop what uses it (a running machine?) and try again',
  });
}

function named(name: string, error: unknown): unknown {
  if (error instanceof ImgoptError) return error.where[0] === name ? error : error.within(name);
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === SHORT_READ) {
    const at = Number(/\d+/.exec(message)?.[0]);
    return changed(name, `ends at ${hex(at)}, it was longer when it was opened`);
  }
  // From another thread only the code has come.
  return code !== undefined && /^E[A-Z0-9]+$/.test(code) ? system(error, [name]) : error;
}

/** Bytes from elsewhere as input. */
export function streamInput(chunks: AsyncIterable<Uint8Array>, name: string): HostInput {
  return {
    name,
    path: undefined,
    size: undefined,
    fd: undefined,
    mode: undefined,
    chunks: () => chunks,
    async assertUnchanged() {},
    remove: async () => false,
    toError: (error) => named(name, error),
    async close() {},
  };
}

async function* abortable(stream: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  addAbortSignal(signal, stream);
  for await (const chunk of stream) yield chunk as Uint8Array;
}

/**
 * Opens a file, or anything else that can be read (a pipe, a device), for reading only.
 * @throws ImgoptError `unreadable` when it is missing or a directory; `system` when the host refuses
 */
export async function openHostInput(path: string): Promise<HostInput> {
  let handle: FileHandle;
  let found: Stats;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw unreadable('NOT_FOUND', 'no such file', { where: [path], advice: 'check the path' });
    throw system(error, [path]);
  }
  try {
    found = await handle.stat();
    if (found.isDirectory())
      throw unreadable('IS_A_DIRECTORY', 'is a directory', {
        where: [path],
        advice: 'name a file, or pipe an archive of it to standard input',
      });
  } catch (error) {
    await handle.close();
    throw system(error, [path]);
  }
  return found.isFile() ? new HostFile(path, handle, found) : new HostDevice(path, handle, found);
}

class HostFile implements HostInput {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly fd: number;
  readonly mode: number;
  private readonly handle: FileHandle;
  private readonly stat: Stats;

  constructor(path: string, handle: FileHandle, found: Stats) {
    this.name = path;
    this.path = path;
    this.handle = handle;
    this.stat = found;
    this.size = found.size;
    this.fd = handle.fd;
    this.mode = found.mode & 0o666;
  }

  chunks(): AsyncIterable<Uint8Array> {
    return fileChunks(this.handle.fd);
  }

  async assertUnchanged(): Promise<void> {
    const now = await this.handle.stat();
    if (now.size !== this.stat.size || now.mtimeMs !== this.stat.mtimeMs) throw changed(this.name);
  }

  async remove(): Promise<boolean> {
    try {
      const now = await stat(this.path);
      if (now.ino !== this.stat.ino || now.dev !== this.stat.dev) return false;
      await unlink(this.path);
    } catch (error) {
      throw system(error, [this.path]);
    }
    await syncFolderOf(this.path);
    return true;
  }

  toError(error: unknown): unknown {
    return named(this.name, error);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

class HostDevice implements HostInput {
  readonly name: string;
  readonly path: string;
  readonly size = undefined;
  readonly fd = undefined;
  readonly mode: number;
  private readonly handle: FileHandle;

  constructor(path: string, handle: FileHandle, found: Stats) {
    this.name = path;
    this.path = path;
    this.handle = handle;
    this.mode = found.mode & 0o666;
  }

  chunks(signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { fd } = this.handle;
    return abortable(createReadStream('', { fd, autoClose: false, highWaterMark: 1 << 20 }), signal);
  }

  async assertUnchanged(): Promise<void> {}

  async remove(): Promise<boolean> {
    return false;
  }

  toError(error: unknown): unknown {
    return named(this.name, error);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}
