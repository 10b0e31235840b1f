/**
 * ext2, ext3 and ext4: one driver, one format with many features.
 *
 * superblock.ts bounds the geometry, groups.ts reads the descriptors, scan.ts lists the files, unused.ts and
 * metadata.ts say what the blocks are for, file.ts reads content. The journal is never replayed: a filesystem
 * that needs it is read as it stands, says so, and refuses to call anything unused.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { Filesystem, FilesystemDriver, FilesystemUsage } from '../../../core/contracts/filesystem.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { ImgoptError, locate, unsupported } from '../../../core/errors.ts';
import type { ExtentSet } from '../../../core/extents.ts';
import { FileTableBuilder } from '../../../core/file-table.ts';
import { readBytes } from '../../../sources/read.ts';
import { featureNames } from './features.ts';
import { openFile, readLink } from './file.ts';
import { readGroups } from './groups.ts';
import { INCOMPAT, RO_COMPAT, STATE, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE } from './layout.ts';
import { metadataExtents } from './metadata.ts';
import { ExtScan, type ScanFindings } from './scan.ts';
import { type Geometry, hasIncompat, hasRoCompat, parseSuperblock, probeSuperblock } from './superblock.ts';
import { unusedExtents } from './unused.ts';
import type { Volume } from './volume.ts';

/** Backup superblocks by e2fsck's own guess: the first block of group 1, for each block size. */
const BACKUP_OFFSETS: readonly number[] = [
  8193 * 1024,
  16384 * 2048,
  32768 * 4096,
  65528 * 8192,
  65528 * 16384,
  65528 * 32768,
  65528 * 65536,
];

export const extDriver: FilesystemDriver = {
  name: 'ext',
  probe: probeSuperblock,
  async open(source, context) {
    const found = await readSuperblock(source, context);
    const { geometry } = found;
    // Nobody keeps the state of a backup up to date.
    const reasons = found.isBackup ? ['its superblock is damaged'] : recoveryReasons(geometry);
    if (geometry.blocks * geometry.blockSize > source.size) {
      context.report(
        'error',
        'EXT_TRUNCATED',
        `the superblock counts ${geometry.blocks * geometry.blockSize} bytes, ${source.size} are there`,
      );
    }
    if (!found.isBackup) {
      for (const reason of reasons) context.report('warning', 'EXT_NEEDS_RECOVERY', reason);
    }
    const groups = await readGroups(source, geometry, context);
    return new ExtFilesystem({ source, context, geometry, groups }, reasons);
  },
};

async function readSuperblock(
  source: BlockSource,
  context: Context,
): Promise<{ geometry: Geometry; isBackup: boolean }> {
  try {
    const bytes = await readBytes(source, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE);
    return { geometry: parseSuperblock(bytes), isBackup: false };
  } catch (error) {
    // Only a superblock that contradicts itself is worth looking for another; a missing feature stays missing.
    // An unknown checksum type may itself be damage, because nothing then vouches for the field.
    if (!(error instanceof ImgoptError)) throw error;
    if (error.family !== 'corrupt' && error.code !== 'IMGOPT_EXT_CHECKSUM_TYPE') throw error;
    for (const offset of BACKUP_OFFSETS) {
      if (offset + SUPERBLOCK_SIZE > source.size) continue;
      try {
        const geometry = parseSuperblock(await readBytes(source, offset, SUPERBLOCK_SIZE));
        if ((geometry.firstDataBlock + geometry.blocksPerGroup) * geometry.blockSize !== offset) continue;
        const message = `${error.message}; the backup at byte ${offset} is used`;
        context.at('superblock').report('error', error.code.replace(/^IMGOPT_/, ''), message);
        return { geometry, isBackup: true };
      } catch (other) {
        if (!(other instanceof ImgoptError) || other.family === 'system') throw other;
      }
    }
    throw error.within('superblock');
  }
}

/** Why the filesystem must not be taken as it stands; empty when it is clean. */
function recoveryReasons(geometry: Geometry): string[] {
  const reasons: string[] = [];
  const { stateBits } = geometry;
  if (hasIncompat(geometry, INCOMPAT.recover)) reasons.push('its journal waits to be replayed');
  if (hasRoCompat(geometry, RO_COMPAT.orphan_present)) reasons.push('its orphan file is not empty');
  if ((stateBits & STATE.valid) === 0) reasons.push('it was not cleanly unmounted');
  if (stateBits & STATE.error) reasons.push('the kernel found errors in it');
  if (stateBits & STATE.orphans) reasons.push('its orphans are being recovered');
  if (stateBits & STATE.fastCommitReplay) reasons.push('its fast commits are being replayed');
  return reasons;
}

class ExtFilesystem implements Filesystem {
  readonly type: string;
  readonly label: string | null;
  readonly uuid: string | null;
  readonly state: 'clean' | 'needs-recovery';
  readonly blockSize: number;
  readonly size: number;
  readonly features: readonly string[];
  private readonly volume: Volume;
  private readonly reasons: readonly string[];
  private findings: ScanFindings | undefined;

  constructor(volume: Volume, reasons: readonly string[]) {
    const { geometry, source } = volume;
    this.volume = volume;
    this.reasons = reasons;
    this.type = geometry.type;
    this.label = geometry.label;
    this.uuid = geometry.uuid;
    this.state = this.reasons.length > 0 ? 'needs-recovery' : 'clean';
    this.blockSize = geometry.blockSize;
    this.size = Math.min(geometry.blocks * geometry.blockSize, source.size);
    this.features = featureNames(geometry.features);
  }

  /**
   * From the descriptors' counts of free clusters, as the kernel sums them at mount; the superblock's own count
   * is updated lazily.
   */
  usage(): FilesystemUsage {
    const { geometry, groups } = this.volume;
    let clusters = 0;
    for (let group = 0; group < geometry.groups; group++) clusters += groups.freeClusters[group]!;
    const unused = Math.min(this.size, clusters * geometry.clusterBlocks * geometry.blockSize);
    return { used: this.size - unused, unused };
  }

  async scan(builder: FileTableBuilder): Promise<void> {
    this.findings = await new ExtScan(this.volume, builder).run();
  }

  open(inode: number): Promise<BlockSource> {
    return locate(`inode ${inode}`, () => openFile(this.volume, inode));
  }

  readLink(inode: number): Promise<Uint8Array> {
    return locate(`inode ${inode}`, () => readLink(this.volume, inode));
  }

  async unusedExtents(): Promise<ExtentSet> {
    if (this.state !== 'clean') {
      throw unsupported('EXT_NEEDS_RECOVERY', `what is unused is not known: ${this.reasons.join(', ')}`, {
        advice: 'shut the machine down cleanly before the image is taken, or run e2fsck',
      });
    }
    return await unusedExtents(this.volume);
  }

  async metadataExtents(): Promise<ExtentSet> {
    if (this.findings === undefined) {
      const builder = new FileTableBuilder();
      builder.beginSection();
      await this.scan(builder);
    }
    return await metadataExtents(this.volume, this.findings!);
  }
}
