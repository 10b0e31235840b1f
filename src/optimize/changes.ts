/**
 * Whether the input holds still: it must not be in use when the work starts, and must be what it was when it ends.
 *
 * A running QEMU marks a qcow2 with lazy refcounts as dirty, and holds locks on bytes of the file (from 100 on,
 * one per permission: docs of block/file-posix.c). Linux tells of locks in /proc/locks; where that cannot be read,
 * size and modification time at the end are what is left.
 */
import { readFile, stat } from 'node:fs/promises';
import type { Inspection } from '../core/contracts/inspection.ts';
import { corrupt, ImgoptError, system } from '../core/errors.ts';
import { isAddress } from '../sources/remote.ts';

/** RAW_PERM_BASE + the bits of BLK_PERM_WRITE (0x02) and BLK_PERM_RESIZE (0x08). */
const QEMU_WRITE_LOCKS = [101, 103];

export interface FileStamp {
  readonly path: string;
  readonly size: number;
  readonly modifiedMs: number;
  readonly inode: number;
  readonly device: number;
}

async function stampOf(path: string): Promise<FileStamp> {
  try {
    const { size, mtimeMs, ino, dev } = await stat(path);
    return { path, size, modifiedMs: mtimeMs, inode: ino, device: dev };
  } catch (error) {
    throw system(error, [path]);
  }
}

/** What every file of the image is now; one on a web server is compared with every part that is read. */
export function stampFiles(paths: readonly string[]): Promise<FileStamp[]> {
  return Promise.all(paths.filter((path) => !isAddress(path)).map(stampOf));
}

/** @throws ImgoptError `corrupt` (exit 3) when a file is not what it was: the output may be a mixture */
export async function assertUnchanged(before: readonly FileStamp[]): Promise<void> {
  for (const one of before) {
    const now = await stampOf(one.path);
    if (now.size === one.size && now.modifiedMs === one.modifiedMs && now.inode === one.inode) continue;
    throw corrupt('INPUT_CHANGED', 'changed while it was read; no output was written', {
      where: [one.path],
      advice: 'shut down the machine that uses it, then try again',
    });
  }
}

/**
 * @throws ImgoptError `system` (exit 4) when the image is in use, as far as that can be seen
 */
export async function assertNotInUse(
  inspection: Pick<Inspection, 'artifact'>,
  stamps: readonly FileStamp[],
  locks: string | undefined,
): Promise<void> {
  const fail = (path: string, message: string): never => {
    throw new ImgoptError('system', 'IMAGE_IN_USE', message, {
      where: [path],
      advice: 'shut the machine down properly, or go on at your own risk with --force',
    });
  };
  if (inspection.artifact.formatDetails.dirty === true) {
    fail(inspection.artifact.path, 'is marked dirty: a machine uses it, or did not close it properly');
  }
  for (const one of stamps) {
    if (locks !== undefined && isLocked(one, locks))
      fail(one.path, 'is open for writing: a running QEMU holds its lock');
  }
}

/** /proc/locks, where there is one. */
export async function readLocks(): Promise<string | undefined> {
  return process.platform === 'linux' ? readFile('/proc/locks', 'utf8').catch(() => undefined) : undefined;
}

/** proc(5): `1: OFDLCK ADVISORY READ -1 08:02:131074 100 101`; device numbers are hexadecimal. */
const LOCK_LINE =
  /^\d+:\s+(?:-> )?(\S+)\s+\S+\s+\S+\s+-?\d+\s+([0-9a-f]+):([0-9a-f]+):(\d+)\s+(\d+)\s+(\d+|EOF)$/;

/** Whether anybody holds one of QEMU's write locks on the file. */
function isLocked(file: FileStamp, locks: string): boolean {
  for (const line of locks.split('\n')) {
    const match = LOCK_LINE.exec(line.trim());
    if (match === null) continue;
    const [, kind, major, minor, inode, start, end] = match;
    if (kind !== 'OFDLCK') continue;
    if (Number(inode) !== file.inode || !isDevice(file.device, major!, minor!)) continue;
    const last = end === 'EOF' ? Infinity : Number(end);
    if (QEMU_WRITE_LOCKS.some((byte) => byte >= Number(start) && byte <= last)) return true;
  }
  return false;
}

/** glibc's makedev: 12 bits of major above 8 of minor, the rest of minor above those. */
function isDevice(device: number, major: string, minor: string): boolean {
  const high = Number.parseInt(major, 16);
  const low = Number.parseInt(minor, 16);
  return device === (low & 0xff) + (high & 0xfff) * 256 + Math.floor(low / 256) * 2 ** 20;
}
