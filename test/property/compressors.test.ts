/**
 * Any input, cut into any chunks, with any number of threads, from a pipe or a file: the same bytes, which decoders
 * that share no code with us turn back into the input.
 */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, gunzipSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Algorithm, compressFile } from '../../src/compressors/compress-file.ts';
import { gzip } from '../../src/compressors/gzip.ts';
import { CodecPool } from '../../src/compressors/pool.ts';
import { performTask } from '../../src/compressors/tasks.ts';
import { frameShapeOf, zstd } from '../../src/compressors/zstd.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import { chunksOf, payload } from '../support/payload.ts';
import { temporaryFolder } from '../support/temp.ts';

const folder = temporaryFolder();
const MiB = 1024 * 1024;

function context(threads: number): RunContext {
  return new RunContext({ log: new DiagnosticLog(), threads });
}

async function compressed(
  name: Algorithm,
  bytes: Uint8Array,
  level: number,
  threads: number,
  chunks: readonly number[],
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const compressor = name === 'zstd' ? zstd : gzip;
  const counts = await compressor.compress(
    chunksOf(bytes, chunks),
    (part) => void parts.push(part),
    { level },
    context(threads),
  );
  const joined = Buffer.concat(parts);
  expect(counts).toMatchObject({ bytesIn: bytes.length, bytesOut: joined.length });
  return joined;
}

/** Node decodes one frame per call, so frames are told apart by the seek table at the end. */
function unzstd(bytes: Buffer): Buffer {
  const count = bytes.readUInt32LE(bytes.length - 9);
  const table = bytes.length - 9 - count * 8;
  expect(bytes.readUInt32LE(bytes.length - 4)).toBe(0x8f92eab1);
  const parts: Buffer[] = [];
  for (let i = 0, at = 0; i < count; i++) {
    const length = bytes.readUInt32LE(table + i * 8);
    const part = zstdDecompressSync(bytes.subarray(at, at + length));
    expect(part.length).toBe(bytes.readUInt32LE(table + i * 8 + 4));
    parts.push(part);
    at += length;
  }
  return Buffer.concat(parts);
}

const lengths = fc.oneof(
  fc.nat(3000),
  fc.constantFrom(MiB - 1, MiB, MiB + 1, 4 * MiB, 4 * MiB + 1, 9 * MiB),
  fc.nat(6 * MiB),
);
const chunkings = fc.array(fc.oneof(fc.integer({ min: 1, max: 70_000 }), fc.constant(5 * MiB)), {
  minLength: 1,
  maxLength: 5,
});

describe.each(['gzip', 'zstd'] as const)('%s', (name) => {
  it('same bytes whatever the chunks, threads or kind of input; round trip', async () => {
    const file = join(folder, name);
    await fc.assert(
      fc.asyncProperty(
        lengths,
        fc.nat(1000),
        fc.constantFrom(1, 3),
        fc.integer({ min: 1, max: 4 }),
        chunkings,
        async (length, seed, level, threads, chunks) => {
          const bytes = payload(length, seed + 1);
          const result = await compressed(
            name,
            bytes,
            level,
            threads,
            chunks.map((size) => Math.max(size, length >> 8)),
          );
          const back = name === 'gzip' ? gunzipSync(result) : unzstd(result);
          expect(back.equals(bytes)).toBe(true);
          writeFileSync(file, bytes);
          const options = { algorithm: name, level, verify: true, remove: false, sha256: false, force: true };
          await compressFile(file, `${file}.out`, options, context(5 - threads));
          expect(readFileSync(`${file}.out`).equals(result)).toBe(true);
        },
      ),
      { numRuns: 10, seed: 3 },
    );
  });
});

describe('frames', () => {
  it('fed in pieces are the same from a file and from memory, zeros in front or not', async () => {
    for (const zeros of [0, MiB, 3 * MiB + 5]) {
      const content = new Uint8Array(5 * MiB + 123);
      content.set(payload(content.length - zeros, 7), zeros);
      const file = join(folder, 'pieces');
      writeFileSync(file, content);
      const fd = openSync(file, 'r');
      const settings = { kind: 'zstd-frame', crc: true, level: 13, windowLog: 20 } as const;
      const fromFile = await performTask({ ...settings, input: { fd, offset: 0, length: content.length } });
      const fromMemory = await performTask({ ...settings, input: content.slice() });
      closeSync(fd);
      expect(Buffer.from(fromFile.bytes).equals(fromMemory.bytes)).toBe(true);
      expect(zstdDecompressSync(fromFile.bytes).equals(content)).toBe(true);
      expect([fromFile.crc, fromMemory.crc]).toEqual([crc32(content), crc32(content)]);
    }
  });

  it('of zeros are not compressed: 1 GiB of them costs next to nothing', async () => {
    async function* zeros(): AsyncGenerator<Uint8Array> {
      const chunk = new Uint8Array(8 * MiB);
      for (let i = 0; i < 128; i++) yield chunk;
    }
    for (const compressor of [zstd, gzip]) {
      let size = 0;
      const counts = await compressor.compress(
        zeros(),
        (part) => {
          size += part.length;
        },
        {},
        context(2),
      );
      expect(counts.bytesIn).toBe(1024 * MiB);
      // 4 bytes per 128 KiB are zstd's least, a thousandth deflate's.
      expect(size).toBeLessThan(compressor === zstd ? 60_000 : 1_100_000);
    }
  });

  it('hold at least their window', () => {
    for (let level = 1; level <= 22; level++) {
      for (const windowLog of [undefined, 20, 27]) {
        const shape = frameShapeOf({ level, windowLog });
        expect(shape.bytes).toBeGreaterThanOrEqual(2 ** (shape.windowLog ?? 20));
      }
    }
  });
});

describe('an interrupt', () => {
  it('ends work that is under way, at once', async () => {
    const abort = new AbortController();
    const running = new RunContext({ log: new DiagnosticLog(), threads: 2, signal: abort.signal });
    const file = join(folder, 'interrupted');
    writeFileSync(file, payload(48 * MiB, 3));
    const options = {
      algorithm: 'zstd' as const,
      level: 19,
      verify: false,
      remove: false,
      sha256: false,
      force: false,
    };
    const work = compressFile(file, `${file}.zst`, options, running);
    setTimeout(() => abort.abort(), 300);
    await expect(work).rejects.toMatchObject({ name: 'AbortError' });
    expect(() => readFileSync(`${file}.zst`)).toThrow(/ENOENT/);
  });

  it('leaves tasks of a closed pool rejected, not hanging', async () => {
    const pool = new CodecPool({ threads: 1 });
    const task = pool.run({ kind: 'zstd-frame', level: 3, input: payload(4 * MiB), crc: false });
    pool.close();
    await expect(task).rejects.toThrow('closed');
  });
});
