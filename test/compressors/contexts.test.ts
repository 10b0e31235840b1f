import { randomBytes } from 'node:crypto';
import {
  deflateRawSync,
  deflateSync,
  inflateRawSync,
  inflateSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  type DecoderSettings,
  decodeOnce,
  type EncoderSettings,
  encodeAnew,
  encodeOnce,
} from '../../src/compressors/contexts.ts';
import { payload } from '../support/payload.ts';

const ENCODERS: readonly EncoderSettings[] = [
  { kind: 'zstd', level: 3 },
  { kind: 'zstd', level: 1 },
  { kind: 'zstd', level: 19 },
  { kind: 'zstd', level: 3, hashLog: 14, chainLog: 14 },
  { kind: 'zstd', level: 3, windowLog: 23, hashLog: 16, chainLog: 15, checksum: true },
  { kind: 'deflate-raw', level: 6, memLevel: 7, windowBits: 12 },
  { kind: 'deflate-raw', level: 9, memLevel: 9, windowBits: 15 },
  { kind: 'deflate', level: 6, memLevel: 8, windowBits: 15 },
];
const MIXED = payload(8 * 1024 * 1024, 11);
/** Of the sizes that clusters have, one after the other: what a context did before must not show. */
const INPUTS = [65536, 4096, 65536, 512, 2 * 1024 * 1024, 65536, 100].map((length, i) =>
  MIXED.subarray(i * 1_000_000, i * 1_000_000 + length),
);
/** Half text, half noise. */
const content = Buffer.concat([Buffer.from('as it is written '.repeat(2000)), randomBytes(32768)]);

describe('a context that is used again', () => {
  const room = new Uint8Array(4 * 1024 * 1024);
  for (const settings of ENCODERS) {
    it(`gives the bytes of a new one: ${JSON.stringify(settings)}`, () => {
      const decode = { zstd: zstdDecompressSync, 'deflate-raw': inflateRawSync, deflate: inflateSync };
      for (const input of INPUTS) {
        const packed = room.subarray(0, encodeOnce(input, room, settings)!);
        expect(Buffer.compare(packed, encodeAnew(input, room.length, settings))).toBe(0);
        expect(decode[settings.kind](packed).equals(input)).toBe(true);
      }
    });
  }

  it('says when the output has no room, and goes on with the next input', () => {
    const settings = { kind: 'zstd', level: 3 } as const;
    expect(encodeOnce(content, room.subarray(0, 100), settings)).toBeUndefined();
    const length = encodeOnce(INPUTS[2]!, room, settings)!;
    expect(zstdDecompressSync(room.subarray(0, length)).equals(INPUTS[2]!)).toBe(true);
  });

  const DECODERS: readonly [DecoderSettings, Buffer][] = [
    [{ kind: 'unzstd', windowLogMax: 23 }, zstdCompressSync(content)],
    [{ kind: 'inflate' }, deflateSync(content)],
    [{ kind: 'inflate-raw' }, deflateRawSync(content)],
  ];
  for (const [settings, packed] of DECODERS) {
    const { kind } = settings;
    const decode = (input: Uint8Array, length = content.length): Buffer | false => {
      const output = Buffer.alloc(length);
      return decodeOnce(input, output, settings) && output;
    };
    const expectUsable = (): void => {
      const output = decode(packed);
      expect(output !== false && output.equals(content)).toBe(true);
    };

    it(`decodes exactly the output's length: ${kind}`, () => {
      expectUsable();
      expect(decode(packed, content.length - 1)).toBe(false);
      expectUsable();
      expect(decode(packed, content.length + 1)).toBe(false);
      expectUsable();
    });

    it(`refuses what is damaged or cut off, and goes on: ${kind}`, () => {
      expect(decode(packed.subarray(0, packed.length >> 1))).toBe(false);
      expectUsable();
      const damaged = Buffer.from(packed);
      damaged.fill(0xff, 8, 40);
      expect(decode(damaged)).toBe(false);
      expectUsable();
      expect(decode(new Uint8Array(0))).toBe(false);
      expectUsable();
    });
  }

  it('checks the checksum behind a zlib stream', () => {
    const packed = deflateSync(content);
    packed[packed.length - 1]! ^= 1;
    expect(decodeOnce(packed, new Uint8Array(content.length), { kind: 'inflate' })).toBe(false);
  });
});
