/**
 * VHD, the disk format of Virtual PC, Hyper-V before VHDX, Xen and Azure; qemu calls it vpc.
 *
 * Fixed disks are raw data with a footer behind. Dynamic disks have a table of blocks, each with a bitmap of its
 * sectors in front; differencing disks are the same over a parent (differencing.ts), and there the bitmap says
 * sector by sector who has the data. In a dynamic disk the sectors that a bitmap calls absent are zeros in the
 * file as well (specification, 'Block Allocation Table and Data Blocks'), so that reading can go without it.
 *
 * Size: the footer's current size; the geometry for creators that mean it, as qemu does.
 */

import type { Context } from '../../../core/contracts/context.ts';
import type {
  Disk,
  ImageContext,
  ImageFile,
  ImageFormat,
  Probe,
  ProbeInput,
} from '../../../core/contracts/disk.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, locate } from '../../../core/errors.ts';
import { MAX_READ_BYTES } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { escapeName, hex } from '../../../core/text.ts';
import { BLOCK_HOLE, blockMapSource, blocksOverlap } from '../../../sources/block-map.ts';
import { DifferencingSource, type Run, runsOf } from '../../../sources/differencing.ts';
import { withBacking } from '../../../sources/parent.ts';
import { sliceSource } from '../../../sources/slice.ts';
import { BLOCK_ABSENT, FOOTER_COOKIE, SECTOR } from './layout.ts';
import { openParent } from './parent.ts';
import { readDynamicHeader, readFooter, type VhdFooter, type VhdHeader } from './structures.ts';

export const vhdFormat: ImageFormat = {
  name: 'vpc',
  probe: probeVhd,
  /** The disk owns `file` from here on and closes it; a failure leaves it to the caller. */
  open: (file, context) => locate('vhd', () => openVhd(file, context)),
};

function probeVhd({ head, tail }: ProbeInput): Probe | undefined {
  const at = (bytes: Uint8Array, offset: number): boolean =>
    offset >= 0 &&
    Buffer.from(bytes.buffer, bytes.byteOffset + offset, 8).toString('latin1') === FOOTER_COOKIE;
  // Virtual PC before 2004 wrote footers of 511 bytes.
  if (at(tail, tail.length - 512) || at(tail, tail.length - 511))
    return { certainty: 'certain', description: 'VHD' };
  if (head.length >= 512 && at(head, 0))
    return { certainty: 'certain', description: 'VHD without its last footer' };
  return undefined;
}

async function openVhd(file: BlockSource, context: ImageContext): Promise<Disk> {
  const footer = await readFooter(file, context);
  const files: ImageFile[] = [{ ...context.file, role: 'image', format: 'vpc' }];
  if (footer.savedState) {
    context.report(
      'warning',
      'VHD_SAVED_STATE',
      'belongs to a suspended machine: its last writes may be missing',
    );
  }
  if (footer.type === 'fixed') {
    const slice = sliceSource(file, 0, footer.size);
    return {
      format: 'vpc',
      details: detailsOf(footer, undefined, null),
      source: { ...slice, close: () => file.close() },
      files,
      mapIsExact: context.file.allocated >= context.file.fileSize,
      snapshotBytes: 0,
      close: () => file.close(),
    };
  }
  const header = await readDynamicHeader(file, footer);
  const table = await readTable(file, footer, header, context);
  const bitmapBytes = Math.ceil(header.blockBytes / SECTOR / 8 / SECTOR) * SECTOR;
  const outside = (block: number, place: number): Error =>
    corrupt(
      'VHD_BLOCK_OUT_OF_FILE',
      `block ${block} at ${hex(place)} does not lie inside the file (${hex(file.size)})`,
      { advice: 'the file is truncated or damaged: copy it again' },
    );
  const place = (block: number): number => {
    const sector = table.getUint32(block * 4, false);
    return sector === BLOCK_ABSENT ? BLOCK_HOLE : sector * SECTOR + bitmapBytes;
  };
  const { size } = footer;
  const { blockBytes } = header;
  if (footer.type === 'dynamic') {
    return {
      format: 'vpc',
      details: detailsOf(footer, header, null),
      source: blockMapSource({ name: 'vhd', size, blockBytes, place, outside }, file),
      files,
      mapIsExact: true,
      snapshotBytes: 0,
      close: () => file.close(),
    };
  }
  const parent = await openParent(file, footer, header, context);
  const close = async (): Promise<void> => {
    await parent.disk.close();
    await file.close();
  };
  return {
    format: 'vpc',
    details: detailsOf(footer, header, parent.reference),
    source: new DifferencingSource({
      ...{ name: 'vhd', size, blockBytes, place, file, close },
      runs: (block, length) =>
        readRuns(file, place(block), length, bitmapBytes, () => outside(block, place(block))),
      parent: parent.disk.source,
      signal: context.signal,
    }),
    files: withBacking(files, parent.disk),
    mapIsExact: parent.disk.mapIsExact,
    snapshotBytes: 0,
    close,
  };
}

