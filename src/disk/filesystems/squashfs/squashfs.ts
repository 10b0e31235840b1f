/**
 * squashfs 4.0: snaps, live systems, appliances and embedded images.
 *
 * superblock.ts bounds the tables, metadata.ts reads them, inodes.ts and scan.ts list the files, file.ts reads content,
 * codec.ts decodes. Everything is written once and nothing is ever freed, so nothing up to the end of the filesystem is
 * unused; what follows it (padding, or a verity tree) is not the filesystem's.
 *
 * The table's number of a file is the reference to its inode (block of the inode table and byte in it), which is unique
 * and all that `open` needs.
 */
import type { Filesystem, FilesystemDriver, FilesystemUsage } from '../../../core/contracts/filesystem.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, locate, usage } from '../../../core/errors.ts';
import { ExtentSet } from '../../../core/extents.ts';
import type { FileTableBuilder } from '../../../core/file-table.ts';
import { viewOf } from '../../../core/record.ts';
import { readBytes } from '../../../sources/read.ts';
import { decoderFor } from './codec.ts';
import { BlockCache, SquashfsFile, type Tail } from './file.ts';
import { type Inode, readInode } from './inodes.ts';
import {
  COMPRESSOR_NAMES,
  FRAGMENT_ENTRY_SIZE,
  METADATA_BLOCK_SIZE,
  METADATA_UNCOMPRESSED,
  SUPERBLOCK_SIZE,
} from './layout.ts';
import { type MetadataTable, readIndexed, readTable, type TableReader } from './metadata.ts';
import { SquashfsScan } from './scan.ts';
import { parseSuperblock, probeSuperblock, type Superblock } from './superblock.ts';

export const squashfsDriver: FilesystemDriver = {
  name: 'squashfs',
  probe: probeSuperblock,
  async open(source, context, decompressors = []) {
    const head = await readBytes(source, 0, Math.min(SUPERBLOCK_SIZE, source.size));
    const superblock = parseSuperblock(head);
    if (superblock.bytesUsed > source.size) {
      const message = `the superblock counts ${superblock.bytesUsed} bytes, ${source.size} are there: the image is cut short; copy it again`;
      context.report('error', 'SQUASHFS_TRUNCATED', message);
    }
    const decode = decoderFor(superblock.compression, context, decompressors);
    const reader = { source, context, decode };
    const lookups = await readLookups(reader, superblock);
    return new SquashfsFilesystem(reader, superblock, lookups);
  },
};

/** The small tables, which are read at once. */
interface Lookups {
  readonly ids: Uint32Array;
  readonly fragments: Uint8Array;
  /** Where the directory table ends. */
  readonly directoryEnd: number;
  /** Where the first file's content may begin. */
  readonly dataStart: number;
}

async function readLookups(reader: TableReader, superblock: Superblock): Promise<Lookups> {
  const { source } = reader;
  const { fragmentTable, exportTable, idTable, directoryTable, bytesUsed } = superblock;
  const ids = await readIndexed(reader, 'id table', idTable, 4 * superblock.ids);
  const fragments =
    fragmentTable === undefined
      ? { bytes: new Uint8Array(0), start: undefined }
      : await readIndexed(
          reader,
          'fragment table',
          fragmentTable,
          superblock.fragments * FRAGMENT_ENTRY_SIZE,
        );
  const ends = [ids.start, idTable, fragments.start, fragmentTable, bytesUsed, source.size];
  if (exportTable !== undefined && exportTable + 8 <= source.size) {
    // Its content (an inode's reference by its number) serves NFS; only where its first block lies matters.
    const first = viewOf(await readBytes(source, exportTable, 8)).getBigUint64(0, true);
    ends.push(exportTable, Number(first));
  }
  const directoryEnd = Math.min(
    ...ends.filter((end): end is number => end !== undefined && end >= directoryTable),
  );
  const idView = viewOf(ids.bytes);
  return {
    ids: Uint32Array.from({ length: superblock.ids }, (_, i) => idView.getUint32(4 * i, true)),
    fragments: fragments.bytes,
    directoryEnd,
    dataStart: await readDataStart(source, superblock),
  };
}

