import { randomBytes } from 'node:crypto';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CodecPool } from '../../src/compressors/pool.ts';
import { type CompressedSource, openCompressedSource } from '../../src/compressors/source.ts';
import { writeZstd } from '../../src/compressors/zstd.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { BlockSource } from '../../src/core/contracts/source.ts';
import { system } from '../../src/core/errors.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { readAll, readMap } from '../support/image-context.ts';
import { chunksOf, collector, payload } from '../support/payload.ts';

const log = new DiagnosticLog();
const context = new RunContext({ log, threads: 2 });
const data = payload(1_000_000, 3);
const FRAME = 100_000;

/** Frames of FRAME bytes, as `zstd` would write them one by one. */
function frames(params: Record<number, number> = {}): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < data.length; at += FRAME)
    parts.push(
      zstdCompressSync(data.subarray(at, at + FRAME), {
        params: { [constants.ZSTD_c_checksumFlag]: 1, ...params },
      }),
    );
  return parts;
}

/** Zstandard Seekable Format 0.1.0: skippable frame 0x184D2A5E, entries, count, descriptor, 0x8F92EAB1. */
function seekTable(parts: readonly Buffer[], withChecksums: boolean): Buffer {
  const entry = withChecksums ? 12 : 8;
  const table = Buffer.alloc(8 + parts.length * entry + 9);
  table.writeUInt32LE(0x184d2a5e, 0);
  table.writeUInt32LE(table.length - 8, 4);
  parts.forEach((part, i) => {
    table.writeUInt32LE(part.length, 8 + i * entry);
    table.writeUInt32LE(Math.min(FRAME, data.length - i * FRAME), 12 + i * entry);
  });
  table.writeUInt32LE(parts.length, table.length - 9);
  table.writeUInt8(withChecksums ? 0x80 : 0, table.length - 5);
  table.writeUInt32LE(0x8f92eab1, table.length - 4);
  return table;
}

/** Counts the bytes that are read of a file. */
function counted(bytes: Uint8Array): BlockSource & { bytesRead: number } {
  const inner = memorySource(bytes);
  const source = {
    ...inner,
    bytesRead: 0,
    read(target: Uint8Array, offset: number) {
      source.bytesRead += target.length;
      return inner.read(target, offset);
    },
  };
  return source;
}

async function assertReads(source: CompressedSource): Promise<void> {
  expect(source.size).toBe(data.length);
  const ranges = [
    [0, 1],
    [0, data.length],
    [FRAME - 1, 2],
    [FRAME, FRAME],
    [data.length - 1, 1],
    [data.length, 0],
    [250_000, 333_333],
  ] as const;
  await Promise.all(
    ranges.map(async ([offset, length]) => {
      const target = new Uint8Array(length);
      await source.read(target, offset);
      expect(Buffer.compare(target, data.subarray(offset, offset + length))).toBe(0);
    }),
  );
  await expect(source.read(new Uint8Array(2), data.length - 1)).rejects.toMatchObject({ family: 'corrupt' });
  await readMap(source); // checks that it is whole
  if (source.frames !== null) await readMap(source.frames);
}

