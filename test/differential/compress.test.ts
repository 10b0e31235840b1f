/** Held against those who made the formats: they read ours, we read theirs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decodeAny } from '../../src/compressors/decompress-file.ts';
import { writeGzip } from '../../src/compressors/gzip.ts';
import { CodecPool } from '../../src/compressors/pool.ts';
import { openCompressedSource } from '../../src/compressors/source.ts';
import { writeZstd } from '../../src/compressors/zstd.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { chunksOf, collector, payload } from '../support/payload.ts';
import { describeWithTools, runToolSync } from '../support/tools.ts';

const context = new RunContext({ log: new DiagnosticLog(), threads: 2 });
const data = Buffer.from(payload(11_000_000, 42));
let folder: string;
let pool: CodecPool;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'imgopt-compress-'));
  writeFileSync(join(folder, 'data'), data);
  pool = new CodecPool({ threads: 2 });
});
afterAll(() => {
  pool.close();
  rmSync(folder, { recursive: true });
});

async function ours(algorithm: 'gzip' | 'zstd', level: number, bytes: Uint8Array): Promise<Buffer> {
  const out = collector();
  const input = { chunks: chunksOf(bytes, [100_000]) };
  if (algorithm === 'gzip') await writeGzip(input, out.sink, { level }, pool, context);
  else await writeZstd(input, out.sink, { level }, pool, context);
  return out.bytes();
}

async function decoded(bytes: Uint8Array, windowLogMax?: number): Promise<Buffer> {
  const out = collector();
  await decodeAny(chunksOf(bytes, [65536]), { write: out.sink }, { windowLogMax }, context);
  return out.bytes();
}

const PYTHON_GUNZIP = 'import gzip,sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))';

describeWithTools(['gzip', 'pigz', 'zstd', '7zz', 'python3'], 'what imgopt writes', () => {
  const inputs: Record<string, Uint8Array> = {
    mixed: data,
    nothing: new Uint8Array(0),
    'one byte': Uint8Array.of(7),
    zeros: new Uint8Array(9_000_001),
  };
  for (const [name, bytes] of Object.entries(inputs)) {
    for (const level of [1, 6, 9]) {
      it(`gzip -${level} of ${name}: gzip, pigz, 7zz and Python read it`, async () => {
        const packed = await ours('gzip', level, bytes);
        const path = join(folder, 'ours.gz');
        writeFileSync(path, packed);
        expect(runToolSync('gzip', ['-dc'], packed).equals(bytes)).toBe(true);
        expect(runToolSync('pigz', ['-dc'], packed).equals(bytes)).toBe(true);
        expect(runToolSync('7zz', ['e', '-so', path]).equals(bytes)).toBe(true);
        expect(runToolSync('python3', ['-c', PYTHON_GUNZIP], packed).equals(bytes)).toBe(true);
        runToolSync('gzip', ['-t', path]);
      });
    }
    for (const level of name === 'mixed' ? [1, 3, 9, 13] : [3, 22]) {
      it(`zstd -${level} of ${name}: zstd and 7zz read it`, async () => {
        const packed = await ours('zstd', level, bytes);
        const path = join(folder, 'ours.zst');
        writeFileSync(path, packed);
        runToolSync('zstd', ['-q', '-t', path]);
        expect(runToolSync('zstd', ['-dc', '--ultra', '--long=27'], packed).equals(bytes)).toBe(true);
        expect(runToolSync('7zz', ['e', '-so', path]).equals(bytes)).toBe(true);
      });
    }
  }

  it('is close to the peers in size', async () => {
    const text = data.subarray(0, 6_000_000);
    const gz = (await ours('gzip', 6, text)).length / runToolSync('pigz', ['-6c'], text).length;
    const zst = (await ours('zstd', 3, text)).length / runToolSync('zstd', ['-3qc'], text).length;
    expect(gz).toBeLessThan(1.01);
    expect(zst).toBeLessThan(1.01);
  });
});

describeWithTools(['gzip', 'pigz', 'zstd', 'pzstd', 'bgzip'], 'what others write', () => {
  const small = data.subarray(0, 1_500_000);
  const commands: Record<string, readonly string[]> = {};
  for (let level = 1; level <= 9; level++) commands[`gzip -${level}`] = ['gzip', `-${level}c`];
  for (const level of [0, 1, 6, 11]) commands[`pigz -${level}`] = ['pigz', `-${level}c`, '-p2'];
  commands['pigz -i'] = ['pigz', '-ic', '-p2', '-b', '128'];
  commands['pigz of a name'] = ['pigz', '-c', '-N', '-p2'];
  commands.bgzip = ['bgzip', '-c'];
  for (const level of [1, 3, 9, 15, 19]) commands[`zstd -${level}`] = ['zstd', `-${level}qc`];
  commands['zstd --fast'] = ['zstd', '-qc', '--fast=5'];
  commands['zstd --ultra -22'] = ['zstd', '--ultra', '-22qc'];
  commands['zstd --long'] = ['zstd', '--long', '-qc'];
  commands['zstd --long=31'] = ['zstd', '--long=31', '-1qc'];
  commands['zstd -T2'] = ['zstd', '-T2', '-qc', '-B1MiB'];
  commands['zstd without checksum'] = ['zstd', '--no-check', '-qc'];
  commands.pzstd = ['pzstd', '-qc', '-p', '2'];
  for (const [name, [tool, ...args]] of Object.entries(commands)) {
    it(name, async () => {
      const input = name === 'pigz -11' ? small.subarray(0, 150_000) : small; // zopfli takes its time
      const packed = runToolSync(tool!, args, input);
      const result = await decoded(packed, name.endsWith('31') ? 31 : undefined);
      expect(result.equals(input)).toBe(true);
    });
  }

  it('concatenations', async () => {
    const gz = runToolSync('gzip', ['-c'], small);
    expect((await decoded(Buffer.concat([gz, gz]))).equals(Buffer.concat([small, small]))).toBe(true);
    const zst = runToolSync('zstd', ['-qc'], small);
    expect((await decoded(Buffer.concat([zst, zst]))).equals(Buffer.concat([small, small]))).toBe(true);
  });

  it('a window that needs to be asked for is refused by name', async () => {
    // From a pipe zstd knows no size and declares the whole window.
    const packed = runToolSync('zstd', ['--long=31', '-1qc'], small);
    await expect(decoded(packed)).rejects.toMatchObject({ code: 'IMGOPT_ZSTD_WINDOW_TOO_LARGE' });
  });

  it('random access into frames of pzstd and of zstd put together', async () => {
    const path = join(folder, 'data');
    const packed = runToolSync('pzstd', ['-qc', '-p', '2', path]);
    const joined = Buffer.concat(
      [0, 1, 2].map((i) => {
        writeFileSync(join(folder, 'part'), data.subarray(i * 4_000_000, (i + 1) * 4_000_000));
        return runToolSync('zstd', ['-qc', join(folder, 'part')]);
      }),
    );
    for (const bytes of [packed, joined]) {
      const source = (await openCompressedSource(memorySource(bytes), context))!;
      expect(source.size).toBe(data.length);
      const target = new Uint8Array(3_000_000);
      await source.read(target, 3_900_000);
      expect(Buffer.compare(target, data.subarray(3_900_000, 6_900_000))).toBe(0);
      await source.close();
    }
    const source = (await openCompressedSource(memorySource(joined), context))!;
    expect(source.frames).not.toBeNull();
  });

  it('the bytes of the file are those of the pipe', async () => {
    expect(readFileSync(join(folder, 'data')).equals(data)).toBe(true);
    const viaFile = collector();
    const { openSync, closeSync } = await import('node:fs');
    const fd = openSync(join(folder, 'data'), 'r');
    await writeGzip({ fd, size: data.length }, viaFile.sink, { level: 6 }, pool, context);
    closeSync(fd);
    expect(viaFile.bytes().equals(await ours('gzip', 6, data))).toBe(true);
  });
});
