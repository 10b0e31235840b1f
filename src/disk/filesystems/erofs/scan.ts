/**
 * The scan. EROFS has no table of inodes: they stand where there was room, each with its map behind it, and only
 * directories tell where. So the tree is walked level by level, and of a level everything is read in disk order:
 *
 *   inodes ──► headers of maps ──► maps ──► blocks of directories ──► names, and the inodes of the next level
 *
 * Maps are read in full: they say what a file takes, which bytes of the filesystem are content, and what lies in the
 * packed inode, where files share their ends. No two structures overlap, so a scan that is to read more of them
 * than the filesystem has bytes ends: they lie over each other.
 */
import { corrupt, type ImgoptError, isArtifactError, unsupported } from '../../../core/errors.ts';
import { type ByteRange, ExtentBuilder, type ExtentSet } from '../../../core/extents.ts';
import { FILE_FLAG, type FileTableBuilder } from '../../../core/file-table.ts';
import { MAX_DIRECTORY_DEPTH, MAX_EROFS_DIRECTORY_BYTES, MAX_FILE_EXTENTS } from '../../../core/limits.ts';
import { inParallel } from '../../../core/parallel.ts';
import { RunList } from '../../../sources/runs.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../mode.ts';
import { joinTree } from '../tree.ts';
import { InodeColumns } from './columns.ts';
import { type ContentMap, FORM, isHere } from './content-map.ts';
import { DirectoryParser } from './directory.ts';
import { type Inode, parseInode } from './inodes.ts';
import { readPieces } from './pieces.ts';
import type { Volume } from './volume.ts';

/** Inodes that are held as objects at once. */
const BATCH = 32 * 1024;
/** Bytes of one read of a directory, which large ones are cut into. */
const DIRECTORY_PIECE = 64 * 1024;
/** Compressed directories that are read at once. */
const DIRECTORIES_IN_FLIGHT = 8;

interface Directory {
  /** Its position in the parser's columns. */
  readonly position: number;
  readonly map: ContentMap;
}

export class ErofsScan {
  private readonly volume: Volume;
  private readonly builder: FileTableBuilder;
  private readonly first: number;
  private readonly columns = new InodeColumns();
  private readonly parser: DirectoryParser;
  private readonly content = new RunList();
  private next: number[] = [];
  /** Structure that may still be read, in bytes. */
  private structureLeft: number;
  private decodedLeft = MAX_EROFS_DIRECTORY_BYTES;
  /** Files with a fragment. */
  private readonly fragments: { readonly slot: number[]; readonly length: number[]; readonly end: number[] } =
    {
      slot: [],
      length: [],
      end: [],
    };

  constructor(volume: Volume, builder: FileTableBuilder) {
    this.volume = volume;
    this.builder = builder;
    this.first = builder.count;
    this.structureLeft = volume.superblock.size;
    this.parser = new DirectoryParser(
      builder,
      (inode) => {
        if (this.columns.isNew(inode)) this.next.push(inode);
      },
      (directory) =>
        this.report(
          this.parser.directories.inode[directory]!,
          corrupt('EROFS_NAME', "a name holds '/' or a zero byte"),
        ),
    );
  }

  /**
   * @returns which bytes are content of files
   * @throws ImgoptError `corrupt` when there is no readable root directory
   */
  async run(): Promise<ExtentSet> {
    const { builder, volume, columns, parser } = this;
    const { superblock, context } = volume;
    const { root } = superblock;
    builder.add(-1, new Uint8Array(0));
    parser.entries.add(root, 0, 2);
    columns.isNew(root);
    this.next.push(root);
    for (let depth = 0; this.next.length > 0; depth++) {
      if (depth > MAX_DIRECTORY_DEPTH) {
        context.report('error', 'EROFS_DEPTH', `directories more than ${MAX_DIRECTORY_DEPTH} deep`);
        break;
      }
      const level = this.next;
      this.next = [];
      for (let at = 0; at < level.length; at += BATCH) await this.readBatch(level.slice(at, at + BATCH));
      if (depth === 0 && (columns.mode[0]! & S_IFMT) !== S_IFDIR) {
        throw corrupt('EROFS_ROOT', `inode ${root} is no directory: there is no root to start from`, {
          advice: 'copy the image again, or build it again',
        });
      }
    }
    await this.sharePacked();
    joinTree({
      builder,
      context,
      first: this.first,
      inodes: columns,
      directories: parser.directories,
      entries: parser.entries,
      rootInode: root,
      prefix: 'EROFS',
      repair: 'fsck.erofs',
      isNameless: () => false,
      inodeFlags: (slot) => columns.flags[slot]!,
    });
    return this.contentExtents();
  }

  private report(inode: number, error: ImgoptError): void {
    let context = this.volume.context.at(`inode ${inode}`);
    for (const place of error.where) context = context.at(place);
    context.report('error', error.code.replace(/^IMGOPT_/, ''), error.message);
  }