describe('random access', () => {
  const parts = frames();
  const cases: Record<string, Buffer> = {
    'a seek table': Buffer.concat([...parts, seekTable(parts, false)]),
    'a seek table with checksums': Buffer.concat([...parts, seekTable(parts, true)]),
    'frames alone': Buffer.concat(parts),
    'a seek table that does not fit': Buffer.concat([...parts, parts[0]!, seekTable(parts, false)]),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    it(`over ${name}`, async () => {
      const file = counted(bytes);
      const source = (await openCompressedSource(file, context))!;
      expect(source).toMatchObject({ algorithm: 'zstd', frames: expect.anything() });
      if (name.endsWith('fit')) expect(source.size).toBe(data.length + FRAME);
      else await assertReads(source);
    });
  }

  it('reads only the frames that it needs, and each once', async () => {
    const file = counted(cases['a seek table']!);
    const source = (await openCompressedSource(file, context))!;
    const before = file.bytesRead;
    await Promise.all([1, 2, 3, 4].map((i) => source.read(new Uint8Array(1000), 3 * FRAME + i * 1000)));
    expect(file.bytesRead - before).toBe(parts[3]!.length);
  });

  it('decodes the next frames beforehand for whoever goes through in order, and for nobody else', async () => {
    const file = counted(cases['a seek table']!);
    const source = (await openCompressedSource(file, context))!;
    const before = file.bytesRead;
    const readFrame = (index: number): Promise<void> => source.read(new Uint8Array(10), index * FRAME + 5);
    const stored = (count: number): number =>
      parts.slice(0, count).reduce((sum, part) => sum + part.length, 0);
    await readFrame(0);
    await readFrame(1);
    expect(file.bytesRead - before).toBe(stored(2));
    await readFrame(2); // two threads: the next two
    await new Promise((resolve) => setImmediate(resolve));
    expect(file.bytesRead - before).toBe(stored(5));
    await readFrame(7);
    await readFrame(9);
    expect(file.bytesRead - before).toBe(stored(5) + parts[7]!.length + parts[9]!.length);
  });

  it('over what imgopt writes', async () => {
    const pool = new CodecPool({ threads: 2 });
    const out = collector();
    await writeZstd({ chunks: chunksOf(data) }, out.sink, { level: 3 }, pool, context);
    pool.close();
    const source = (await openCompressedSource(memorySource(out.bytes()), context))!;
    expect(source.frames).not.toBeNull();
    await assertReads(source);
  });

  it('does not believe a table that lies about frames', async () => {
    const table = seekTable(parts, false);
    table.writeUInt32LE(FRAME - 1, 12); // content of the first frame
    table.writeUInt32LE(FRAME + 1, 20);
    const source = (await openCompressedSource(memorySource(Buffer.concat([...parts, table])), context))!;
    await expect(source.read(new Uint8Array(1), 0)).rejects.toMatchObject({ code: 'IMGOPT_ZSTD_INDEX' });
  });

  it('says where a frame is damaged', async () => {
    const bytes = Buffer.from(cases['a seek table']!);
    const at = parts[0]!.length + parts[1]!.length;
    bytes[at - 1]! ^= 0xff; // the checksum of the second frame
    const source = (await openCompressedSource(memorySource(bytes), context))!;
    await source.read(new Uint8Array(FRAME), 0);
    await expect(source.read(new Uint8Array(1), FRAME)).rejects.toMatchObject({
      code: 'IMGOPT_ZSTD_CORRUPT',
      message: expect.stringContaining(`0x${parts[0]!.length.toString(16)}`),
    });
  });

  it('refuses what is cut off or followed by something', async () => {
    const bytes = cases['frames alone']!;
    for (const broken of [bytes.subarray(0, -3), Buffer.concat([bytes, Buffer.from('more')])])
      await expect(openCompressedSource(memorySource(broken), context)).rejects.toMatchObject({
        family: 'corrupt',
      });
  });
});

describe('spooling', () => {
  for (const [name, bytes] of [
    ['gzip', gzipSync(data)],
    ['zstd', zstdCompressSync(data, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } })],
  ] as const) {
    it(`${name} without frames, and says so`, async () => {
      const own = new DiagnosticLog();
      const spooled = new RunContext({ log: own, threads: 2 });
      const source = (await openCompressedSource(memorySource(bytes), spooled))!;
      expect(source).toMatchObject({ algorithm: name, frames: null });
      expect(own.list().map((one) => [one.severity, one.code])).toEqual([
        ['info', 'IMGOPT_COMPRESSED_SPOOLED'],
      ]);
      await assertReads(source);
      await source.close();
    });
  }
});

