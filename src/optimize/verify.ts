/**
 * Is the output what was planned? It is opened again with the readers, as a stranger would, and compared with the
 * source as the plan has it: every byte that either side's map calls data, and every file's attributes as the
 * filesystem drivers read them from it. Bytes that neither stores are zero on both sides by their maps.
 *
 * Decoding all of a compressed output again, and reading all of the source again, would cost about as much as
 * writing it. So where a writer compresses units (clusters, grains, frames), equality is proved in two halves:
 *
 *   content → stored bytes   by the thread that compressed a unit, on the spot: it decodes what it made, compares
 *                            all of it with what it was made of, and seals the stored bytes with a CRC-32 (seals.ts)
 *   stored bytes → file      here: the reader of the reopened output says where it finds each unit, with which codec;
 *                            the bytes there must be the sealed ones
 *
 * A decoder's result follows from its input alone, so both halves together are what decoding again would prove: of
 * every unit its content, place, length and codec, and through the reader's own tables that no unit is missing,
 * swapped or shared; of a unit that was found to be zeros, that the output's map has nothing there. What is not under
 * a seal is compared byte by byte through both readers: whatever either map has beyond the seals, formats without
 * compression, and one sealed group in AUDIT_STRIDE. That last is for what the halves do not see, a mistake between
 * the source and the thread: a unit read from the wrong place, or while its buffer is used for something else, is no
 * rare accident of one unit.
 *
 * Not proved: that the medium keeps the bytes (they come back out of the host's cache), what a damage of 1 in 2³²
 * with the same CRC does, and in a format with seals that the source reads the same twice, audited groups aside.
 */
import { crc32 } from 'node:zlib';
import { requireCompressor } from '../compressors/detect.ts';
import { orderedMap } from '../compressors/pool.ts';
import { release } from '../compressors/release.ts';
import { openCompressedSource } from '../compressors/source.ts';
import { DiagnosticLog, RunContext } from '../core/context.ts';
import type { Context } from '../core/contracts/context.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type { BlockSource, StoredBytes, StoredPlace } from '../core/contracts/source.ts';
import { ExtentBuilder, type ExtentSet } from '../core/extents.ts';
import { MAX_RANDOM_ACCESS_FRAME_BYTES } from '../core/limits.ts';
import { allDone } from '../core/parallel.ts';
import { mismatch, PLAIN_UNIT, type SealLog, ZERO_UNIT } from '../core/seals.ts';
import { hex } from '../core/text.ts';
import { inspect } from '../inspect/inspect.ts';
import { openFileSource } from '../sources/file.ts';
import type { OptimizeOptions } from './options.ts';

/** Sealed groups of which one is compared in full; the first is. */
const AUDIT_STRIDE = 32;
/** Groups of stored bytes in memory at once, up to some MiB each. */
const SEALS_AT_ONCE = 4;
/** A usual group's stored bytes; larger ones are possible. */
const SEAL_BUFFER_BYTES = 1024 * 1024;
/** Read from both sides at once. */
const PIECE_BYTES = 2 * 1024 * 1024;
const MAX_READERS = 8;

/**
 * Compares two disks: what is sealed by its stored bytes, everything else byte by byte.
 * @param size bytes that the output's format gives the disk: at least the source's; what it adds must be zeros
 * @param seals what the writer of `actual` proved
 * @returns bytes compared
 * @throws ImgoptError `failed-check` at the first difference
 */
export async function compareDisks(
  expected: BlockSource,
  actual: BlockSource,
  context: Context,
  size = expected.size,
  seals?: SealLog,
): Promise<number> {
  if (actual.size !== size) {
    throw mismatch(`the disk has ${actual.size} bytes instead of ${size}`);
  }
  const [ours, theirs] = await Promise.all([dataOf(expected), dataOf(actual)]);
  const data = ours.union(theirs);
  const { storedBytes: stored } = actual;
  let rest = data;
  if (seals !== undefined && stored !== undefined) {
    const { proved, zeros } = await checkSeals(seals, stored, size, context);
    // A unit of zeros that the output does not store either.
    rest = data.subtract(proved).subtract(zeros.subtract(theirs));
  }
  const pieces = cut(rest);
  const task = context.progress.start('verifying', rest.total);
  let next = 0;
  const reader = async (): Promise<void> => {
    const a = Buffer.allocUnsafeSlow(PIECE_BYTES);
    const b = Buffer.allocUnsafeSlow(PIECE_BYTES);
    while (next < pieces.length) {
      context.signal.throwIfAborted();
      const { start, end } = pieces[next++]!;
      const left = a.subarray(0, end - start);
      const right = b.subarray(0, end - start);
      const inside = Math.max(0, Math.min(end, expected.size) - start);
      left.fill(0, inside);
      await allDone([
        inside > 0 ? expected.read(left.subarray(0, inside), start) : undefined,
        actual.read(right, start),
      ]);
      if (left.compare(right) !== 0) {
        const at = left.findIndex((byte, i) => byte !== right[i]);
        next = pieces.length;
        throw mismatch(`the output differs from the source at offset ${hex(start + at)} of the disk`);
      }
      task.advance(end - start);
    }
  };
  try {
    const count = Math.min(MAX_READERS, context.threads + 1);
    await allDone(Array.from({ length: count }, reader));
  } finally {
    task.done();
  }
  return data.total;
}

