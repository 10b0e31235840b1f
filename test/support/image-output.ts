/** ImageOutputs for tests of writers: a host file, and a pipe that insists on its rules. */
import { open } from 'node:fs/promises';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { BlockExtent, BlockSource } from '../../src/core/contracts/source.ts';
import type { ImageOutput, ImageWriter, WriterOptions } from '../../src/core/contracts/writer.ts';

/** Writes a disk to a new file. */
export async function writeImage(
  writer: ImageWriter,
  source: BlockSource,
  path: string,
  options: Partial<WriterOptions> = {},
  threads = 2,
): Promise<void> {
  const file = await open(path, 'w');
  const output: ImageOutput = {
    isSequential: false,
    async write(bytes, offset) {
      for (let done = 0; done < bytes.length; ) {
        done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
      }
    },
    setSize: (size) => file.truncate(size),
  };
  try {
    await writer.write(
      source,
      output,
      { compression: writer.compressions[0]!, details: {}, ...options },
      new RunContext({ log: new DiagnosticLog(), threads }),
    );
  } finally {
    await file.close();
  }
}

/** Writes a disk as to a pipe; throws when an offset does not continue where the last write ended. */
export async function streamImage(
  writer: ImageWriter,
  source: BlockSource,
  options: Partial<WriterOptions> = {},
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let at = 0;
  const output: ImageOutput = {
    isSequential: true,
    async write(bytes, offset) {
      if (offset !== at) throw new Error(`a pipe is asked to write at ${offset}, it is at ${at}`);
      const copy = Buffer.from(bytes);
      await new Promise((resolve) => setImmediate(resolve));
      if (!copy.equals(bytes)) throw new Error('the bytes were changed before their write was done');
      pieces.push(copy);
      at += bytes.length;
    },
    async setSize(size) {
      if (size !== at) throw new Error(`a pipe is asked for ${size} bytes, it got ${at}`);
    },
  };
  const all = { compression: writer.compressions[0]!, details: {}, ...options };
  await writer.write(source, output, all, new RunContext({ log: new DiagnosticLog(), threads: 2 }));
  return Buffer.concat(pieces);
}

/**
 * A disk of any size made of a few stretches of data; the rest is holes, or `zero`. Reading a hole is an error:
 * a writer has no business there (but for the samples that an identifier is made from).
 */
export function stretchesSource(
  size: number,
  stretches: readonly { readonly start: number; readonly bytes: Uint8Array }[],
  options: { readonly gaps?: 'hole' | 'zero'; readonly sampled?: number } = {},
): BlockSource {
  const { gaps = 'hole', sampled = 1024 * 1024 } = options;
  return {
    size,
    granularity: 512,
    async read(target, offset) {
      const end = offset + target.length;
      if (end > size) throw new RangeError(`read past the end: ${offset} + ${target.length}`);
      target.fill(0);
      let touched = offset < sampled || end > size - sampled;
      for (const { start, bytes } of stretches) {
        const from = Math.max(offset, start);
        const to = Math.min(end, start + bytes.length);
        if (to <= from) continue;
        touched = true;
        target.set(bytes.subarray(from - start, to - start), from - offset);
      }
      if (!touched) throw new Error(`a hole was read: ${offset} + ${target.length}`);
    },
    async *extents(range = { start: 0, end: size }) {
      const cover: BlockExtent[] = [];
      let at = range.start;
      const gap = (to: number): void => {
        if (to > at) cover.push({ start: at, end: to, kind: gaps, stored: 0 });
        at = Math.max(at, to);
      };
      for (const { start, bytes } of stretches) {
        const from = Math.max(at, start);
        const to = Math.min(range.end, start + bytes.length);
        if (to <= from) continue;
        gap(from);
        cover.push({ start: from, end: to, kind: 'data', stored: to - from });
        at = to;
      }
      gap(range.end);
      yield cover;
    },
    async close() {},
  };
}
