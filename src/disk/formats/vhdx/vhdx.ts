/**
 * VHDX, Hyper-V's and Azure Stack's disk format ([MS-VHDX], version 1).
 *
 * A log (log.ts) stands in front of everything: tables and metadata are read through it. The block table has an entry
 * per block of the disk and, after each chunk of them, one for the bitmap of the chunk's sectors, which only
 * differencing disks use: there a block that is partly present asks its bitmap, sector by sector, and a block that is
 * not present is the parent's.
 */
import type {
  Disk,
  ImageContext,
  ImageFile,
  ImageFormat,
  Probe,
  ProbeInput,
} from '../../../core/contracts/disk.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, locate, unsupported } from '../../../core/errors.ts';
import { MAX_POINTER_TABLE_BYTES, MAX_READ_BYTES } from '../../../core/limits.ts';
import { readU64, viewOf } from '../../../core/record.ts';
import { escapeName, hex } from '../../../core/text.ts';
import { BLOCK_HOLE, BLOCK_ZEROS, blockMapSource, blocksOverlap } from '../../../sources/block-map.ts';
import { DifferencingSource, type Run, runsOf } from '../../../sources/differencing.ts';
import { openParentOf, type Parent, withBacking } from '../../../sources/parent.ts';
import {
  BAT_ENTRY_BYTES,
  BITMAP_BYTES,
  BITMAP_PRESENT,
  FILE_SIGNATURE,
  MiB,
  PAYLOAD,
  SECTORS_PER_BITMAP,
} from './layout.ts';
import { replayLog } from './log.ts';
import {
  type Region,
  readHeaders,
  readMetadata,
  readRegions,
  type VhdxFile,
  type VhdxMetadata,
} from './structures.ts';

export const vhdxFormat: ImageFormat = {
  name: 'vhdx',
  probe: probeVhdx,
  /** The disk owns `file` from here on and closes it; a failure leaves it to the caller. */
  open: (file, context) => locate('vhdx', () => openVhdx(file, context)),
};

function probeVhdx({ head }: ProbeInput): Probe | undefined {
  const isVhdx =
    head.length >= 8 && Buffer.from(head.buffer, head.byteOffset, 8).toString('latin1') === FILE_SIGNATURE;
  return isVhdx ? { certainty: 'certain', description: 'VHDX' } : undefined;
}

async function openVhdx(host: BlockSource, context: ImageContext): Promise<Disk> {
  const image = await readHeaders(host, context);
  const file = await replayLog(host, image.log, context);
  const regions = await readRegions(file, context);
  const metadata = await readMetadata(file, regions.metadata);
  const table = await BlockTable.read(file, regions.bat, metadata, context);
  const files: ImageFile[] = [{ ...context.file, role: 'image', format: 'vhdx' }];
  const details = detailsOf(image, metadata, file !== host);
  const { size, blockBytes } = metadata;
  if (!metadata.hasParent) {
    const place = (block: number): number => table.place(block);
    const outside = (block: number): Error => table.outside(block);
    return {
      format: 'vhdx',
      details,
      source: blockMapSource({ name: 'vhdx', size, blockBytes, place, outside }, file),
      files,
      mapIsExact: true,
      snapshotBytes: 0,
      close: () => file.close(),
    };
  }
  const parent = await openParent(metadata, context);
  const close = async (): Promise<void> => {
    await parent.disk.close();
    await file.close();
  };
  return {
    format: 'vhdx',
    details: { ...details, parent: escapeName(parent.reference) },
    source: new DifferencingSource({
      ...{ name: 'vhdx', size, blockBytes, file, close },
      place: (block) => table.place(block),
      runs: (block, length) => table.runs(block, length),
      parent: parent.disk.source,
      signal: context.signal,
    }),
    files: withBacking(files, parent.disk),
    mapIsExact: parent.disk.mapIsExact,
    snapshotBytes: 0,
    close,
  };
}