  /** Runs what may find the artifact damaged; then says so, and goes on. */
  private guarded<T>(inode: number, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      this.report(inode, error);
      return undefined;
    }
  }

  private async readBatch(numbers: readonly number[]): Promise<void> {
    this.volume.context.signal.throwIfAborted();
    const inodes = await this.readInodes(numbers);
    const directories: Directory[] = [];
    await this.readMaps(inodes, (inode, slot, map) => {
      if ((inode.mode & S_IFMT) !== S_IFDIR) this.takeFile(inode, slot, map);
      else {
        const self = inode.hasNoDot ? inode.number : 0;
        directories.push({ position: this.parser.directories.add(slot, inode.number, self), map });
      }
    });
    await this.readDirectories(directories);
  }

  private async readInodes(numbers: readonly number[]): Promise<Inode[]> {
    const { source, superblock, context } = this.volume;
    const wanted: number[] = [];
    const ranges: ByteRange[] = [];
    for (const number of numbers) {
      const range = this.guarded(number, () => this.volume.rangeOfInode(number));
      if (range === undefined) continue;
      wanted.push(number);
      ranges.push(range);
    }
    const inodes: Inode[] = [];
    await readPieces(source, superblock.blockSize, ranges, context, {
      take: (index, bytes) => {
        const number = wanted[index]!;
        const inode = this.guarded(number, () => parseInode(superblock, number, ranges[index]!.start, bytes));
        if (inode === undefined) return;
        this.columns.add(inode);
        inodes.push(inode);
      },
      lost: (index, message) => this.report(wanted[index]!, corrupt('EROFS_INODE_UNREADABLE', message)),
    });
    return inodes;
  }

  /** Reads the maps of files and directories; a file without one is damaged, a directory without one empty. */
  private async readMaps(
    inodes: readonly Inode[],
    take: (inode: Inode, slot: number, map: ContentMap) => void,
  ): Promise<void> {
    const { volume, columns } = this;
    const { source, superblock, context } = volume;
    const slots: number[] = [];
    const mapped: Inode[] = [];
    for (const inode of inodes) {
      if (![S_IFREG, S_IFDIR].includes(inode.mode & S_IFMT)) continue;
      mapped.push(inode);
      slots.push(columns.slotOf(inode.number));
    }
    const fail = (index: number, error: ImgoptError): void => {
      this.report(mapped[index]!.number, error);
      columns.flags[slots[index]!]! |= FILE_FLAG.damaged;
    };
    const guarded = <T>(index: number, work: () => T): T | undefined => {
      try {
        return work();
      } catch (error) {
        if (!isArtifactError(error)) throw error;
        fail(index, error);
        return undefined;
      }
    };
    const lost = (index: number, message: string): void =>
      fail(index, corrupt('EROFS_MAP_UNREADABLE', message));
    const firsts: (Uint8Array | undefined)[] = [];
    const plan = async (
      rangeOf: (index: number) => ByteRange | undefined,
      taken: (index: number, bytes: Uint8Array) => void,
    ): Promise<void> => {
      const indices: number[] = [];
      const ranges: ByteRange[] = [];
      for (let index = 0; index < mapped.length; index++) {
        const range = guarded(index, () => this.spend(rangeOf(index)));
        if (range === undefined) continue;
        indices.push(index);
        ranges.push(range);
      }
      await readPieces(source, superblock.blockSize, ranges, context, {
        take: (piece, bytes) => taken(indices[piece]!, bytes),
        lost: (piece, message) => lost(indices[piece]!, message),
      });
    };
    await plan(
      (index) => volume.firstRange(mapped[index]!),
      (index, bytes) => {
        firsts[index] = bytes.slice();
      },
    );
    await plan(
      (index) => {
        const first = firsts[index];
        return first === undefined ? undefined : volume.secondRange(mapped[index]!, first);
      },
      (index, bytes) => {
        const inode = mapped[index]!;
        const map = guarded(index, () => volume.mapOf(inode, firsts[index]!, bytes));
        if (map !== undefined) take(inode, slots[index]!, map);
      },
    );
  }

  private spend(range: ByteRange | undefined): ByteRange | undefined {
    if (range === undefined) return undefined;
    this.structureLeft -= range.end - range.start;
    if (this.structureLeft < 0)
      throw corrupt('EROFS_OVERLAP', 'structures lie over each other: together they exceed the filesystem');
    return range;
  }

  private takeFile(inode: Inode, slot: number, map: ContentMap): void {
    const { columns, fragments } = this;
    columns.allocated[slot] = map.allocated;
    if (map.isCompressed) columns.flags[slot]! |= FILE_FLAG.compressed;
    this.takeContent(map);
    const { fragmentBytes } = map;
    if (fragmentBytes === 0) return;
    if (this.volume.superblock.packed === undefined) {
      columns.flags[slot]! |= FILE_FLAG.damaged;
      this.report(
        inode.number,
        corrupt('EROFS_FRAGMENT', 'its end is a fragment, and there is no packed inode'),
      );
      return;
    }
    fragments.slot.push(slot);
    fragments.length.push(fragmentBytes);
    fragments.end.push(map.place[map.count - 1]! + fragmentBytes);
  }

  private takeContent({ count, form, place, stored }: ContentMap): void {
    const { content } = this;
    for (let i = 0; i < count; i++) {
      if (!isHere(form[i]!)) continue;
      const last = content.count - 1;
      if (last >= 0 && content.start[last]! + content.length[last]! === place[i]) {
        content.length[last]! += stored[i]!;
        continue;
      }
      if (content.count >= MAX_FILE_EXTENTS)
        throw unsupported('TOO_MANY_EXTENTS', `more than ${MAX_FILE_EXTENTS} extents`);
      content.add(place[i]!, stored[i]!);
    }
  }

  private async readDirectories(directories: readonly Directory[]): Promise<void> {
    const { volume, parser } = this;
    const { blockSize } = volume.superblock;
    const ranges: ByteRange[] = [];
    const owner: number[] = [];
    const packed: (() => Promise<void>)[] = [];
    for (const directory of directories) {
      const { position, map } = directory;
      if (map.size === 0) continue;
      const inode = parser.directories.inode[position]!;
      const isPlain = map.form.subarray(0, map.count).every((form) => form === FORM.plain);
      this.guarded(inode, () => {
        if (!isPlain) {
          this.decodedLeft -= map.size;
          if (this.decodedLeft < 0) {
            const message = `compressed directories of more than ${MAX_EROFS_DIRECTORY_BYTES} bytes`;
            throw unsupported('EROFS_DIRECTORY_BYTES', message);
          }
          packed.push(() => this.readPackedDirectory(directory));
          return;
        }
        for (let i = 0; i < map.count; i++) {
          const start = map.place[i]!;
          const range = this.spend({ start, end: start + map.endOf(i) - map.from[i]! })!;
          for (let at = start; at < range.end; at += Math.max(blockSize, DIRECTORY_PIECE)) {
            ranges.push({ start: at, end: Math.min(range.end, at + Math.max(blockSize, DIRECTORY_PIECE)) });
            owner.push(position);
          }
        }
      });
    }
    await readPieces(volume.source, blockSize, ranges, volume.context, {
      take: (index, bytes) => this.parseBlocks(owner[index]!, bytes),
      lost: (index, message) =>
        this.report(parser.directories.inode[owner[index]!]!, corrupt('EROFS_DIRECTORY_UNREADABLE', message)),
    });
    await inParallel(packed, DIRECTORIES_IN_FLIGHT);
  }

  private parseBlocks(position: number, bytes: Uint8Array): void {
    const { blockSize } = this.volume.superblock;
    const inode = this.parser.directories.inode[position]!;
    for (let at = 0; at < bytes.length; at += blockSize)
      this.guarded(inode, () => this.parser.parseBlock(position, bytes.subarray(at, at + blockSize)));
  }

  private async readPackedDirectory({ position, map }: Directory): Promise<void> {
    try {
      const source = await this.volume.file(map);
      const bytes = new Uint8Array(map.size);
      await source.read(bytes, 0);
      this.parseBlocks(position, bytes);
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      this.report(this.parser.directories.inode[position]!, error);
    }
  }

  /** Each fragment gets of what the packed inode takes its part of all fragments; the shares add up. */
  private async sharePacked(): Promise<void> {
    const { volume, columns, fragments } = this;
    const { packed } = volume.superblock;
    if (packed === undefined || fragments.slot.length === 0) return; // what only directories share is structure
    let map: ContentMap;
    try {
      map = await volume.map(await volume.inode(packed));
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      this.report(packed, error);
      for (const slot of fragments.slot) columns.flags[slot]! |= FILE_FLAG.damaged;
      return;
    }
    this.takeContent(map);
    const total = map.allocated;
    const sum = fragments.length.reduce((all, one) => all + one, 0);
    let passed = 0;
    let shared = 0;
    for (const [i, slot] of fragments.slot.entries()) {
      passed += fragments.length[i]!;
      const share = Math.floor(total * (passed / sum)) - shared;
      shared += share;
      columns.allocated[slot]! += share;
      if (fragments.end[i]! <= map.size) continue;
      columns.flags[slot]! |= FILE_FLAG.damaged;
      const message = `its end is a fragment up to byte ${fragments.end[i]} of ${map.size}`;
      this.report(columns.numberOf(slot), corrupt('EROFS_FRAGMENT', message));
    }
  }

  private contentExtents(): ExtentSet {
    const { content } = this;
    const builder = new ExtentBuilder();
    for (const run of content.byPlace()) {
      const start = content.start[run]!;
      builder.add(start, start + content.length[run]!);
    }
    return builder.build();
  }
}
