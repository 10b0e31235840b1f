/**
 * ISO 9660 with Rock Ridge or Joliet: installers, live systems, seeds of cloud-init, guest tools.
 *
 * descriptors.ts finds the trees, susp.ts reads what Rock Ridge says of an entry, tree.ts lists the files. The tree
 * with Rock Ridge is preferred; Joliet's is read where there is none; else the plain names are shown.
 *
 * Everything that no file holds counts as structure: descriptors, path tables, the directories of all trees, El
 * Torito's catalog and boot images that are no files, the code and tables that let a stick boot, padding. So nothing is
 * unused: nobody can tell from a disc which of it the firmware wants.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { Filesystem, FilesystemDriver, FilesystemUsage } from '../../../core/contracts/filesystem.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { unsupported, usage } from '../../../core/errors.ts';
import { type ByteRange, ExtentSet } from '../../../core/extents.ts';
import { FileTableBuilder } from '../../../core/file-table.ts';
import { piecedSource, type SourcePiece } from '../../../sources/pieces.ts';
import { readBytes } from '../../../sources/read.ts';
import {
  DESCRIPTORS_START,
  MAX_DESCRIPTORS,
  parseDescriptors,
  probeDescriptors,
  type Volume,
} from './descriptors.ts';
import { SECTOR_SIZE } from './layout.ts';
import { type Findings, IsoScan } from './tree.ts';

/** blkid's name. */
export const isoDriver: FilesystemDriver = {
  name: 'iso9660',
  probe: probeDescriptors,
  async open(source, context) {
    const length = Math.max(0, Math.min(MAX_DESCRIPTORS * SECTOR_SIZE, source.size - DESCRIPTORS_START));
    const volume = parseDescriptors(await readBytes(source, DESCRIPTORS_START, length));
    if (volume.size > source.size) {
      const message = `the volume has ${volume.size} bytes, ${source.size} are there: the image is cut short; copy it again`;
      context.report('error', 'ISO_TRUNCATED', message);
    }
    return new IsoFilesystem(source, volume, context);
  },
};

class IsoFilesystem implements Filesystem {
  readonly type = 'iso9660';
  readonly state = 'clean';
  readonly label: string | null;
  readonly uuid: string | null;
  readonly blockSize: number;
  readonly size: number;
  private readonly source: BlockSource;
  private readonly volume: Volume;
  private readonly context: Context;
  private findings: Findings | undefined;

  constructor(source: BlockSource, volume: Volume, context: Context) {
    this.source = source;
    this.volume = volume;
    this.context = context;
    this.label = volume.label;
    this.uuid = volume.uuid;
    this.blockSize = volume.blockSize;
    this.size = Math.min(volume.size, source.size);
  }

  /** Rock Ridge is known after the scan. */
  get features(): readonly string[] {
    return [
      ...(this.findings?.kind === 'Rock Ridge' ? ['Rock Ridge'] : []),
      ...(this.volume.jolietRoot === undefined ? [] : ['Joliet']),
      ...(this.volume.isBootable ? ['El Torito'] : []),
    ];
  }

  usage(): FilesystemUsage {
    return { used: this.size, unused: 0 };
  }

  async scan(builder: FileTableBuilder): Promise<void> {
    const { source, volume, context } = this;
    const scan = new IsoScan(source, volume.blockSize, context, builder);
    this.findings = await scan.run(volume.root, volume.jolietRoot);
  }

  private async found(): Promise<Findings> {
    if (this.findings === undefined) {
      const builder = new FileTableBuilder();
      builder.beginSection();
      await this.scan(builder);
    }
    return this.findings!;
  }

  async open(inode: number): Promise<BlockSource> {
    const content = (await this.found()).contents.get(inode);
    if (content === undefined) throw usage('NOT_A_FILE', `${inode} is not a file`);
    if (content.problem !== undefined)
      throw unsupported('ISO_CONTENT', `the file at record ${inode} is not read: ${content.problem}`);
    let start = 0;
    const pieces = content.pieces.map(({ at, length }): SourcePiece => {
      const piece = { start, source: this.source, offset: at, length };
      start += length;
      return piece;
    });
    return piecedSource(pieces, content.size, 'file');
  }

  async readLink(inode: number): Promise<Uint8Array> {
    const target = (await this.found()).targets.get(inode);
    if (target === undefined) throw usage('NOT_A_LINK', `${inode} is not a symbolic link`);
    return target;
  }

  async unusedExtents(): Promise<ExtentSet> {
    return ExtentSet.empty;
  }

  async metadataExtents(): Promise<ExtentSet> {
    const files: ByteRange[] = [];
    for (const { pieces } of (await this.found()).contents.values()) {
      for (const { at, length } of pieces) files.push({ start: at, end: at + length });
    }
    return ExtentSet.from(files).alignOutward(this.blockSize).complement(0, this.size);
  }
}
