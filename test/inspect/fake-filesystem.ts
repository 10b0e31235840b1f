/** Filesystems from a map of paths, for the root tree and for inspections without real drivers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Filesystem, FilesystemDriver, Subvolume } from '../../src/core/contracts/filesystem.ts';
import type { Inspection } from '../../src/core/contracts/inspection.ts';
import { corrupt } from '../../src/core/errors.ts';
import { ExtentSet } from '../../src/core/extents.ts';
import { FILE_TYPE, type FileTableBuilder } from '../../src/core/file-table.ts';
import { rawFormat } from '../../src/disk/formats/raw/raw.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { memorySource } from '../../src/sources/memory.ts';

/** `{ link }` is a symbolic link, null a directory, `{ broken }` a file that cannot be read, `{ sparse }` one that
 * claims a size. */
export type Tree = Readonly<
  Record<
    string,
    string | { readonly link: string } | { readonly broken: true } | { readonly sparse: number } | null
  >
>;

const encoder = new TextEncoder();

export function fakeFilesystem(
  tree: Tree,
  more: Partial<Filesystem> = {},
  known = new Map<string, number>(),
  allocated = 4096,
): Filesystem {
  const contents = new Map<number, Tree[string]>();
  return {
    type: 'fake',
    label: null,
    uuid: null,
    state: 'clean',
    blockSize: 4096,
    size: 1 << 20,
    features: [],
    usage: () => ({ used: 4096, unused: (1 << 20) - 4096 }),
    async scan(builder: FileTableBuilder) {
      let inode = 2;
      const add = (path: string, value: Tree[string]): number => {
        const existing = known.get(path);
        if (existing !== undefined) return existing;
        const cut = path.lastIndexOf('/');
        const parent = path === '' ? -1 : add(path.slice(0, cut), null);
        const entry = builder.add(parent, encoder.encode(path.slice(cut + 1)));
        const sparse =
          value !== null && typeof value === 'object' && 'sparse' in value ? value.sparse : undefined;
        const size = typeof value === 'string' ? value.length : (sparse ?? 4096);
        const isLink = value !== null && typeof value === 'object' && 'link' in value;
        const type = value === null ? FILE_TYPE.directory : isLink ? FILE_TYPE.symlink : FILE_TYPE.file;
        builder.set(entry, type, 0o755, 0, 0, 1, size, type === FILE_TYPE.file ? allocated : 4096, inode, 0);
        contents.set(inode++, value);
        known.set(path, entry);
        return entry;
      };
      add('', null);
      for (const [path, value] of Object.entries(tree)) add(path, value);
    },
    async open(inode) {
      const value = contents.get(inode);
      if (value !== null && typeof value === 'object' && 'sparse' in value) {
        return { ...memorySource(new Uint8Array(0)), size: value.sparse };
      }
      if (typeof value !== 'string')
        throw corrupt('FAKE_BROKEN', 'cannot be read', { where: [`inode ${inode}`] });
      return memorySource(encoder.encode(value));
    },
    async readLink(inode) {
      const value = contents.get(inode);
      if (value === null || typeof value !== 'object' || !('link' in value))
        throw corrupt('FAKE_LINK', 'is no link');
      return encoder.encode(value.link);
    },
    unusedExtents: async () => ExtentSet.of(8192, 1 << 20),
    metadataExtents: async () => ExtentSet.of(0, 4096),
    ...more,
  };
}

/** One with subvolumes, by their paths; the top level comes by itself, and is the default unless another says so. */
export function fakeWithSubvolumes(
  tree: Tree,
  subvolumes: Readonly<Record<string, Partial<Subvolume>>>,
  more: Partial<Filesystem> = {},
  allocated?: number,
): Filesystem {
  const known = new Map<string, number>();
  const isDefault = !Object.values(subvolumes).some((one) => one.isDefault);
  const list: [string, Partial<Subvolume>][] = Object.entries({ '': { id: 5, isDefault }, ...subvolumes });
  const folders = Object.fromEntries(Object.keys(subvolumes).map((path) => [`/${path}`, null]));
  let cached: readonly Subvolume[] | undefined;
  return fakeFilesystem(
    { ...folders, ...tree },
    {
      subvolumes() {
        cached ??= list.map(([path, one], index) => ({
          id: 255 + index,
          entry: known.get(path === '' ? '' : `/${path}`)!,
          path,
          uuid: `uuid-${path}`,
          parentUuid: null,
          isReadOnly: false,
          isDefault: false,
          referenced: 0,
          exclusive: 0,
          ...one,
        }));
        return cached;
      },
      ...more,
    },
    known,
    allocated,
  );
}

/** Inspects a disk that is all one such filesystem, with the UUID `aa`. */
export async function inspectedSubvolumes(
  tree: Tree,
  subvolumes: Readonly<Record<string, Partial<Subvolume>>>,
  more: Partial<Filesystem> = {},
  allocated?: number,
): Promise<Inspection> {
  const folder = mkdtempSync(join(tmpdir(), 'imgopt-test-'));
  try {
    const path = join(folder, 'disk.raw');
    writeFileSync(path, Buffer.from('FAKE a'.padEnd(65536, '\0')));
    const inspection = await inspect(path, new RunContext({ log: new DiagnosticLog() }), {
      drivers: {
        formats: [rawFormat],
        volumeSystems: [],
        filesystems: [
          fakeDriver({ a: fakeWithSubvolumes(tree, subvolumes, { uuid: 'aa', ...more }, allocated) }),
        ],
        packageDatabases: [],
      },
    });
    await inspection.close();
    return inspection;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A driver that knows volumes by their first bytes, `FAKE` and a name, and opens `filesystems[name]`. */
export function fakeDriver(filesystems: Readonly<Record<string, Filesystem>>): FilesystemDriver {
  const nameOf = (head: Uint8Array) =>
    /^FAKE (\w+)/.exec(Buffer.from(head.subarray(0, 64)).toString('latin1'))?.[1];
  return {
    name: 'fake',
    probe({ head }) {
      const name = nameOf(head);
      const one = name === undefined ? undefined : filesystems[name];
      if (one === undefined) return undefined;
      return {
        certainty: 'certain',
        description: 'fake',
        type: one.type,
        usage: 'filesystem',
        label: one.label,
        uuid: one.uuid,
      };
    },
    async open(source) {
      const head = new Uint8Array(64);
      await source.read(head, 0);
      return filesystems[nameOf(head)!]!;
    },
  };
}
