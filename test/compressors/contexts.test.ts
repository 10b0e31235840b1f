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
import { type ClusterCodec, compressAnew, compressCluster } from '../../src/compressors/cluster-work.ts';
import { type ContextSettings, decodeOnce, encodeOnce } from '../../src/compressors/contexts.ts';
import { payload } from '../support/payload.ts';

const CODECS: readonly ClusterCodec[] = [
  { algorithm: 'zstd', level: 3 },
  { algorithm: 'zstd', level: 1 },
  { algorithm: 'zstd', level: 19 },
  { algorithm: 'deflate-raw', level: 6, windowBits: 12 },
  { algorithm: 'deflate-raw', level: 9, windowBits: 15, memLevel: 9 },
  { algorithm: 'zlib', level: 6 },
];
const MIXED = payload(8 * 1024 * 1024, 11);
/** Of the sizes that clusters have, one after the other: what a context did before must not show. */
const INPUTS = [65536, 4096, 65536, 512, 2 * 1024 * 1024, 65536, 100].map((length, i) =>
  MIXED.subarray(i * 1_000_000, i * 1_000_000 + length),
);
/** Half text, half noise. */
const content = Buffer.concat([Buffer.from('as it is written '.repeat(2000)), randomBytes(32768)]);

describe('a context that is used again', () => {
  for (const codec of CODECS) {
    it(`gives the bytes of a new one: ${codec.algorithm}, level ${codec.level}`, () => {
      const decode = { zstd: zstdDecompressSync, 'deflate-raw': inflateRawSync, zlib: inflateSync };
      for (const input of INPUTS) {
        const packed = compressCluster(input, codec);
        expect(Buffer.compare(packed, compressAnew(input, codec))).toBe(0);
        expect(decode[codec.algorithm](packed).equals(input)).toBe(true);
      }
    });
  }

  it('says when the output has no room, and goes on with the next input', () => {
    const settings = { kind: 'zstd', level: 3 } as const;
    const room = new Uint8Array(70000);
    expect(encodeOnce(content, room.subarray(0, 100), settings)).toBeUndefined();
    const length = encodeOnce(INPUTS[2]!, room, settings)!;
    expect(zstdDecompressSync(room.subarray(0, length)).equals(INPUTS[2]!)).toBe(true);
  });

  const DECODERS: readonly [ContextSettings, Buffer][] = [
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
