/**
 * The scan: directories breadth first, several read at once. A record names an entry, and behind its name Rock Ridge
 * says what POSIX needs. Directories may not lie over each other: what all of them hold is bounded by the volume, and
 * none is entered twice.
 *
 * There are no inodes, so the table's number of a file is the position of its directory record; entries with the same
 * content (hard links, or files that the tool found to be equal) have the number of the first.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, isArtifactError } from '../../../core/errors.ts';
import { FILE_FLAG, FILE_TYPE, type FileTableBuilder } from '../../../core/file-table.ts';
import { MAX_DIRECTORY_DEPTH, MAX_READ_BYTES } from '../../../core/limits.ts';
import { allDone } from '../../../core/parallel.ts';
import { viewOf } from '../../../core/record.ts';
import { hex } from '../../../core/text.ts';
import { readBytes } from '../../../sources/read.ts';
import { S_IFDIR, S_IFREG, typeOfMode } from '../mode.ts';
import { addName } from '../tree.ts';
import { FLAG, RECORD, SECTOR_SIZE } from './layout.ts';
import {
  hasRockRidge,
  type ReadContinuation,
  type RockRidge,
  readRockRidge,
  shortDate,
  suspSkip,
} from './susp.ts';

/** Directories read at once. */
const IN_FLIGHT = 16;
/** A continuation of a system use area: it lies within a sector or two. */
const MAX_CONTINUATION_BYTES = 64 * 1024;
/** Continuations are read in windows of this size, so many of which are kept. */
const WINDOW_BYTES = 64 * 1024;
const WINDOWS_KEPT = 64;
/** As Linux shows what has no modes. */
const PLAIN_MODE = 0o555;

/** Where a file's content lies, in bytes. */
export interface Content {
  readonly pieces: readonly { readonly at: number; readonly length: number }[];
  readonly size: number;
  /** Why it cannot be read. */
  readonly problem: string | undefined;
}

export interface Findings {
  /** By the table's inode column. */
  readonly contents: ReadonlyMap<number, Content>;
  readonly targets: ReadonlyMap<number, Uint8Array>;
  readonly kind: 'Rock Ridge' | 'Joliet' | 'plain';
}

interface Extent {
  readonly at: number;
  readonly length: number;
}

interface Directory extends Extent {
  readonly entry: number;
  readonly depth: number;
}

/** A directory record, still in its sector. */
interface Entry {
  /** Position on the disc. */
  readonly at: number;
  readonly name: Uint8Array;
  readonly area: Uint8Array;
  readonly flags: number;
  readonly isInterleaved: boolean;
  readonly extents: Extent[];
  readonly modified: number;
}

const utf16 = new TextDecoder('utf-16be');
const utf8 = new TextEncoder();

export class IsoScan {
  private readonly source: BlockSource;
  private readonly context: Context;
  private readonly blockSize: number;
  private readonly builder: FileTableBuilder;
  private readonly contents = new Map<number, Content>();
  private readonly targets = new Map<number, Uint8Array>();
  /** First entry with content that begins at this byte. */
  private readonly byPlace = new Map<number, { readonly inode: number; readonly size: number }>();
  private readonly visited = new Set<number>();
  private readonly windows = new Map<number, Promise<Uint8Array>>();
  private queue: Directory[] = [];
  private directoryBytes = 0;
  private kind: Findings['kind'] = 'plain';
  private skip = 0;

  constructor(source: BlockSource, blockSize: number, context: Context, builder: FileTableBuilder) {
    this.source = source;
    this.blockSize = blockSize;
    this.context = context;
    this.builder = builder;
  }

