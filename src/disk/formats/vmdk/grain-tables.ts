/**
 * Grain directory and grain tables: where each grain lies in its file.
 *
 * The directory holds the sector of every table, a table the sector of each of its (usually 512) grains. Hosted
 * sparse extents keep all of that twice. The primary copy is used, entry by entry, unless it proves damaged:
 * a directory or table outside the file, tables that point outside the file, an entry that is empty although
 * the redundant one is not. Then the redundant copy takes its place, provided that it is sound, with a
 * diagnostic. What neither copy tells stays in place and fails where it is used, so that the rest can be read.
 *
 * The directory is held in memory (bounded by MAX_POINTER_TABLE_BYTES over all extents of an image), tables come
 * through the image's cache.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt } from '../../../core/errors.ts';
import { MAX_POINTER_TABLE_BYTES, MAX_READ_BYTES, MAX_VMDK_SORTED_GRAINS } from '../../../core/limits.ts';
import { hex } from '../../../core/text.ts';
import type { LoadCache } from './cache.ts';
import { GTE_ZEROED, SECTOR } from './layout.ts';
import type { SparseHeader } from './sparse-header.ts';

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Counts what all extents of an image hold together. */
export class PointerBudget {
  private left = MAX_POINTER_TABLE_BYTES;
  private grainsLeft = MAX_VMDK_SORTED_GRAINS;

  /** False when the places of so many more grains are too many to keep. */
  takeGrains(count: number): boolean {
    this.grainsLeft -= count;
    return this.grainsLeft >= 0;
  }

  /** @throws ImgoptError `corrupt` when the image's directories together are too large */
  take(bytes: number): void {
    this.left -= bytes;
    if (this.left < 0) {
      throw corrupt(
        'VMDK_DIRECTORY_TOO_LARGE',
        `the grain directories of all extents exceed ${MAX_POINTER_TABLE_BYTES} bytes`,
      );
    }
  }
}

/** Tables that a walk fetches ahead. */
const TABLES_AHEAD = 16;

export class GrainTables {
  /** Bytes of the disk that one table maps. */
  readonly tableSpan: number;
  readonly count: number;
  /** Numbers this extent's keys in the cache that all extents of an image share. */
  private readonly keyBase: number;
  private readonly header: SparseHeader;
  private readonly file: BlockSource;
  private readonly context: Context;
  private readonly cache: LoadCache<Uint32Array>;
  private readonly directory: Uint32Array;
  private readonly redundant: Uint32Array | undefined;
  private readonly tableBytes: number;

  private constructor(
    header: SparseHeader,
    file: BlockSource,
    context: Context,
    cache: LoadCache<Uint32Array>,
    keyBase: number,
    directory: Uint32Array,
    redundant: Uint32Array | undefined,
  ) {
    this.header = header;
    this.file = file;
    this.context = context;
    this.cache = cache;
    this.keyBase = keyBase;
    this.directory = directory;
    this.redundant = redundant;
    this.count = header.tableCount;
    this.tableBytes = header.entriesPerTable * 4;
    this.tableSpan = header.entriesPerTable * header.grainBytes;
  }

  /** Reads the directories and decides between them. @throws ImgoptError `corrupt` when none is inside the file */
  static async open(
    header: SparseHeader,
    file: BlockSource,
    context: Context,
    cache: LoadCache<Uint32Array>,
    keyBase: number,
    budget: PointerBudget,
  ): Promise<GrainTables> {
    const bytes = header.tableCount * 4;
    const offset = header.directoryOffset;
    budget.take(bytes);
    const primary = await readWords(file, offset, bytes);
    let redundant: Uint32Array | undefined;
    if (header.redundantDirectoryOffset !== undefined && header.redundantDirectoryOffset !== offset) {
      budget.take(bytes);
      redundant = await readWords(file, header.redundantDirectoryOffset, bytes);
    }
    const directory = primary ?? redundant;
    if (directory === undefined) {
      throw corrupt(
        'VMDK_DIRECTORY_OUT_OF_FILE',
        `the grain directory at ${hex(offset)} does not lie inside the file (${hex(file.size)})`,
        { advice: 'the file is truncated or damaged: copy it again' },
      );
    }
    if (primary === undefined) {
      context.report(
        'warning',
        'VMDK_DIRECTORY_DAMAGED',
        `the grain directory at ${hex(offset)} does not lie inside the file; the redundant one is used`,
      );
      redundant = undefined;
    }
    const tableBytes = header.entriesPerTable * 4;
    const lastStart = (file.size - tableBytes) / SECTOR;
    let replaced = 0;
    let used = 0;
    for (let i = 0; i < directory.length; i++) {
      const entry = directory[i]!;
      const other = redundant === undefined ? 0 : redundant[i]!;
      if ((entry === 0 || entry > lastStart) && other !== 0 && other <= lastStart) {
        directory[i] = other;
        replaced++;
      }
      if (directory[i] !== 0) used++;
    }
    if (replaced > 0) {
      context.report(
        'warning',
        'VMDK_DIRECTORY_DAMAGED',
        `${replaced} of ${directory.length} entries of the grain directory are damaged; the redundant one is used`,
      );
    }
    // Tables do not overlap: more of them than fit into the file is a loop to keep us busy.
    if (used * tableBytes > file.size) {
      throw corrupt('VMDK_TABLES_OVERLAP', `${used} grain tables cannot lie in a file of ${hex(file.size)}`, {
        advice: 'the grain directory is damaged: copy the image again',
      });
    }
    return new GrainTables(header, file, context, cache, keyBase, directory, redundant);
  }

