/**
 * The scan: the inode btrees say where inodes are; one pass over the inode chunks and one over the directory
 * blocks, both in disk order and in large reads; then every entry is joined with its inode (../tree.ts).
 *
 *   inode btrees ──► chunks ──► InodeColumns (attributes by slot)
 *                      └─ directories: short form parsed at once, else maps ──► data blocks ──► names
 *
 * A directory block of several blocks may be cut by the edge of a read or lie in pieces: then it is put together.
 */
import { corrupt, ImgoptError } from '../../../core/errors.ts';
import type { FileTableBuilder } from '../../../core/file-table.ts';
import { MAX_PENDING_DIRECTORY_BYTES } from '../../../core/limits.ts';
import type { MappedRuns } from '../../../sources/mapped.ts';
import { RunList, readRuns } from '../../../sources/runs.ts';
import { joinTree } from '../tree.ts';
import { readChunks } from './chunks.ts';
import { DirectoryParser } from './directory.ts';
import { type Chunk, forksOf, InodeColumns, inodeProblem, isDirectory, isFree, stretches } from './inodes.ts';
import { DIR, FORMAT, INODE, INODES_PER_CHUNK } from './layout.ts';
import { ForkMapper } from './mapping.ts';
import { hasReflink } from './superblock.ts';
import type { Volume } from './volume.ts';

/** What the scan learned beside the entries: where directories keep their blocks. */
export interface ScanFindings {
  readonly directoryRuns: readonly MappedRuns[];
}

/** A directory block whose pieces are still coming. */
interface Pending {
  readonly bytes: Uint8Array;
  /** Its first block on the disk; -1 until that came. */
  block: number;
  left: number;
}

export class XfsScan {
  private readonly volume: Volume;
  private readonly builder: FileTableBuilder;
  private readonly first: number;
  private readonly parser: DirectoryParser;
  private readonly data: ForkMapper;
  private readonly attributes: ForkMapper;
  private columns: InodeColumns;
  private unlinked = 0;
  private readonly pending = new Map<string, Pending>();

  constructor(volume: Volume, builder: FileTableBuilder) {
    const { source, geometry, context } = volume;
    this.volume = volume;
    this.builder = builder;
    this.first = builder.count;
    this.columns = new InodeColumns(geometry, []);
    this.parser = new DirectoryParser(builder, geometry, (directory, logical, code, message) =>
      this.report(directory, logical, code, message),
    );
    const failed = (directory: number, error: ImgoptError): void =>
      this.reportError(this.parser.directories.inode[directory]!, error);
    this.data = new ForkMapper(source, geometry, context, failed);
    this.attributes = new ForkMapper(source, geometry, context, failed);
  }

  /** @throws `corrupt` when there is no readable root directory */
  async run(): Promise<ScanFindings> {
    const { builder, parser, volume } = this;
    const { geometry, context } = volume;
    builder.add(-1, new Uint8Array(0));
    parser.entries.add(geometry.rootInode, 0, 2);
    const chunks = await readChunks(volume, new Set(), (error) => this.reportError(-1, error));
    this.columns = new InodeColumns(geometry, chunks);
    builder.reserve(geometry.inodes);
    await this.readInodes(chunks);
    const root = this.columns.slotOf(geometry.rootInode);
    if (root < 0 || !isDirectory(this.columns.mode[root]!)) {
      throw corrupt(
        'XFS_ROOT',
        `inode ${geometry.rootInode} is no directory in use: there is no root to start from`,
        {
          advice: 'run xfs_repair on the image, or build it again',
        },
      );
    }
    await this.data.resolve();
    await this.attributes.resolve();
    await this.readDirectories();
    if (this.unlinked > 0) {
      const message = `${this.unlinked} inodes are unlinked but not yet freed; the next mount frees them`;
      context.report('info', 'XFS_UNLINKED', message);
    }
    const system = new Set(geometry.systemInodes);
    const { columns } = this;
    joinTree({
      builder,
      context,
      first: this.first,
      inodes: columns,
      directories: parser.directories,
      entries: parser.entries,
      rootInode: geometry.rootInode,
      prefix: 'XFS',
      repair: 'xfs_repair',
      isNameless: (slot) => system.has(columns.numberOf(slot)),
    });
    const { data, attributes } = this;
    return { directoryRuns: [data.runs, data.index, attributes.runs, attributes.index] };
  }

  private reportError(inode: number, error: ImgoptError): void {
    let { context } = this.volume;
    if (inode >= 0) context = context.at(`inode ${inode}`);
    for (const place of error.where) context = context.at(place);
    context.report('error', error.code.replace(/^IMGOPT_/, ''), error.message);
  }

