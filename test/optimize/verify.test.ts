/**
 * Does the verification notice what may go wrong? Each test damages one thing, in an output that was written
 * soundly, or between the source and the writer. What is damaged lies outside of the groups that are compared in
 * full, unless the test is about those.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assertRoundTrip, rethrowRoundTrip } from '../../src/compressors/round-trip.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { BlockSource } from '../../src/core/contracts/source.ts';
import type { ImageWriter, WriterOptions } from '../../src/core/contracts/writer.ts';
import { ImgoptError } from '../../src/core/errors.ts';
import { mismatch, SealLog } from '../../src/core/seals.ts';
import { qcow2Format } from '../../src/disk/formats/qcow2/qcow2.ts';
import { qcow2Writer } from '../../src/disk/formats/qcow2/writer.ts';
import { rawWriter } from '../../src/disk/formats/raw/writer.ts';
import { vmdkFormat } from '../../src/disk/formats/vmdk/vmdk.ts';
import { vmdkWriter } from '../../src/disk/formats/vmdk/writer.ts';
import { compareDisks, compareStream } from '../../src/optimize/verify.ts';
import { openImage } from '../support/image-context.ts';
import { stretchesSource, writeImage } from '../support/image-output.ts';
import { payload } from '../support/payload.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const UNIT = 64 * KiB;
const SIZE = 48 * MiB;
/** Text, noise that does not compress, and zeros; a hole of a few MiB in between. */
const STRETCHES = [
  { start: 0, bytes: payload(12 * MiB, 3) },
  { start: 16 * MiB, bytes: payload(24 * MiB, 5) },
];
const SOURCE = stretchesSource(SIZE, STRETCHES);
/** Whoever verifies may look into holes as well. */
const EXPECTED = stretchesSource(SIZE, STRETCHES, { sampled: SIZE });
const context = new RunContext({ log: new DiagnosticLog(), threads: 2 });
let folder: string;
let count = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'imgopt-verify-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Written {
  readonly path: string;
  readonly seals: SealLog;
}

async function write(
  writer: ImageWriter,
  options: Partial<WriterOptions>,
  source: BlockSource = SOURCE,
): Promise<Written> {
  const path = join(folder, String(count++));
  const seals = new SealLog();
  await writeImage(writer, source, path, { ...options, seals });
  return { path, seals };
}

/** Bytes compared, or throws. */
async function verify({ path, seals }: Written): Promise<number> {
  const { disk } = await openImage(path, [qcow2Format, vmdkFormat]);
  try {
    return await compareDisks(EXPECTED, disk.source, context, SIZE, seals);
  } finally {
    await disk.source.close();
  }
}

function damaged({ path, seals }: Written, damage: (bytes: Buffer) => void): Written {
  const bytes = readFileSync(path);
  const before = Buffer.from(bytes);
  damage(bytes);
  expect(bytes.equals(before), 'the damage changes something').toBe(false);
  const to = join(folder, String(count++));
  writeFileSync(to, bytes);
  return { path: to, seals };
}

async function expectRefused(written: Promise<number>, code = /VERIFY_MISMATCH/): Promise<void> {
  const error = await written.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ImgoptError);
  expect((error as ImgoptError).code).toMatch(code);
}

/* ---------- qcow2 ---------- */

/** Byte positions of L2 entries, by guest cluster, as the specification has them: one L2 table covers 512 MiB. */
function entriesOf(image: Buffer): number[] {
  const l1 = Number(image.readBigUInt64BE(40));
  const l2 = Number(image.readBigUInt64BE(l1) & 0x00ff_ffff_ffff_fe00n);
  return Array.from({ length: SIZE / UNIT }, (_, cluster) => l2 + cluster * 8);
}

const COMPRESSED = 1n << 62n;
/** Of a descriptor with clusters of 64 KiB: bits 0 to 53 are the host offset. */
const OFFSET = (1n << 54n) - 1n;