describe('spooling in a thread', () => {
  /** Too large to be decoded in place: 6 MB that do not compress, with zeros before, between and behind. */
  const KiB64 = 65536;
  const noise = randomBytes(6_000_000);
  const large = Buffer.alloc(3 * KiB64 + 3_000_000 + 10 * KiB64 + 3_000_000 + 5 * KiB64 + 7);
  noise.copy(large, 3 * KiB64, 0, 3_000_000);
  noise.copy(large, 13 * KiB64 + 3_000_000, 3_000_000);
  const up = (at: number): number => Math.ceil(at / KiB64) * KiB64;
  const down = (at: number): number => Math.floor(at / KiB64) * KiB64;
  const packed = {
    gzip: gzipSync(large, { level: 1 }),
    zstd: zstdCompressSync(large, {
      params: { [constants.ZSTD_c_contentSizeFlag]: 0, [constants.ZSTD_c_checksumFlag]: 1 },
    }),
  };

  for (const [name, bytes] of Object.entries(packed)) {
    it(`${name}: the bytes, and where they are zero`, async () => {
      expect(bytes.length).toBeGreaterThan(4 * 2 ** 20);
      const source = (await openCompressedSource(memorySource(bytes), context))!;
      expect((await readAll(source)).equals(large)).toBe(true);
      const map = await readMap(source);
      const first = 3 * KiB64;
      const second = first + 3_000_000 + 10 * KiB64;
      expect(map.map(({ start, end, kind }) => [start, end, kind])).toEqual([
        [0, first, 'zero'],
        [first, up(first + 3_000_000), 'data'],
        [up(first + 3_000_000), down(second), 'zero'],
        [down(second), up(second + 3_000_000), 'data'],
        [up(second + 3_000_000), large.length, 'zero'],
      ]);
      const dataBytes = map.reduce((sum, { stored }) => sum + stored, 0);
      expect(source.dataBytes).toBe(dataBytes);
      expect(await readMap(source, { start: first + 1, end: second })).toMatchObject([
        { start: first + 1, kind: 'data' },
        { kind: 'zero', end: down(second) },
        { kind: 'data', end: second },
      ]);
      await source.close();
    });

    it(`${name}: damage has its code, its place and its advice`, async () => {
      const broken = Buffer.from(bytes);
      broken[broken.length - 6]! ^= 0xff; // of the checksum at the end, gzip's length behind it
      if (name === 'zstd') broken[broken.length - 1]! ^= 0xff;
      const error = { family: 'corrupt', code: name === 'gzip' ? 'IMGOPT_GZIP_CRC' : 'IMGOPT_ZSTD_CORRUPT' };
      await expect(openCompressedSource(memorySource(broken), context)).rejects.toMatchObject(error);
      await expect(
        openCompressedSource(memorySource(bytes.subarray(0, 5_000_000)), context),
      ).rejects.toMatchObject({
        family: 'corrupt',
        advice: expect.stringContaining('copy or build it again'),
      });
    });

    it(`${name}: stops when it is told to, and when the file cannot be read`, async () => {
      const stop = new AbortController();
      const stopped = new RunContext({ log, threads: 2, signal: stop.signal });
      const file = memorySource(bytes);
      const stopping: BlockSource = {
        ...file,
        async read(target, offset) {
          if (offset >= 2_000_000) stop.abort();
          await file.read(target, offset);
        },
      };
      await expect(openCompressedSource(stopping, stopped)).rejects.toMatchObject({ name: 'AbortError' });
      const failing: BlockSource = {
        ...file,
        async read(target, offset) {
          if (offset >= 2_000_000) throw system(Object.assign(new Error('no'), { code: 'EIO' }), ['disk']);
          await file.read(target, offset);
        },
      };
      await expect(openCompressedSource(failing, context)).rejects.toMatchObject({
        family: 'system',
        where: ['disk'],
      });
    });
  }
});

it('leaves other files alone', async () => {
  expect(await openCompressedSource(memorySource(data), context)).toBeUndefined();
  expect(await openCompressedSource(memorySource(new Uint8Array(0)), context)).toBeUndefined();
});
