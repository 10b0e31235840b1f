/** Headers, region tables and metadata, found, verified and renamed ([MS-VHDX] 2.2, 2.6): above them all is bytes. */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { crc32c } from '../../../core/crc32c.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import { MAX_VHDX_LOCATORS, MAX_VIRTUAL_SIZE } from '../../../core/limits.ts';
import { formatGuid, hex } from '../../../core/text.ts';
import { readBytes } from '../../../sources/read.ts';
import {
  CREATOR_AT,
  CREATOR_BYTES,
  FileParameters,
  HAS_PARENT,
  HEADER_BYTES,
  HEADERS_AT,
  ITEM,
  LEAVE_BLOCKS_ALLOCATED,
  LOCATOR_ENTRIES_AT,
  LOCATOR_TYPE_VHDX,
  LocatorEntry,
  MAX_METADATA_ENTRIES,
  MAX_REGIONS,
  METADATA_ENTRIES_AT,
  METADATA_IS_REQUIRED,
  METADATA_SIGNATURE,
  METADATA_TABLE_BYTES,
  MetadataEntry,
  MetadataTableHeader,
  MiB,
  ParentLocator,
  REGION,
  REGION_ENTRIES_AT,
  REGION_TABLE_BYTES,
  REGION_TABLES_AT,
  RegionEntry,
  RegionTableHeader,
  SectorSize,
  VhdxHeader,
  VirtualDiskId,
  VirtualDiskSize,
} from './layout.ts';
import type { LogPlace } from './log.ts';

const COPY_AGAIN = 'the file is truncated or damaged: copy it again';

export interface VhdxFile {
  readonly creator: string;
  /** Changes with every change of the disk's content; a child names its parent by it. */
  readonly dataGuid: string;
  readonly log: LogPlace;
}

export interface Region {
  readonly offset: number;
  readonly length: number;
}

export interface VhdxMetadata {
  readonly size: number;
  readonly blockBytes: number;
  readonly sectorBytes: number;
  readonly physicalSectorBytes: number | null;
  readonly diskId: string | null;
  readonly leavesBlocksAllocated: boolean;
  readonly hasParent: boolean;
  /** Of the parent locator: keys as the specification spells them. */
  readonly locator: ReadonlyMap<string, string>;
}

/** Whether the four bytes at 4 are the CRC-32C of all of it with those bytes zero. */
function isSealed(bytes: Uint8Array, stated: number): boolean {
  const copy = new Uint8Array(bytes);
  copy.fill(0, 4, 8);
  return crc32c(copy) === stated;
}

/** The current header: of two sound ones that with the higher number. @throws `corrupt`, `unsupported` */
export async function readHeaders(file: BlockSource, context: Context): Promise<VhdxFile> {
  const found = [];
  for (const at of HEADERS_AT) {
    if (at + HEADER_BYTES > file.size) continue;
    const bytes = await readBytes(file, at, HEADER_BYTES);
    const header = VhdxHeader.read(bytes);
    if (header.Signature === 'head' && isSealed(bytes, header.Checksum)) found.push(header);
  }
  const [first, second] = found;
  if (first === undefined)
    throw corrupt('VHDX_HEADER_CHECKSUM', 'neither of its two headers is sound', { advice: COPY_AGAIN });
  if (second === undefined) {
    context.report('info', 'VHDX_HEADER_DAMAGED', 'one of its two headers is not sound; the other is used');
  }
  const header = second !== undefined && second.SequenceNumber > first.SequenceNumber ? second : first;
  if (header.Version !== 1 || header.LogVersion !== 0) {
    throw unsupported(
      'VHDX_VERSION',
      `is VHDX version ${header.Version} with log version ${header.LogVersion}; 1 and 0 are read`,
      { advice: "convert it first: 'qemu-img convert -O qcow2'" },
    );
  }
  const creator = await readBytes(file, CREATOR_AT, CREATOR_BYTES);
  return {
    creator: utf16(creator),
    dataGuid: formatGuid(header.DataWriteGuid),
    log: { offset: header.LogOffset, length: header.LogLength, guid: header.LogGuid },
  };
}

