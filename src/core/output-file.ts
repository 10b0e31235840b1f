/**
 * A file that exists completely or not at all. Bytes go to a temporary beside the target, created exclusively and
 * named `.NAME.RANDOM.imgopt-partial`, so that nothing can mistake it for a result; `finish` flushes it, checks
 * the close, gives it its name and flushes the folder. Whatever ends the work earlier (an error, an interrupt, the
 * process exiting) removes the temporary; only SIGKILL or a power cut can leave one.
 *
 * Without `force` the name is given by link(2), which refuses to replace a file that appeared meanwhile; where the
 * filesystem has no hard links, by a check and rename.
 */
import { randomBytes } from 'node:crypto';
import { rmSync, type Stats } from 'node:fs';
import { type FileHandle, link, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ImgoptError, system, usage } from './errors.ts';
import { dataRuns } from './zeros.ts';

export const PARTIAL_SUFFIX = '.imgopt-partial';
/** Zeros are left out of a sparse file in units of this: the block of every usual filesystem. */
export const HOLE_BYTES = 4096;

/** Temporaries of this process that are not finished. */
const unfinished = new Set<string>();
let isWatching = false;

function watchExit(): void {
  if (isWatching) return;
  isWatching = true;
  process.on('exit', () => {
    for (const path of unfinished) rmSync(path, { force: true });
  });
}

export interface OutputFileOptions {
  /** Replace a file that exists. */
  readonly force: boolean;
  /** Permission bits; the umask applies. Default 0o666. */
  readonly mode?: number;
}

export function outputExists(path: string): ImgoptError {
  return new ImgoptError('system', 'OUTPUT_EXISTS', 'exists already', {
    where: [path],
    advice: 'choose another --output, or overwrite it with --force',
  });
}

async function statOrUndefined(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw system(error, [path]);
  }
}

/**
 * Whether `path` may become an output, as far as can be told before writing.
 * @throws ImgoptError `system` when it exists and may not be replaced; `usage` when it is not a regular file
 */
export async function assertCreatable(path: string, force: boolean): Promise<void> {
  const existing = await statOrUndefined(path);
  if (existing === undefined) return;
  if (!existing.isFile()) {
    throw usage('OUTPUT_NOT_A_FILE', 'exists and is not a regular file', {
      where: [path],
      advice: 'name a file, or write there through standard output',
    });
  }
  if (!force) throw outputExists(path);
}

/** True when both paths exist and are the same file, through whatever links. */
export async function isSameFile(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([statOrUndefined(a), statOrUndefined(b)]);
  return first !== undefined && second !== undefined && first.ino === second.ino && first.dev === second.dev;
}

export class OutputFile {
  /** Where the file will be. */
  readonly path: string;
  /** Where it is until then. */
  readonly temporary: string;
  private readonly handle: FileHandle;
  private readonly force: boolean;
  private position = 0;
  private end = 0;
  private isOpen = true;

  private constructor(path: string, temporary: string, handle: FileHandle, force: boolean) {
    this.path = path;
    this.temporary = temporary;
    this.handle = handle;
    this.force = force;
  }

  /** @throws ImgoptError `system` when it exists (without force) or the host refuses */
  static async create(path: string, options: OutputFileOptions): Promise<OutputFile> {
    await assertCreatable(path, options.force);
    // A symbolic link stays one: its target is replaced.
    const target = await realpath(path).catch(() => path);
    const folder = dirname(target);
    // 255 bytes is the longest name everywhere; 200 bytes of the name tell enough.
    const name = Buffer.from(basename(target))
      .subarray(0, 200)
      .toString()
      .replace(/\uFFFD+$/, '');
    const temporary = join(folder, `.${name}.${randomBytes(6).toString('hex')}${PARTIAL_SUFFIX}`);
    watchExit();
    unfinished.add(temporary);
    try {
      const handle = await open(temporary, 'wx+', options.mode ?? 0o666);
      return new OutputFile(target, temporary, handle, options.force);
    } catch (error) {
      unfinished.delete(temporary);
      throw system(error, [path]);
    }
  }