  private report(directory: number, logical: number, code: string, message: string): void {
    const place = logical < 0 ? 'short directory' : `directory block ${logical}`;
    this.volume.context
      .at(`inode ${this.parser.directories.inode[directory]}`)
      .at(place)
      .report('error', code, message);
  }

  private async readInodes(chunks: readonly Chunk[]): Promise<void> {
    const { source, geometry, context } = this.volume;
    const { blockSize, inodeSize, inodesPerBlock } = geometry;
    const runs = new RunList();
    // By run: its chunk, the first inode of it there, how many, and what stands before them in the first block.
    const chunkOf: number[] = [];
    const from: number[] = [];
    const length: number[] = [];
    const skip: number[] = [];
    let total = 0;
    for (const [index, chunk] of chunks.entries()) {
      stretches(chunk, (begin, end) => {
        const place = chunk.index + begin;
        const firstBlock = Math.floor(place / inodesPerBlock);
        const blocks = Math.ceil((chunk.index + end) / inodesPerBlock) - firstBlock;
        runs.add(chunk.block + firstBlock, blocks);
        chunkOf.push(index);
        from.push(begin);
        length.push(end - begin);
        skip.push(place % inodesPerBlock);
        total += blocks * blockSize;
      });
    }
    const progress = context.progress.start('inode chunks', total);
    await readRuns(source, blockSize, runs, context, {
      visit: (run, offset, count, view, at, bytes) => {
        const chunk = chunks[chunkOf[run]!]!;
        // Inodes of the stretch that stand in these blocks.
        const begin = Math.max(0, offset * inodesPerBlock - skip[run]!);
        const end = Math.min(length[run]!, (offset + count) * inodesPerBlock - skip[run]!);
        let place = at + (begin + skip[run]! - offset * inodesPerBlock) * inodeSize;
        for (let i = from[run]! + begin; i < from[run]! + end; i++, place += inodeSize) {
          if (!isFree(chunk, i)) this.takeInode(chunkOf[run]! * INODES_PER_CHUNK + i, view, place, bytes);
        }
        progress.advance(count * blockSize);
      },
      lost: (run, _offset, _count, message) => {
        const number = chunks[chunkOf[run]!]!.first + from[run]!;
        context
          .at(`inodes ${number} to ${number + length[run]! - 1}`)
          .report('error', 'XFS_INODE_UNREADABLE', message);
      },
    });
    progress.done();
  }

  private takeInode(slot: number, view: DataView, at: number, bytes: Uint8Array): void {
    const { columns, volume } = this;
    const { geometry, context } = volume;
    const number = columns.numberOf(slot);
    const problem = inodeProblem(geometry, view, at, number);
    if (problem !== undefined) {
      context.at(`inode ${number}`).report('error', 'XFS_INODE_DAMAGED', problem);
      // What does not even look like an inode says nothing about a file.
      if (view.getUint16(at) !== INODE.magic) return;
    }
    const mode = columns.take(slot, view, at);
    if (mode === 0) {
      if (view.getUint16(at + INODE.di_mode) !== 0) this.unlinked++;
      else
        context
          .at(`inode ${number}`)
          .report('error', 'XFS_INODE_FREE', 'is marked as in use and has no mode');
      return;
    }
    this.checkSizes(number, slot);
    if (isDirectory(mode)) this.takeDirectory(number, slot, view, at, bytes);
  }

  /** A file occupies no more than its filesystem (shared extents may count often), and sizes have 63 bits. */
  private checkSizes(number: number, slot: number): void {
    const { columns, volume } = this;
    const { geometry, context } = volume;
    const most = hasReflink(geometry) ? Number.MAX_SAFE_INTEGER : geometry.blocks * geometry.blockSize;
    if (columns.allocated[slot]! > most) {
      const message = `claims ${columns.allocated[slot]} bytes, more than there can be`;
      context.at(`inode ${number}`).report('error', 'XFS_INODE_BLOCKS', message);
      columns.allocated[slot] = 0;
    }
    if (columns.size[slot]! > Number.MAX_SAFE_INTEGER) {
      context.at(`inode ${number}`).report('error', 'XFS_INODE_SIZE', 'claims to be longer than 2^53 bytes');
      columns.size[slot] = 0;
    }
  }

