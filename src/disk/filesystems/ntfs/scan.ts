/**
 * The scan: one pass over the file records in use, in large reads and in order, which says all there is: attributes,
 * names with their directory, runs. Directories' own indexes repeat the names and are not read.
 *
 *   records in use ──► FileColumns (by slot) ─┐
 *                 ├──► NameColumns ───────────┴──► tree.ts: entries of the table
 *                 └──► runs with their file ─────► unused.ts, metadata.ts
 *
 * What of a file does not fit into its record is in further ones, usually behind it: those are taken when they are
 * met. The few that come before their file are read again at the end.
 */
import { corrupt, ImgoptError } from '../../../core/errors.ts';
import type { FileTableBuilder } from '../../../core/file-table.ts';
import { MAX_FILE_EXTENTS, MAX_NTFS_DAMAGED_RECORDS } from '../../../core/limits.ts';
import { MappedRuns } from '../../../sources/mapped.ts';
import { FileColumns, NameColumns, STATE } from './columns.ts';
import {
  ATTR,
  ATTR_FLAG,
  FILE_ATTR,
  FILE_NAME,
  FILE_NAME_DOS,
  FIRST_FREE_RECORD,
  MFT_FLAG,
  MFT_RECORD,
  REPARSE,
  STANDARD_INFORMATION,
  TYPE,
} from './layout.ts';
import type { Mft, RecordVisitor, Volume } from './mft.ts';
import {
  big64,
  isNamed,
  isUnnamed,
  recordProblem,
  referenceNumber,
  referenceSequence,
  residentValue,
  walkAttributes,
} from './record.ts';
import { decodeRuns } from './runlist.ts';
import { buildTree } from './tree.ts';

/** What the scan learned beside the entries. */
export interface ScanFindings {
  readonly files: FileColumns;
  /** Runs of all attributes of all files; the owner is a slot. */
  readonly runs: MappedRuns;
  /** Why the runs do not show all that is in use; undefined when they do. */
  readonly gap: ImgoptError | undefined;
}

/** Damaged records that are told one by one. */
const MAX_TOLD = 1000;
/** Seconds from 1601, where NTFS begins to count, to 1970. */
const EPOCH = 11_644_473_600;

export class NtfsScan {
  private readonly volume: Volume;
  private readonly mft: Mft;
  private readonly builder: FileTableBuilder;
  private readonly files = new FileColumns();
  private readonly names = new NameColumns();
  private readonly runs = new MappedRuns();
  /** Records that came before the one that they are a part of. */
  private readonly deferred: number[] = [];
  private gap: ImgoptError | undefined;
  private damaged = 0;
  private unmarked = 0;

  constructor(volume: Volume, mft: Mft, builder: FileTableBuilder) {
    this.volume = volume;
    this.mft = mft;
    this.builder = builder;
  }

  /** @throws `corrupt` when there is no readable root directory */
  async run(): Promise<ScanFindings> {
    await this.mft.readAll(this.visitor(false));
    if (this.deferred.length > 0) await this.mft.readSome(this.deferred, this.visitor(true));
    if (this.damaged > MAX_TOLD) {
      const message = `${this.damaged} file records are damaged or missing`;
      this.volume.context.report('error', 'NTFS_RECORDS_DAMAGED', message);
    }
    if (this.unmarked > 0) {
      const message = `${this.unmarked} file records are set aside and not in use`;
      this.volume.context.report('info', 'NTFS_RECORDS_RESERVED', message);
    }
    const { files, names, runs, builder } = this;
    const problem = buildTree(this.volume.context, builder, files, names);
    if (problem !== undefined) this.gap ??= problem;
    return { files, runs, gap: this.gap };
  }

  private visitor(isSecond: boolean): RecordVisitor {
    return {
      visit: (number, view, at) => this.takeRecord(number, view, at, isSecond),
      lost: (number, message) => this.damage(number, 'NTFS_RECORD_UNREADABLE', message),
    };
  }

