/**
 * A host file, opened read-only. Reads are positional, so they overlap.
 *
 * Metadata comes in thousands of small scattered reads. Through libuv's pool each costs 25 µs and more, most of it
 * waking threads; a plain read that the page cache answers costs 3 µs. So small reads are made in place as long as
 * they are answered at once; the first that takes longer shows that the file is cold, and then reads go through
 * the pool for a while, where many wait for the disk together.
 *
 * Node offers no SEEK_HOLE, so where a sparse file has its holes is not known here: `extents()` calls all of it
 * data, and only `stat`'s block count says how much the host really allocates.
 */
import { read as readCallback, readSync } from 'node:fs';
import { access, type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import { corrupt, ImgoptError, system, unreadable, unsupported } from '../core/errors.ts';
import type { ByteRange } from '../core/extents.ts';
import { hex } from '../core/text.ts';

/** Larger reads always go through the pool: copying them would hold up everything else. */
const SMALL_READ_BYTES = 64 * 1024;
/** A read in place that took longer than this had to wait for the disk. */
const COLD_AFTER_MS = 0.25;
/** So many reads go through the pool before one is tried in place again. */
const COLD_READS = 32;

export interface FileSource extends BlockSource {
  readonly path: string;
  /** Bytes that the host allocates for the file: st_blocks × 512; its size where the platform does not tell. */
  readonly allocated: number;
  /** Last modification in milliseconds, to notice a file that changes while it is read. */
  readonly modifiedMs: number;
}

/**
 * Opens a regular file or block device for reading.
 * @throws ImgoptError `unreadable` when it is missing, a directory or empty; `system` when the host refuses
 */
export async function openFileSource(path: string): Promise<FileSource> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw unreadable('NOT_FOUND', 'no such file', { where: [path], advice: 'check the path' });
    }
    throw system(error, [path]);
  }
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) throw await folderError(path);
    let size = stat.size;
    if (stat.isBlockDevice()) size = await deviceSize(handle);
    else if (!stat.isFile()) {
      throw unreadable('NOT_A_FILE', 'is neither a file nor a block device', { where: [path] });
    }
    if (size === 0)
      throw unreadable('EMPTY', 'is empty', {
        where: [path],
        advice: 'the build or copy failed: make it again',
      });
    // Windows has no block count and reports 0 or undefined.
    const blocks = process.platform === 'win32' || stat.isBlockDevice() ? undefined : stat.blocks;
    return new HostFile(path, handle, size, blocks === undefined ? size : blocks * 512, stat.mtimeMs);
  } catch (error) {
    await handle.close();
    throw error instanceof ImgoptError ? error : system(error, [path]);
  }
}

/** A block device reports size 0: its end is found by bisection over one-byte reads. */
async function deviceSize(handle: FileHandle): Promise<number> {
  const byte = new Uint8Array(1);
  let low = 0;
  let high = 2 ** 46;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    let readable = false;
    try {
      readable = (await handle.read(byte, 0, 1, middle)).bytesRead === 1;
    } catch {
      readable = false; // past the end, some devices answer with an error
    }
    if (readable) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Reads of an open file. */
export class FileReader {
  readonly path: string;
  readonly size: number;
  protected readonly handle: FileHandle;
  private readsUntilWarm = 0;

  /** @param path for messages */
  constructor(path: string, handle: FileHandle, size: number) {
    this.path = path;
    this.handle = handle;
    this.size = size;
  }

  async read(target: Uint8Array, offset: number): Promise<void> {
    assertInside(target.length, offset, this.size, this.path);
    let filled = 0;
    while (filled < target.length) {
      const got = this.mayReadInPlace(target.length)
        ? this.readInPlace(target, filled, offset + filled)
        : await this.readOnce(target, filled, offset + filled);
      if (got === 0) {
        throw corrupt(
          'SHRUNK',
          `ends at ${hex(offset + filled)} although it was ${hex(this.size)} long when it was opened`,
          {
            where: [this.path],
            advice: 'do not change the image while it is read',
          },
        );
      }
      filled += got;
    }
  }

  private mayReadInPlace(length: number): boolean {
    if (length > SMALL_READ_BYTES) return false;
    if (this.readsUntilWarm === 0) return true;
    this.readsUntilWarm--;
    return false;
  }

  private readInPlace(target: Uint8Array, at: number, offset: number): number {
    const started = performance.now();
    try {
      return readSync(this.handle.fd, target, at, target.length - at, offset);
    } catch (error) {
      throw system(error, [this.path, `offset ${hex(offset)}`]);
    } finally {
      if (performance.now() - started > COLD_AFTER_MS) this.readsUntilWarm = COLD_READS;
    }
  }

  private readOnce(target: Uint8Array, at: number, offset: number): Promise<number> {
    // The callback form: FileHandle.read costs about twice as much per call.
    return new Promise((resolve, reject) => {
      readCallback(this.handle.fd, target, at, target.length - at, offset, (error, bytesRead) => {
        if (error === null) resolve(bytesRead);
        else reject(system(error, [this.path, `offset ${hex(offset)}`]));
      });
    });
  }
}

/** A folder that Parallels keeps a disk in is called by its name. */
async function folderError(path: string): Promise<ImgoptError> {
  const isParallels = await access(join(path, 'DiskDescriptor.xml')).then(
    () => true,
    () => false, // not there, or not to be seen: a folder all the same
  );
  return isParallels
    ? unsupported('PARALLELS_BUNDLE', 'is a folder of a Parallels disk (.hdd), not an image', {
        where: [path],
        advice: 'name the .hds file inside it',
      })
    : unreadable('IS_A_DIRECTORY', 'is a directory, not an image', {
        where: [path],
        advice: 'name the image file inside it',
      });
}

class HostFile extends FileReader implements FileSource {
  readonly granularity = 512;
  readonly allocated: number;
  readonly modifiedMs: number;

  constructor(path: string, handle: FileHandle, size: number, allocated: number, modifiedMs: number) {
    super(path, handle, size);
    this.allocated = allocated;
    this.modifiedMs = modifiedMs;
  }

  extents(range: ByteRange = { start: 0, end: this.size }): AsyncIterable<readonly BlockExtent[]> {
    return wholeAs('data', range);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** Refuses a read that does not lie wholly inside its source. */
export function assertInside(length: number, offset: number, size: number, place: string): void {
  if (!(offset >= 0) || !(offset + length <= size)) {
    throw corrupt('READ_PAST_END', `${length} bytes at ${hex(offset)} lie past the end (${hex(size)})`, {
      where: [place],
    });
  }
}

/** `extents()` of a source that is all of one kind. */
export async function* wholeAs(
  kind: BlockExtent['kind'],
  range: ByteRange,
): AsyncGenerator<readonly BlockExtent[]> {
  const { start, end } = range;
  if (end > start) yield [{ start, end, kind, stored: kind === 'data' ? end - start : 0 }];
}