async function dataOf(source: BlockSource): Promise<ExtentSet> {
  const builder = new ExtentBuilder();
  for await (const extents of source.extents()) {
    for (const { kind, start, end } of extents) if (kind === 'data') builder.add(start, end);
  }
  return builder.build();
}

function cut(data: ExtentSet): { start: number; end: number }[] {
  const pieces: { start: number; end: number }[] = [];
  for (const { start, end } of data) {
    for (let at = start; at < end; at += PIECE_BYTES) {
      pieces.push({ start: at, end: Math.min(end, at + PIECE_BYTES) });
    }
  }
  return pieces;
}

/** @throws ImgoptError `failed-check` when filesystems or their trees are not the same */
export function compareTrees(expected: Inspection, actual: Inspection): void {
  const describe = ({ filesystems }: Inspection): string =>
    filesystems
      .map(({ type, label, uuid, start, size, state }) => [type, label, uuid, start, size, state].join(' '))
      .join('\n');
  if (describe(expected) !== describe(actual))
    throw mismatch('the filesystems of the output are not those of the source');
  const difference = expected.table.firstDifference(actual.table);
  if (difference !== undefined) {
    throw mismatch(`the files of the output are not those of the source (${difference})`);
  }
}

/* ---------- seals ---------- */

/** Stored bytes of a group, in the order of its units. */
interface SealCheck {
  /** Units side by side in the file are one piece. */
  readonly pieces: readonly { readonly offset: number; length: number }[];
  readonly crc: number;
  /** Where on the disk the group begins, for messages. */
  readonly start: number;
}

/**
 * Finds every sealed unit where the reader says that it is stored.
 * @returns the parts of the disk that are proved to be alike, and those that are zeros in the source
 * @throws ImgoptError `failed-check` when a unit is not stored, or with other bytes
 */
async function checkSeals(
  seals: SealLog,
  stored: StoredBytes,
  size: number,
  context: Context,
): Promise<{ proved: ExtentSet; zeros: ExtentSet }> {
  const proved = new ExtentBuilder();
  const zeros = new ExtentBuilder();
  const spare: Buffer[] = []; // one for each check at work: allocating for every read keeps the collector busy
  const check = async ({ pieces, crc, start }: SealCheck): Promise<void> => {
    let found = 0;
    for (const { offset, length } of pieces) {
      let buffer = spare.pop();
      if (buffer === undefined || buffer.length < length) {
        if (buffer !== undefined) release(buffer);
        buffer = Buffer.allocUnsafeSlow(Math.max(length, SEAL_BUFFER_BYTES));
      }
      const bytes = buffer.subarray(0, length);
      await stored.read(bytes, offset);
      found = crc32(bytes, found);
      spare.push(buffer);
    }
    if (found === crc) return;
    throw mismatch(`the output's bytes for offset ${hex(start)} of the disk are not those that were written`);
  };
  for await (const _ of orderedMap(
    sealChecks(seals, stored, size, { proved, zeros }),
    check,
    SEALS_AT_ONCE,
  )) {
    context.signal.throwIfAborted();
  }
  return { proved: proved.build(), zeros: zeros.build() };
}

async function* sealChecks(
  seals: SealLog,
  stored: StoredBytes,
  size: number,
  found: { readonly proved: ExtentBuilder; readonly zeros: ExtentBuilder },
): AsyncGenerator<SealCheck> {
  const cursor = new PlaceCursor(stored);
  let group = 0;
  for (const { units, lengths, crc } of seals.groups()) {
    const isAudited = group++ % AUDIT_STRIDE === 0;
    const pieces: { offset: number; length: number }[] = [];
    for (const [i, unit] of units.entries()) {
      const start = unit * seals.unit;
      const end = Math.min(size, start + seals.unit);
      if (lengths[i] === ZERO_UNIT) {
        if (!isAudited) found.zeros.add(start, end);
        continue;
      }
      const place = await cursor.at(start);
      const piece = place === undefined ? undefined : pieceOf(place, start, end, lengths[i]!, seals);
      if (piece === undefined)
        throw mismatch(`the output does not store offset ${hex(start)} of the disk as it was written`);
      const last = pieces.at(-1);
      if (last !== undefined && last.offset + last.length === piece.offset) last.length += piece.length;
      else pieces.push(piece);
      if (!isAudited) found.proved.add(start, end);
    }
    if (pieces.length > 0) yield { pieces, crc, start: units[0]! * seals.unit };
  }
}