  /** A flood costs no more than counting. */
  private damage(number: number, code: string, message: string, where: readonly string[] = []): void {
    if (++this.damaged > MAX_NTFS_DAMAGED_RECORDS)
      throw corrupt('NTFS_MFT', `more than ${MAX_NTFS_DAMAGED_RECORDS} file records are damaged`);
    if (this.damaged > MAX_TOLD) return;
    let context = this.volume.context.at(`record ${number}`);
    for (const place of where) context = context.at(place);
    context.report('error', code, message);
    this.gap ??= corrupt(code, message, { where: [`record ${number}`, ...where] });
  }

  private takeRecord(number: number, view: DataView, at: number, isSecond: boolean): void {
    const { recordSize } = this.volume.geometry;
    const sound = this.mft.mirrorOf(number);
    if (sound !== undefined) {
      this.takeSound(number, sound, 0, isSecond);
      return;
    }
    const problem = recordProblem(view, at, recordSize, number);
    if (problem !== undefined) {
      // Set aside when the volume was made, and never written.
      if (number < FIRST_FREE_RECORD && view.getUint32(at, true) === 0) return;
      this.damage(number, 'NTFS_RECORD_DAMAGED', problem);
    } else this.takeSound(number, view, at, isSecond);
  }

  private takeSound(number: number, view: DataView, at: number, isSecond: boolean): void {
    const flags = view.getUint16(at + MFT_RECORD.flags, true);
    if ((flags & MFT_FLAG.in_use) === 0) {
      if (number >= FIRST_FREE_RECORD) this.unmarked++;
      return;
    }
    const base = referenceNumber(view, at + MFT_RECORD.base_mft_record);
    const isBase = base === 0 && referenceSequence(view, at + MFT_RECORD.base_mft_record) === 0;
    let slot: number;
    if (isBase) {
      const sequence = view.getUint16(at + MFT_RECORD.sequence_number, true);
      const state = flags & MFT_FLAG.is_directory ? STATE.directory : 0;
      slot = this.files.add(number, sequence, state, view.getUint16(at + MFT_RECORD.link_count, true));
    } else {
      slot = this.files.slotOf(base);
      if (slot < 0 && base > number && !isSecond) {
        this.deferred.push(number);
        return;
      }
      const sequence = referenceSequence(view, at + MFT_RECORD.base_mft_record);
      if (slot < 0 || this.files.sequence[slot] !== sequence) {
        this.damage(
          number,
          'NTFS_EXTENSION',
          `says that it is a part of record ${base}, which is not the file that it was`,
        );
        return;
      }
    }
    const problem = walkAttributes(view, at, this.volume.geometry.recordSize, (type, place) =>
      this.takeAttribute(number, slot, type, view, place),
    );
    if (problem !== undefined) this.spoil(number, slot, corrupt('NTFS_RECORD_DAMAGED', problem));
  }

  private spoil(number: number, slot: number, error: ImgoptError): void {
    this.files.state[slot]! |= STATE.damaged;
    this.damage(number, error.code.replace(/^IMGOPT_/, ''), error.message, error.where);
  }

  private takeAttribute(number: number, slot: number, type: number, view: DataView, at: number): void {
    const { files } = this;
    const value = residentValue(view, at);
    if (value === undefined) this.takeRuns(number, slot, view, at);
    switch (type) {
      case TYPE.STANDARD_INFORMATION:
        if (value !== undefined && value.length >= STANDARD_INFORMATION.size)
          this.takeTimes(slot, view, value.at);
        break;
      case TYPE.FILE_NAME:
        if (value !== undefined) this.takeName(number, slot, view, value.at, value.length);
        break;
      case TYPE.DATA: {
        if (!isUnnamed(view, at)) break;
        this.takeSize(number, slot, view, at, value?.length);
        const flags = view.getUint16(at + ATTR.flags, true);
        if (flags & ATTR_FLAG.compressionMask) files.state[slot]! |= STATE.compressed;
        if (flags & ATTR_FLAG.encrypted) files.state[slot]! |= STATE.encrypted;
        break;
      }
      case TYPE.INDEX_ALLOCATION:
        if ((files.state[slot]! & STATE.directory) !== 0 && isNamed(view, at, '$I30'))
          this.takeSize(number, slot, view, at, undefined);
        break;
      case TYPE.REPARSE_POINT:
        if (value !== undefined && value.length >= 8) files.tag[slot] = view.getUint32(value.at, true);
        if (files.tag[slot] === REPARSE.WOF) files.state[slot]! |= STATE.compressed;
        break;
      default:
    }
  }

