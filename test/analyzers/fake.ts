/** An inspection without a disk: filesystems given as lists of paths, for the analyzers that look only at files. */
import type { Inspection } from '../../src/core/contracts/inspection.ts';
import type { Package } from '../../src/core/contracts/package.ts';
import {
  FILE_FLAG,
  FILE_TYPE,
  type FileTable,
  FileTableBuilder,
  type FileType,
} from '../../src/core/file-table.ts';

export interface FakeFile {
  readonly path: string;
  readonly type?: keyof typeof FILE_TYPE;
  readonly size?: number;
  readonly allocated?: number;
  /** Files of one filesystem with the same inode are hard links. */
  readonly inode?: number;
  readonly mode?: number;
}

export interface FakeFilesystem {
  /** Where it is seen; pathOf begins with it. */
  readonly mount: string;
  /** Paths within it; directories above them are made, with one block of 4096 bytes each. */
  readonly files: readonly FakeFile[];
}

export interface FakePackage extends Partial<Package> {
  readonly name: string;
  /** Display paths. */
  readonly paths?: readonly string[];
}

function add(builder: FileTableBuilder, filesystem: FakeFilesystem): void {
  builder.beginSection();
  const encoder = new TextEncoder();
  const root = builder.add(-1, new Uint8Array(0));
  builder.set(root, FILE_TYPE.directory, 0o755, 0, 0, 2, 4096, 4096, 2, 0);
  const directories = new Map([['', root]]);
  let nextInode = 1000;
  const links = new Map<number, number>();
  for (const { inode } of filesystem.files)
    if (inode !== undefined) links.set(inode, (links.get(inode) ?? 0) + 1);
  const seen = new Set<number>();
  const directory = (path: string): number => {
    const known = directories.get(path);
    if (known !== undefined) return known;
    const cut = path.lastIndexOf('/');
    const entry = builder.add(
      directory(path.slice(0, Math.max(0, cut))),
      encoder.encode(path.slice(cut + 1)),
    );
    builder.set(entry, FILE_TYPE.directory, 0o755, 0, 0, 2, 4096, 4096, nextInode++, 0);
    directories.set(path, entry);
    return entry;
  };
  for (const file of filesystem.files) {
    if (file.type === 'directory') {
      directory(file.path);
      continue;
    }
    const cut = file.path.lastIndexOf('/');
    const entry = builder.add(directory(file.path.slice(0, cut)), encoder.encode(file.path.slice(cut + 1)));
    const inode = file.inode ?? nextInode++;
    const flags = seen.has(inode) ? FILE_FLAG.secondaryLink : 0;
    seen.add(inode);
    const type: FileType = FILE_TYPE[file.type ?? 'file'];
    const size = file.size ?? 0;
    const allocated = file.allocated ?? Math.ceil(size / 4096) * 4096;
    builder.set(
      entry,
      type,
      file.mode ?? 0o644,
      0,
      0,
      links.get(inode) ?? 1,
      size,
      allocated,
      inode,
      0,
      flags,
    );
  }
}

export function fakeInspection(
  filesystems: readonly FakeFilesystem[],
  packages: readonly FakePackage[] = [],
): Inspection {
  const builder = new FileTableBuilder();
  for (const filesystem of filesystems) add(builder, filesystem);
  const table: FileTable = builder.build();
  const pathOf = (entry: number): string => {
    const mount = filesystems[table.sectionOf(entry)]!.mount;
    const inner = table.path(entry);
    if (mount === '/') return inner;
    return inner === '/' ? mount : mount + inner;
  };
  const byPath = new Map<string, number>();
  for (let entry = table.count - 1; entry >= 0; entry--) byPath.set(pathOf(entry), entry);
  const found = packages.map(({ paths, ...one }) => ({
    manager: 'dpkg',
    version: '1',
    architecture: 'amd64',
    installedSize: null,
    automatic: null,
    state: null,
    essential: false,
    section: null,
    priority: null,
    source: null,
    requires: [],
    provides: [],
    entries: Uint32Array.from(paths ?? [], (path) => byPath.get(path)!),
    ...one,
  }));
  return fakeParts(filesystems, table, found, pathOf);
}

function fakeParts(
  filesystems: readonly FakeFilesystem[],
  table: FileTable,
  packages: readonly Package[],
  pathOf: (entry: number) => string,
): Inspection {
  const parts = {
    table,
    packages,
    pathOf,
    filesystemOf: (entry: number) => table.sectionOf(entry),
    filesystems: filesystems.map(({ mount }, index) => ({
      index,
      section: index,
      mountPoint: mount,
      mounts: [{ entry: table.sections[index]!.first, mountPoint: mount }],
      subvolumes: [],
      label: null,
    })),
  };
  return parts as unknown as Inspection;
}