  private takeDirectory(number: number, slot: number, view: DataView, at: number, bytes: Uint8Array): void {
    const { columns, parser, volume } = this;
    const directory = parser.directories.add(slot, number);
    try {
      const { data, attributes } = forksOf(volume.geometry, view, at);
      this.attributes.add(directory, number, attributes, view);
      if (data.format === FORMAT.local) {
        const end = data.at + Math.min(data.size, columns.size[slot]!);
        parser.parseShort(directory, view, bytes, data.at, end);
      } else if (data.format === FORMAT.extents || data.format === FORMAT.btree) {
        this.data.add(directory, number, data, view);
      } else throw corrupt('XFS_INODE_FORK', `a directory of format ${data.format}`);
    } catch (error) {
      if (!(error instanceof ImgoptError)) throw error;
      this.reportError(number, error);
    }
  }

  /** Reads the data blocks of all directories. */
  private async readDirectories(): Promise<void> {
    const { source, geometry, context } = this.volume;
    const { blockSize, directoryBlockSize } = geometry;
    const { runs } = this.data;
    const perBlock = directoryBlockSize / blockSize;
    // Indexes by hash and lists of free space begin here; they hold no names.
    const leafBlock = DIR.leafOffset / blockSize;
    const wanted = new RunList();
    const owner: number[] = [];
    const logical: number[] = [];
    let lastEnd = 0;
    for (const run of runs.byPlace()) {
      const directory = runs.owner[run]!;
      const from = runs.logical[run]!;
      let length = Math.min(runs.length[run]!, leafBlock - from);
      if (length <= 0) continue;
      if (runs.unwritten[run] === 1) {
        this.report(directory, from, 'XFS_DIRECTORY_UNWRITTEN', 'the extent is marked as never written');
        continue;
      }
      const start = runs.start[run]!;
      const skip = Math.min(length, Math.max(0, lastEnd - start));
      if (skip > 0) {
        this.report(
          directory,
          from,
          'XFS_DIRECTORY_SHARED',
          `block ${start} is another directory block as well`,
        );
      }
      length -= skip;
      if (length === 0) continue;
      wanted.add(start + skip, length);
      owner.push(directory);
      logical.push(from + skip);
      lastEnd = start + skip + length;
    }
    await readRuns(source, blockSize, wanted, context, {
      visit: (run, offset, count, view, at, bytes) => {
        const directory = owner[run]!;
        const start = wanted.start[run]! + offset;
        const first = logical[run]! + offset;
        for (let i = 0; i < count; ) {
          const inBlock = (first + i) % perBlock;
          const take = Math.min(perBlock - inBlock, count - i);
          const place = at + i * blockSize;
          const number = Math.floor((first + i) / perBlock);
          if (take === perBlock) this.parser.parseBlock(directory, start + i, number, view, bytes, place);
          else
            this.takePiece(
              directory,
              number,
              inBlock,
              take,
              start + i,
              bytes.subarray(place, place + take * blockSize),
            );
          i += take;
        }
      },
      lost: (run, offset, _count, message) => {
        const number = Math.floor((logical[run]! + offset) / perBlock);
        this.report(owner[run]!, number, 'XFS_DIRECTORY_UNREADABLE', message);
      },
    });
    for (const key of this.pending.keys()) {
      const [directory, number] = key.split(' ').map(Number);
      this.report(directory!, number!, 'XFS_DIRECTORY_HOLE', 'part of the directory block is not there');
    }
  }

  /** `count` blocks of a directory block, from its block `inBlock` on. */
  private takePiece(
    directory: number,
    number: number,
    inBlock: number,
    count: number,
    block: number,
    bytes: Uint8Array,
  ): void {
    const { blockSize, directoryBlockSize } = this.volume.geometry;
    const key = `${directory} ${number}`;
    let pending = this.pending.get(key);
    if (pending === undefined) {
      if (this.pending.size * directoryBlockSize >= MAX_PENDING_DIRECTORY_BYTES) {
        this.report(directory, number, 'XFS_DIRECTORY_HOLE', 'too many directory blocks are in pieces');
        return;
      }
      pending = {
        bytes: new Uint8Array(directoryBlockSize),
        block: -1,
        left: directoryBlockSize / blockSize,
      };
      this.pending.set(key, pending);
    }
    pending.bytes.set(bytes, inBlock * blockSize);
    if (inBlock === 0) pending.block = block;
    pending.left -= count;
    if (pending.left > 0) return;
    this.pending.delete(key);
    const view = new DataView(pending.bytes.buffer);
    this.parser.parseBlock(directory, pending.block, number, view, pending.bytes, 0);
  }
}
