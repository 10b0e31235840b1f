/** What the fixtures of test/fixtures/btrfs hold (see make.sh there), and btrfs opened for a test. */
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Filesystem } from '../../src/core/contracts/filesystem.ts';
import type { BlockSource } from '../../src/core/contracts/source.ts';
import { FILE_TYPE, type FileTable, FileTableBuilder } from '../../src/core/file-table.ts';
import { btrfsDriver } from '../../src/disk/filesystems/btrfs/btrfs.ts';
import { btrfsVolumes } from '../../src/disk/volumes/btrfs/btrfs.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { fixtureBytes } from './fixtures.ts';
import { assemble, partitionsOf } from './groups.ts';
import { contentOf } from './volumes.ts';

/** As find prints it on the mounted filesystem; `blocks` of 512 bytes. */
export interface BtrfsEntry {
  readonly path: string;
  readonly type: string;
  /** Unique within its subvolume only. */
  readonly inode: number;
  readonly links: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly blocks: number;
  readonly modified: number;
  readonly target: string;
}

export interface BtrfsSubvolume {
  readonly id: number;
  readonly parent: number;
  readonly parentUuid: string | null;
  readonly uuid: string;
  readonly path: string;
  readonly isSnapshot: boolean;
  readonly isReadOnly: boolean;
}

export interface BtrfsImage {
  /** `btrfs inspect-internal dump-super`. */
  readonly super: Readonly<Record<string, string>>;
  readonly entries: readonly BtrfsEntry[];
  /** sha256sum, by path. */
  readonly sums: Readonly<Record<string, string>>;
  /** filefrag: start in the file, address, length and flags, by path. */
  readonly extents: Readonly<Record<string, readonly (readonly [number, number, number, string])[]>>;
  /** `btrfs subvolume list`. */
  readonly subvolumes: readonly BtrfsSubvolume[];
  readonly default: number;
  /** `btrfs filesystem du`, by path of the subvolume. */
  readonly du: Readonly<Record<string, { total: number; exclusive: number; setShared: number }>>;
  /** `btrfs filesystem usage`. */
  readonly usage: Readonly<Record<string, number>>;
  /** `btrfs filesystem df`, line by line. */
  readonly df: readonly string[];
  /** By subvolume: what its quota group counts, nodes left out. */
  readonly quotas?: Readonly<Record<string, { referenced: number; exclusive: number }>>;
}

export const BTRFS_IMAGES: Readonly<Record<string, BtrfsImage>> = JSON.parse(
  fixtureBytes('btrfs/expected.json').toString(),
);

export interface OpenedBtrfs {
  readonly filesystem: Filesystem;
  readonly table: FileTable;
  readonly log: DiagnosticLog;
}

export async function openBtrfs(source: BlockSource): Promise<OpenedBtrfs> {
  const log = new DiagnosticLog();
  const filesystem = await btrfsDriver.open!(source, new RunContext({ log, threads: 2 }));
  const builder = new FileTableBuilder();
  builder.beginSection();
  await filesystem.scan(builder);
  return { filesystem, table: builder.build(), log };
}

/** The volume that holds a fixture's filesystem. */
export function btrfsVolume(name: string): Promise<BlockSource> {
  return btrfsJoined(memorySource(fixtureBytes(`btrfs/${name}.img`)));
}

/** What a disk's partitions are joined to; its only partition, or the disk itself. */
export async function btrfsJoined(disk: BlockSource): Promise<BlockSource> {
  const partitions = await partitionsOf(await contentOf(disk));
  if (partitions.length < 2) return partitions[0]!;
  return (await assemble(btrfsVolumes, partitions)).volume('array').source!;
}

/** Codes without their prefixes, each once, sorted. */
export function codesOf(log: DiagnosticLog): string[] {
  return [...new Set(log.list().map(({ code }) => code.replace('IMGOPT_BTRFS_', '')))].sort();
}

/** find's letter for a type. */
export function typeLetter(type: number): string {
  const letters: Readonly<Record<number, string>> = {
    [FILE_TYPE.file]: 'f',
    [FILE_TYPE.directory]: 'd',
    [FILE_TYPE.symlink]: 'l',
    [FILE_TYPE.character]: 'c',
    [FILE_TYPE.block]: 'b',
    [FILE_TYPE.fifo]: 'p',
    [FILE_TYPE.socket]: 's',
  };
  return letters[type] ?? '?';
}