/** Where in the file a unit's bytes are; undefined when `place` cannot be that unit's. */
function pieceOf(
  place: StoredPlace,
  start: number,
  end: number,
  length: number,
  { unit, codec }: SealLog,
): { offset: number; length: number } | undefined {
  if (place.start > start || place.end < end) return undefined;
  if (length === PLAIN_UNIT) {
    return place.codec === 'none' ? { offset: place.offset + start - place.start, length: unit } : undefined;
  }
  const isWhole = place.start === start && place.end === end;
  return isWhole && place.codec === codec && length <= place.length
    ? { offset: place.offset, length }
    : undefined;
}

/** Places in the order of the disk, asked for in that order. */
class PlaceCursor {
  private readonly batches: AsyncIterator<readonly StoredPlace[]>;
  private batch: readonly StoredPlace[] = [];
  private next = 0;

  constructor(stored: StoredBytes) {
    this.batches = stored.places()[Symbol.asyncIterator]();
  }

  /** The first that ends behind `offset`. */
  async at(offset: number): Promise<StoredPlace | undefined> {
    for (;;) {
      const place = this.batch[this.next];
      if (place === undefined) {
        const { done, value } = await this.batches.next();
        if (done === true) return undefined;
        this.batch = value;
        this.next = 0;
      } else if (place.end > offset) return place;
      else this.next++;
    }
  }
}

/* ---------- compressed streams ---------- */

/**
 * Compares a compressed stream with the disk that it should hold.
 * @returns bytes compared
 * @throws ImgoptError `failed-check` at the first difference
 */
export async function compareStream(
  expected: BlockSource,
  path: string,
  context: Context,
  seals: SealLog,
): Promise<number> {
  const file = await openFileSource(path);
  try {
    // Larger frames would be decompressed to a temporary file, and gzip is; of that no writer makes seals.
    const isRandomAccess = seals.codec === 'zstd' && seals.unit <= MAX_RANDOM_ACCESS_FRAME_BYTES;
    const inside = isRandomAccess ? await openCompressedSource(file, context) : undefined;
    if (inside?.storedBytes === undefined) return await compareDecoded(expected, file, context);
    try {
      await assertGapless(inside.storedBytes);
      return await compareDisks(expected, inside, context, expected.size, seals);
    } finally {
      await inside.close();
    }
  } finally {
    await file.close();
  }
}

/** A decoder that does not know the table goes through the file from its beginning. */
async function assertGapless(stored: StoredBytes): Promise<void> {
  let next = 0;
  for await (const places of stored.places()) {
    for (const { offset, length } of places) {
      if (offset !== next) throw mismatch(`the frame at ${hex(offset)} does not follow the one before`);
      next = offset + length;
    }
  }
}

async function compareDecoded(expected: BlockSource, file: BlockSource, context: Context): Promise<number> {
  const task = context.progress.start('verifying', expected.size);
  let at = 0;
  let buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  try {
    const head = new Uint8Array(Math.min(16, file.size));
    await file.read(head, 0);
    await requireCompressor(head).decompress(
      chunksOf(file),
      async (bytes) => {
        if (at + bytes.length > expected.size) throw mismatch('the output holds more than the disk');
        if (buffer.length < bytes.length) buffer = Buffer.allocUnsafeSlow(bytes.length);
        const ours = buffer.subarray(0, bytes.length);
        await expected.read(ours, at);
        if (ours.compare(bytes) !== 0)
          throw mismatch(`the output differs from the source near offset ${hex(at)} of the disk`);
        at += bytes.length;
        task.advance(bytes.length);
      },
      context,
    );
    if (at !== expected.size) throw mismatch(`the output holds ${at} bytes instead of ${expected.size}`);
    return at;
  } finally {
    task.done();
  }
}

async function* chunksOf(file: BlockSource): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    const chunk = new Uint8Array(Math.min(PIECE_BYTES, file.size - at));
    await file.read(chunk, at);
    yield chunk;
  }
}

/** Opens the output as a stranger would, and compares. Returns the bytes compared. */
export async function verifyOutput(
  temporary: string,
  inspection: Inspection,
  disk: BlockSource,
  size: number,
  options: OptimizeOptions,
  context: RunContext,
  seals?: SealLog,
): Promise<number> {
  const { signal, threads, progress } = context;
  // What there is to say of the content was said of the source.
  const quiet = new RunContext({ log: new DiagnosticLog(), signal, threads, progress });
  const { drivers, followOutside } = options;
  const output = await inspect(temporary, quiet, { drivers, followOutside });
  try {
    const compared = await compareDisks(disk, output.disk.source, context, size, seals);
    compareTrees(inspection, output);
    return compared;
  } finally {
    await output.close();
  }
}
