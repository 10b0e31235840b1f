/**
 * MBR partition tables with extended and logical partitions.
 *
 * Four records in the first sector; one (in odd cases more) of them may be an extended partition: a chain of
 * sectors, each with the same four records, of which one names a logical partition relative to its own sector
 * and another the next link relative to the extended partition's start. A link may point anywhere, so visited
 * sectors are remembered, and the count is bounded.
 *
 * What is believed follows the kernel (block/partitions/msdos.c) and blkid, because a guest's /etc/fstab is
 * written in their numbers and names: a record counts when its size is not zero, boot indicators other than
 * 0x00 and 0x80 mean 'no table', logical partitions are numbered from 5 in the order of the chain.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { Probe, ProbeInput, VolumeLayout, VolumeTable } from '../../../core/contracts/disk.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt } from '../../../core/errors.ts';
import { type ByteRange, ExtentSet } from '../../../core/extents.ts';
import { MAX_LOGICAL_PARTITIONS } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { type Partition, partitionOn, reportOverlaps } from '../../../sources/partition.ts';
import { readBytes } from '../../../sources/read.ts';
import {
  AIX_MAGIC,
  BOOT_INDICATOR_ACTIVE,
  EXTENDED_TYPES,
  MBR_SIZE,
  Mbr,
  PartitionRecord,
  RECORD_SIZE,
  RECORDS_OFFSET,
  SIGNATURE,
  TYPE_GPT_PROTECTIVE,
} from './layout.ts';
import {
  holdsExt,
  holdsIso9660,
  ISO_DESCRIPTOR,
  isFilesystemBootSector,
  looksLikeContent,
  START_BYTES,
} from './signatures.ts';

/** The MBR scheme. A disk with GPT's protective MBR is GPT's unless no GPT is left. */
export const mbrVolumes: VolumeTable = { name: 'mbr', probe, open };

interface Entry {
  readonly active: boolean;
  readonly bootIndicator: number;
  readonly type: number;
  /** Sectors. */
  readonly start: number;
  readonly count: number;
}

function entriesOf(sector: Uint8Array): Entry[] {
  return [0, 1, 2, 3].map((i) => {
    const raw = PartitionRecord.read(sector, RECORDS_OFFSET + i * RECORD_SIZE);
    return {
      active: raw.BootIndicator === BOOT_INDICATOR_ACTIVE,
      bootIndicator: raw.BootIndicator,
      type: raw.OSType,
      start: raw.StartingLBA,
      count: raw.SizeInLBA,
    };
  });
}

function isSigned(sector: Uint8Array): boolean {
  return sector[510] === (SIGNATURE & 0xff) && sector[511] === SIGNATURE >> 8;
}

function isExtended({ type, count }: Entry): boolean {
  return count !== 0 && EXTENDED_TYPES.includes(type);
}

function probe({ head, size }: ProbeInput): Probe | undefined {
  if (head.length < MBR_SIZE || !isSigned(head)) return undefined;
  if (viewOf(head).getUint32(0, false) === AIX_MAGIC) return undefined;
  const entries = entriesOf(head);
  if (entries.some(({ bootIndicator }) => bootIndicator !== 0 && bootIndicator !== BOOT_INDICATOR_ACTIVE))
    return undefined;
  if (isFilesystemBootSector(head)) return undefined;
  const used = entries.filter(({ count }) => count !== 0);
  if (used.length === 0) {
    // A fresh, empty table carries a disk signature. Without one it is a boot block: of ext, or of nothing.
    const { UniqueMBRDiskSignature } = Mbr.read(head);
    if (UniqueMBRDiskSignature === 0 || holdsExt(head)) return undefined;
    return { certainty: 'certain', description: 'MBR without partitions' };
  }
  if (used.some(({ type }) => type === TYPE_GPT_PROTECTIVE)) {
    const gptSeen = [512, 4096].some(
      (at) =>
        Buffer.from(head.buffer, head.byteOffset + at, Math.min(8, Math.max(0, head.length - at))).toString(
          'latin1',
        ) === 'EFI PART',
    );
    if (gptSeen || used.every(({ type }) => type === TYPE_GPT_PROTECTIVE)) return undefined;
  }
  // In a hybrid ISO image a record covers the disc's own descriptor; a stale one lies in the gap before partitions.
  const descriptor = ISO_DESCRIPTOR / MBR_SIZE;
  if (
    holdsIso9660(head) &&
    used.some(({ start, count }) => start <= descriptor && start + count > descriptor)
  )
    return undefined;
  // mke2fs clears the sector before its superblock, partitioning tools do not clear what follows theirs: with
  // records that fit the disk the table is the newer of the two. Records that do not fit are boot code.
  if (used.every(({ start }) => start * MBR_SIZE >= size)) {
    return holdsExt(head)
      ? undefined
      : { certainty: 'resembles', description: 'MBR whose partitions all lie past the end of the disk' };
  }
  return { certainty: 'certain', description: 'MBR' };
}

