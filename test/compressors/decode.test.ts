import { constants, crc32, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { DecodeOptions } from '../../src/compressors/decode.ts';
import { decodeAny } from '../../src/compressors/decompress-file.ts';
import { nameWithoutSuffix } from '../../src/compressors/detect.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { ImgoptError } from '../../src/core/errors.ts';
import { chunksOf, collector, payload } from '../support/payload.ts';

const context = new RunContext({ log: new DiagnosticLog(), threads: 2 });

async function decode(
  bytes: Uint8Array,
  options: DecodeOptions = {},
  sizes: readonly number[] = [65536],
): Promise<Buffer> {
  const { sink, bytes: all } = collector();
  await decodeAny(chunksOf(bytes, sizes), { write: sink }, options, context);
  return all();
}

async function failure(bytes: Uint8Array, options?: DecodeOptions): Promise<ImgoptError> {
  return decode(bytes, options).then(
    () => {
      throw new Error('it decoded');
    },
    (error: ImgoptError) => error,
  );
}

const data = payload(300_000, 7);
const frame = (bytes: Uint8Array, params: Record<number, number> = {}): Buffer =>
  zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1, ...params } });
/** A skippable frame (RFC 8878, 3.1.2): magic 0x184D2A50 to 5F, length, content. */
const skippable = (nibble: number, content: Uint8Array): Buffer => {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x184d2a50 + nibble, 0);
  header.writeUInt32LE(content.length, 4);
  return Buffer.concat([header, content]);
};

describe('gzip', () => {
  it('joins members, whatever the chunks', async () => {
    const members = Buffer.concat([
      gzipSync(data),
      gzipSync(Buffer.alloc(0)),
      gzipSync(data.subarray(0, 10)),
    ]);
    const expected = Buffer.concat([data, data.subarray(0, 10)]);
    for (const sizes of [[1 << 20], [7, 1, 30_000], [4096]])
      expect((await decode(members, {}, sizes)).equals(expected)).toBe(true);
  });

  it('reads headers with every optional field', async () => {
    const plain = gzipSync(data);
    // RFC 1952, 2.3: FEXTRA 4, FNAME 8, FCOMMENT 16, FHCRC 2, in this order behind the 10 bytes.
    const fixed = Buffer.from(plain.subarray(0, 10));
    fixed[3] = 2 | 4 | 8 | 16;
    const fields = Buffer.concat([fixed, Buffer.from([3, 0, 1, 2, 3]), Buffer.from('name\0a comment\0')]);
    const check = Buffer.alloc(2);
    check.writeUInt16LE(crc32(fields) & 0xffff);
    const whole = Buffer.concat([fields, check, plain.subarray(10)]);
    for (const sizes of [[1 << 20], [1, 1, 1, 1, 50_000]])
      expect((await decode(whole.subarray(0), {}, sizes)).equals(data)).toBe(true);
    whole[12] = whole[12]! ^ 1;
    expect((await failure(whole)).code).toBe('IMGOPT_GZIP_HEADER_CRC');
  });

  it('accepts zeros behind the stream, as gzip does, and refuses anything else', async () => {
    const stream = gzipSync(data);
    expect((await decode(Buffer.concat([stream, Buffer.alloc(100_000)]))).equals(data)).toBe(true);
    const error = await failure(Buffer.concat([stream, Buffer.from('trailing')]));
    expect(error).toMatchObject({ code: 'IMGOPT_TRAILING_GARBAGE', exitCode: 3 });
    expect(error.message).toContain(`0x${stream.length.toString(16)}`);
    expect((await failure(Buffer.concat([stream, Buffer.alloc(5000), Buffer.from('x')]))).code).toBe(
      'IMGOPT_TRAILING_GARBAGE',
    );
  });

  it('notices a wrong CRC, a wrong length, damage and every truncation', async () => {
    const stream = gzipSync(data);
    const changed = (at: number): Buffer => {
      const copy = Buffer.from(stream);
      copy[at] = copy[at]! ^ 0x55;
      return copy;
    };
    expect((await failure(changed(stream.length - 8))).code).toBe('IMGOPT_GZIP_CRC');
    expect((await failure(changed(stream.length - 1))).code).toBe('IMGOPT_GZIP_LENGTH');
    expect((await failure(changed(2))).exitCode).toBe(3);
    const small = gzipSync(data.subarray(0, 3000));
    for (let length = 1; length < small.length; length += length < 40 ? 1 : 97) {
      const error = await failure(small.subarray(0, length));
      expect(error.exitCode, `cut at ${length}`).toBe(3);
    }
  });
});