  /**
   * @param root directory record of the primary tree, `joliet` of Joliet's
   * @throws ImgoptError `corrupt` when there is no readable root directory
   */
  async run(root: Uint8Array, joliet: Uint8Array | undefined): Promise<Findings> {
    const { builder, context } = this;
    const entry = builder.add(-1, new Uint8Array(0));
    let at = extentOf(root, 0, this.blockSize);
    let self = await this.selfOf(at);
    const skip = suspSkip(self.area);
    if (skip !== undefined && (await hasRockRidge(self.area.subarray(0), this.readContinuation))) {
      this.kind = 'Rock Ridge';
      this.skip = skip;
    } else if (joliet !== undefined) {
      this.kind = 'Joliet';
      at = extentOf(joliet, 0, this.blockSize);
      self = await this.selfOf(at);
    }
    await this.setDirectory(entry, self, at, at.at);
    this.enter(entry, at, 0);
    while (this.queue.length > 0) {
      context.signal.throwIfAborted();
      const batch = this.queue.splice(0, IN_FLIGHT);
      const loaded: (Uint8Array | undefined)[] = [];
      await allDone(
        batch.map(async (directory, i) => {
          loaded[i] = await this.orReported(directory, () => this.load(directory));
        }),
      );
      for (const [i, directory] of batch.entries()) {
        const bytes = loaded[i];
        if (bytes !== undefined) await this.orReported(directory, () => this.parse(directory, bytes));
      }
    }
    return { contents: this.contents, targets: this.targets, kind: this.kind };
  }

