/**
 * FAT12, FAT16 and FAT32, with long names: EFI system partitions, boot partitions of small boards.
 *
 * The table is read whole when the volume is opened (a chain cannot be followed otherwise, and the free count
 * in FSInfo is a hint that nobody keeps right). The tree is walked breadth first, sixteen directories at a time.
 *
 * There are no inodes, so the table's number of a file is the position of its directory entry in units of 32
 * bytes: unique, also for empty files, and all that `open` needs. The root has 0, where the boot sector is.
 *
 * Unused is what the FAT marks free, and only when the walk found nothing wrong: with a damaged chain a cluster
 * marked free may hold a file's data.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { ProbeInput } from '../../../core/contracts/disk.ts';
import type {
  Filesystem,
  FilesystemDriver,
  FilesystemProbe,
  FilesystemUsage,
} from '../../../core/contracts/filesystem.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, unsupported, usage } from '../../../core/errors.ts';
import { ExtentBuilder, ExtentSet } from '../../../core/extents.ts';
import type { FileTableBuilder } from '../../../core/file-table.ts';
import { hex } from '../../../core/text.ts';
import { readBytes } from '../../../sources/read.ts';
import { fileContent } from './content.ts';
import { parseDirectory } from './directory.ts';
import { clusterOffset, describe, type Geometry, readGeometry } from './geometry.ts';
import { ATTR_DIRECTORY, ATTR_VOLUME_ID, BOOT_SECTOR_SIZE, DIRECTORY_ENTRY_SIZE, ENTRY } from './layout.ts';
import { labelText } from './names.ts';
import { ClusterTable } from './table.ts';
import { type Walk, walkTree } from './walk.ts';

/** blkid's `vfat`. */
export const fatDriver: FilesystemDriver = { name: 'fat', probe, open };

/** What formatting tools write when no label was given; blkid prints none. */
const NO_NAME = 'NO NAME';

function probe({ head }: ProbeInput): FilesystemProbe | undefined {
  const geometry = readGeometry(head);
  if (typeof geometry === 'string') return undefined;
  return {
    certainty: 'certain',
    description: describe(geometry),
    type: 'vfat',
    usage: 'filesystem',
    label: labelOf(geometry, rootLabel(head, geometry)),
    uuid: geometry.serial,
  };
}

/** The label entry of the root directory, as far as these bytes reach; undefined when they do not reach it. */
function rootLabel(head: Uint8Array, geometry: Geometry): string | null | undefined {
  const { rootStart, rootSize, rootCluster, clusterSize } = geometry;
  const start = geometry.bits === 32 ? clusterOffset(geometry, rootCluster) : rootStart;
  const end = start + (geometry.bits === 32 ? clusterSize : rootSize);
  if (start < 0 || start >= head.length) return undefined;
  return parseDirectory(head.subarray(start, end), true).label;
}

/** blkid's LABEL is the root directory's; the boot sector's stands in where the root was not seen. */
function labelOf(geometry: Geometry, fromRoot: string | null | undefined): string | null {
  const label =
    fromRoot === undefined && geometry.bootLabel !== null ? labelText(geometry.bootLabel) : (fromRoot ?? '');
  return label === '' || label === NO_NAME ? null : label;
}

async function open(source: BlockSource, context: Context): Promise<Filesystem> {
  const geometry = readGeometry(await readBytes(source, 0, Math.min(BOOT_SECTOR_SIZE, source.size)));
  if (typeof geometry === 'string')
    throw corrupt('FAT_BOOT_SECTOR', `the boot sector is damaged: ${geometry}`);
  if (geometry.version !== 0)
    throw unsupported('FAT_VERSION', `FAT32 version ${geometry.version >> 8}.${geometry.version & 0xff}`);
  if (geometry.size > source.size)
    context.report(
      'error',
      'FAT_TRUNCATED',
      `is ${hex(geometry.size)} bytes long, the volume only ${hex(source.size)}: the image is cut short; copy it again`,
    );
  const table = await ClusterTable.read(source, geometry, context);
  const filesystem = new FatFilesystem(source, geometry, table, context);
  await filesystem.readLabel();
  return filesystem;
}

class FatFilesystem implements Filesystem {
  readonly type = 'vfat';
  label: string | null = null;
  readonly uuid: string | null;
  readonly state: 'clean' | 'needs-recovery';
  readonly blockSize: number;
  readonly size: number;
  readonly features: readonly string[];
  private readonly source: BlockSource;
  private readonly geometry: Geometry;
  private readonly table: ClusterTable;
  private readonly context: Context;
  private walked: Walk | undefined;