/** Behind the superblock stand the compressor's options, when there are any, as one metadata block. */
async function readDataStart(source: BlockSource, { flagNames }: Superblock): Promise<number> {
  if (!flagNames.includes('compressor-options') || SUPERBLOCK_SIZE + 2 > source.size) return SUPERBLOCK_SIZE;
  const header = viewOf(await readBytes(source, SUPERBLOCK_SIZE, 2)).getUint16(0, true);
  return SUPERBLOCK_SIZE + 2 + Math.min(METADATA_BLOCK_SIZE, header & (METADATA_UNCOMPRESSED - 1));
}

class SquashfsFilesystem implements Filesystem {
  readonly type = 'squashfs';
  readonly label = null;
  readonly uuid = null;
  readonly state = 'clean';
  readonly blockSize: number;
  readonly size: number;
  readonly features: readonly string[];
  private readonly reader: TableReader;
  private readonly superblock: Superblock;
  private readonly lookups: Lookups;
  private readonly cache: BlockCache;
  private inodes: Promise<MetadataTable> | undefined;

  constructor(reader: TableReader, superblock: Superblock, lookups: Lookups) {
    this.reader = reader;
    this.superblock = superblock;
    this.lookups = lookups;
    this.blockSize = superblock.blockSize;
    this.size = Math.min(superblock.bytesUsed, reader.source.size);
    this.features = [COMPRESSOR_NAMES[superblock.compression]!, ...superblock.flagNames];
    this.cache = new BlockCache(reader.source, reader.decode, superblock.blockSize);
  }

  usage(): FilesystemUsage {
    return { used: this.size, unused: 0 };
  }

  private inodeTable(): Promise<MetadataTable> {
    const { inodeTable, directoryTable } = this.superblock;
    const end = Math.min(directoryTable, this.size);
    this.inodes ??= readTable(this.reader, 'inode table', inodeTable, end);
    return this.inodes;
  }

  async scan(builder: FileTableBuilder): Promise<void> {
    const { reader, superblock, lookups } = this;
    const { context } = reader;
    const { directoryTable, root, blockSize, inodes: count } = superblock;
    const inodes = await this.inodeTable();
    const directories = await readTable(reader, 'directory table', directoryTable, lookups.directoryEnd);
    builder.reserve(Math.min(count, inodes.length / 16));
    const { ids, fragments } = lookups;
    new SquashfsScan({ context, blockSize, root, inodes, directories, ids, fragments }, builder).run();
  }

  private async inodeAt(reference: number): Promise<Inode> {
    return readInode(await this.inodeTable(), reference, this.blockSize);
  }

  open(inode: number): Promise<BlockSource> {
    return locate(`inode ${inode}`, async () => {
      const { size, data } = await this.inodeAt(inode);
      if (data === undefined) throw usage('NOT_A_FILE', `${inode} is not a file`);
      const { tail } = data;
      const place = tail === undefined ? undefined : this.tailAt(tail.fragment, tail.offset);
      return new SquashfsFile(this.cache, await this.inodeTable(), size, data, place);
    });
  }

  private tailAt(fragment: number, offset: number): Tail {
    const { fragments } = this.lookups;
    if ((fragment + 1) * FRAGMENT_ENTRY_SIZE > fragments.length)
      throw corrupt('SQUASHFS_FRAGMENT', `its tail is in fragment ${fragment}, which does not exist`);
    const view = viewOf(fragments);
    const at = fragment * FRAGMENT_ENTRY_SIZE;
    const place = Number(view.getBigUint64(at, true));
    return { place, word: view.getUint32(at + 8, true), offset };
  }

  readLink(inode: number): Promise<Uint8Array> {
    return locate(`inode ${inode}`, async () => {
      const { size, target } = await this.inodeAt(inode);
      if (target === undefined) throw usage('NOT_A_LINK', `${inode} is not a symbolic link`);
      return (await this.inodeTable()).bytes.slice(target, target + size);
    });
  }

  async unusedExtents(): Promise<ExtentSet> {
    return ExtentSet.empty;
  }

  /** The superblock, the compressor's options, and all tables, which stand behind the content. */
  async metadataExtents(): Promise<ExtentSet> {
    const { dataStart } = this.lookups;
    const ranges = [
      { start: 0, end: dataStart },
      { start: this.superblock.inodeTable, end: this.size },
    ];
    return ExtentSet.from(ranges).clip(0, this.size);
  }
}
