/**
 * The walk over the directory tree: fills the file table and proves, or disproves, that the FAT is consistent.
 *
 * Every cluster has one owner (`ClusterTable.claim`), directories included, so a directory that leads back to
 * one above it is a shared cluster, and the walk ends on any input.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, isArtifactError } from '../../../core/errors.ts';
import { FILE_FLAG, FILE_TYPE, type FileTableBuilder } from '../../../core/file-table.ts';
import { MAX_DIRECTORY_DEPTH, MAX_FAT_DIRECTORY_BYTES } from '../../../core/limits.ts';
import { escapeName, hex } from '../../../core/text.ts';
import { type DirectoryEntry, parseDirectory } from './directory.ts';
import { clusterOffset, type Geometry } from './geometry.ts';
import { ATTR_DIRECTORY, ATTR_READ_ONLY, DIRECTORY_ENTRY_SIZE } from './layout.ts';
import type { ClusterTable, Runs } from './table.ts';

export interface Walk {
  /** Clusters of directories: [first, count]. */
  readonly directories: readonly (readonly [number, number])[];
  /** The first thing found wrong that makes the FAT's word doubtful. */
  readonly damage: string | undefined;
}

interface Pending {
  readonly entry: number;
  readonly depth: number;
  readonly path: string;
  /** Stretches of the volume that hold it: [offset, length]. */
  readonly stretches: readonly (readonly [number, number])[];
}

/** Directories read at once: 2 MiB each at the very most. */
const BATCH = 16;
const encoder = new TextEncoder();

/** @throws `corrupt` when the root directory cannot be read; all else becomes diagnostics */
export async function walkTree(
  source: BlockSource,
  geometry: Geometry,
  table: ClusterTable,
  context: Context,
  builder: FileTableBuilder | undefined,
): Promise<Walk> {
  table.disown();
  const walker = new Walker(geometry, table, context, builder);
  let level = [walker.root()];
  while (level.length > 0) {
    const next: Pending[] = [];
    for (let i = 0; i < level.length; i += BATCH) {
      context.signal.throwIfAborted();
      const batch = level.slice(i, i + BATCH);
      const contents = await Promise.all(batch.map((directory) => walker.read(source, directory)));
      for (const [k, directory] of batch.entries()) walker.visit(directory, contents[k]!, next);
    }
    // In disk order, so that the next level is read in one sweep.
    level = next.sort((a, b) => (a.stretches[0]?.[0] ?? 0) - (b.stretches[0]?.[0] ?? 0));
  }
  walker.finish();
  return { directories: walker.directories, damage: walker.damage };
}

class Walker {
  readonly directories: (readonly [number, number])[] = [];
  damage: string | undefined;
  private readonly geometry: Geometry;
  private readonly table: ClusterTable;
  private readonly context: Context;
  private readonly builder: FileTableBuilder | undefined;

  constructor(
    geometry: Geometry,
    table: ClusterTable,
    context: Context,
    builder: FileTableBuilder | undefined,
  ) {
    this.geometry = geometry;
    this.table = table;
    this.context = context;
    this.builder = builder;
  }

  private report(path: string, code: string, message: string): void {
    this.damage ??= `${path} ${message}`;
    this.context.at(path).report('error', code, message);
  }

  root(): Pending {
    const { geometry, builder } = this;
    const entry = builder?.add(-1, new Uint8Array(0)) ?? 0;
    let stretches: (readonly [number, number])[] = [[geometry.rootStart, geometry.rootSize]];
    let size = geometry.rootSize;
    if (geometry.bits === 32) {
      const chain = this.table.claim(geometry.rootCluster);
      if (chain.clusters === 0)
        throw corrupt('FAT_ROOT', `the root directory's chain of clusters ${chain.problem}`);
      if (chain.problem !== undefined)
        this.report('/', 'FAT_CHAIN', `its chain of clusters ${chain.problem}`);
      stretches = this.directoryStretches('/', chain.runs);
      size = chain.clusters * geometry.clusterSize;
    }
    builder?.set(entry, FILE_TYPE.directory, 0o755, 0, 0, 1, size, size, 0, 0);
    return { entry, depth: 0, path: '/', stretches };
  }

  /** Notes a directory's clusters as structure; what exceeds the format's limit is not read. */
  private directoryStretches(path: string, runs: Runs): [number, number][] {
    const { clusterSize } = this.geometry;
    const stretches: [number, number][] = [];
    const limit = Math.max(MAX_FAT_DIRECTORY_BYTES, clusterSize);
    let total = 0;
    let tooLong = false;
    for (let i = 0; i < runs.length; i += 2) {
      const first = runs[i]!;
      const count = runs[i + 1]!;
      this.directories.push([first, count]);
      const length = Math.min(limit - total, count * clusterSize);
      if (length > 0) stretches.push([clusterOffset(this.geometry, first), length]);
      total += Math.max(0, length);
      if (length < count * clusterSize) tooLong = true;
    }
    if (tooLong)
      this.report(path, 'FAT_DIRECTORY_TOO_LONG', `is longer than ${limit} bytes; the rest is not read`);
    return stretches;
  }

