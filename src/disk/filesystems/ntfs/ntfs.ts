/**
 * NTFS, versions 1.2 to 3.1: what Windows' images are made of.
 *
 * boot.ts bounds the geometry, open-mft.ts finds the file records, mft.ts reads them, scan.ts lists the files from them in
 * one pass, unused.ts and metadata.ts say what the clusters are for, file.ts reads content, state.ts tells whether the
 * volume was left cleanly. A file's number is that of its base record.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { Filesystem, FilesystemDriver, FilesystemUsage } from '../../../core/contracts/filesystem.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, ImgoptError, isArtifactError, locate, unsupported } from '../../../core/errors.ts';
import type { ExtentSet } from '../../../core/extents.ts';
import { FileTableBuilder } from '../../../core/file-table.ts';
import { readBytes } from '../../../sources/read.ts';
import { copyOffsets, type Geometry, parseBoot, probeBackup, probeBoot } from './boot.ts';
import { openFile, readLink } from './file.ts';
import { BOOT_SECTOR_SIZE } from './layout.ts';
import { metadataExtents } from './metadata.ts';
import type { Mft, Volume } from './mft.ts';
import { openMft } from './open-mft.ts';
import { NtfsScan, type ScanFindings } from './scan.ts';
import { readState, type VolumeState } from './state.ts';
import { checkUnused, readFree } from './unused.ts';

export const ntfsDriver: FilesystemDriver = { name: 'ntfs', probe: probeBoot, open };

/** Knows a volume by the copy of its boot sector alone; asked after all that know theirs by the first sectors. */
export const ntfsBackupDriver: FilesystemDriver = { name: 'ntfs-backup', probe: probeBackup, open };

async function open(source: BlockSource, context: Context): Promise<Filesystem> {
  const { geometry, isCopy } = await readBoot(source, context);
  if (geometry.bytes > source.size) {
    context.report(
      'error',
      'NTFS_TRUNCATED',
      `the boot sector counts ${geometry.bytes} bytes, ${source.size} are there`,
    );
  }
  const volume: Volume = { source, context, geometry };
  const { mft, reasons } = await locate('$MFT', () => openMft(volume));
  const state = await stateOf(volume, mft);
  for (const reason of state.reasons) context.report('warning', 'NTFS_NEEDS_RECOVERY', reason);
  const damage = isCopy ? ['its boot sector is damaged', ...reasons] : reasons;
  let free: ExtentSet | ImgoptError;
  try {
    free = await readFree(volume, mft);
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    free = error.within('$Bitmap');
  }
  return new NtfsFilesystem(volume, mft, state, [...damage, ...state.reasons], free);
}

/** Without $Volume the files are still there; whether it was left cleanly is not known. */
async function stateOf(volume: Volume, mft: Mft): Promise<VolumeState> {
  try {
    return await readState(volume, mft);
  } catch (error) {
    if (!(error instanceof ImgoptError) || error.family !== 'corrupt') throw error;
    const place = error.where.reduce((at, one) => at.at(one), volume.context.at('$Volume'));
    place.report('error', error.code.replace(/^IMGOPT_/, ''), error.message);
    return { label: null, version: 'unknown', flags: [], reasons: ['$Volume is damaged'] };
  }
}

async function readBoot(
  source: BlockSource,
  context: Context,
): Promise<{ geometry: Geometry; isCopy: boolean }> {
  const read = (offset: number): Promise<Uint8Array> =>
    readBytes(source, offset, Math.min(BOOT_SECTOR_SIZE, source.size));
  let problem: string;
  try {
    const geometry = parseBoot(await read(0));
    if (typeof geometry !== 'string') return { geometry, isCopy: false };
    problem = geometry;
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    problem = `cannot be read: ${error.message}`;
  }
  for (const offset of copyOffsets(source.size)) {
    let copy: Geometry | string;
    try {
      copy = parseBoot(await read(offset));
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      continue; // the first sector's damage is what is told
    }
    if (typeof copy === 'string' || copy.bytes !== offset) continue;
    const message = `the boot sector ${problem}; the copy at byte ${offset} is used`;
    context.at('boot sector').report('error', 'NTFS_BOOT_SECTOR', message);
    return { geometry: copy, isCopy: true };
  }
  throw corrupt('NTFS_BOOT_SECTOR', `the boot sector ${problem}, and there is no copy`, {
    where: ['boot sector'],
    advice: 'build or copy the image again',
  });
}

class NtfsFilesystem implements Filesystem {
  readonly type = 'ntfs';
  readonly label: string | null;
  readonly uuid: string | null;
  readonly state: 'clean' | 'needs-recovery';
  readonly blockSize: number;
  readonly size: number;
  readonly features: readonly string[];
  private readonly volume: Volume;
  private readonly mft: Mft;
  private readonly reasons: readonly string[];
  private readonly free: ExtentSet | ImgoptError;
  private findings: ScanFindings | undefined;

  constructor(
    volume: Volume,
    mft: Mft,
    state: VolumeState,
    reasons: readonly string[],
    free: ExtentSet | ImgoptError,
  ) {
    const { geometry, source } = volume;
    this.volume = volume;
    this.mft = mft;
    this.reasons = reasons;
    this.free = free;
    this.label = state.label;
    this.uuid = geometry.uuid;
    this.state = reasons.length > 0 ? 'needs-recovery' : 'clean';
    this.blockSize = geometry.clusterSize;
    // The copy of the boot sector stands behind the last sector that is counted.
    this.size = Math.min(geometry.bytes + geometry.sectorSize, source.size);
    this.features = [state.version, ...state.flags];
  }

  /** Free clusters by $Bitmap; nothing counts as unused when that cannot be read. */
  usage(): FilesystemUsage {
    const unused = 'total' in this.free ? Math.min(this.size, this.free.total) : 0;
    return { used: this.size - unused, unused };
  }

  async scan(builder: FileTableBuilder): Promise<void> {
    this.findings = await new NtfsScan(this.volume, this.mft, builder).run();
  }

  private async scanned(): Promise<ScanFindings> {
    if (this.findings === undefined) {
      const builder = new FileTableBuilder();
      builder.beginSection();
      await this.scan(builder);
    }
    return this.findings!;
  }

  open(inode: number): Promise<BlockSource> {
    return locate(`record ${inode}`, () => openFile(this.volume, this.mft, inode));
  }

  readLink(inode: number): Promise<Uint8Array> {
    return locate(`record ${inode}`, () => readLink(this.volume, this.mft, inode));
  }

  async unusedExtents(): Promise<ExtentSet> {
    if (this.state !== 'clean') {
      throw unsupported('NTFS_NEEDS_RECOVERY', `what is unused is not known: ${this.reasons.join(', ')}`, {
        advice: 'shut Windows down fully (shutdown /s /t 0) before the image is taken, or run chkdsk /f',
      });
    }
    if (!('total' in this.free)) throw this.free;
    checkUnused(this.volume, this.free, await this.scanned());
    return this.free;
  }

  async metadataExtents(): Promise<ExtentSet> {
    return metadataExtents(this.volume, this.size, await this.scanned());
  }
}
