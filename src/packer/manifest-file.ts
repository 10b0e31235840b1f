/**
 * packer-manifest.json, shared with Packer while it builds. Builds of one run end at the same time, each with a
 * `manifest` post-processor of its own that reads, appends and writes in place; what keeps them apart is a lock file
 * beside the manifest, created exclusively (`NAME.lock`; post-processor/manifest in Packer's source). So do we: to
 * read, since a manifest that is just being written is half a document, and to write. Packer waits 0.6 seconds at
 * most and then writes all the same, so the lock is held for no more than a read and a rename.
 */
import { open, readFile, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImgoptError, system, unreadable } from '../core/errors.ts';
import { asObject } from '../core/json.ts';
import { writeText } from './write-text.ts';

/** Far longer than anybody needs: what is locked for longer was left behind. */
const LOCK_PATIENCE_MS = 10_000;
const LOCK_RETRY_MS = 50;

async function withLock<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  const until = Date.now() + LOCK_PATIENCE_MS;
  for (;;) {
    signal.throwIfAborted();
    try {
      await (await open(lock, 'wx', 0o600)).close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw system(error, [lock]);
      if (Date.now() > until) {
        throw new ImgoptError('system', 'PACKER_MANIFEST_LOCKED', 'is locked, and stays so', {
          where: [path],
          advice: `remove ${lock} if no build is running`,
        });
      }
      await sleep(LOCK_RETRY_MS);
    }
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

/**
 * Runs `read` while nobody writes the manifest.
 * @throws ImgoptError `unreadable` when there is no such file, `system` when it stays locked
 */
export async function readingManifest<T>(
  path: string,
  signal: AbortSignal,
  read: () => Promise<T>,
): Promise<T> {
  await stat(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw system(error, [path]);
    throw unreadable('NO_PACKER_MANIFEST', 'there is no such file', {
      where: [path],
      advice: 'put the manifest post-processor before shell-local, or name the image',
    });
  });
  return withLock(path, signal, read);
}

/** What became of the files of a build. */
export interface FileChange {
  /** As the manifest names it; null for a file that came into being. */
  readonly from: string | null;
  /** As the manifest is to name it; null for a file that is gone. */
  readonly to: string | null;
  /** The path that opens. */
  readonly path: string;
}

/**
 * Writes into one build what its files are called and how large they are now; the rest stays as it is. Files that
 * `changes` does not mention keep their names. The manifest is replaced as a whole, so a reader sees either.
 * @param index of the build; its run is asked for again, since the manifest may have been started anew
 * @param located name → path, for the sizes of the files that stayed
 */
export async function updateManifest(
  path: string,
  build: { readonly index: number; readonly runUuid: string },
  changes: readonly FileChange[],
  located: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<void> {
  await withLock(path, signal, async () => {
    const { mode } = await stat(path).catch((error: unknown) => {
      throw system(error, [path]);
    });
    const document = asObject(JSON.parse(await readFile(path, 'utf8')));
    const entry = Array.isArray(document?.builds)
      ? asObject((document.builds as unknown[])[build.index])
      : undefined;
    if (entry === undefined || entry.packer_run_uuid !== build.runUuid) {
      throw new ImgoptError(
        'system',
        'PACKER_MANIFEST_CHANGED',
        'was replaced meanwhile; the images are done',
        {
          where: [path],
          advice: 'build one after the other, or into manifests of their own',
        },
      );
    }
    const files: unknown[] = [];
    const seen = new Set<string>();
    const put = async (file: object, name: string, at: string | undefined): Promise<void> => {
      if (seen.has(name)) return;
      seen.add(name);
      const size = at === undefined ? undefined : (await stat(at).catch(() => undefined))?.size;
      files.push({ ...file, name, ...(size === undefined ? {} : { size }) });
    };
    const byName = new Map(changes.flatMap((one) => (one.from === null ? [] : [[one.from, one] as const])));
    for (const value of Array.isArray(entry.files) ? (entry.files as unknown[]) : []) {
      const file = asObject(value);
      const name = typeof file?.name === 'string' ? file.name : undefined;
      if (file === undefined || name === undefined) {
        files.push(value);
        continue;
      }
      const change = byName.get(name);
      if (change === undefined) await put(file, name, located.get(name));
      else if (change.to !== null) await put(file, change.to, change.path);
    }
    for (const { from, to, path: at } of changes) if (from === null && to !== null) await put({}, to, at);
    (entry as { files?: unknown }).files = files;
    // As Go's json.MarshalIndent writes it, so that a diff shows only what changed.
    await writeText(path, JSON.stringify(document, null, 2), mode & 0o777);
  });
}