/** Groups are 16 clusters of data each, and one in 32 is compared in full, from the first on. */
function clustersNotAudited(image: Buffer, isCompressed: boolean): number[] {
  const stored = entriesOf(image)
    .map((at, cluster) => ({ cluster, entry: image.readBigUInt64BE(at) }))
    .filter(({ entry }) => entry !== 0n);
  return stored
    .filter(({ cluster, entry }) => cluster >= 16 && ((entry & COMPRESSED) !== 0n) === isCompressed)
    .map(({ cluster }) => cluster);
}

for (const compression of ['zlib', 'zstd'] as const) {
  describe(`qcow2 ${compression}`, () => {
    let written: Written;
    let image: Buffer;
    let compressed: number[];
    let plain: number[];
    beforeAll(async () => {
      written = await write(qcow2Writer, { compression });
      image = readFileSync(written.path);
      compressed = clustersNotAudited(image, true);
      plain = clustersNotAudited(image, false);
      expect(compressed.length).toBeGreaterThan(100);
      expect(plain.length).toBeGreaterThan(20);
    });
    const entryOf = (cluster: number): number => entriesOf(image)[cluster]!;
    const hostOf = (cluster: number): number => Number(image.readBigUInt64BE(entryOf(cluster)) & OFFSET);

    test('passes what is sound', async () => {
      expect(await verify(written)).toBe(36 * MiB);
    });

    test('finds a bit that flipped in any stored cluster', async () => {
      for (const cluster of [...compressed.slice(0, 3), ...compressed.slice(-3)]) {
        const flip = damaged(written, (bytes) => {
          bytes[hostOf(cluster) + 40]! ^= 0x10;
        });
        await expectRefused(verify(flip));
      }
      const host = Number(image.readBigUInt64BE(entryOf(plain[3]!)) & 0x00ff_ffff_ffff_fe00n);
      await expectRefused(verify(damaged(written, (bytes) => bytes.writeUInt8(bytes[host]! ^ 1, host))));
    });

    test('finds two clusters that changed places, each of which decodes', async () => {
      for (const clusters of [compressed, plain]) {
        const [a, b] = [entryOf(clusters[2]!), entryOf(clusters[9]!)];
        const swapped = damaged(written, (bytes) => {
          const first = bytes.readBigUInt64BE(a);
          bytes.writeBigUInt64BE(bytes.readBigUInt64BE(b), a);
          bytes.writeBigUInt64BE(first, b);
        });
        await expectRefused(verify(swapped));
      }
    });

    test('finds an entry that shows what another does', async () => {
      const shared = damaged(written, (bytes) => {
        bytes.writeBigUInt64BE(bytes.readBigUInt64BE(entryOf(compressed[20]!)), entryOf(compressed[5]!));
      });
      await expectRefused(verify(shared));
    });

    test('finds an entry that shows nothing, or something where nothing is', async () => {
      const lost = damaged(written, (bytes) => bytes.writeBigUInt64BE(0n, entryOf(compressed[7]!)));
      await expectRefused(verify(lost));
      const hole = (14 * MiB) / UNIT;
      const found = damaged(written, (bytes) =>
        bytes.writeBigUInt64BE(bytes.readBigUInt64BE(entryOf(compressed[7]!)), entryOf(hole)),
      );
      await expectRefused(verify(found));
      // Zeros that the source's map calls data: the writer left them out.
      const zero = SOURCE_ZEROS.find((cluster) => image.readBigUInt64BE(entryOf(cluster)) === 0n)!;
      const filled = damaged(written, (bytes) =>
        bytes.writeBigUInt64BE(bytes.readBigUInt64BE(entryOf(compressed[7]!)), entryOf(zero)),
      );
      await expectRefused(verify(filled));
    });

    test('finds a compressed cluster that is said to end too early', async () => {
      const at = entryOf(
        compressed.find(
          (cluster) => (image.readBigUInt64BE(entryOf(cluster)) & ~OFFSET & ~COMPRESSED) > 4n << 54n,
        )!,
      );
      const cut = damaged(written, (bytes) => {
        const entry = bytes.readBigUInt64BE(at);
        bytes.writeBigUInt64BE((entry & OFFSET) | COMPRESSED | (1n << 54n), at);
      });
      await expectRefused(verify(cut));
    });

    test('finds a plain cluster that is said to be compressed, and the other way round', async () => {
      const asCompressed = damaged(written, (bytes) => {
        const at = entryOf(plain[4]!);
        const host = bytes.readBigUInt64BE(at) & 0x00ff_ffff_ffff_fe00n;
        bytes.writeBigUInt64BE(COMPRESSED | (127n << 54n) | host, at);
      });
      await expectRefused(verify(asCompressed));
      const asPlain = damaged(written, (bytes) => {
        const at = entryOf(compressed[4]!);
        bytes.writeBigUInt64BE((1n << 63n) | (BigInt(hostOf(compressed[4]!)) & ~0xffffn), at);
      });
      await expectRefused(verify(asPlain));
    });

    test('finds a header that names the other compression', async () => {
      const other = damaged(written, (bytes) => {
        const isZstd = compression === 'zstd';
        bytes.writeBigUInt64BE(isZstd ? 0n : 8n, 72); // incompatible feature 3: a compression type is given
        bytes.writeUInt8(isZstd ? 0 : 1, 104);
      });
      await expectRefused(verify(other));
    });
  });
}

