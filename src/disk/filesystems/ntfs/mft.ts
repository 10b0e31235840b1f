/** The master file table, once it is known where it is: which records are in use, reading one of them or all of them. */
import type { Context } from '../../../core/contracts/context.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, isArtifactError } from '../../../core/errors.ts';
import { viewOf } from '../../../core/record.ts';
import { readBytes } from '../../../sources/read.ts';
import type { Geometry } from './boot.ts';
import { recordProblem } from './record.ts';

export interface Volume {
  readonly source: BlockSource;
  readonly context: Context;
  readonly geometry: Geometry;
}

/** Reads in flight while all records are read, and bytes of each. */
const IN_FLIGHT = 4;
const CHUNK_BYTES = 512 * 1024;
/** Unused records that are cheaper to read than to skip. */
const GAP_BYTES = 32 * 1024;

export interface RecordVisitor {
  /** The record stands at byte `at` of `view`, not yet checked. The bytes are the visitor's during the call only. */
  visit(number: number, view: DataView, at: number): void;
  lost(number: number, message: string): void;
}

export class Mft {
  /** Records that the table has room for and that were written once. */
  readonly count: number;
  /** Bit by record: in use. */
  readonly bitmap: Uint8Array;
  private readonly volume: Volume;
  private readonly content: BlockSource;
  private readonly mirrored: ReadonlyMap<number, Uint8Array>;

  constructor(
    volume: Volume,
    content: BlockSource,
    bitmap: Uint8Array,
    mirrored: ReadonlyMap<number, Uint8Array>,
  ) {
    this.volume = volume;
    this.content = content;
    this.bitmap = bitmap;
    this.mirrored = mirrored;
    this.count = Math.min(Math.floor(content.size / volume.geometry.recordSize), bitmap.length * 8);
  }

  isInUse(number: number): boolean {
    return number < this.count && ((this.bitmap[number >>> 3]! >>> (number & 7)) & 1) !== 0;
  }

  /** A record that is sound only in $MFTMirr. */
  mirrorOf(number: number): DataView | undefined {
    const copy = this.mirrored.size === 0 ? undefined : this.mirrored.get(number);
    return copy === undefined ? undefined : viewOf(copy);
  }

  /** One record, put right. @throws `corrupt` when it is damaged or does not exist */
  async read(number: number): Promise<Uint8Array> {
    const copy = this.mirrored.get(number);
    if (copy !== undefined) return copy;
    if (!Number.isSafeInteger(number) || number < 0 || number >= this.count)
      throw corrupt('NTFS_RECORD_OUT_OF_RANGE', `there is no file record ${number}`);
    return readRecord(this.content, this.volume.geometry.recordSize, number);
  }

  /** Shows all records that are marked as in use, in order. */
  async readAll(visitor: RecordVisitor): Promise<void> {
    const { context, geometry } = this.volume;
    const progress = context.progress.start('file records', this.count * geometry.recordSize);
    let done = 0;
    await this.readChunks(this.usedChunks(), {
      visit: (number, view, at) => {
        if (this.isInUse(number)) visitor.visit(number, view, at);
      },
      lost: (number, message) => {
        if (this.isInUse(number)) visitor.lost(number, message);
      },
      chunk: (end) => {
        progress.advance((end - done) * geometry.recordSize);
        done = end;
      },
    });
    progress.done();
  }

  /** Shows these records, which ascend. */
  async readSome(numbers: readonly number[], visitor: RecordVisitor): Promise<void> {
    const wanted = new Set(numbers);
    await this.readChunks(this.chunksOf(numbers), {
      visit: (number, view, at) => {
        if (wanted.has(number)) visitor.visit(number, view, at);
      },
      lost: (number, message) => {
        if (wanted.has(number)) visitor.lost(number, message);
      },
    });
  }

