/**
 * Is the output what was planned? It is opened again with the readers, as a stranger would, and compared with the
 * source as the plan has it: every byte that either side's map calls data, and every file's attributes as the
 * filesystem drivers read them from it. Bytes that neither stores are zero on both sides by their maps.
 */
import { requireCompressor } from '../compressors/detect.ts';
import { DiagnosticLog, RunContext } from '../core/context.ts';
import type { Context } from '../core/contracts/context.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import { ImgoptError } from '../core/errors.ts';
import { ExtentBuilder, type ExtentSet } from '../core/extents.ts';
import { allDone } from '../core/parallel.ts';
import { hex } from '../core/text.ts';
import { inspect } from '../inspect/inspect.ts';
import { openFileSource } from '../sources/file.ts';
import type { OptimizeOptions } from './options.ts';

/** Read from both sides at once. */
const PIECE_BYTES = 2 * 1024 * 1024;
const MAX_READERS = 8;

export function mismatch(message: string): ImgoptError {
  return new ImgoptError('failed-check', 'VERIFY_MISMATCH', message, {
    advice: 'the output was removed; please report this as a bug',
  });
}

/**
 * Compares two disks byte by byte.
 * @param size bytes that the output's format gives the disk: at least the source's; what it adds must be zeros
 * @returns bytes compared
 * @throws ImgoptError `failed-check` at the first difference
 */
export async function compareDisks(
  expected: BlockSource,
  actual: BlockSource,
  context: Context,
  size = expected.size,
): Promise<number> {
  if (actual.size !== size) {
    throw mismatch(`the disk has ${actual.size} bytes instead of ${size}`);
  }
  const [ours, theirs] = await Promise.all([dataOf(expected), dataOf(actual)]);
  const data = ours.union(theirs);
  const pieces = cut(data);
  const task = context.progress.start('verifying', data.total);
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

/**
 * Compares a compressed stream with the disk that it should hold.
 * @returns bytes compared
 * @throws ImgoptError `failed-check` at the first difference
 */
export async function compareStream(expected: BlockSource, path: string, context: Context): Promise<number> {
  const file = await openFileSource(path);
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
    await file.close();
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
): Promise<number> {
  const { signal, threads, progress } = context;
  // What there is to say of the content was said of the source.
  const quiet = new RunContext({ log: new DiagnosticLog(), signal, threads, progress });
  const { drivers, followOutside } = options;
  const output = await inspect(temporary, quiet, { drivers, followOutside });
  try {
    const compared = await compareDisks(disk, output.disk.source, context, size);
    compareTrees(inspection, output);
    return compared;
  } finally {
    await output.close();
  }
}
