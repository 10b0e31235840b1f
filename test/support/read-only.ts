/** A filesystem opened and scanned for a test, and what a folder on the host says of the tree that it was made from. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Decompressor } from '../../src/core/contracts/compressor.ts';
import type { Filesystem, FilesystemDriver } from '../../src/core/contracts/filesystem.ts';
import type { BlockSource } from '../../src/core/contracts/source.ts';
import { FILE_TYPE, type FileTable, FileTableBuilder } from '../../src/core/file-table.ts';
import { typeOfMode } from '../../src/disk/filesystems/mode.ts';
import { contentOf, latin1Path } from './xfs.ts';

export interface Opened {
  readonly filesystem: Filesystem;
  readonly table: FileTable;
  readonly log: DiagnosticLog;
}

export async function openFilesystem(
  driver: FilesystemDriver,
  source: BlockSource,
  decompressors: readonly Decompressor[] = [],
  log: DiagnosticLog = new DiagnosticLog(),
): Promise<Opened> {
  const filesystem = await driver.open!(source, new RunContext({ log, threads: 2 }), decompressors);
  const builder = new FileTableBuilder();
  builder.beginSection();
  await filesystem.scan(builder);
  return { filesystem, table: builder.build(), log };
}

/** What both sides can say of an entry; `content` is a hash, a target, or nothing. */
export interface Entry {
  readonly type: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly size: number;
  readonly modified: number;
  readonly content: string;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A folder by paths in Latin-1; links of directories and sizes of all but files are the filesystem's own matter. */
export function hostTree(root: string): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const visit = (path: Buffer, shown: string): void => {
    const stat = lstatSync(path);
    const type = typeOfMode(stat.mode);
    const isFile = type === FILE_TYPE.file;
    let content = '';
    if (isFile) content = sha256(readFileSync(path));
    if (type === FILE_TYPE.symlink) content = readlinkSync(path, 'latin1');
    entries.set(shown === '' ? '/' : shown, {
      type,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      links: isFile ? stat.nlink : 0,
      size: isFile ? stat.size : 0,
      modified: Math.floor(stat.mtimeMs / 1000),
      content,
    });
    if (type !== FILE_TYPE.directory) return;
    for (const name of readdirSync(path, { encoding: 'buffer' }))
      visit(Buffer.concat([path, Buffer.from('/'), name]), `${shown}/${name.toString('latin1')}`);
  };
  visit(Buffer.from(root), '');
  return entries;
}

/** The same of a filesystem that was opened; content is read in full. */
export async function imageTree({ filesystem, table }: Opened): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  for (let entry = 0; entry < table.count; entry++) {
    const type = table.type[entry]!;
    const isFile = type === FILE_TYPE.file;
    let content = '';
    if (isFile) content = sha256(await contentOf(filesystem, table.inode[entry]!));
    if (type === FILE_TYPE.symlink)
      content = Buffer.from(await filesystem.readLink(table.inode[entry]!)).toString('latin1');
    entries.set(latin1Path(table, entry), {
      type,
      mode: table.mode[entry]!,
      uid: table.uid[entry]!,
      gid: table.gid[entry]!,
      links: isFile ? table.links[entry]! : 0,
      size: isFile ? table.size[entry]! : 0,
      modified: table.modified[entry]!,
      content,
    });
  }
  return entries;
}
