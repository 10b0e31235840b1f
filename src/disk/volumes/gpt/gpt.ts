/**
 * GUID partition tables (UEFI Specification 2.10, section 5.3).
 *
 * The table exists twice: behind the protective MBR and in the disk's last sectors, each a header and an array
 * of entries with a checksum each. The first copy with both checksums right is the truth; the other one is only
 * compared. So a disk that was enlarged, cut short or half overwritten still yields its partitions, and a
 * diagnostic says what is wrong with it.
 *
 * Nothing in the table tells the sector size, but the primary header's place does: sector 1 is at byte 512 or
 * 4096. The header's own MyLBA confirms it.
 *
 * As the kernel does, the table counts only with a protective MBR before it: a disk that was repartitioned with
 * an MBR keeps a stale GPT behind it. We are milder in one case: a header that checks out behind an empty first
 * sector is believed, with a warning.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { Probe, ProbeInput, VolumeLayout, VolumeTable } from '../../../core/contracts/disk.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { ExtentSet } from '../../../core/extents.ts';
import { formatGuid, hex } from '../../../core/text.ts';
import { type Partition, partitionOn, reportOverlaps } from '../../../sources/partition.ts';
import { readBytes } from '../../../sources/read.ts';
import { type Copy, type Header, parseHeader, readCopy } from './header.ts';
import {
  GptEntry,
  MBR_RECORD_SIZE,
  MBR_RECORDS,
  MBR_SIGNATURE_OFFSET,
  MBR_TYPE_GPT_PROTECTIVE,
  MbrRecord,
  SECTOR_SIZES,
} from './layout.ts';

type ValidCopy = Extract<Copy, { state: 'valid' }>;

/** The GPT scheme. `open` throws `corrupt` GPT_DAMAGED when neither copy of the table can be believed. */
export const gptVolumes: VolumeTable = { name: 'gpt', probe, open };

/** What the first sector says to a GPT reader. */
interface FirstSector {
  readonly signed: boolean;
  readonly protective: boolean;
  /** Records beside the protective one that name partitions: a hybrid MBR, or a plain one. */
  readonly others: number;
}

function firstSector(head: Uint8Array): FirstSector {
  if (head.length < 512) return { signed: false, protective: false, others: 0 };
  const signed = head[MBR_SIGNATURE_OFFSET] === 0x55 && head[MBR_SIGNATURE_OFFSET + 1] === 0xaa;
  let protective = false;
  let others = 0;
  for (let i = 0; signed && i < 4; i++) {
    const entry = MbrRecord.read(head, MBR_RECORDS + i * MBR_RECORD_SIZE);
    if (entry.OSType === MBR_TYPE_GPT_PROTECTIVE) protective = true;
    else if (entry.OSType !== 0 && entry.SizeInLBA !== 0) others++;
  }
  return { signed, protective, others };
}