function utf16(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf16le').split('\0')[0]!;
}

/** Where the block table and the metadata lie. @throws `corrupt`, `unsupported` for a required region unknown */
export async function readRegions(
  file: BlockSource,
  context: Context,
): Promise<{ bat: Region; metadata: Region }> {
  for (const [copy, at] of REGION_TABLES_AT.entries()) {
    if (at + REGION_TABLE_BYTES > file.size) continue;
    const bytes = await readBytes(file, at, REGION_TABLE_BYTES);
    const header = RegionTableHeader.read(bytes);
    if (header.Signature !== 'regi' || header.EntryCount > MAX_REGIONS || !isSealed(bytes, header.Checksum))
      continue;
    if (copy > 0)
      context.report(
        'warning',
        'VHDX_REGION_TABLE_DAMAGED',
        'the first region table is not sound; its copy is used',
      );
    return regionsOf(bytes, header.EntryCount, file.size);
  }
  throw corrupt('VHDX_REGION_TABLE_CHECKSUM', 'neither of its two region tables is sound', {
    advice: COPY_AGAIN,
  });
}

function regionsOf(bytes: Uint8Array, count: number, fileSize: number): { bat: Region; metadata: Region } {
  const regions = new Map<string, Region>();
  for (let i = 0; i < count; i++) {
    const {
      Guid,
      FileOffset: offset,
      Length: length,
      Required,
    } = RegionEntry.read(bytes, REGION_ENTRIES_AT + 32 * i);
    const guid = formatGuid(Guid);
    const isKnown = guid === REGION.bat || guid === REGION.metadata;
    if (!isKnown && (Required & 1) !== 0)
      throw unsupported('VHDX_REGION', `needs the region ${guid}, which is not read`);
    if (!isKnown) continue;
    if (regions.has(guid)) throw corrupt('VHDX_REGION_TWICE', `has the region ${guid} twice`);
    if (
      offset < MiB ||
      offset % MiB !== 0 ||
      length % MiB !== 0 ||
      length === 0 ||
      offset + length > fileSize
    ) {
      throw corrupt(
        'VHDX_REGION_OUT_OF_FILE',
        `the region ${guid} of ${length} bytes at ${hex(offset)} does not lie inside the file (${hex(fileSize)})`,
        { advice: COPY_AGAIN },
      );
    }
    regions.set(guid, { offset, length });
  }
  const [bat, metadata] = [regions.get(REGION.bat), regions.get(REGION.metadata)];
  if (bat === undefined || metadata === undefined)
    throw corrupt('VHDX_REGION_MISSING', 'has no block table or no metadata');
  if (bat.offset < metadata.offset + metadata.length && metadata.offset < bat.offset + bat.length)
    throw corrupt('VHDX_REGIONS_OVERLAP', 'its block table lies inside its metadata');
  return { bat, metadata };
}

/** @throws `corrupt`, `unsupported` for a required item unknown */
export async function readMetadata(file: BlockSource, region: Region): Promise<VhdxMetadata> {
  const items = await readItems(file, region);
  const needed = <T>(guid: string, record: { read(bytes: Uint8Array): T; name: string }): T => {
    const bytes = items.get(guid);
    if (bytes === undefined)
      throw corrupt('VHDX_METADATA_MISSING', `has no ${record.name.replace('VHDX ', '')}`);
    return record.read(bytes);
  };
  const { BlockSize: blockBytes, Flags } = needed(ITEM.fileParameters, FileParameters);
  const { VirtualDiskSize: size } = needed(ITEM.virtualDiskSize, VirtualDiskSize);
  const { SectorSize: sectorBytes } = needed(ITEM.logicalSectorSize, SectorSize);
  if (blockBytes < MiB || blockBytes > 256 * MiB || (blockBytes & (blockBytes - 1)) !== 0)
    throw corrupt(
      'VHDX_BLOCK_SIZE',
      `has blocks of ${blockBytes} bytes, not 1 to 256 MiB and a power of two`,
    );
  if (sectorBytes !== 512 && sectorBytes !== 4096)
    throw corrupt('VHDX_SECTOR_SIZE', `has sectors of ${sectorBytes} bytes, not 512 or 4096`);
  if (size === 0 || size % sectorBytes !== 0 || size > MAX_VIRTUAL_SIZE)
    throw corrupt('VHDX_DISK_SIZE', `has a disk of ${size} bytes, not 1 sector to 64 TiB`);
  const physical = items.get(ITEM.physicalSectorSize);
  const diskId = items.get(ITEM.virtualDiskId);
  const hasParent = (Flags & HAS_PARENT) !== 0;
  return {
    size,
    blockBytes,
    sectorBytes,
    physicalSectorBytes: physical === undefined ? null : SectorSize.read(physical).SectorSize,
    diskId: diskId === undefined ? null : formatGuid(VirtualDiskId.read(diskId).VirtualDiskId),
    leavesBlocksAllocated: (Flags & LEAVE_BLOCKS_ALLOCATED) !== 0,
    hasParent,
    locator: hasParent ? locatorOf(items.get(ITEM.parentLocator)) : new Map(),
  };
}