  /**
   * Starts loading the tables that follow `index`, once for each batch of them.
   * @param end of what is wanted, in bytes of the extent
   * @param isFirst a walk begins here, in the middle of a batch perhaps
   */
  fetchAhead(index: number, end: number, isFirst = false): void {
    if (index % TABLES_AHEAD !== 0 && !isFirst) return;
    const batchEnd = (Math.floor(index / TABLES_AHEAD) + 1) * TABLES_AHEAD;
    const last = Math.min(Math.ceil(end / this.tableSpan), batchEnd);
    for (let i = index + 1; i < last; i++) {
      // A failure shows again when the table is asked for in its turn.
      if (!this.isAbsent(i)) this.get(i).catch(() => {});
    }
  }

  /** No grain of table `index` was ever written. */
  isAbsent(index: number): boolean {
    return this.directory[index] === 0;
  }

  /** Entries of table `index`, sectors of the file: 0 is absent, GTE_ZEROED may be zeros. Do not change it. */
  get(index: number): Promise<Uint32Array> {
    return this.cache.get(this.keyBase + index, this.tableBytes + 128, () => this.load(index));
  }

  private async load(index: number): Promise<Uint32Array> {
    const primaryOffset = this.directory[index]! * SECTOR;
    const table = await readWords(this.file, primaryOffset, this.tableBytes);
    const state = table === undefined ? 'bad' : this.judge(table);
    const otherOffset = (this.redundant?.[index] ?? 0) * SECTOR;
    if (otherOffset !== 0 && otherOffset !== primaryOffset) {
      const other = await readWords(this.file, otherOffset, this.tableBytes);
      const otherState = other === undefined ? 'bad' : this.judge(other);
      if (other !== undefined && otherState === 'used' && state !== 'used') {
        this.context
          .at(`grain table ${index}`)
          .report(
            'warning',
            'VMDK_GRAIN_TABLE_DAMAGED',
            `the grain table at ${hex(primaryOffset)} is damaged; the redundant one at ${hex(otherOffset)} is used`,
          );
        return other;
      }
      if (table !== undefined && other !== undefined && otherState === 'used' && !sameWords(table, other)) {
        this.context
          .at(`grain table ${index}`)
          .report(
            'warning',
            'VMDK_GRAIN_TABLES_DIFFER',
            `the grain table at ${hex(primaryOffset)} and the redundant one at ${hex(otherOffset)} differ; the first is used`,
          );
      }
    }
    if (table === undefined) {
      throw corrupt(
        'VMDK_TABLE_OUT_OF_FILE',
        `the grain table at ${hex(primaryOffset)} does not lie inside the file (${hex(this.file.size)})`,
        {
          where: [`grain table ${index}`],
          advice: 'the file is truncated or damaged: copy it again',
        },
      );
    }
    return table;
  }

  /** `used` when it has grains and all begin inside the file, `empty` when it has none, else `bad`. */
  private judge(table: Uint32Array): 'used' | 'empty' | 'bad' {
    const lastSector = this.file.size / SECTOR - 1;
    let any = false;
    for (let i = 0; i < table.length; i++) {
      const sector = table[i]!;
      if (sector === 0) continue;
      any = true;
      if (sector > lastSector) return 'bad';
      if (sector === GTE_ZEROED && !this.header.hasZeroedGrains) return 'bad';
    }
    return any ? 'used' : 'empty';
  }
}

/** `bytes` of little-endian 32-bit words; undefined when they do not lie inside the file. */
async function readWords(file: BlockSource, offset: number, bytes: number): Promise<Uint32Array | undefined> {
  if (offset < SECTOR || !(offset + bytes <= file.size)) return undefined;
  const target = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += MAX_READ_BYTES) {
    await file.read(target.subarray(at, Math.min(bytes, at + MAX_READ_BYTES)), offset + at);
  }
  if (!isLittleEndian) Buffer.from(target.buffer).swap32();
  return new Uint32Array(target.buffer);
}

function sameWords(a: Uint32Array, b: Uint32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