/** What the bitmap in front of a block says; its most significant bits come first. */
async function readRuns(
  file: BlockSource,
  place: number,
  length: number,
  bitmapBytes: number,
  outside: () => Error,
): Promise<Run[]> {
  if (place < 0) return [{ start: 0, end: length, from: 'parent' }];
  if (place + length > file.size) throw outside();
  const bitmap = new Uint8Array(bitmapBytes);
  await file.read(bitmap, place - bitmapBytes);
  return runsOf(length, SECTOR, (sector) => (bitmap[sector >> 3]! & (0x80 >> (sector & 7))) !== 0);
}

/** The block table, whole. No two blocks share bytes; those past the end of the file are reported. */
async function readTable(
  file: BlockSource,
  footer: VhdFooter,
  { tableOffset, entries, blockBytes }: VhdHeader,
  context: Context,
): Promise<DataView> {
  const table = new Uint8Array(entries * 4);
  for (let at = 0; at < table.length; at += MAX_READ_BYTES) {
    await file.read(table.subarray(at, Math.min(table.length, at + MAX_READ_BYTES)), tableOffset + at);
  }
  const view = viewOf(table);
  const used = Math.ceil(footer.size / blockBytes);
  const places = new Float64Array(used);
  let count = 0;
  let outside = 0;
  for (let block = 0; block < used; block++) {
    const sector = view.getUint32(block * 4, false);
    if (sector === BLOCK_ABSENT) continue;
    const place = sector * SECTOR;
    if (place >= footer.dataEnd) outside++;
    if (place < tableOffset + entries * 4 && place + blockBytes > tableOffset) {
      throw corrupt('VHD_BLOCK_IN_TABLE', `block ${block} at ${hex(place)} lies inside the block table`, {
        advice: 'the block table is damaged: copy the image again',
      });
    }
    places[count++] = place;
  }
  if (blocksOverlap(places.subarray(0, count), blockBytes)) {
    throw corrupt('VHD_BLOCKS_OVERLAP', 'the block table gives one place to two blocks', {
      advice: 'the block table is damaged: copy the image again',
    });
  }
  if (outside > 0) {
    context.report(
      'error',
      'VHD_BLOCK_OUT_OF_FILE',
      `${outside} of ${count} blocks lie past the end of the file (${hex(file.size)}): it is truncated`,
    );
  }
  return view;
}

function detailsOf(footer: VhdFooter, header: VhdHeader | undefined, parent: string | null): Disk['details'] {
  const { cylinders, heads, sectors } = footer.geometry;
  return {
    subformat: footer.type,
    version: '1.0',
    blockSize: header?.blockBytes ?? null,
    creator: footer.creator,
    creatorVersion: footer.creatorVersion,
    hostOs: footer.hostOs,
    uuid: footer.uuid,
    timestamp: footer.timestamp,
    diskGeometry: { cylinders, heads, sectors },
    savedState: footer.savedState,
    parent: parent === null ? null : escapeName(parent),
    parentUuid: parent === null ? null : (header?.parentUuid ?? null),
  };
}