async function open(source: BlockSource, context: Context): Promise<VolumeLayout> {
  if (source.size < MBR_SIZE) throw corrupt('MBR_TRUNCATED', `${source.size} bytes are less than a sector`);
  const sector = await readBytes(source, 0, MBR_SIZE);
  const mbr = Mbr.read(sector);
  if (mbr.Signature !== SIGNATURE) throw corrupt('MBR_NO_SIGNATURE', `no 55 AA at byte 510`);
  const entries = entriesOf(sector);
  const sectorSize = await findSectorSize(source, entries);
  const reader = new TableReader(source, sectorSize, mbr.UniqueMBRDiskSignature, context);
  entries.forEach((entry, i) => {
    if (entry.count !== 0) reader.add(i + 1, entry, entry.start);
  });
  for (const [i, entry] of entries.entries()) {
    if (isExtended(entry)) await reader.followChain(i + 1, entry);
  }
  reader.partitions.sort((a, b) => a.index - b.index);
  reportOverlaps(reader.partitions, context);
  return {
    scheme: 'mbr',
    uuid: diskId(mbr.UniqueMBRDiskSignature),
    sectorSize,
    volumes: reader.partitions,
    tables: [...ExtentSet.from(reader.tables).clip(0, source.size)],
    unused: [],
  };
}

/** As blkid prints PTUUID; a disk without signature has none. */
function diskId(signature: number): string | null {
  return signature === 0 ? null : signature.toString(16).padStart(8, '0');
}

/**
 * 4096 only when that is the unit in which partitions fit the disk and point at content, and 512 is not;
 * a table of unformatted partitions is taken for 512.
 */
async function findSectorSize(source: BlockSource, entries: readonly Entry[]): Promise<512 | 4096> {
  const used = entries.filter(({ count }) => count !== 0);
  const fits = used.every(({ start, count }) => (start + count) * 4096 <= source.size);
  if (used.length === 0 || !fits) return 512;
  const pointsAtContent = async (unit: number): Promise<boolean> => {
    for (const { start } of used) {
      if (start === 0) continue;
      const length = Math.min(START_BYTES, source.size - start * unit);
      if (length > 0 && looksLikeContent(await readBytes(source, start * unit, length))) return true;
    }
    return false;
  };
  return !(await pointsAtContent(512)) && (await pointsAtContent(4096)) ? 4096 : 512;
}

class TableReader {
  readonly partitions: Partition[] = [];
  readonly tables: ByteRange[];
  private readonly source: BlockSource;
  private readonly sectorSize: number;
  private readonly signature: number;
  private readonly context: Context;
  private nextLogical = 5;
  private readonly visited = new Set<number>();

  constructor(source: BlockSource, sectorSize: number, signature: number, context: Context) {
    this.source = source;
    this.sectorSize = sectorSize;
    this.signature = signature;
    this.context = context;
    this.tables = [{ start: 0, end: sectorSize }];
  }

  /** `start`: absolute, in sectors. */
  add(index: number, entry: Entry, start: number): void {
    const id = diskId(this.signature);
    const volume = partitionOn(
      this.source,
      {
        index,
        type: `0x${entry.type.toString(16).padStart(2, '0')}`,
        name: null,
        // As the kernel and blkid print it: the partition's number in hexadecimal.
        uuid: id === null ? null : `${id}-${index.toString(16).padStart(2, '0')}`,
        start: start * this.sectorSize,
        size: entry.count * this.sectorSize,
        isContainer: isExtended(entry),
        attributes: entry.active ? ['bootable'] : [],
      },
      this.context,
    );
    if (volume !== undefined) this.partitions.push(volume);
  }

  /** Follows an extended partition's chain; damage ends it with a diagnostic, what was found stays. */
  async followChain(index: number, extended: Entry): Promise<void> {
    const context = this.context.at(`partition ${index}`);
    const stop = (code: string, message: string): void => context.report('error', code, message);
    const extendedEnd = extended.start + extended.count;
    let at = extended.start;
    for (;;) {
      if (this.visited.has(at))
        return stop('MBR_CHAIN_LOOP', `the chain of logical partitions comes back to sector ${at}`);
      this.visited.add(at);
      if (this.visited.size > MAX_LOGICAL_PARTITIONS)
        return stop('MBR_CHAIN_TOO_LONG', `more than ${MAX_LOGICAL_PARTITIONS} logical partitions`);
      const offset = at * this.sectorSize;
      if (offset + MBR_SIZE > this.source.size)
        return stop('MBR_CHAIN_OUTSIDE', `the chain of logical partitions leaves the disk at ${hex(offset)}`);
      const sector = await readBytes(this.source, offset, MBR_SIZE);
      if (!isSigned(sector))
        return stop('MBR_CHAIN_BROKEN', `no 55 AA in the record at ${hex(offset)}; later ones are lost`);
      this.tables.push({ start: offset, end: offset + this.sectorSize });
      const entries = entriesOf(sector);
      for (const [i, entry] of entries.entries()) {
        if (entry.count === 0 || isExtended(entry)) continue;
        const start = at + entry.start;
        const inside = start >= extended.start && start + entry.count <= extendedEnd;
        // Records 3 and 4 are not used by the scheme; some tools leave rubbish there (kernel and blkid agree).
        if (i >= 2 && !inside) continue;
        if (!inside) {
          context.report(
            'warning',
            'MBR_LOGICAL_OUTSIDE',
            `logical partition ${this.nextLogical} (sectors ${start} to ${start + entry.count - 1}) leaves its extended partition`,
          );
        }
        this.add(this.nextLogical++, entry, start);
      }
      const link = entries.find(isExtended);
      if (link === undefined) return;
      at = extended.start + link.start;
      if (at >= extendedEnd)
        return stop('MBR_CHAIN_OUTSIDE', `the chain of logical partitions leaves its extended partition`);
    }
  }
}
