/** What the fixtures of test/fixtures/xfs hold (see make.sh there), and XFS opened for a test. */
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Filesystem } from '../../src/core/contracts/filesystem.ts';
import type { BlockSource } from '../../src/core/contracts/source.ts';
import { type FileTable, FileTableBuilder } from '../../src/core/file-table.ts';
import { xfsDriver } from '../../src/disk/filesystems/xfs/xfs.ts';
import { fixtureBytes } from './fixtures.ts';

/** As the kernel's stat and xfs_db say; `format` and `attributes` name the forks. */
export interface XfsEntry {
  readonly inode: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly size: number;
  readonly allocated: number;
  readonly modified: number;
  readonly sha256?: string;
  readonly target?: string;
  readonly format: string;
  readonly attributes: string;
  /** Of a directory: shortform, block, leaf or node. */
  readonly form?: string;
}

export interface XfsImage {
  readonly tags: { readonly TYPE: string; readonly LABEL: string; readonly UUID: string };
  /** xfs_db's `version`. */
  readonly version: string;
  readonly blockSize: number;
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly agBlocks: number;
  readonly groups: number;
  readonly logBlocks: number;
  /** By xfs_db's `freesp -d`: group, block in it, length; a group's free list comes first. Null for the dirty image. */
  readonly freeExtents: readonly [number, number, number][] | null;
  /** By group: blocks of its free list. */
  readonly freeList: readonly number[];
  readonly sparseChunks: number;
  readonly statvfs: {
    readonly blockSize: number;
    readonly blocks: number;
    readonly free: number;
    readonly inodes: number;
  };
  readonly entries: Readonly<Record<string, XfsEntry>>;
}

export const XFS_IMAGES: Readonly<Record<string, XfsImage>> = JSON.parse(
  fixtureBytes('xfs/expected.json').toString(),
);

export interface OpenedXfs {
  readonly filesystem: Filesystem;
  readonly table: FileTable;
  readonly log: DiagnosticLog;
}

export async function openXfs(source: BlockSource): Promise<OpenedXfs> {
  const log = new DiagnosticLog();
  const filesystem = await xfsDriver.open!(source, new RunContext({ log, threads: 2 }));
  const builder = new FileTableBuilder();
  builder.beginSection();
  await filesystem.scan(builder);
  return { filesystem, table: builder.build(), log };
}

/** The path with its bytes as Latin-1, so that none is lost. */
export function latin1Path(table: FileTable, entry: number): string {
  let path = '';
  for (let at = entry; table.parent[at]! >= 0; at = table.parent[at]!) {
    path = `/${Buffer.from(table.nameBytes(at)).toString('latin1')}${path}`;
  }
  return path === '' ? '/' : path;
}

/** The records of `freesp -d` without the free lists, which it prints before each group's records. */
export function freeRecords(image: Pick<XfsImage, 'freeExtents' | 'freeList'>): [number, number, number][] {
  const left = [...image.freeList];
  return image.freeExtents!.filter(([group]) => left[group]!-- <= 0);
}

/** Ranges of (group, block, length) as bytes, neighbours joined. */
export function rangesOf(
  free: readonly (readonly [number, number, number])[],
  agBlocks: number,
  blockSize: number,
): { start: number; end: number }[] {
  const sorted = free
    .map(([group, block, length]) => {
      const start = (group * agBlocks + block) * blockSize;
      return { start, end: start + length * blockSize };
    })
    .sort((a, b) => a.start - b.start);
  const joined: { start: number; end: number }[] = [];
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && last.end === range.start) last.end = range.end;
    else joined.push(range);
  }
  return joined;
}

export async function contentOf(filesystem: Filesystem, inode: number): Promise<Buffer> {
  const source = await filesystem.open(inode);
  const bytes = Buffer.alloc(source.size);
  // In uneven pieces, so that boundaries of extents and reads differ.
  const step = 65_521;
  for (let at = 0; at < bytes.length; at += step)
    await source.read(bytes.subarray(at, Math.min(at + step, bytes.length)), at);
  return bytes;
}
