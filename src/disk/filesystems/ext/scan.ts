/**
 * The scan: one pass over the inode tables, one over the directory blocks, both in disk order and in large
 * reads, then one over the entries to join them.
 *
 *   inode tables ──► InodeColumns (attributes by slot)
 *        └─ directories' block maps ──► BlockMapper ──► directory blocks ──► names into the FileTable
 *                                                                            entry → inode, directory
 *   entries × InodeColumns ──► attributes, parents, hard links
 *
 * Children may come before their directory, so parents are set at the end, when every directory knows its
 * entry. Inodes that an entry names although the tables' tails were said to be unused (a filesystem whose
 * journal waits, or damage) are read in further rounds.
 */
import { corrupt, type ImgoptError } from '../../../core/errors.ts';
import { FILE_FLAG, type FileTableBuilder } from '../../../core/file-table.ts';
import type { MappedRuns } from '../../../sources/mapped.ts';
import { doubled, RunList, readRuns } from '../../../sources/runs.ts';
import { S_IFDIR, S_IFMT } from '../mode.ts';
import { joinTree } from '../tree.ts';
import { directoryBlockIsIntact, inodeSeed } from './checksum.ts';
import { DirectoryParser } from './directory.ts';
import { inodesToRead } from './groups.ts';
import { attributeBlockOf, InodeColumns, inlineContinuation, TRAIT } from './inodes.ts';
import { INCOMPAT, INO, INODE, INODE_FLAG } from './layout.ts';
import { BlockMapper } from './mapping.ts';
import { hasGroupChecksums, hasIncompat, systemInodes } from './superblock.ts';
import { inodeTableOf, readInodes, type Volume } from './volume.ts';

/** Rounds of reading inodes that nothing announced: each goes at least one directory level down. */
const MAX_ROUNDS = 64;

/** Extended attribute blocks by owner: shared ones appear once per owner. */
export class AttributeBlocks {
  count = 0;
  block: Float64Array<ArrayBuffer> = new Float64Array(64);
  /** 1 when a directory owns it. */
  ofDirectory: Uint8Array<ArrayBuffer> = new Uint8Array(64);

  add(block: number, ofDirectory: boolean): void {
    if (this.count === this.block.length) {
      this.block = doubled(this.block);
      this.ofDirectory = doubled(this.ofDirectory);
    }
    this.block[this.count] = block;
    this.ofDirectory[this.count++] = ofDirectory ? 1 : 0;
  }
}

/** What the scan learned beside the entries: where directories keep their blocks, and what else is metadata. */
export interface ScanFindings {
  readonly directoryRuns: MappedRuns[];
  readonly indexRuns: MappedRuns[];
  readonly attributeBlocks: AttributeBlocks;
}

export class ExtScan {
  private readonly volume: Volume;
  private readonly builder: FileTableBuilder;
  private readonly first: number;
  private readonly columns: InodeColumns;
  private readonly parser: DirectoryParser;
  private mapper: BlockMapper;
  /** Directories before this one are read. */
  private readDirectories = 0;
  /** Per group: inodes of its table that were read. */
  private readonly readLimit: Uint32Array;
  private readonly lostInodes = new Set<number>();
  private readonly findings: ScanFindings = {
    directoryRuns: [],
    indexRuns: [],
    attributeBlocks: new AttributeBlocks(),
  };

  constructor(volume: Volume, builder: FileTableBuilder) {
    const { geometry } = volume;
    this.volume = volume;
    this.builder = builder;
    this.first = builder.count;
    this.columns = new InodeColumns(geometry);
    this.readLimit = new Uint32Array(geometry.groups);
    this.mapper = this.newMapper();
    this.parser = new DirectoryParser(
      builder,
      hasIncompat(geometry, INCOMPAT.filetype),
      geometry.inodes,
      (directory, logical, code, message) => this.report(directory, logical, code, message),
    );
  }