  private *usedNumbers(): Generator<number> {
    const { bitmap, count } = this;
    for (let byte = 0; byte * 8 < count; byte++) {
      if (bitmap[byte] === 0) continue;
      for (let number = byte * 8; number < Math.min(count, byte * 8 + 8); number++)
        if (this.isInUse(number)) yield number;
    }
  }

  private usedChunks(): Generator<[number, number]> {
    return this.chunksOf(this.usedNumbers());
  }

  /** Stretches [from, to) of records that hold these, over small gaps. */
  private *chunksOf(numbers: Iterable<number>): Generator<[number, number]> {
    const { recordSize } = this.volume.geometry;
    const most = CHUNK_BYTES / recordSize;
    const gap = GAP_BYTES / recordSize;
    let from = -1;
    let to = -1;
    for (const number of numbers) {
      if (from >= 0 && number - to <= gap && number - from < most) {
        to = number + 1;
        continue;
      }
      if (from >= 0) yield [from, to];
      from = number;
      to = number + 1;
    }
    if (from >= 0) yield [from, to];
  }

  private async readChunks(
    chunks: Generator<[number, number]>,
    visitor: RecordVisitor & { chunk?(end: number): void },
  ): Promise<void> {
    const { recordSize } = this.volume.geometry;
    interface Read {
      readonly from: number;
      readonly to: number;
      readonly bytes: Uint8Array;
      readonly error: Promise<unknown>;
    }
    const pending: Read[] = [];
    const spare: Uint8Array[] = [];
    const begin = (): void => {
      const next = chunks.next();
      if (next.done === true) return;
      const [from, to] = next.value;
      const length = (to - from) * recordSize;
      // A buffer for one record is small: reading the second half of one file must not cost half a mebibyte.
      const whole = spare.pop();
      const bytes = whole !== undefined && whole.length >= length ? whole : new Uint8Array(length);
      // Never rejects, so that none is left unobserved when an earlier one ends the scan.
      const error = this.content.read(bytes.subarray(0, length), from * recordSize).then(
        () => undefined,
        (reason: unknown) => reason ?? new Error('read failed'),
      );
      pending.push({ from, to, bytes, error });
    };
    for (let i = 0; i < IN_FLIGHT; i++) begin();
    try {
      for (let read = pending[0]; read !== undefined; read = pending[0]) {
        const error = await read.error;
        pending.shift();
        this.volume.context.signal.throwIfAborted();
        if (error === undefined) {
          const view = viewOf(read.bytes);
          for (let number = read.from; number < read.to; number++)
            visitor.visit(number, view, (number - read.from) * recordSize);
        } else await this.readSingly(read.from, read.to, error, visitor);
        visitor.chunk?.(read.to);
        spare.push(read.bytes);
        begin();
      }
    } finally {
      await Promise.all(pending.map(({ error }) => error));
    }
  }

  /** A bad stretch of an image costs its own records. */
  private async readSingly(from: number, to: number, error: unknown, visitor: RecordVisitor): Promise<void> {
    if (!isArtifactError(error)) throw error;
    const { recordSize } = this.volume.geometry;
    const bytes = new Uint8Array(recordSize);
    const view = viewOf(bytes);
    for (let number = from; number < to; number++) {
      try {
        await this.content.read(bytes, number * recordSize);
      } catch (single) {
        if (!isArtifactError(single)) throw single;
        visitor.lost(number, single.message);
        continue;
      }
      visitor.visit(number, view, 0);
    }
  }
}

/** The record at a byte of a source, put right. @throws `corrupt` when it is damaged */
export async function recordAt(
  source: BlockSource,
  at: number,
  size: number,
  number: number,
): Promise<Uint8Array> {
  const bytes = await readBytes(source, at, size);
  const problem = recordProblem(viewOf(bytes), 0, size, number);
  if (problem !== undefined) throw corrupt('NTFS_RECORD_DAMAGED', problem, { where: [`record ${number}`] });
  return bytes;
}

export function readRecord(content: BlockSource, size: number, number: number): Promise<Uint8Array> {
  return recordAt(content, number * size, size, number);
}
