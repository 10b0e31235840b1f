/**
 * Footer and dynamic header, found, verified and renamed: above them everything is bytes.
 *
 * The footer ends the file, and dynamic and differencing disks begin with a copy of it. Each carries a checksum;
 * when only one of the two is sound, that one is used and the user is told.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import { MAX_POINTER_TABLE_BYTES, MAX_VIRTUAL_SIZE } from '../../../core/limits.ts';
import { type RecordOf, viewOf } from '../../../core/record.ts';
import { escapeName, formatUuid, hex } from '../../../core/text.ts';
import { readBytes } from '../../../sources/read.ts';
import {
  checksumOf,
  DISK_TYPE,
  DYNAMIC_COOKIE,
  DYNAMIC_HEADER_BYTES,
  DynamicHeader,
  FOOTER_BYTES,
  FOOTER_COOKIE,
  Footer,
  type Geometry,
  NO_OFFSET,
  PARENT_LOCATOR_BYTES,
  PARENT_LOCATORS,
  ParentLocator,
  SECTOR,
} from './layout.ts';

const COPY_AGAIN = 'the file is truncated or damaged: copy it again';

export interface VhdFooter {
  readonly type: 'fixed' | 'dynamic' | 'differencing';
  /** Bytes that the guest sees. */
  readonly size: number;
  readonly uuid: string;
  /** Seconds since 2000. */
  readonly timestamp: number;
  readonly creator: string;
  readonly creatorVersion: string;
  readonly hostOs: string;
  readonly geometry: Geometry;
  readonly savedState: boolean;
  /** Where the dynamic header lies; undefined for fixed disks. */
  readonly headerOffset: number | undefined;
  /** Bytes of the file in front of its last footer: all that data may use. */
  readonly dataEnd: number;
}

export interface VhdHeader {
  readonly tableOffset: number;
  readonly entries: number;
  readonly blockBytes: number;
  readonly parentUuid: string;
  readonly parentTimestamp: number;
  readonly parentName: string;
  readonly locators: readonly RecordOf<typeof ParentLocator.fields>[];
}

/** The footer at the end, or its copy at the beginning. @throws ImgoptError `corrupt`, `unsupported` */
export async function readFooter(file: BlockSource, context: Context): Promise<VhdFooter> {
  const tail = await readBytes(
    file,
    Math.max(0, file.size - FOOTER_BYTES),
    Math.min(FOOTER_BYTES, file.size),
  );
  const head = await readBytes(file, 0, Math.min(FOOTER_BYTES, file.size));
  // Virtual PC before 2004 wrote 511 bytes, behind whole sectors.
  const isShort = file.size % SECTOR === SECTOR - 1;
  const end = isShort ? tail.subarray(1) : tail;
  const dataEnd = file.size - end.length;
  const last = stateOf(end);
  const copy = stateOf(head);
  if (last === 'sound') {
    const footer = interpret(end, dataEnd);
    if (footer.type !== 'fixed' && (copy !== 'sound' || !sameFooter(head, end))) {
      context.report(
        'warning',
        'VHD_FOOTER_COPY',
        `the footer's copy at the beginning ${copy === 'sound' ? 'differs from it' : 'is damaged'}; the one at the end is used`,
      );
    }
    return footer;
  }
  if (copy === 'sound') {
    const footer = interpret(head, last === 'missing' ? file.size : dataEnd);
    // A fixed disk has no copy: what begins the file is then the guest's.
    if (footer.type !== 'fixed') {
      context.report(
        'warning',
        'VHD_FOOTER_DAMAGED',
        last === 'missing'
          ? 'has no footer at its end, it may be cut short; the copy at its beginning is used'
          : 'the footer at the end fails its checksum; the copy at the beginning is used',
      );
      return footer;
    }
  }
  throw corrupt(
    'VHD_FOOTER_CHECKSUM',
    last === 'missing'
      ? 'has no sound footer, neither at its end nor at its beginning'
      : 'the footer fails its checksum',
    { advice: COPY_AGAIN },
  );
}

function stateOf(bytes: Uint8Array): 'sound' | 'damaged' | 'missing' {
  if (bytes.length < Footer.size) return 'missing';
  // Field by field: what begins a fixed disk is the guest's, and no record.
  const { Cookie, Checksum } = Footer.fields;
  const view = viewOf(bytes);
  if (Cookie.read(view, Cookie.offset) !== FOOTER_COOKIE) return 'missing';
  return Checksum.read(view, Checksum.offset) === checksumOf(bytes, Checksum.offset) ? 'sound' : 'damaged';
}

function sameFooter(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a.subarray(0, Footer.size), b.subarray(0, Footer.size)) === 0;
}

const TYPES: Record<number, VhdFooter['type']> = {
  [DISK_TYPE.fixed]: 'fixed',
  [DISK_TYPE.dynamic]: 'dynamic',
  [DISK_TYPE.differencing]: 'differencing',
};

/** Applications whose disks end where the geometry does, as qemu's block/vpc.c knows them. */
const GEOMETRY_COUNTS = new Set(['vpc ', 'vs  ', 'qemu']);
/** The largest geometry: it says 'larger than I can express'. */
const LARGEST_GEOMETRY = 65535 * 16 * 255;

