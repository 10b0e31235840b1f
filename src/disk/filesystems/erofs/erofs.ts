/**
 * EROFS: the read-only filesystem of Android, of container images and of live systems.
 *
 * superblock.ts says what is read and what is not, inodes.ts and directory.ts are the structures, content-map.ts and
 * cluster-map.ts say where content is, scan.ts lists the files, file.ts reads them, codec.ts decodes. Everything is
 * written once and nothing is ever freed, so nothing up to the end of the filesystem is unused; what follows it is
 * not the filesystem's.
 *
 * What is not content of a file counts as structure: inodes with their attributes and maps, directories, and what
 * fills their blocks.
 */
import type { Filesystem, FilesystemDriver, FilesystemUsage } from '../../../core/contracts/filesystem.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { locate, usage } from '../../../core/errors.ts';
import { ExtentSet } from '../../../core/extents.ts';
import type { FileTableBuilder } from '../../../core/file-table.ts';
import { readBytes } from '../../../sources/read.ts';
import { S_IFLNK, S_IFMT, S_IFREG } from '../mode.ts';
import { ErofsScan } from './scan.ts';
import { probeSuperblock, readSuperblock } from './superblock.ts';
import { Volume } from './volume.ts';

export const erofsDriver: FilesystemDriver = {
  name: 'erofs',
  probe: probeSuperblock,
  async open(source, context) {
    const superblock = await readSuperblock(source);
    if (superblock.size > source.size) {
      const message = `the superblock counts ${superblock.size} bytes, ${source.size} are there: the image is cut short; copy it again`;
      context.report('error', 'EROFS_TRUNCATED', message);
    }
    return new ErofsFilesystem(new Volume(source, context, superblock));
  },
};

class ErofsFilesystem implements Filesystem {
  readonly type = 'erofs';
  readonly label: string | null;
  readonly uuid: string | null;
  readonly state = 'clean';
  readonly blockSize: number;
  readonly size: number;
  readonly features: readonly string[];
  private readonly volume: Volume;
  private content: ExtentSet = ExtentSet.empty;

  constructor(volume: Volume) {
    const { superblock, source } = volume;
    this.volume = volume;
    this.label = superblock.label;
    this.uuid = superblock.uuid;
    this.blockSize = superblock.blockSize;
    this.size = Math.min(superblock.size, source.size);
    this.features = superblock.features;
  }

  usage(): FilesystemUsage {
    return { used: this.size, unused: 0 };
  }

  async scan(builder: FileTableBuilder): Promise<void> {
    this.content = await new ErofsScan(this.volume, builder).run();
  }

  open(inode: number): Promise<BlockSource> {
    return this.contentOf(inode, S_IFREG, () => usage('NOT_A_FILE', `${inode} is not a file`));
  }

  async readLink(inode: number): Promise<Uint8Array> {
    const target = await this.contentOf(inode, S_IFLNK, () =>
      usage('NOT_A_LINK', `${inode} is not a symbolic link`),
    );
    return locate(`inode ${inode}`, () => readBytes(target, 0, target.size));
  }

  private contentOf(number: number, kind: number, other: () => Error): Promise<BlockSource> {
    return locate(`inode ${number}`, async () => {
      const inode = await this.volume.inode(number);
      if ((inode.mode & S_IFMT) !== kind) throw other();
      return this.volume.file(await this.volume.map(inode));
    });
  }

  async unusedExtents(): Promise<ExtentSet> {
    return ExtentSet.empty;
  }

  async metadataExtents(): Promise<ExtentSet> {
    return this.content.complement(0, this.size);
  }
}