  constructor(source: BlockSource, geometry: Geometry, table: ClusterTable, context: Context) {
    this.source = source;
    this.geometry = geometry;
    this.table = table;
    this.context = context;
    this.uuid = geometry.serial;
    this.state = geometry.dirty || table.dirty ? 'needs-recovery' : 'clean';
    this.blockSize = geometry.clusterSize;
    this.size = Math.min(geometry.size, source.size);
    this.features = [`FAT${geometry.bits}`];
  }

  /** Reads the label out of the first piece of the root directory. An unreadable root has none; scan says so. */
  async readLabel(): Promise<void> {
    const { geometry } = this;
    const start = geometry.bits === 32 ? clusterOffset(geometry, geometry.rootCluster) : geometry.rootStart;
    const wanted = geometry.bits === 32 ? geometry.clusterSize : geometry.rootSize;
    if (start < 0 || start >= this.source.size) return;
    const bytes = await readBytes(this.source, start, Math.min(wanted, this.source.size - start));
    this.label = labelOf(geometry, parseDirectory(bytes, geometry.bits === 32).label);
  }

  usage(): FilesystemUsage {
    const unused = Math.min(this.size, this.table.freeClusters * this.geometry.clusterSize);
    return { used: this.size - unused, unused };
  }

  async scan(builder: FileTableBuilder): Promise<void> {
    this.walked = await walkTree(this.source, this.geometry, this.table, this.context, builder);
  }

  private async walk(): Promise<Walk> {
    this.walked ??= await walkTree(this.source, this.geometry, this.table, this.context, undefined);
    return this.walked;
  }

  async open(inode: number): Promise<BlockSource> {
    const { geometry, source } = this;
    const at = inode * DIRECTORY_ENTRY_SIZE;
    if (!Number.isSafeInteger(at) || at < geometry.rootStart || at + DIRECTORY_ENTRY_SIZE > this.size)
      throw usage('NO_SUCH_INODE', `${inode} is not the number of a file`);
    const entry = await readBytes(source, at, DIRECTORY_ENTRY_SIZE);
    const view = new DataView(entry.buffer);
    if (entry[ENTRY.DIR_Attr]! & (ATTR_DIRECTORY | ATTR_VOLUME_ID))
      throw usage('NOT_A_FILE', `${inode} is not a file`);
    const high = geometry.bits === 32 ? view.getUint16(ENTRY.DIR_FstClusHI, true) & 0x0fff : 0;
    const first = high * 65536 + view.getUint16(ENTRY.DIR_FstClusLO, true);
    const size = view.getUint32(ENTRY.DIR_FileSize, true);
    const runs = this.table.follow(first, Math.ceil(size / geometry.clusterSize));
    return fileContent(source, geometry, runs, size);
  }

  async readLink(inode: number): Promise<Uint8Array> {
    throw usage('NOT_A_LINK', `${inode}: FAT has no symbolic links`);
  }

  async unusedExtents(): Promise<ExtentSet> {
    const { damage } = await this.walk();
    if (this.table.copiesDiffer)
      throw corrupt('FAT_COPIES_DIFFER', 'the copies of the FAT differ: what is unused is not proved', {
        advice: 'repair it with fsck.fat',
      });
    if (damage !== undefined)
      throw corrupt('FAT_DAMAGED', `${damage}: what is unused is not proved`, {
        advice: 'repair it with fsck.fat',
      });
    const builder = new ExtentBuilder();
    this.table.forEachFree((first, end) =>
      builder.add(clusterOffset(this.geometry, first), clusterOffset(this.geometry, end)),
    );
    return builder.build().clip(0, this.source.size);
  }

  /**
   * Reserved sectors, FATs, root directory, directories; and what no file can ever use: clusters marked bad and
   * the sectors behind the last whole cluster.
   */
  async metadataExtents(): Promise<ExtentSet> {
    const { geometry } = this;
    const { directories } = await this.walk();
    const ranges = directories.map(([first, count]) => ({
      start: clusterOffset(geometry, first),
      end: clusterOffset(geometry, first + count),
    }));
    ranges.push({ start: 0, end: geometry.dataStart });
    ranges.push({ start: clusterOffset(geometry, geometry.clusterCount + 2), end: geometry.size });
    this.table.forEachBad((first, end) =>
      ranges.push({ start: clusterOffset(geometry, first), end: clusterOffset(geometry, end) }),
    );
    return ExtentSet.from(ranges).clip(0, this.source.size);
  }
}