  /** @throws `corrupt` when there is no readable root directory */
  async run(): Promise<ScanFindings> {
    const { builder, parser } = this;
    builder.add(-1, new Uint8Array(0));
    parser.entries.add(INO.root, 0, 2);
    await this.readTables();
    builder.reserve(this.columns.count);
    const root = this.columns.slotOf(INO.root);
    if (root < 0 || (this.columns.mode[root]! & S_IFMT) !== S_IFDIR) {
      throw corrupt('EXT_ROOT', 'inode 2 is no directory in use: there is no root to start from', {
        advice: 'run e2fsck on the image, or build it again',
      });
    }
    await this.readDirectoryBlocks();
    let seen = 0;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const unannounced = this.unannouncedInodes(seen);
      seen = parser.entries.count;
      if (unannounced.length === 0) break;
      await this.readUnannounced(unannounced);
      await this.readDirectoryBlocks();
    }
    this.join();
    return this.findings;
  }

  private newMapper(): BlockMapper {
    const { source, geometry, context } = this.volume;
    return new BlockMapper(source, geometry, context, (directory, error) => this.mapFailed(directory, error));
  }

  private inodeOf(directory: number): number {
    return this.columns.number[this.parser.directories.slot[directory]!]!;
  }

  private mapFailed(directory: number, error: ImgoptError): void {
    const code = error.code.replace(/^IMGOPT_/, '');
    this.volume.context.at(`inode ${this.inodeOf(directory)}`).report('error', code, error.message);
  }

  private report(directory: number, logical: number, code: string, message: string): void {
    const place = logical < 0 ? 'inline directory' : `directory block ${logical}`;
    this.volume.context
      .at(`inode ${this.inodeOf(directory)}`)
      .at(place)
      .report('error', code, message);
  }

  private async readTables(): Promise<void> {
    const { volume } = this;
    const { geometry, groups, context } = volume;
    const { blockSize, inodeSize, inodesPerGroup } = geometry;
    const limits = new Uint32Array(geometry.groups);
    for (let group = 0; group < geometry.groups; group++)
      limits[group] = inodesToRead(geometry, groups, group);
    if (!hasGroupChecksums(geometry)) await this.limitByBitmaps(limits);
    const runs = new RunList();
    const runGroup: number[] = [];
    let total = 0;
    for (let group = 0; group < geometry.groups; group++) {
      const limit = limits[group]!;
      if (limit === 0) continue;
      const table = inodeTableOf(volume, group);
      if (table < 0) continue; // reported with its descriptor
      this.readLimit[group] = limit;
      const blocks = Math.ceil((limit * inodeSize) / blockSize);
      runs.add(table, blocks);
      runGroup.push(group);
      total += blocks * blockSize;
    }
    const progress = context.progress.start('inode tables', total);
    const perBlock = blockSize / inodeSize;
    await readRuns(volume.source, blockSize, runs, context, {
      visit: (run, offset, count, view, at, bytes) => {
        const group = runGroup[run]!;
        const begin = offset * perBlock;
        const end = Math.min(begin + count * perBlock, limits[group]!);
        let number = group * inodesPerGroup + begin + 1;
        for (let index = begin, place = at; index < end; index++, place += inodeSize) {
          this.takeInode(number++, view, place, bytes);
        }
        progress.advance(count * blockSize);
      },
      lost: (run, offset, count, message) => {
        const number = runGroup[run]! * inodesPerGroup + offset * perBlock + 1;
        context
          .at(`inodes ${number} to ${number + count * perBlock - 1}`)
          .report('error', 'EXT_INODE_UNREADABLE', message);
      },
    });
    progress.done();
  }

  /** Without group checksums nothing tells the never-used tail: the last bit set in the inode bitmap does. */
  private async limitByBitmaps(limits: Uint32Array): Promise<void> {
    const { source, geometry, groups, context } = this.volume;
    const runs = new RunList();
    const runGroup: number[] = [];
    for (let group = 0; group < geometry.groups; group++) {
      const block = groups.inodeBitmap[group]!;
      if (block <= geometry.firstDataBlock || block >= geometry.blocks) continue;
      runs.add(block, 1);
      runGroup.push(group);
    }
    await readRuns(source, geometry.blockSize, runs, context, {
      visit: (run, _offset, _count, view, at) => {
        let byte = Math.ceil(geometry.inodesPerGroup / 8) - 1;
        while (byte >= 0 && view.getUint8(at + byte) === 0) byte--;
        limits[runGroup[run]!] = Math.min(geometry.inodesPerGroup, (byte + 1) * 8);
      },
      lost: () => {}, // the table is then read whole
    });
  }

  private takeInode(number: number, view: DataView, at: number, bytes: Uint8Array): number {
    const { columns, volume } = this;
    const slot = columns.take(number, view, at);
    if (slot < 0) return slot;
    const { geometry } = volume;
    const isDirectory = (columns.mode[slot]! & S_IFMT) === S_IFDIR;
    const attributes = attributeBlockOf(geometry, view, at);
    if (attributes !== 0) this.findings.attributeBlocks.add(attributes, isDirectory);
    const traits = columns.traits[slot]!;
    if (traits & TRAIT.badChecksum) {
      volume.context
        .at(`inode ${number}`)
        .report('error', 'EXT_INODE_CHECKSUM', 'the inode fails its checksum');
    }
    this.checkSizes(number, slot);
    if (isDirectory) this.takeDirectory(number, slot, view, at, bytes);
    return slot;
  }

  /** A file occupies no more than its filesystem, and is no longer than its block numbers reach (32 bits). */
  private checkSizes(number: number, slot: number): void {
    const { columns, volume } = this;
    const { blockSize, blocks } = volume.geometry;
    if (columns.allocated[slot]! > blocks * blockSize) {
      const message = `claims ${columns.allocated[slot]} bytes, more than the filesystem has`;
      volume.context.at(`inode ${number}`).report('error', 'EXT_INODE_BLOCKS', message);
      columns.allocated[slot] = 0;
    }
    if (columns.size[slot]! > 2 ** 32 * blockSize) {
      const message = `claims to be ${columns.size[slot]} bytes long, more than ext can address`;
      volume.context.at(`inode ${number}`).report('error', 'EXT_INODE_SIZE', message);
      columns.size[slot] = 0;
    }
  }

  private takeDirectory(number: number, slot: number, view: DataView, at: number, bytes: Uint8Array): void {
    const { columns, parser, volume } = this;
    const { geometry } = volume;
    const flags = view.getUint32(at + INODE.i_flags, true);
    const generation = view.getUint32(at + INODE.i_generation, true);
    const seed = geometry.seed === undefined ? 0 : inodeSeed(geometry.seed, number, generation);
    const encrypted = (columns.traits[slot]! & TRAIT.encrypted) !== 0;
    const blocks = Math.ceil(columns.size[slot]! / geometry.blockSize);
    if ((flags & INODE_FLAG.inlineData) !== 0) {
      // Parent's inode number, entries in what remains of i_block, then in the attribute system.data.
      const directory = parser.directories.add(slot, seed, 0, encrypted);
      const start = at + INODE.i_block;
      parser.directories.parent[directory] = view.getUint32(start, true);
      parser.directories.self[directory] = number;
      const end = start + INODE.i_blockSize;
      parser.parse(directory, -1, view, bytes, start + 4, end, geometry.blockSize);
      const more = inlineContinuation(geometry, view, at);
      if (more !== undefined && more[1] > more[0]) {
        parser.parse(directory, -1, view, bytes, more[0], more[1], geometry.blockSize);
      }
      return;
    }
    const directory = parser.directories.add(slot, seed, blocks, encrypted);
    const isExtents = (flags & INODE_FLAG.extents) !== 0;
    this.mapper.add({ owner: directory, inode: number, generation, isExtents }, view, at + INODE.i_block);
  }

  /** Reads the blocks of all directories that the mapper holds. */
  private async readDirectoryBlocks(): Promise<void> {
    const { volume, mapper, parser } = this;
    const { geometry, context, source } = volume;
    const { blockSize } = geometry;
    await mapper.resolve();
    this.mapper = this.newMapper();
    this.findings.directoryRuns.push(mapper.runs);
    this.findings.indexRuns.push(mapper.index);
    const { runs } = mapper;
    const { directories } = parser;
    const mapped = new Float64Array(directories.count);
    const wanted = new RunList();
    const owner: number[] = [];
    const logical: number[] = [];
    let lastEnd = 0;
    for (const run of runs.byPlace()) {
      const directory = runs.owner[run]!;
      const from = runs.logical[run]!;
      let length = Math.min(runs.length[run]!, directories.blocks[directory]! - from);
      if (length <= 0) continue; // preallocated past the directory's size
      mapped[directory]! += length;
      let skip = 0;
      if (runs.unwritten[run] === 1) {
        this.report(directory, from, 'EXT_DIRECTORY_UNWRITTEN', 'the extent is marked as never written');
        continue;
      }
      const start = runs.start[run]!;
      if (start < lastEnd) {
        skip = Math.min(length, lastEnd - start);
        this.report(
          directory,
          from,
          'EXT_DIRECTORY_SHARED',
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
    for (; this.readDirectories < directories.count; this.readDirectories++) {
      const missing = directories.blocks[this.readDirectories]! - mapped[this.readDirectories]!;
      if (missing > 0) {
        const message = `${missing} of ${directories.blocks[this.readDirectories]} blocks of the directory are not there`;
        context
          .at(`inode ${this.inodeOf(this.readDirectories)}`)
          .report('error', 'EXT_DIRECTORY_HOLE', message);
      }
    }
    const verify = geometry.seed !== undefined;
    await readRuns(source, blockSize, wanted, context, {
      visit: (run, offset, count, view, at, bytes) => {
        const directory = owner[run]!;
        const seed = directories.seed[directory]!;
        let block = logical[run]! + offset;
        for (let place = at; place < at + count * blockSize; place += blockSize) {
          if (verify && !directoryBlockIsIntact(seed, view, place, blockSize)) {
            this.report(directory, block, 'EXT_DIRECTORY_CHECKSUM', 'the block fails its checksum');
          }
          parser.parse(directory, block++, view, bytes, place, place + blockSize, blockSize);
        }
      },
      lost: (run, offset, _count, message) => {
        this.report(owner[run]!, logical[run]! + offset, 'EXT_DIRECTORY_UNREADABLE', message);
      },
    });
  }

  /** Inodes that entries from `from` on name and no table read so far covered. */
  private unannouncedInodes(from: number): number[] {
    const { columns, parser, volume, readLimit, lostInodes } = this;
    const { inodes, inodesPerGroup } = volume.geometry;
    const found: number[] = [];
    for (let entry = from; entry < parser.entries.count; entry++) {
      const inode = parser.entries.inode[entry]!;
      if (inode > inodes || columns.slotOf(inode) >= 0) continue;
      const group = Math.floor((inode - 1) / inodesPerGroup);
      if ((inode - 1) % inodesPerGroup < readLimit[group]! || lostInodes.has(inode)) continue;
      lostInodes.add(inode);
      found.push(inode);
    }
    return found;
  }

  private async readUnannounced(inodes: readonly number[]): Promise<void> {
    const { context } = this.volume;
    await readInodes(
      this.volume,
      inodes,
      (number, view, at) => {
        const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
        if (this.takeInode(number, view, at, bytes) >= 0) {
          const message = 'is in use although its group counts it as never used';
          context.at(`inode ${number}`).report('warning', 'EXT_INODE_UNANNOUNCED', message);
        }
      },
      (number, message) => context.at(`inode ${number}`).report('error', 'EXT_INODE_UNREADABLE', message),
    );
  }

  /** Gives every entry its inode's attributes and its directory. */
  private join(): void {
    const { builder, columns, first, parser, volume } = this;
    const { geometry, context } = volume;
    const ownInodes = new Set(systemInodes(geometry));
    const { traits } = columns;
    const isEncrypted = (slot: number): boolean => (traits[slot]! & TRAIT.encrypted) !== 0;
    joinTree({
      builder,
      context,
      first,
      inodes: columns,
      directories: parser.directories,
      entries: parser.entries,
      rootInode: INO.root,
      prefix: 'EXT',
      repair: 'e2fsck',
      nameFlags: (directory) => (parser.directories.encrypted[directory] === 1 ? FILE_FLAG.encrypted : 0),
      inodeFlags: (slot) => (isEncrypted(slot) ? FILE_FLAG.encrypted : 0),
      isNameless: (slot) => {
        const inode = columns.number[slot]!;
        return (traits[slot]! & TRAIT.eaInode) !== 0 || inode < geometry.firstInode || ownInodes.has(inode);
      },
    });
    let encrypted = 0;
    for (let slot = 0; slot < columns.count; slot++) if (isEncrypted(slot)) encrypted++;
    if (encrypted > 0) {
      context.report(
        'info',
        'EXT_ENCRYPTED',
        `${encrypted} files and directories are encrypted: raw names, no content`,
      );
    }
  }
}