  private readonly readContinuation: ReadContinuation = async (block, offset, length) => {
    const at = block * this.blockSize + offset;
    if (length > MAX_CONTINUATION_BYTES || at + length > this.source.size)
      throw corrupt('ISO_SUSP', `a system use area goes on outside: ${length} bytes at ${hex(at)}`);
    const result = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const index = Math.floor((at + done) / WINDOW_BYTES);
      const window = await this.window(index);
      const from = at + done - index * WINDOW_BYTES;
      const part = window.subarray(from, Math.min(window.length, from + length - done));
      result.set(part, done);
      done += part.length;
    }
    return result;
  };

  private window(index: number): Promise<Uint8Array> {
    let window = this.windows.get(index);
    if (window === undefined) {
      const start = index * WINDOW_BYTES;
      window = readBytes(this.source, start, Math.min(WINDOW_BYTES, this.source.size - start));
      this.windows.set(index, window);
      if (this.windows.size > WINDOWS_KEPT) this.windows.delete(this.windows.keys().next().value!);
    }
    return window;
  }

  private async orReported<T>({ at }: Extent, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      this.report(at, error.code.replace(/^IMGOPT_/, ''), error.message);
      return undefined;
    }
  }

  private report(directory: number, code: string, message: string): void {
    this.context.at(`directory at ${hex(directory)}`).report('error', code, message);
  }

  /** A directory's own record, the first in it. */
  private async selfOf({ at }: Extent): Promise<Entry> {
    if (at + SECTOR_SIZE > this.source.size)
      throw corrupt('ISO_DIRECTORY', `a directory lies outside: at ${hex(at)}`);
    const bytes = await readBytes(this.source, at, SECTOR_SIZE);
    const record = this.recordAt(bytes, 0, at);
    if (record === undefined || record.name.length !== 1 || record.name[0] !== 0)
      throw corrupt('ISO_DIRECTORY', `no directory begins at ${hex(at)}`);
    return record;
  }

  private enter(entry: number, { at, length }: Extent, depth: number): void {
    if (this.visited.has(at)) {
      this.builder.addFlag(entry, FILE_FLAG.secondaryLink);
      this.report(at, 'ISO_DIRECTORY_TWICE', 'a directory has more than one place in the tree');
      return;
    }
    this.visited.add(at);
    if (depth > MAX_DIRECTORY_DEPTH)
      throw corrupt('ISO_DEPTH', `directories more than ${MAX_DIRECTORY_DEPTH} deep`);
    this.queue.push({ entry, at, length, depth });
  }

  private async load({ at, length }: Directory): Promise<Uint8Array> {
    if (at + length > this.source.size || length > MAX_READ_BYTES)
      throw corrupt('ISO_DIRECTORY', `a directory of ${length} bytes reaches past the end of the volume`);
    this.directoryBytes += length;
    if (this.directoryBytes > this.source.size)
      throw corrupt('ISO_OVERLAP', 'directories lie over each other');
    return readBytes(this.source, at, length);
  }

  /** Undefined where the rest of the sector is empty. */
  private recordAt(bytes: Uint8Array, at: number, base: number): Entry | undefined {
    const length = bytes[at]!;
    if (length === 0) return undefined;
    const sectorEnd = Math.min(bytes.length, (Math.floor(at / SECTOR_SIZE) + 1) * SECTOR_SIZE);
    const nameLength = at + RECORD.size <= sectorEnd ? bytes[at + RECORD.name_length]! : 0;
    if (nameLength === 0 || RECORD.size + nameLength > length || at + length > sectorEnd)
      throw corrupt('ISO_RECORD', `a record of ${length} bytes at ${hex(base + at)} does not fit`);
    const name = bytes.subarray(at + RECORD.name, at + RECORD.name + nameLength);
    const area = RECORD.size + nameLength + (nameLength % 2 === 0 ? 1 : 0);
    return {
      at: base + at,
      name,
      area: bytes.subarray(at + Math.min(area, length), at + length),
      flags: bytes[at + RECORD.flags]!,
      isInterleaved: bytes[at + RECORD.unit_size] !== 0,
      extents: [extentOf(bytes, at, this.blockSize)],
      modified: shortDate(bytes, at + RECORD.date),
    };
  }

  private async parse(directory: Directory, bytes: Uint8Array): Promise<void> {
    let open: Entry | undefined;
    for (let at = 0; at < bytes.length; ) {
      const record = this.recordAt(bytes, at, directory.at);
      if (record === undefined) {
        at = (Math.floor(at / SECTOR_SIZE) + 1) * SECTOR_SIZE;
        continue;
      }
      at += bytes[at]!;
      if (record.name.length === 1 && record.name[0]! <= 1) continue; // itself and its parent
      // A file of over 4 GiB has a record for each extent, all but the last with a flag.
      if (open !== undefined && Buffer.compare(open.name, record.name) === 0)
        open.extents.push(...record.extents);
      else {
        if (open !== undefined) throw corrupt('ISO_RECORD', 'the last extent of a file is missing');
        open = record;
      }
      if ((record.flags & FLAG.multiExtent) !== 0) continue;
      const whole = open;
      open = undefined;
      if ((whole.flags & FLAG.associated) === 0)
        await this.orReported(directory, () => this.takeEntry(directory, whole));
    }
    if (open !== undefined) throw corrupt('ISO_RECORD', 'the last extent of a file is missing');
  }

  private async takeEntry(directory: Directory, record: Entry): Promise<void> {
    const { builder } = this;
    const rock = await this.rockRidge(record);
    if (rock?.isRelocated === true) return;
    const name = rock?.name ?? this.plainName(record.name);
    const entry = builder.count;
    if (name.length === 0 || name.length > 255 || isDots(name))
      throw corrupt('ISO_NAME', `a name of ${name.length} bytes that no entry can have`);
    if (!addName(builder, name, 0, name.length))
      this.report(directory.at, 'ISO_NAME', "a name holds '/' or a zero byte");
    builder.setParent(entry, directory.entry);
    if (rock?.child !== undefined) {
      const place = { at: rock.child * this.blockSize, length: 0 };
      builder.set(entry, FILE_TYPE.directory, 0, 0, 0, 0, 0, 0, record.at, 0, FILE_FLAG.damaged);
      const self = await this.selfOf(place);
      await this.setDirectory(entry, self, self.extents[0]!, record.at);
      this.enter(entry, { ...place, length: self.extents[0]!.length }, directory.depth + 1);
    } else if ((record.flags & FLAG.directory) !== 0) {
      const [extent] = record.extents as [Extent];
      await this.setDirectory(entry, record, extent, record.at);
      this.enter(entry, extent, directory.depth + 1);
    } else this.setFile(directory, entry, record, rock);
  }

  private async rockRidge({ area }: Entry): Promise<RockRidge | undefined> {
    return this.kind === 'Rock Ridge'
      ? readRockRidge(area.subarray(this.skip), this.readContinuation)
      : undefined;
  }

  private plainName(name: Uint8Array): Uint8Array {
    if (this.kind === 'Joliet') return utf8.encode(utf16.decode(name).replace(/;\d+$/, ''));
    const text = Buffer.from(name).toString('latin1').replace(/;\d+$/, '').replace(/\.$/, '');
    return Buffer.from(text, 'latin1');
  }

  private async setDirectory(entry: number, record: Entry, { length }: Extent, inode: number): Promise<void> {
    // The root's own area begins with SP, before which nothing is skipped.
    const rock =
      this.kind === 'Rock Ridge' && suspSkip(record.area) !== undefined
        ? await readRockRidge(record.area, this.readContinuation)
        : await this.rockRidge(record);
    this.builder.set(
      entry,
      FILE_TYPE.directory,
      rock?.mode ?? S_IFDIR | PLAIN_MODE,
      rock?.uid ?? 0,
      rock?.gid ?? 0,
      rock?.links ?? 1,
      length,
      length,
      inode,
      rock?.modified ?? record.modified,
    );
  }

  private setFile(directory: Directory, entry: number, record: Entry, rock: RockRidge | undefined): void {
    const mode = rock?.mode ?? S_IFREG | PLAIN_MODE;
    const stated = typeOfMode(mode);
    const target = rock?.target;
    const type = target !== undefined ? FILE_TYPE.symlink : stated;
    let flags = 0;
    let inode = record.at;
    let size = 0;
    let allocated = 0;
    if (type === FILE_TYPE.symlink) {
      size = target?.length ?? 0;
      this.targets.set(inode, target ?? new Uint8Array(0));
    } else if (type === FILE_TYPE.file) {
      for (const { length } of record.extents) {
        size += length;
        allocated += Math.ceil(length / this.blockSize) * this.blockSize;
      }
      const end = Math.max(...record.extents.map(({ at, length }) => at + length));
      let problem: string | undefined;
      if (size > 0 && end > this.source.size) {
        problem = `its content reaches to ${hex(end)}, past the end of the volume`;
        this.report(directory.at, 'ISO_OUTSIDE', `a file: ${problem}`);
        flags |= FILE_FLAG.damaged;
      } else if (record.isInterleaved) problem = 'it is interleaved';
      else if (rock?.zisofsSize !== undefined) problem = 'it is compressed with zisofs';
      const first = size > 0 ? this.byPlace.get(record.extents[0]!.at) : undefined;
      if (first !== undefined && first.size === size) {
        inode = first.inode;
        flags |= FILE_FLAG.secondaryLink;
      } else {
        const pieces = size === 0 ? [] : record.extents;
        this.contents.set(inode, { pieces, size, problem });
        if (size > 0) this.byPlace.set(record.extents[0]!.at, { inode, size });
      }
      if (rock?.zisofsSize !== undefined) {
        flags |= FILE_FLAG.compressed;
        size = rock.zisofsSize;
      }
    }
    const links = rock?.links ?? 1;
    const modified = rock?.modified ?? record.modified;
    this.builder.set(
      entry,
      type,
      mode,
      rock?.uid ?? 0,
      rock?.gid ?? 0,
      links,
      size,
      allocated,
      inode,
      modified,
      flags,
    );
  }
}

function isDots(name: Uint8Array): boolean {
  return name.length <= 2 && name.every((byte) => byte === 0x2e);
}

/** Behind an extended attribute record, which is counted in blocks. */
function extentOf(bytes: Uint8Array, at: number, blockSize: number): Extent {
  const view = viewOf(bytes);
  const block = view.getUint32(at + RECORD.extent, true) + bytes[at + RECORD.extended]!;
  return { at: block * blockSize, length: view.getUint32(at + RECORD.data_length, true) };
}