function probe({ head, tail, size }: ProbeInput): Probe | undefined {
  const first = firstSector(head);
  const primary = SECTOR_SIZES.map((sectorSize) =>
    parseHeader(head.subarray(sectorSize, 2 * sectorSize), 1, sectorSize),
  );
  const backup = SECTOR_SIZES.map((sectorSize) => {
    const at = tail.length - sectorSize - (size % sectorSize);
    if (at < 0) return { state: 'missing' as const };
    return parseHeader(tail.subarray(at, at + sectorSize), Math.floor(size / sectorSize) - 1, sectorSize);
  });
  const valid = [...primary, ...backup].some((parsed) => parsed.state === 'valid');
  const seen = [...primary, ...backup].some((parsed) => parsed.state !== 'missing');
  if (first.protective) {
    // A hybrid MBR without any GPT is an MBR with an odd entry; one that only protects is nothing but a GPT.
    if (seen || first.others === 0)
      return { certainty: 'certain', description: valid ? 'GPT' : 'GPT with damaged headers' };
    return { certainty: 'resembles', description: 'GPT without headers' };
  }
  if (first.signed && first.others > 0) return undefined;
  if (primary.some((parsed) => parsed.state === 'valid'))
    return { certainty: 'certain', description: 'GPT without a protective MBR' };
  // A filesystem made on the whole disk leaves the old backup at its end: alone it proves nothing.
  if (seen && isBlank(head.subarray(0, 512))) return { certainty: 'resembles', description: 'damaged GPT' };
  return undefined;
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

async function open(source: BlockSource, context: Context): Promise<VolumeLayout> {
  const first = firstSector(await readBytes(source, 0, Math.min(512, source.size)));
  const { used, tables } = await chooseCopy(source, context);
  if (!first.protective)
    context.report('warning', 'GPT_NO_PROTECTIVE_MBR', 'no protective MBR stands before the table');
  else if (first.others > 0) {
    context.report(
      'info',
      'GPT_HYBRID_MBR',
      `the MBR lists ${first.others} of the partitions as well (hybrid MBR); the GPT is followed`,
    );
  }
  const volumes = readEntries(source, used, context);
  reportOverlaps(volumes, context);
  return {
    scheme: 'gpt',
    uuid: used.header.diskGuid,
    sectorSize: used.sectorSize,
    volumes,
    tables: [...ExtentSet.from(tables).clip(0, source.size)],
    unused: [],
  };
}

/** The copy to believe, and where the copies lie. Reports what is wrong with the other one. */
async function chooseCopy(
  source: BlockSource,
  context: Context,
): Promise<{ used: ValidCopy; tables: ByteRange[] }> {
  let damage = 'no header at byte 512 or 4096';
  const hints: { lba: number; sectorSize: number }[] = [];
  for (const sectorSize of SECTOR_SIZES) {
    const primary = await readCopy(source, 1, sectorSize);
    if (primary.state === 'valid') {
      const tables = [{ start: 0, end: sectorSize }, ...rangesOf(primary)];
      const backup = await checkBackup(source, primary, context);
      if (backup !== undefined) tables.push(...rangesOf(backup));
      return { used: primary, tables };
    }
    if (primary.state === 'damaged') {
      damage = primary.reason;
      hints.push({ lba: primary.otherLba, sectorSize });
    }
  }
  // The last sector is where the backup belongs; a damaged primary may know better on an enlarged disk.
  const places = SECTOR_SIZES.map((sectorSize) => ({
    lba: Math.floor(source.size / sectorSize) - 1,
    sectorSize,
  }));
  for (const { lba, sectorSize } of [...places, ...hints]) {
    const backup = await readCopy(source, lba, sectorSize);
    if (backup.state !== 'valid') continue;
    context.report(
      'error',
      'GPT_PRIMARY_DAMAGED',
      `the primary header is damaged (${damage}); the backup at sector ${lba} is used: repair it with sgdisk or gdisk`,
    );
    const tables = [{ start: 0, end: 2 * sectorSize }, ...rangesOf(backup)];
    return { used: backup, tables };
  }
  throw corrupt('GPT_DAMAGED', `neither copy of the partition table can be believed: ${damage}`, {
    advice: 'copy the image again, or rebuild the table with gdisk',
  });
}

function rangesOf({ header, sectorSize }: ValidCopy): ByteRange[] {
  const start = header.lba * sectorSize;
  const entries = header.entriesLba * sectorSize;
  const length = Math.ceil((header.entryCount * header.entrySize) / sectorSize) * sectorSize;
  return [
    { start, end: start + sectorSize },
    { start: entries, end: entries + length },
  ];
}

/** Compares the backup with the primary; what is found is a warning, for the primary is intact. */
async function checkBackup(
  source: BlockSource,
  primary: ValidCopy,
  context: Context,
): Promise<ValidCopy | undefined> {
  const { sectorSize, header } = primary;
  const last = Math.floor(source.size / sectorSize) - 1;
  if (!(header.otherLba <= last)) {
    context.report(
      'warning',
      'GPT_DISK_TRUNCATED',
      `the backup should be at sector ${header.otherLba}, the disk ends with sector ${last}: it was shrunk or cut short`,
    );
    return undefined;
  }
  const backup = await readCopy(source, header.otherLba, sectorSize);
  if (backup.state === 'missing') {
    context.report('warning', 'GPT_BACKUP_MISSING', `no backup at sector ${header.otherLba}`);
    return undefined;
  }
  if (backup.state === 'damaged') {
    context.report(
      'warning',
      'GPT_BACKUP_DAMAGED',
      `the backup at sector ${header.otherLba} is damaged: ${backup.reason}`,
    );
    return undefined;
  }
  if (header.otherLba !== last) {
    context.report(
      'warning',
      'GPT_BACKUP_MISPLACED',
      `the backup is at sector ${header.otherLba}, the disk ends with sector ${last}: it was enlarged; 'sgdisk -e' moves it`,
    );
  }
  if (backup.header.diskGuid !== header.diskGuid || backup.header.entriesCrc !== header.entriesCrc) {
    context.report(
      'warning',
      'GPT_COPIES_DIFFER',
      'the backup lists other partitions; the primary is followed',
    );
  }
  return backup;
}

const NIL_GUID = '00000000-0000-0000-0000-000000000000';
const utf16 = new TextDecoder('utf-16le');

function readEntries(
  source: BlockSource,
  { header, sectorSize, entries }: ValidCopy,
  context: Context,
): Partition[] {
  const volumes: Partition[] = [];
  for (let i = 0; i < header.entryCount; i++) {
    const at = i * header.entrySize;
    if (isBlank(entries.subarray(at, at + 16))) continue;
    const raw = GptEntry.read(entries, at);
    const firstLba = Number(raw.StartingLBA);
    const lastLba = Number(raw.EndingLBA); // inclusive (table 5.6)
    const problem = entryProblem(header, firstLba, lastLba);
    if (problem !== undefined) {
      const [severity, code, message] = problem;
      context.at(`partition ${i + 1}`).report(severity, code, message);
      if (severity === 'error') continue;
    }
    const uuid = formatGuid(raw.UniquePartitionGUID);
    const volume = partitionOn(
      source,
      {
        index: i + 1,
        type: formatGuid(raw.PartitionTypeGUID),
        name: nameOf(raw.PartitionName),
        uuid: uuid === NIL_GUID ? null : uuid,
        start: firstLba * sectorSize,
        size: (lastLba - firstLba + 1) * sectorSize,
        isContainer: false,
        attributes: attributesOf(raw.Attributes),
      },
      context,
    );
    if (volume !== undefined) volumes.push(volume);
  }
  return volumes;
}

/** What is wrong with an entry; an `error` refuses it. */
function entryProblem(
  header: Header,
  firstLba: number,
  lastLba: number,
): ['error' | 'warning', string, string] | undefined {
  const span = `sectors ${firstLba} to ${lastLba}`;
  if (lastLba < firstLba) return ['error', 'GPT_ENTRY_INVALID', `${span}: ends before it begins`];
  if (firstLba <= 1) return ['error', 'GPT_ENTRY_INVALID', `${span}: covers the table itself`];
  if (!Number.isSafeInteger(lastLba * 4096))
    return ['error', 'GPT_ENTRY_INVALID', `ends at sector ${hex(BigInt(lastLba))}, beyond any disk`];
  if (firstLba < header.firstUsable || lastLba > header.lastUsable)
    return [
      'warning',
      'GPT_ENTRY_OUTSIDE_USABLE',
      `${span} are not inside the usable area (${header.firstUsable} to ${header.lastUsable})`,
    ];
  return undefined;
}

function nameOf(bytes: Uint8Array): string | null {
  let end = 0;
  while (end < bytes.length && (bytes[end] !== 0 || bytes[end + 1] !== 0)) end += 2;
  return end === 0 ? null : utf16.decode(bytes.subarray(0, end));
}

/** Table 5.8, in the words of sfdisk: named bits 0 to 2, the type's own bits 48 to 63 as `GUID:n`. */
function attributesOf(bits: bigint): string[] {
  const names = ['RequiredPartition', 'NoBlockIOProtocol', 'LegacyBIOSBootable'];
  const attributes = names.filter((_, bit) => ((bits >> BigInt(bit)) & 1n) === 1n);
  for (let bit = 48; bit < 64; bit++) {
    if (((bits >> BigInt(bit)) & 1n) === 1n) attributes.push(`GUID:${bit}`);
  }
  return attributes;
}