describe('zstd', () => {
  it('joins frames, with and without sizes, skips skippable ones', async () => {
    const noSize = frame(data, { [constants.ZSTD_c_contentSizeFlag]: 0 });
    const all = Buffer.concat([
      skippable(0, Buffer.from('first')),
      frame(data),
      skippable(15, Buffer.alloc(0)),
      noSize,
      frame(Buffer.alloc(0)),
      zstdCompressSync(data.subarray(0, 1)),
    ]);
    const expected = Buffer.concat([data, data, data.subarray(0, 1)]);
    for (const sizes of [[1 << 20], [5, 1, 100_000], [3, 2, 20_000]])
      expect((await decode(all, {}, sizes)).equals(expected)).toBe(true);
  });

  it('notices garbage behind, damage with its place, and every truncation', async () => {
    const first = frame(data);
    const error = await failure(Buffer.concat([first, Buffer.from('garbage!!')]));
    expect(error).toMatchObject({ code: 'IMGOPT_TRAILING_GARBAGE', exitCode: 3 });
    expect(error.message).toContain(`0x${first.length.toString(16)}`);
    const damaged = Buffer.concat([first, first]);
    damaged[first.length + first.length - 2]! ^= 1; // in the second checksum
    const second = await failure(damaged);
    expect(second).toMatchObject({ code: 'IMGOPT_ZSTD_CORRUPT', exitCode: 3 });
    expect(second.message).toContain(`0x${first.length.toString(16)}`);
    for (const whole of [
      frame(data.subarray(0, 3000)),
      frame(data.subarray(0, 3000), { [constants.ZSTD_c_contentSizeFlag]: 0 }),
    ]) {
      for (let length = 1; length < whole.length; length += length < 40 ? 1 : 97)
        expect((await failure(whole.subarray(0, length))).exitCode, `cut at ${length}`).toBe(3);
    }
  });

  it('refuses reserved bits, dictionaries, old formats and windows that memory would not hold', async () => {
    const header = (...bytes: number[]): Buffer => Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...bytes, 1, 0, 0]);
    expect((await failure(header(0x08, 0))).code).toBe('IMGOPT_ZSTD_RESERVED_BIT');
    expect((await failure(header(0x21, 7, 0))).code).toBe('IMGOPT_ZSTD_DICTIONARY');
    expect(await failure(header(0x00, (31 - 10) << 3))).toMatchObject({
      code: 'IMGOPT_ZSTD_WINDOW_TOO_LARGE',
      family: 'unsupported',
      advice: 'allow it with --long 31',
    });
    expect((await failure(Buffer.from([0x27, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0]))).code).toBe(
      'IMGOPT_NOT_COMPRESSED',
    );
    // Block type 3 is reserved.
    expect((await failure(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 7, 0, 0, 0]))).code).toBe(
      'IMGOPT_ZSTD_BLOCK_TYPE',
    );
  });

  it('does not believe a content size', async () => {
    // A frame of 16 bytes claims 8 GiB, then 4 bytes: nothing may be allocated for the first.
    const huge = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0]);
    expect((await failure(huge)).exitCode).toBe(3);
    const lying = Buffer.from(zstdCompressSync(data.subarray(0, 100)));
    expect(lying[4]! & 0x20).toBe(0x20); // single segment: the size is the byte behind
    lying[5] = 4;
    expect((await failure(lying)).code).toBe('IMGOPT_ZSTD_CORRUPT');
  });
});

it('stops bombs at --max-size, both before and while they unpack', async () => {
  const bomb = new Uint8Array(5_000_000);
  for (const stream of [
    gzipSync(bomb),
    frame(bomb),
    frame(bomb, { [constants.ZSTD_c_contentSizeFlag]: 0 }),
    Buffer.concat([frame(bomb.subarray(0, 2_000_000)), frame(bomb.subarray(0, 2_000_000))]),
  ]) {
    const error = await failure(stream, { maxSize: 3_000_000 });
    expect(error).toMatchObject({ code: 'IMGOPT_OUTPUT_TOO_LARGE', exitCode: 3 });
    expect((await decode(stream, { maxSize: 5_000_000 })).length).toBeGreaterThan(3_000_000);
  }
});

it('names what it does not read', async () => {
  expect((await failure(Buffer.from('\xfd7zXZ\0\0\0', 'latin1'))).message).toContain('xz');
  expect((await failure(Buffer.from('BZh91AY&SY'))).message).toContain('bzip2');
  expect((await failure(Buffer.from('plain text'))).code).toBe('IMGOPT_NOT_COMPRESSED');
  expect((await failure(new Uint8Array(0))).code).toBe('IMGOPT_NOT_COMPRESSED');
});

it('stops with the signal', async () => {
  const stop = new AbortController();
  const stopped = new RunContext({ log: new DiagnosticLog(), threads: 2, signal: stop.signal });
  const run = decodeAny(
    chunksOf(gzipSync(payload(4_000_000)), [1000]),
    {
      async write() {
        stop.abort();
      },
    },
    {},
    stopped,
  );
  await expect(run).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
});

it('takes the suffix from names', () => {
  expect(nameWithoutSuffix('a/disk.raw.zst')).toBe('a/disk.raw');
  expect(nameWithoutSuffix('root.TGZ')).toBe('root.tar');
  expect(nameWithoutSuffix('.gz')).toBeUndefined();
  expect(nameWithoutSuffix('a/.gz')).toBeUndefined();
  expect(nameWithoutSuffix('disk.raw')).toBeUndefined();
});