  /** Only the first piece of an attribute tells its size. */
  private takeSize(
    number: number,
    slot: number,
    view: DataView,
    at: number,
    resident: number | undefined,
  ): void {
    if (resident === undefined && big64(view, at + ATTR.lowest_vcn) !== 0) return;
    const size = resident ?? big64(view, at + ATTR.data_size);
    if (size <= Number.MAX_SAFE_INTEGER) this.files.size[slot] = size;
    else this.spoil(number, slot, corrupt('NTFS_FILE_SIZE', 'claims to be longer than 2^53 bytes'));
  }

  private takeTimes(slot: number, view: DataView, at: number): void {
    const place = at + STANDARD_INFORMATION.last_data_change_time;
    // In units of 100 ns; beyond 2^53 of them only the last digits are lost.
    const time = view.getUint32(place + 4, true) * 2 ** 32 + view.getUint32(place, true);
    this.files.modified[slot] = Math.floor(time / 1e7) - EPOCH;
    const attributes = view.getUint32(at + STANDARD_INFORMATION.file_attributes, true);
    if (attributes & FILE_ATTR.readOnly) this.files.state[slot]! |= STATE.readOnly;
  }

  private takeName(number: number, slot: number, view: DataView, at: number, length: number): void {
    const { files } = this;
    const units = length < FILE_NAME.file_name ? 0 : view.getUint8(at + FILE_NAME.file_name_length);
    if (units === 0 || FILE_NAME.file_name + 2 * units > length) {
      this.spoil(number, slot, corrupt('NTFS_NAME', `has a name of ${units} characters in ${length} bytes`));
      return;
    }
    files.namesSeen[slot]!++;
    if (
      view.getUint32(at + FILE_NAME.file_attributes, true) & FILE_ATTR.reparsePoint &&
      files.tag[slot] === 0
    )
      files.tag[slot] = view.getUint32(at + FILE_NAME.reparse_point_tag, true);
    if (view.getUint8(at + FILE_NAME.file_name_type) === FILE_NAME_DOS) return;
    files.longNames[slot]!++;
    const parent = at + FILE_NAME.parent_directory;
    const isClean = this.names.add(
      slot,
      referenceNumber(view, parent),
      referenceSequence(view, parent),
      view,
      at + FILE_NAME.file_name,
      units,
    );
    if (isClean) return;
    const context = this.volume.context.at(`record ${number}`);
    context.report('warning', 'NTFS_NAME', "has a name with '/' or NUL, shown as '?'");
  }

  private takeRuns(number: number, slot: number, view: DataView, at: number): void {
    const { geometry } = this.volume;
    const { files, runs } = this;
    let clusters = 0;
    try {
      decodeRuns(view, at, geometry, (vcn, cluster, length) => {
        if (cluster < 0) return;
        clusters += length;
        if (runs.count < MAX_FILE_EXTENTS) runs.push(slot, vcn, cluster, length, 0);
        else this.gap ??= corrupt('NTFS_TOO_MANY_EXTENTS', `more than ${MAX_FILE_EXTENTS} runs`);
      });
    } catch (error) {
      if (!(error instanceof ImgoptError)) throw error;
      this.spoil(number, slot, error);
    }
    files.allocated[slot]! += clusters * geometry.clusterSize;
  }
}