function detailsOf(image: VhdxFile, metadata: VhdxMetadata, isReplayed: boolean): Disk['details'] {
  return {
    subformat: metadata.hasParent ? 'differencing' : metadata.leavesBlocksAllocated ? 'fixed' : 'dynamic',
    blockSize: metadata.blockBytes,
    logicalSectorSize: metadata.sectorBytes,
    physicalSectorSize: metadata.physicalSectorBytes,
    creator: escapeName(image.creator),
    diskId: metadata.diskId,
    dataGuid: image.dataGuid,
    logReplayed: isReplayed,
    parent: null,
  };
}

/** Entries for blocks and, behind each chunk of them, for the chunk's bitmap (2.5). */
class BlockTable {
  private readonly file: BlockSource;
  private readonly entries: DataView;
  private readonly metadata: VhdxMetadata;
  /** Blocks per bitmap. */
  private readonly chunk: number;

  private constructor(file: BlockSource, entries: DataView, metadata: VhdxMetadata) {
    this.file = file;
    this.entries = entries;
    this.metadata = metadata;
    this.chunk = (SECTORS_PER_BITMAP * metadata.sectorBytes) / metadata.blockBytes;
  }

  static async read(
    file: BlockSource,
    region: Region,
    metadata: VhdxMetadata,
    context: ImageContext,
  ): Promise<BlockTable> {
    const blocks = Math.ceil(metadata.size / metadata.blockBytes);
    const chunk = (SECTORS_PER_BITMAP * metadata.sectorBytes) / metadata.blockBytes;
    const count = metadata.hasParent
      ? Math.ceil(blocks / chunk) * (chunk + 1)
      : blocks + Math.floor((blocks - 1) / chunk);
    const length = count * BAT_ENTRY_BYTES;
    if (length > region.length)
      throw corrupt(
        'VHDX_TABLE_SIZE',
        `its block table has room for ${region.length / 8} entries, ${count} are needed`,
      );
    if (length > MAX_POINTER_TABLE_BYTES)
      throw unsupported(
        'VHDX_TABLE_TOO_LARGE',
        `has a block table of ${length} bytes, more than ${MAX_POINTER_TABLE_BYTES}`,
      );
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += MAX_READ_BYTES)
      await file.read(bytes.subarray(at, Math.min(length, at + MAX_READ_BYTES)), region.offset + at);
    const table = new BlockTable(file, viewOf(bytes), metadata);
    table.check(blocks, context);
    return table;
  }

  /** States that mean something, blocks that share no bytes; those past the end of the file are reported. */
  private check(blocks: number, context: ImageContext): void {
    const { blockBytes, hasParent } = this.metadata;
    const places = new Float64Array(blocks);
    let count = 0;
    let outside = 0;
    for (let block = 0; block < blocks; block++) {
      const state = this.state(block);
      const isStored = state === PAYLOAD.fullyPresent || state === PAYLOAD.partiallyPresent;
      if ((state === PAYLOAD.partiallyPresent && !hasParent) || state === 4 || state === 5) {
        throw corrupt('VHDX_BLOCK_STATE', `block ${block} has the state ${state}, which means nothing here`, {
          advice: 'the block table is damaged: copy the image again',
        });
      }
      if (!isStored) continue;
      const place = this.offset(this.indexOf(block));
      if (place < MiB)
        throw corrupt('VHDX_BLOCK_IN_HEADER', `block ${block} at ${hex(place)} lies inside the headers`);
      if (place + Math.min(blockBytes, this.metadata.size - block * blockBytes) > this.file.size) outside++;
      places[count++] = place;
    }
    if (blocksOverlap(places.subarray(0, count), blockBytes)) {
      throw corrupt('VHDX_BLOCKS_OVERLAP', 'the block table gives one place to two blocks', {
        advice: 'the block table is damaged: copy the image again',
      });
    }
    if (outside > 0) {
      context.report(
        'error',
        'VHDX_BLOCK_OUT_OF_FILE',
        `${outside} of ${count} blocks lie past the end of the file (${hex(this.file.size)}): it is truncated`,
      );
    }
  }

  private indexOf(block: number): number {
    return block + Math.floor(block / this.chunk);
  }

  private state(block: number): number {
    return this.entries.getUint32(this.indexOf(block) * BAT_ENTRY_BYTES, true) & 7;
  }

  private offset(index: number): number {
    const entry = readU64(this.entries, index * BAT_ENTRY_BYTES, true);
    return Math.floor(entry / MiB) * MiB;
  }

  /** For disks without parent: where a block's data begins, or what it is instead. */
  place(block: number): number {
    const state = this.state(block);
    if (state === PAYLOAD.fullyPresent || state === PAYLOAD.partiallyPresent)
      return this.offset(this.indexOf(block));
    return state === PAYLOAD.zero ? BLOCK_ZEROS : BLOCK_HOLE;
  }

  outside(block: number): Error {
    return corrupt(
      'VHDX_BLOCK_OUT_OF_FILE',
      `block ${block} at ${hex(this.place(block))} does not lie inside the file (${hex(this.file.size)})`,
      { advice: 'the file is truncated or damaged: copy it again' },
    );
  }

  /** For differencing disks. What is undefined, unmapped or zero hides the parent (2.5.1.1). */
  async runs(block: number, length: number): Promise<Run[]> {
    const state = this.state(block);
    if (state === PAYLOAD.notPresent) return [{ start: 0, end: length, from: 'parent' }];
    if (state !== PAYLOAD.fullyPresent && state !== PAYLOAD.partiallyPresent)
      return [{ start: 0, end: length, from: 'zeros' }];
    if (this.place(block) + length > this.file.size) throw this.outside(block);
    if (state === PAYLOAD.fullyPresent) return [{ start: 0, end: length, from: 'file' }];
    const { sectorBytes, blockBytes } = this.metadata;
    const chunk = Math.floor(block / this.chunk);
    const index = (chunk + 1) * this.chunk + chunk;
    const at = this.offset(index);
    if (
      (this.entries.getUint32(index * BAT_ENTRY_BYTES, true) & 7) !== BITMAP_PRESENT ||
      at + BITMAP_BYTES > this.file.size
    )
      throw corrupt(
        'VHDX_BITMAP_MISSING',
        `block ${block} is partly present and has no bitmap of its sectors`,
      );
    // A block's sectors are whole bytes of the bitmap: 1 MiB in sectors of 4096 are 32 bytes.
    const perBlock = blockBytes / sectorBytes / 8;
    const bitmap = new Uint8Array(perBlock);
    await this.file.read(bitmap, at + (block - chunk * this.chunk) * perBlock);
    return runsOf(length, sectorBytes, (sector) => (bitmap[sector >> 3]! & (1 << (sector & 7))) !== 0);
  }
}