/** Clusters of zeros inside of the source's data. */
const SOURCE_ZEROS: number[] = [];
beforeAll(async () => {
  const cluster = Buffer.alloc(UNIT);
  for (let at = 16 * MiB; at < 40 * MiB; at += UNIT) {
    await SOURCE.read(cluster, at);
    if (cluster.every((byte) => byte === 0)) SOURCE_ZEROS.push(at / UNIT);
  }
  expect(SOURCE_ZEROS.length).toBeGreaterThan(0);
});

/* ---------- VMDK ---------- */

describe('streamOptimized VMDK', () => {
  let written: Written;
  let image: Buffer;
  beforeAll(async () => {
    written = await write(vmdkWriter, { subformat: 'streamOptimized', compression: 'zlib' });
    image = readFileSync(written.path);
  });
  /** Where the markers of grains are, by grain: each begins a sector, with the grain's first sector and its length. */
  const markers = (): Map<number, number> => {
    const found = new Map<number, number>();
    for (let at = UNIT; at < image.length; ) {
      const size = image.readUInt32LE(at + 8);
      if (size === 0) {
        // A metadata marker is followed by as many sectors as it tells; the last has none.
        if (image.readUInt32LE(at + 12) === 0) break;
        at += 512 * (1 + Number(image.readBigUInt64LE(at)));
        continue;
      }
      found.set(Number(image.readBigUInt64LE(at)) / 128, at);
      at = Math.ceil((at + 12 + size) / 512) * 512;
    }
    return found;
  };

  test('passes what is sound', async () => {
    expect(markers().size).toBeGreaterThan(300);
    expect(await verify(written)).toBe(36 * MiB);
  });

  test('finds a bit that flipped in a grain, or in its marker', async () => {
    const places = [...markers()].filter(([grain]) => grain >= 16);
    for (const [, at] of [places[0]!, places[100]!, places.at(-1)!]) {
      await expectRefused(
        verify(damaged(written, (bytes) => bytes.writeUInt8(bytes[at + 60]! ^ 4, at + 60))),
      );
    }
    const [, at] = places[50]!;
    const marked = damaged(written, (bytes) => bytes.writeUInt8(bytes[at]! ^ 1, at));
    await expectRefused(verify(marked), /VMDK|VERIFY/);
  });

  test('finds two grains that changed places, with their markers', async () => {
    const places = [...markers()].filter(([grain]) => grain >= 16);
    const bySectors = new Map<number, [number, number]>();
    const pair = places
      .map(([grain, at]) => {
        const sectors = Math.ceil((12 + image.readUInt32LE(at + 8)) / 512);
        const other = bySectors.get(sectors);
        bySectors.set(sectors, [grain, at]);
        return { grain, at, sectors, other };
      })
      .find(
        ({ other, at, sectors }) =>
          other !== undefined &&
          !image
            .subarray(at + 12, at + sectors * 512)
            .equals(image.subarray(other[1] + 12, other[1] + sectors * 512)),
      )!;
    const swapped = damaged(written, (bytes) => {
      const [, other] = pair.other!;
      const first = Buffer.from(bytes.subarray(other, other + pair.sectors * 512));
      const second = Buffer.from(bytes.subarray(pair.at, pair.at + pair.sectors * 512));
      const lba = first.readBigUInt64LE(0);
      first.writeBigUInt64LE(second.readBigUInt64LE(0), 0);
      second.writeBigUInt64LE(lba, 0);
      second.copy(bytes, other);
      first.copy(bytes, pair.at);
    });
    await expectRefused(verify(swapped));
  });
});