function interpret(bytes: Uint8Array, dataEnd: number): VhdFooter {
  const raw = Footer.read(bytes);
  if (raw.FileFormatVersion >>> 16 !== 1) {
    throw unsupported('VHD_VERSION', `VHD version ${raw.FileFormatVersion >>> 16} is not supported`);
  }
  const type = TYPES[raw.DiskType];
  if (type === undefined) throw unsupported('VHD_TYPE', `VHDs of type ${raw.DiskType} are not supported`);
  const sectors = raw.Cylinder * raw.Heads * raw.SectorsPerTrack;
  const byGeometry = GEOMETRY_COUNTS.has(raw.CreatorApplication) && sectors > 0 && sectors < LARGEST_GEOMETRY;
  const size = byGeometry ? sectors * SECTOR : raw.CurrentSize;
  if (size === 0 || size > MAX_VIRTUAL_SIZE || size % SECTOR !== 0) {
    throw corrupt('VHD_SIZE', `a disk of ${size} bytes is not possible`, { advice: COPY_AGAIN });
  }
  if (type === 'fixed' && size > dataEnd) {
    throw corrupt('VHD_TRUNCATED', `has ${dataEnd} bytes of data, but the disk has ${size}`, {
      advice: COPY_AGAIN,
    });
  }
  if (type !== 'fixed' && (raw.DataOffset === NO_OFFSET || raw.DataOffset >= BigInt(dataEnd))) {
    throw corrupt(
      'VHD_HEADER_OUT_OF_FILE',
      `the dynamic header at ${hex(raw.DataOffset)} does not lie inside the file`,
      { advice: COPY_AGAIN },
    );
  }
  return {
    type,
    size,
    uuid: formatUuid(raw.UniqueId),
    timestamp: raw.TimeStamp,
    creator: escapeName(raw.CreatorApplication.replace(/[\0 ]+$/, '')),
    creatorVersion: `${raw.CreatorVersion >>> 16}.${raw.CreatorVersion & 0xffff}`,
    hostOs: escapeName(raw.CreatorHostOS.replace(/[\0 ]+$/, '')),
    geometry: { cylinders: raw.Cylinder, heads: raw.Heads, sectors: raw.SectorsPerTrack },
    savedState: raw.SavedState !== 0,
    headerOffset: type === 'fixed' ? undefined : Number(raw.DataOffset),
    dataEnd,
  };
}

/** @throws ImgoptError `corrupt`, `unsupported` */
export async function readDynamicHeader(file: BlockSource, footer: VhdFooter): Promise<VhdHeader> {
  const offset = footer.headerOffset!;
  if (offset + DYNAMIC_HEADER_BYTES > footer.dataEnd) {
    throw corrupt(
      'VHD_HEADER_OUT_OF_FILE',
      `the dynamic header at ${hex(offset)} does not lie inside the file (${hex(file.size)})`,
      { advice: COPY_AGAIN },
    );
  }
  const bytes = await readBytes(file, offset, DYNAMIC_HEADER_BYTES);
  const raw = DynamicHeader.read(bytes);
  if (
    raw.Cookie !== DYNAMIC_COOKIE ||
    raw.Checksum !== checksumOf(bytes, DynamicHeader.fields.Checksum.offset)
  ) {
    throw corrupt('VHD_HEADER_CHECKSUM', `the dynamic header at ${hex(offset)} fails its checksum`, {
      advice: COPY_AGAIN,
    });
  }
  if (raw.HeaderVersion >>> 16 !== 1) {
    throw unsupported(
      'VHD_VERSION',
      `dynamic headers of version ${raw.HeaderVersion >>> 16} are not supported`,
    );
  }
  const { BlockSize: blockBytes, MaxTableEntries: entries, TableOffset: tableOffset } = raw;
  const wrong = (what: string): Error => corrupt('VHD_HEADER', what, { advice: COPY_AGAIN });
  if (blockBytes < 8 * SECTOR || blockBytes > 2 ** 30 || !Number.isInteger(Math.log2(blockBytes))) {
    throw wrong(`blocks of ${blockBytes} bytes are not possible`);
  }
  if (entries * blockBytes < footer.size) {
    throw wrong(`${entries} blocks of ${blockBytes} bytes do not hold a disk of ${footer.size} bytes`);
  }
  if (entries * 4 > MAX_POINTER_TABLE_BYTES) throw wrong(`a table of ${entries} blocks is too large`);
  if (tableOffset < FOOTER_BYTES || tableOffset + entries * 4 > footer.dataEnd) {
    throw corrupt(
      'VHD_TABLE_OUT_OF_FILE',
      `the block table at ${hex(tableOffset)} does not lie inside the file (${hex(file.size)})`,
      { advice: COPY_AGAIN },
    );
  }
  const name = Buffer.from(raw.ParentUnicodeName).swap16().toString('utf16le');
  return {
    tableOffset,
    entries,
    blockBytes,
    parentUuid: formatUuid(raw.ParentUniqueID),
    parentTimestamp: raw.ParentTimeStamp,
    parentName: name.split('\0')[0]!,
    locators: Array.from({ length: PARENT_LOCATORS }, (_, index) =>
      ParentLocator.read(raw.ParentLocators, index * PARENT_LOCATOR_BYTES),
    ),
  };
}