  /** A directory's bytes; those that the volume no longer has are missing at the end. */
  async read(source: BlockSource, { stretches, path }: Pending): Promise<Uint8Array> {
    const bytes = new Uint8Array(stretches.reduce((sum, [, length]) => sum + length, 0));
    let at = 0;
    try {
      for (const [offset, length] of stretches) {
        await source.read(bytes.subarray(at, at + length), offset);
        at += length;
      }
    } catch (error) {
      if (!isArtifactError(error) || path === '/') throw error;
      this.report(path, 'FAT_DIRECTORY_UNREADABLE', `cannot be read: ${error.message}`);
      return bytes.subarray(0, at);
    }
    return bytes;
  }

  /** Adds a directory's entries to the table, and the directories among them to `next`. */
  visit(directory: Pending, bytes: Uint8Array, next: Pending[]): void {
    const { entries, orphans, damaged } = parseDirectory(bytes, this.geometry.bits === 32);
    if (orphans > 0) {
      this.context
        .at(directory.path)
        .report('warning', 'FAT_ORPHAN_LONG_NAME', `${orphans} pieces of long names belong to no file`);
    }
    if (damaged.length > 0) {
      this.report(
        directory.path,
        'FAT_BAD_ENTRY',
        `${damaged.length} directory entries make no sense, the first at ${hex(volumeOffset(directory, damaged[0]!))}`,
      );
    }
    for (const entry of entries) {
      const child = this.add(directory, entry);
      if (child !== undefined) next.push(child);
    }
  }

  private add(directory: Pending, entry: DirectoryEntry): Pending | undefined {
    const { builder, geometry } = this;
    const isDirectory = (entry.attributes & ATTR_DIRECTORY) !== 0;
    const path = `${directory.path === '/' ? '' : directory.path}/${escapeName(entry.name)}`;
    const chain =
      entry.firstCluster === 0 && !isDirectory
        ? { runs: [], clusters: 0, problem: undefined }
        : this.table.claim(entry.firstCluster);
    const allocated = chain.clusters * geometry.clusterSize;
    const size = isDirectory ? allocated : entry.size;
    let flags = 0;
    if (chain.problem !== undefined) {
      this.report(path, 'FAT_CHAIN', `its chain of clusters ${chain.problem}`);
      flags = FILE_FLAG.damaged;
    } else if (!isDirectory && size > allocated) {
      this.report(path, 'FAT_CHAIN_SHORT', `is ${size} bytes long, its chain of clusters holds ${allocated}`);
      flags = FILE_FLAG.damaged;
    } else if (!isDirectory && allocated - size >= geometry.clusterSize) {
      this.context
        .at(path)
        .report(
          'warning',
          'FAT_CHAIN_LONG',
          `is ${size} bytes long, its chain of clusters holds ${allocated}`,
        );
    }
    let index = 0;
    if (builder !== undefined) {
      index = builder.add(directory.entry, encoder.encode(this.usableName(path, entry.name)));
      builder.set(
        index,
        isDirectory ? FILE_TYPE.directory : FILE_TYPE.file,
        entry.attributes & ATTR_READ_ONLY ? 0o555 : 0o755,
        0,
        0,
        1,
        size,
        allocated,
        volumeOffset(directory, entry.at) / DIRECTORY_ENTRY_SIZE,
        entry.modified,
        flags,
      );
    }
    if (!isDirectory || chain.clusters === 0) return undefined;
    const stretches = this.directoryStretches(path, chain.runs);
    if (directory.depth + 1 >= MAX_DIRECTORY_DEPTH) {
      this.report(path, 'FAT_TOO_DEEP', `is more than ${MAX_DIRECTORY_DEPTH} directories deep`);
      return undefined;
    }
    return { entry: index, depth: directory.depth + 1, path, stretches };
  }

  /** No path can hold a name with '/' or NUL, or called '.' or '..'. */
  private usableName(path: string, name: string): string {
    if (!/[/\0]/.test(name) && name !== '.' && name !== '..') return name;
    this.report(path, 'FAT_BAD_NAME', 'has a name that no system allows');
    return name.replace(/[/\0]/g, '\ufffd').replace(/^\.{1,2}$/, (dots) => '\ufffd'.repeat(dots.length));
  }

  finish(): void {
    const lost = this.table.lostClusters();
    if (lost > 0) {
      this.context.report(
        'warning',
        'FAT_LOST_CLUSTERS',
        `${lost} clusters (${lost * this.geometry.clusterSize} bytes) are in use by no file; fsck.fat recovers them`,
      );
    }
  }
}

/** Where byte `at` of a directory lies on the volume. */
function volumeOffset({ stretches }: Pending, at: number): number {
  let rest = at;
  for (const [offset, length] of stretches) {
    if (rest < length) return offset + rest;
    rest -= length;
  }
  return 0;
}