/** In the order of what survives a move to another machine; of absolute paths only the file's name does. */
const LOCATORS = [
  ['relative_path', false],
  ['absolute_win32_path', true],
  ['volume_path', true],
] as const;

/** @throws ImgoptError of the last name tried; `corrupt` when there is none */
async function openParent(metadata: VhdxMetadata, context: ImageContext): Promise<Parent> {
  const names = LOCATORS.flatMap(([key, isAbsolute]) => {
    const path = metadata.locator.get(key)?.replaceAll('\\', '/');
    return path === undefined ? [] : [isAbsolute ? path.split('/').at(-1)! : path.replace(/^(?:\.\/)+/, '')];
  });
  const unnamed = corrupt('VHDX_PARENT_UNNAMED', 'is a differencing disk that does not name its parent');
  const parent = await openParentOf(names, 'vhdx', context, unnamed);
  const wanted = ['parent_linkage', 'parent_linkage2'].flatMap(
    (key) => metadata.locator.get(key)?.replace(/[{}]/g, '').toLowerCase() ?? [],
  );
  if (!wanted.includes(String(parent.disk.details.dataGuid))) {
    context.report(
      'warning',
      'VHDX_PARENT_OTHER',
      `the parent ${escapeName(parent.reference)} was written to since this disk was split off, or is another disk: ` +
        'data from it may be wrong',
    );
  }
  return parent;
}