  /** For threads that write their own parts; announce them with `reserve`. */
  get fd(): number {
    return this.handle.fd;
  }

  /** Bytes so far, holes included. */
  get size(): number {
    return Math.max(this.end, this.position);
  }

  /** Appends; resolves when the host has taken it. */
  async write(bytes: Uint8Array): Promise<void> {
    const at = this.position;
    this.position += bytes.length;
    await this.writeAt(bytes, at);
  }

  /** Appends and leaves holes where blocks are zero. */
  async writeSparse(bytes: Uint8Array): Promise<void> {
    const at = this.position;
    this.position += bytes.length;
    const runs = dataRuns(bytes, HOLE_BYTES, at);
    for (let i = 0; i < runs.length; i += 2) {
      await this.writeAt(bytes.subarray(runs[i]!, runs[i + 1]!), at + runs[i]!);
    }
  }

  /** Appends `length` bytes that somebody else writes, or that stay a hole; returns where they begin. */
  reserve(length: number): number {
    const at = this.position;
    this.position += length;
    return at;
  }

  /** Writes at a position, without moving the end that `write` appends to. */
  async writeAt(bytes: Uint8Array, position: number): Promise<void> {
    let done = 0;
    try {
      while (done < bytes.length) {
        const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, position + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw system(error, [this.path]);
    }
    this.end = Math.max(this.end, position + bytes.length);
  }

  /** Makes the file this long: what is behind is cut off, what is missing becomes a hole. */
  async setSize(size: number): Promise<void> {
    try {
      await this.handle.truncate(size);
    } catch (error) {
      throw system(error, [this.path]);
    }
    this.end = size;
    this.position = Math.min(this.position, size);
  }

  /** Gives the file its length, should it end in a hole. */
  private async extend(): Promise<void> {
    const { size } = this;
    if ((await this.handle.stat()).size < size) await this.handle.truncate(size);
  }

  /** Flushes to the disk, to be read back. The file keeps its temporary name. */
  async flush(): Promise<void> {
    try {
      await this.extend();
      await this.handle.sync();
    } catch (error) {
      throw system(error, [this.path]);
    }
  }

  /**
   * Closes the file and gives it its name. On failure nothing is left behind.
   * @param isDurable flush file and name to the disk first. Without it a power cut soon after may leave a damaged
   *   file under the final name: only for what can be made again from an input that stays
   */
  async finish(isDurable = true): Promise<void> {
    try {
      await this.extend();
      if (isDurable) await this.handle.sync();
      this.isOpen = false;
      await this.handle.close();
      await this.publish();
      unfinished.delete(this.temporary);
      if (isDurable) await syncFolder(dirname(this.path));
    } catch (error) {
      await this.abort();
      throw system(error, [this.path]);
    }
  }

  private async publish(): Promise<void> {
    if (this.force) return rename(this.temporary, this.path);
    try {
      await link(this.temporary, this.path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') throw outputExists(this.path);
      if ((await statOrUndefined(this.path)) !== undefined) throw outputExists(this.path);
      return rename(this.temporary, this.path); // no hard links here
    }
    await rm(this.temporary);
  }

  /** Gives up: closes and removes the temporary. May be called at any time, and again; never throws. */
  async abort(): Promise<void> {
    if (this.isOpen) {
      this.isOpen = false;
      await this.handle.close().catch(() => {});
    }
    await rm(this.temporary, { force: true }).catch(() => {});
    unfinished.delete(this.temporary);
  }
}

/** Makes a new name survive a power cut. Windows cannot open folders, and some filesystems refuse to flush them. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync().catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EINVAL' && error.code !== 'ENOTSUP') throw error;
    });
  } finally {
    await handle.close();
  }
}

/** As after a rename: makes the removal of this name survive a power cut. @throws ImgoptError (system) */
export async function syncFolderOf(path: string): Promise<void> {
  try {
    await syncFolder(dirname(path));
  } catch (error) {
    throw system(error, [path]);
  }
}