async function readItems(file: BlockSource, { offset, length }: Region): Promise<Map<string, Uint8Array>> {
  const table = await readBytes(file, offset, METADATA_TABLE_BYTES);
  const { Signature, EntryCount } = MetadataTableHeader.read(table);
  if (Signature !== METADATA_SIGNATURE || EntryCount > MAX_METADATA_ENTRIES)
    throw corrupt('VHDX_METADATA_TABLE', 'its metadata table is damaged', { advice: COPY_AGAIN });
  const known = new Set<string>(Object.values(ITEM));
  const items = new Map<string, Uint8Array>();
  for (let i = 0; i < EntryCount; i++) {
    const entry = MetadataEntry.read(table, METADATA_ENTRIES_AT + 32 * i);
    const guid = formatGuid(entry.ItemId);
    if (!known.has(guid)) {
      if ((entry.Flags & METADATA_IS_REQUIRED) !== 0)
        throw unsupported('VHDX_METADATA', `needs the metadata item ${guid}, which is not read`);
      continue;
    }
    if (items.has(guid)) throw corrupt('VHDX_METADATA_TWICE', `has the metadata item ${guid} twice`);
    if (entry.Length > MiB || entry.Offset < METADATA_TABLE_BYTES || entry.Offset + entry.Length > length)
      throw corrupt(
        'VHDX_METADATA_OUT_OF_REGION',
        `the metadata item ${guid} does not lie inside its region`,
      );
    items.set(guid, await readBytes(file, offset + entry.Offset, entry.Length));
  }
  return items;
}

/** 2.6.2.6: keys and values in UTF-16, by offsets within the item. */
function locatorOf(bytes: Uint8Array | undefined): Map<string, string> {
  if (bytes === undefined) throw corrupt('VHDX_METADATA_MISSING', 'has a parent and no parent locator');
  const { LocatorType, KeyValueCount } = ParentLocator.read(bytes);
  if (formatGuid(LocatorType) !== LOCATOR_TYPE_VHDX)
    throw unsupported('VHDX_LOCATOR', `names its parent by a locator of type ${formatGuid(LocatorType)}`);
  if (KeyValueCount > MAX_VHDX_LOCATORS)
    throw corrupt(
      'VHDX_LOCATOR',
      `its parent locator has ${KeyValueCount} entries, more than ${MAX_VHDX_LOCATORS}`,
    );
  const text = (at: number, length: number): string => {
    if (at + length > bytes.length) throw corrupt('VHDX_LOCATOR', 'its parent locator points out of itself');
    return utf16(bytes.subarray(at, at + length));
  };
  return new Map(
    Array.from({ length: KeyValueCount }, (_, i) => {
      const entry = LocatorEntry.read(bytes, LOCATOR_ENTRIES_AT + LocatorEntry.size * i);
      return [text(entry.KeyOffset, entry.KeyLength), text(entry.ValueOffset, entry.ValueLength)] as const;
    }),
  );
}