/* ---------- zstd ---------- */

describe('raw, zstd', () => {
  let written: Written;
  let image: Buffer;
  const verifyStream = ({ path, seals }: Written): Promise<number> =>
    compareStream(EXPECTED, path, context, seals);
  beforeAll(async () => {
    written = await write(rawWriter, { compression: 'zstd' });
    image = readFileSync(written.path);
  });
  /** From the seek table at the end: stored and decompressed length of each frame, in pairs. */
  const frames = (): { at: number; length: number }[] => {
    const frameCount = image.readUInt32LE(image.length - 9);
    let at = 0;
    return Array.from({ length: frameCount }, (_, i) => {
      const length = image.readUInt32LE(image.length - 9 - 8 * (frameCount - i));
      const frame = { at, length };
      at += length;
      return frame;
    });
  };

  test('passes what is sound', async () => {
    expect(frames().length).toBe(6);
    expect(await verifyStream(written)).toBe(SIZE);
  });

  test('finds a bit that flipped in a frame', async () => {
    for (const { at, length } of [frames()[2]!, frames()[4]!]) {
      const place = at + (length >> 1);
      await expectRefused(
        verifyStream(damaged(written, (bytes) => bytes.writeUInt8(bytes[place]! ^ 2, place))),
      );
    }
  });

  test('finds frames that changed places, with their entries in the seek table', async () => {
    const [, , a, b] = frames();
    const entry = (i: number): number => image.length - 9 - 8 * (6 - i);
    const swapped = damaged(written, (bytes) => {
      image.copy(bytes, a!.at, b!.at, b!.at + b!.length);
      image.copy(bytes, a!.at + b!.length, a!.at, a!.at + a!.length);
      bytes.writeUInt32LE(b!.length, entry(2));
      bytes.writeUInt32LE(a!.length, entry(3));
    });
    await expectRefused(verifyStream(swapped));
  });

  test('finds a seek table that tells other lengths', async () => {
    const at = image.length - 9 - 8 * 3;
    const wrong = damaged(written, (bytes) => {
      bytes.writeUInt32LE(bytes.readUInt32LE(at) - 1, at);
      bytes.writeUInt32LE(bytes.readUInt32LE(at + 8) + 1, at + 8);
    });
    await expectRefused(verifyStream(wrong));
  });

  test('finds a file that ends early', async () => {
    const path = join(folder, String(count++));
    writeFileSync(path, image.subarray(0, image.length - 1000));
    await expectRefused(verifyStream({ path, seals: written.seals }), /VERIFY|TRUNCATED|GARBAGE|ZSTD/);
  });
});

/* ---------- before anything is stored ---------- */

describe('between the source and the writer', () => {
  for (const [name, writer, options] of [
    ['qcow2', qcow2Writer, { compression: 'zstd' }],
    ['VMDK', vmdkWriter, { compression: 'zlib' }],
  ] as const) {
    test(`finds that each unit was read from the wrong place: ${name}`, async () => {
      const shifted: BlockSource = {
        ...SOURCE,
        read: (target, offset) => SOURCE.read(target, offset >= UNIT ? offset - UNIT : offset),
      };
      await expectRefused(verify(await write(writer, options, shifted)));
    });
  }

  test('what was compressed has to decode to what it was made of', () => {
    const content = Buffer.from('as it is written '.repeat(4000));
    for (const algorithm of ['deflate-raw', 'zlib', 'zstd'] as const) {
      let caught: unknown;
      try {
        assertRoundTrip(Buffer.from('no compressed data at all'), content, algorithm);
      } catch (error) {
        caught = error;
      }
      expect(() => rethrowRoundTrip(caught as NodeJS.ErrnoException)).toThrow(
        mismatch((caught as Error).message),
      );
    }
  });
});
