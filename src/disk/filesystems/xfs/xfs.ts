/**
 * XFS, versions 4 and 5.
 *
 * superblock.ts bounds the geometry, groups.ts reads the headers of the allocation groups, scan.ts lists the files,
 * unused.ts and metadata.ts say what the blocks are for, file.ts reads content, log.ts tells whether the log is
 * clean. The log is never replayed: a filesystem that needs it is read as it stands, says so, and refuses to call
 * anything unused.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { Filesystem, FilesystemDriver, FilesystemUsage } from '../../../core/contracts/filesystem.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { ImgoptError, isArtifactError, locate, unsupported } from '../../../core/errors.ts';
import type { ExtentSet } from '../../../core/extents.ts';
import { FileTableBuilder } from '../../../core/file-table.ts';
import { readBytes } from '../../../sources/read.ts';
import { featureNames } from './features.ts';
import { openFile, readLink } from './file.ts';
import { readGroups } from './groups.ts';
import { INCOMPAT, MAX_SECTOR_BYTES } from './layout.ts';
import { logProblem } from './log.ts';
import { metadataExtents } from './metadata.ts';
import { type ScanFindings, XfsScan } from './scan.ts';
import { backupOffsets, type Geometry, hasIncompat, parseSuperblock, probeSuperblock } from './superblock.ts';
import { unusedExtents } from './unused.ts';
import type { Volume } from './volume.ts';

export const xfsDriver: FilesystemDriver = {
  name: 'xfs',
  probe: probeSuperblock,
  async open(source, context) {
    const { geometry, isBackup } = await readSuperblock(source, context);
    // Nobody keeps a copy up to date.
    const reasons = isBackup
      ? ['its superblock is damaged']
      : await recoveryReasons(source, geometry, context);
    if (geometry.blocks * geometry.blockSize > source.size) {
      const claimed = geometry.blocks * geometry.blockSize;
      context.report(
        'error',
        'XFS_TRUNCATED',
        `the superblock counts ${claimed} bytes, ${source.size} are there`,
      );
    }
    if (!isBackup) {
      for (const reason of reasons) context.report('warning', 'XFS_NEEDS_RECOVERY', reason);
    }
    const groups = await readGroups(source, geometry, context);
    return new XfsFilesystem({ source, context, geometry, groups }, reasons);
  },
};

async function readSuperblock(
  source: BlockSource,
  context: Context,
): Promise<{ geometry: Geometry; isBackup: boolean }> {
  const read = (offset: number): Promise<Uint8Array> =>
    readBytes(source, offset, Math.min(source.size - offset, MAX_SECTOR_BYTES));
  const bytes = await read(0);
  try {
    return { geometry: parseSuperblock(bytes), isBackup: false };
  } catch (error) {
    // Only a superblock that contradicts itself is worth looking for another; a missing feature stays missing.
    if (!(error instanceof ImgoptError) || error.family !== 'corrupt') throw error;
    for (const offset of backupOffsets(bytes, source.size)) {
      try {
        const geometry = parseSuperblock(await read(offset), true);
        if (offset % (geometry.groupBlocks * geometry.blockSize) !== 0) continue;
        const message = `${error.message}; the copy at byte ${offset} is used`;
        context.at('superblock').report('error', error.code.replace(/^IMGOPT_/, ''), message);
        return { geometry, isBackup: true };
      } catch (other) {
        if (!isArtifactError(other)) throw other;
      }
    }
    throw error.within('superblock');
  }
}

/** Why the filesystem must not be taken as it stands; empty when it is clean. */
async function recoveryReasons(source: BlockSource, geometry: Geometry, context: Context): Promise<string[]> {
  const reasons: string[] = [];
  if (hasIncompat(geometry, INCOMPAT.needsRepair)) reasons.push('xfs_repair did not finish (NEEDSREPAIR)');
  try {
    const problem = await logProblem(source, geometry);
    if (problem !== undefined) reasons.push(problem);
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    context.at('log').report('error', 'XFS_LOG_UNREADABLE', error.message);
    reasons.push('its log cannot be read');
  }
  return reasons;
}

class XfsFilesystem implements Filesystem {
  readonly type = 'xfs';
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
    this.label = geometry.label;
    this.uuid = geometry.uuid;
    this.state = this.reasons.length > 0 ? 'needs-recovery' : 'clean';
    this.blockSize = geometry.blockSize;
    this.size = Math.min(geometry.blocks * geometry.blockSize, source.size);
    this.features = featureNames(geometry.features);
  }

  /**
   * The superblock's fdblocks, which a clean unmount brings up to date; else the sum over the groups, as the kernel
   * takes it at mount. Blocks that the free-space btrees could give back (free lists, their own blocks) count as
   * free, so that this is somewhat more than the unused extents.
   */
  usage(): FilesystemUsage {
    const { geometry, groups } = this.volume;
    let blocks = geometry.freeBlocks;
    if (this.state !== 'clean' || blocks > geometry.blocks) {
      blocks = 0;
      for (const one of groups.freeSpace) {
        if (one !== null) blocks += one.freeBlocks + one.listCount + one.treeBlocks;
      }
    }
    const unused = Math.min(this.size, blocks * geometry.blockSize);
    return { used: this.size - unused, unused };
  }

  async scan(builder: FileTableBuilder): Promise<void> {
    this.findings = await new XfsScan(this.volume, builder).run();
  }

  open(inode: number): Promise<BlockSource> {
    return locate(`inode ${inode}`, () => openFile(this.volume, inode));
  }

  readLink(inode: number): Promise<Uint8Array> {
    return locate(`inode ${inode}`, () => readLink(this.volume, inode));
  }

  async unusedExtents(): Promise<ExtentSet> {
    if (this.state !== 'clean') {
      throw unsupported('XFS_NEEDS_RECOVERY', `what is unused is not known: ${this.reasons.join(', ')}`, {
        advice: 'shut the machine down cleanly before the image is taken, or mount and unmount it',
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
