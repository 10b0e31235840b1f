/** Damaged and hostile qcow2: every field poked by itself, cut files, mutations. */
import { describe, expect, it } from 'vitest';
import { zstdFrameLength } from '../../../src/compressors/cluster-decode.ts';
import { ImgoptError, isArtifactError } from '../../../src/core/errors.ts';
import { qcow2Format } from '../../../src/disk/formats/qcow2/qcow2.ts';
import { fixtureBytes } from '../../support/fixtures.ts';
import { openImageBytes, randomFrom, readAll, readMap } from '../../support/image-context.ts';

type Poke = (bytes: Buffer) => Buffer | undefined;
const u32 =
  (at: number, value: number): Poke =>
  (bytes) =>
    void bytes.writeUInt32BE(value, at);
const u64 =
  (at: number, value: number | bigint): Poke =>
  (bytes) =>
    void bytes.writeBigUInt64BE(BigInt(value), at);

const u8 =
  (at: number, value: number): Poke =>
  (bytes) =>
    void bytes.writeUInt8(value, at);
/** Several pokes, one after the other. */
const all =
  (...pokes: Poke[]): Poke =>
  (bytes) => {
    for (const poke of pokes) poke(bytes);
    return bytes;
  };

const l1Of = (bytes: Buffer): number => Number(bytes.readBigUInt64BE(40));
const l2Of = (bytes: Buffer, index = 0): number =>
  Number(bytes.readBigUInt64BE(l1Of(bytes) + 8 * index) & 0x00fffffffffffe00n);
const l1Entry =
  (index: number, value: bigint): Poke =>
  (bytes) =>
    void bytes.writeBigUInt64BE(value, l1Of(bytes) + 8 * index);
const l2Entry =
  (entry: number, value: bigint): Poke =>
  (bytes) =>
    void bytes.writeBigUInt64BE(value, l2Of(bytes) + 8 * entry);
const COPIED = 1n << 63n;
const COMPRESSED = 1n << 62n;

/** Opens, maps, reads; returns the first error of each. */
async function attempt(bytes: Buffer): Promise<(ImgoptError | undefined)[]> {
  const errors: (ImgoptError | undefined)[] = [];
  const run = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
      errors.push(undefined);
    } catch (error) {
      if (!(error instanceof ImgoptError)) throw error;
      errors.push(error);
    }
  };
  let disk: Awaited<ReturnType<typeof openImageBytes>>['disk'] | undefined;
  await run(async () => {
    disk = (await openImageBytes(bytes, qcow2Format)).disk;
  });
  if (disk !== undefined) {
    const { source } = disk;
    await run(() => readMap(source));
    await run(() => source.read(Buffer.alloc(Math.min(source.size, 256 * 1024)), 0));
  }
  return errors;
}

describe('a poked header is refused', () => {
  const cases: [string, Poke, string, string, RegExp][] = [
    ['version 1', u32(4, 1), 'QCOW1', 'unsupported', /version 1/],
    ['version 4', u32(4, 4), 'QCOW2_VERSION', 'unsupported', /version 4/],
    ['backing name far away', u64(8, 1 << 20), 'QCOW2_BACKING_NAME', 'corrupt', /0x100000/],
    ['backing name too long', all(u64(8, 400), u32(16, 1024)), 'QCOW2_BACKING_NAME', 'corrupt', /1024/],
    ['cluster_bits 8', u32(20, 8), 'QCOW2_CLUSTER_BITS', 'corrupt', /8/],
    ['cluster_bits 22', u32(20, 22), 'QCOW2_CLUSTER_SIZE', 'unsupported', /4 MiB/],
    ['cluster_bits 2^32 - 1', u32(20, 0xffffffff), 'QCOW2_CLUSTER_BITS', 'corrupt', /4294967295/],
    ['size beyond 2^53', u64(24, 1n << 60n), 'NUMBER_TOO_LARGE', 'corrupt', /2\^53/],
    ['size beyond 64 TiB', u64(24, 1n << 47n), 'QCOW2_SIZE', 'unsupported', /140737488355328/],
    ['size beyond the L1 table', u64(24, 1n << 30n), 'QCOW2_L1_TOO_SMALL', 'corrupt', /need 32768/],
    ['AES', u32(32, 1), 'QCOW2_ENCRYPTED', 'unsupported', /AES/],
    ['LUKS', u32(32, 2), 'QCOW2_ENCRYPTED', 'unsupported', /LUKS/],
    ['crypt_method 3', u32(32, 3), 'QCOW2_CRYPT_METHOD', 'corrupt', /3/],
    ['l1_size huge', u32(36, 0xffffffff), 'QCOW2_L1_TOO_LARGE', 'corrupt', /4294967295/],
    ['l1_size past the end', u32(36, 4_000_000), 'QCOW2_L1_OUT_OF_FILE', 'corrupt', /past the end/],
    ['l1_size too small', u32(36, 1), 'QCOW2_L1_TOO_SMALL', 'corrupt', /has 1 entries/],
    ['L1 misaligned', u64(40, 1000), 'QCOW2_L1_MISALIGNED', 'corrupt', /0x3e8/],
    ['L1 on the header', u64(40, 0), 'QCOW2_L1_MISALIGNED', 'corrupt', /header/],
    ['L1 past the end', u64(40, 1 << 30), 'QCOW2_L1_OUT_OF_FILE', 'corrupt', /0x40000000/],
    ['unknown feature', u64(72, 1n << 40n), 'QCOW2_FEATURE', 'unsupported', /bit 40/],
    ['extended L2 in small clusters', u64(72, 1 << 4), 'QCOW2_EXTENDED_L2', 'corrupt', /16 KiB/],
    ['zstd bit without type', u64(72, 1 << 3), 'QCOW2_COMPRESSION_TYPE', 'corrupt', /0/],
    ['compression type without bit', u8(104, 1), 'QCOW2_COMPRESSION_TYPE', 'corrupt', /1/],
    ['compression type 2', all(u64(72, 1 << 3), u8(104, 2)), 'QCOW2_COMPRESSION_TYPE', 'unsupported', /2/],
    ['data file without a name', u64(72, 1 << 2), 'QCOW2_DATA_FILE', 'unreadable', /name/],
    ['refcount_order 7', u32(96, 7), 'QCOW2_REFCOUNT_ORDER', 'corrupt', /7/],
    ['header_length 96', u32(100, 96), 'QCOW2_HEADER_LENGTH', 'corrupt', /96/],
    ['header_length 1024', u32(100, 1024), 'QCOW2_HEADER_LENGTH', 'corrupt', /1024/],
    [
      'an endless extension',
      all(u32(112, 0x6803f857), u32(116, 0xfffffff0)),
      'QCOW2_EXTENSION',
      'corrupt',
      /0x6803f857/,
    ],
    ['nothing but a magic number', (b) => b.subarray(0, 8), 'QCOW2_TRUNCATED', 'corrupt', /0x8/],
    ['half a header', (b) => b.subarray(0, 90), 'QCOW2_TRUNCATED', 'corrupt', /0x5a/],
  ];
  it.each(cases)('%s', async (_name, poke, code, family, words) => {
    const bytes = fixtureBytes('qcow2/snapshots.qcow2');
    const [error] = await attempt(poke(bytes) ?? bytes);
    expect(error).toMatchObject({ code: `IMGOPT_${code}`, family });
    expect(error!.message).toMatch(words);
  });

  it('an unknown feature by the name that its writer gives it', async () => {
    const bytes = fixtureBytes('qcow2/snapshots.qcow2');
    bytes.writeUInt32BE(0x6803f857, 112);
    bytes.writeUInt32BE(48, 116);
    bytes.fill(0, 120, 176);
    bytes.writeUInt8(0, 120);
    bytes.writeUInt8(9, 121);
    bytes.write('time travel', 122, 'latin1');
    bytes.writeBigUInt64BE(1n << 9n, 72);
    const [error] = await attempt(bytes);
    expect(error!.message).toContain("'time travel' (bit 9)");
  });

  it.each([
    ['json:{"driver":"qcow2"}'],
    ['nbd://host/export'],
    ['https://example.org/base.qcow2'],
    ['ssh:host'],
  ])('the backing file %s, by name', async (name) => {
    const bytes = fixtureBytes('qcow2/snapshots.qcow2');
    bytes.writeBigUInt64BE(448n, 8);
    bytes.writeUInt32BE(name.length, 16);
    bytes.write(name, 448, 'latin1');
    const [error] = await attempt(bytes);
    expect(error).toMatchObject({ code: 'IMGOPT_QCOW2_REFERENCE', family: 'unsupported' });
    expect(error!.message).toContain(name);
  });
});

describe('a poked table is corrupt where it is used, for map and read alike', () => {
  const cases: [string, string, Poke, string, RegExp][] = [
    [
      'snapshots',
      'L2 past the end',
      l1Entry(3, COPIED | 0x7f0000n),
      'QCOW2_L2_OUT_OF_FILE',
      /^L2 table 3 points to 0x7f0000, past the end of the file \(0x4600\)$/,
    ],
    [
      'snapshots',
      'L2 misaligned for its clusters',
      l1Entry(0, (0x10n << 9n) | 1n),
      'QCOW2_L1_RESERVED_BITS',
      /L1 entry 0/,
    ],
    ['snapshots', 'L1 reserved high bits', l1Entry(1, 1n << 60n), 'QCOW2_L1_RESERVED_BITS', /L1 entry 1/],
    ['v3-zstd', 'L2 misaligned', l1Entry(0, 512n), 'QCOW2_L2_MISALIGNED', /0x200/],
    [
      'snapshots',
      'L2 on the L1 table',
      (b) => l1Entry(2, BigInt(l1Of(b)))(b),
      'QCOW2_L2_OVERLAP',
      /L1 table/,
    ],
    [
      'snapshots',
      'cluster past the end',
      l2Entry(0, COPIED | 0x7f0000n),
      'QCOW2_CLUSTER_OUT_OF_FILE',
      /0x7f0000/,
    ],
    [
      'snapshots',
      'cluster at the very end',
      l2Entry(0, COPIED | 0x4600n),
      'QCOW2_CLUSTER_OUT_OF_FILE',
      /0x4600/,
    ],
    ['v3-zstd', 'cluster misaligned', l2Entry(0, COPIED | 0x1200n), 'QCOW2_CLUSTER_MISALIGNED', /0x1200/],
    ['snapshots', 'reserved low bits', l2Entry(1, COPIED | 0x1002n), 'QCOW2_ENTRY_RESERVED_BITS', /reserved/],
    [
      'snapshots',
      'reserved high bits',
      l2Entry(1, (1n << 56n) | 0x1000n),
      'QCOW2_ENTRY_RESERVED_BITS',
      /reserved/,
    ],
    ['v2-zlib', 'zero cluster in version 2', l2Entry(5, 1n), 'QCOW2_ZERO_CLUSTER_V2', /version 2/],
    [
      'v2-zlib',
      'compressed past the end',
      l2Entry(5, COMPRESSED | 0x7f0000n),
      'QCOW2_CLUSTER_OUT_OF_FILE',
      /0x7f0000/,
    ],
    [
      'v2-zlib',
      'compressed at a reserved offset',
      l2Entry(5, COMPRESSED | (1n << 58n)),
      'QCOW2_CLUSTER_OUT_OF_FILE',
      /past the end/,
    ],
    [
      'subclusters',
      'allocated and zero at once',
      (b) => void b.writeBigUInt64BE(0x0000_0001_0000_0001n, l2Of(b) + 8),
      'QCOW2_SUBCLUSTER_BITMAP',
      /contradicts/,
    ],
    [
      'subclusters',
      'allocated without a cluster',
      (b) => void b.writeBigUInt64BE(0n, l2Of(b)),
      'QCOW2_SUBCLUSTER_BITMAP',
      /contradicts/,
    ],
    [
      'subclusters',
      'the zero bit of plain entries',
      (b) => void b.writeBigUInt64BE(1n, l2Of(b)),
      'QCOW2_ENTRY_RESERVED_BITS',
      /zero bit/,
    ],
  ];
  it.each(cases)('%s: %s', async (fixture, _name, poke, code, words) => {
    const bytes = fixtureBytes(`qcow2/${fixture}.qcow2`);
    const [opening, mapping, reading] = await attempt(poke(bytes) ?? bytes);
    expect(opening).toBeUndefined();
    expect(mapping).toMatchObject({ code: `IMGOPT_${code}`, family: 'corrupt' });
    expect(mapping!.message).toMatch(words);
    expect(mapping!.advice).toMatch(/copy it again/);
    expect(reading).toMatchObject({ code: `IMGOPT_${code}`, family: 'corrupt' });
  });

  it('and leaves everything else readable', async () => {
    const bytes = fixtureBytes('qcow2/snapshots.qcow2');
    const { disk } = await openImageBytes(fixtureBytes('qcow2/snapshots.qcow2'), qcow2Format);
    const content = await readAll(disk.source);
    l2Entry(4, COPIED | 0x7f0000n)(bytes);
    const poked = (await openImageBytes(bytes, qcow2Format)).disk.source;
    const target = Buffer.alloc(2048);
    await poked.read(target, 0);
    expect(target.equals(content.subarray(0, 2048))).toBe(true);
    await expect(poked.read(target, 2048)).rejects.toMatchObject({ where: ['L2 table 0', 'entry 4'] });
    await poked.read(target, 2560);
    expect(target.equals(content.subarray(2560, 4608))).toBe(true);
  });

  it.each(['v2-zlib', 'v3-zstd'])('%s: damaged compressed data', async (fixture) => {
    const bytes = fixtureBytes(`qcow2/${fixture}.qcow2`);
    const clusterBits = bytes.readUInt32BE(20);
    const entry = bytes.readBigUInt64BE(l2Of(bytes) + 8 * 3);
    const host = Number(entry & ((1n << BigInt(62 - (clusterBits - 8))) - 1n));
    bytes.fill(0xff, host, host + 40);
    const [, mapping, reading] = await attempt(bytes);
    expect(mapping).toBeUndefined(); // a map reads tables only
    expect(reading).toMatchObject({ code: 'IMGOPT_QCOW2_COMPRESSED_DATA', family: 'corrupt' });
  });
});

describe('damage beside the disk is a diagnostic', () => {
  const snapshotTable = (b: Buffer): number => Number(b.readBigUInt64BE(64));
  const cases: [string, string, Poke, string][] = [
    ['snapshots', 'a million snapshots', u32(60, 1 << 20), 'QCOW2_SNAPSHOTS'],
    ['snapshots', 'more snapshots than there are', u32(60, 60_000), 'QCOW2_SNAPSHOT'],
    ['snapshots', 'snapshot table misaligned', u64(64, 77), 'QCOW2_SNAPSHOTS'],
    ['snapshots', 'snapshot table past the end', u64(64, 1 << 30), 'QCOW2_SNAPSHOTS'],
    ['snapshots', 'extra data of 4 GiB', (b) => u32(snapshotTable(b) + 36, 0xffffffff)(b), 'QCOW2_SNAPSHOTS'],
    [
      'snapshots',
      'L1 of a snapshot past the end',
      (b) => u64(snapshotTable(b), 1 << 30)(b),
      'QCOW2_SNAPSHOT_L1',
    ],
    ['snapshots', 'L1 of a snapshot misaligned', (b) => u64(snapshotTable(b), 99)(b), 'QCOW2_SNAPSHOT_L1'],
    [
      'snapshots',
      'L1 of a snapshot huge',
      (b) => u32(snapshotTable(b) + 8, 0xffffffff)(b),
      'QCOW2_SNAPSHOT_L1',
    ],
    ['snapshots', 'refcount table nowhere', u64(48, 1 << 30), 'QCOW2_REFCOUNT_TABLE'],
  ];
  it.each(cases)('%s: %s', async (fixture, _name, poke, code) => {
    const bytes = fixtureBytes(`qcow2/${fixture}.qcow2`);
    const intact = await readAll(
      (await openImageBytes(fixtureBytes(`qcow2/${fixture}.qcow2`), qcow2Format)).disk.source,
    );
    poke(bytes);
    const { disk, diagnostics } = await openImageBytes(bytes, qcow2Format);
    expect(diagnostics().length).toBeGreaterThan(0);
    expect(diagnostics()[0]!.code).toContain(`IMGOPT_${code}`);
    expect((await readAll(disk.source)).equals(intact)).toBe(true);
  });
});

describe('a cut file', () => {
  it.each(['v2-zlib', 'v3-zstd', 'snapshots', 'subclusters'])(
    '%s never reads as anything but itself or an error',
    async (fixture) => {
      const whole = fixtureBytes(`qcow2/${fixture}.qcow2`);
      const clusterSize = 2 ** whole.readUInt32BE(20);
      const { disk } = await openImageBytes(whole, qcow2Format);
      const content = await readAll(disk.source);
      let failures = 0;
      for (let length = clusterSize; length < whole.length; length += clusterSize) {
        let cut: typeof disk;
        try {
          cut = (await openImageBytes(whole.subarray(0, length), qcow2Format)).disk;
        } catch (error) {
          expect(isArtifactError(error)).toBe(true);
          failures++;
          continue;
        }
        for (let at = 0; at < content.length; at += 8192) {
          const target = Buffer.alloc(Math.min(8192, content.length - at), 0xa5);
          try {
            await cut.source.read(target, at);
          } catch (error) {
            expect(isArtifactError(error)).toBe(true);
            failures++;
            continue;
          }
          expect(target.equals(content.subarray(at, at + target.length))).toBe(true);
        }
      }
      expect(failures).toBeGreaterThan(0);
    },
  );

  it('that ends within its last cluster reads zeros for the rest, as qemu writes it', async () => {
    const whole = fixtureBytes('qcow2/snapshots.qcow2');
    const { disk } = await openImageBytes(whole, qcow2Format);
    const before = await readAll(disk.source);
    // Cluster 0 moves to the end of the file, of which only 100 bytes are there.
    const bytes = Buffer.concat([whole, Buffer.alloc(100, 0x77)]);
    l2Entry(0, COPIED | BigInt(whole.length))(bytes);
    const after = await readAll((await openImageBytes(bytes, qcow2Format)).disk.source);
    expect(after.subarray(0, 100).every((byte) => byte === 0x77)).toBe(true);
    expect(after.subarray(100, 512).every((byte) => byte === 0)).toBe(true);
    expect(after.subarray(512).equals(before.subarray(512))).toBe(true);
  });
});

it('random damage ends in data or in an error of the artifact', async () => {
  const random = randomFrom(2024);
  for (const fixture of ['v2-zlib', 'v3-zstd', 'snapshots', 'subclusters']) {
    const whole = fixtureBytes(`qcow2/${fixture}.qcow2`);
    for (let round = 0; round < 150; round++) {
      const bytes = Buffer.from(whole);
      const hits = 1 + Math.floor(random() * 4);
      for (let i = 0; i < hits; i++) {
        const reach = random() < 0.5 ? 128 : bytes.length;
        bytes[Math.floor(random() * reach)] = random() < 0.3 ? 0xff : Math.floor(random() * 256);
      }
      try {
        const { source } = (await openImageBytes(bytes, qcow2Format)).disk;
        let extents = 0;
        for await (const batch of source.extents()) {
          extents += batch.length;
          if (extents > 100_000) break;
        }
        await source.read(Buffer.alloc(Math.min(source.size, 1 << 20)), 0);
      } catch (error) {
        if (!isArtifactError(error)) throw new Error(`${fixture}, round ${round}`, { cause: error });
      }
    }
  }
});

describe('probe', () => {
  const probe = (head: Uint8Array) => qcow2Format.probe({ head, tail: head, size: head.length });

  it('is certain of the magic number, whatever follows', () => {
    expect(probe(fixtureBytes('qcow2/v3-zstd.qcow2'))).toEqual({
      certainty: 'certain',
      description: 'qcow2 version 3',
    });
    expect(probe(fixtureBytes('qcow2/v2-zlib.qcow2'))!.description).toBe('qcow2 version 2');
    expect(probe(Buffer.from('QFI\xfb', 'latin1'))!.certainty).toBe('certain');
    expect(probe(Buffer.from('QFI\xfb\0\0\0\x01', 'latin1'))!.description).toBe('qcow version 1');
  });

  it.each([0, 1, 2, 3])('sees through a damaged byte %i of it', (at) => {
    for (const fixture of ['v2-zlib', 'v3-zstd']) {
      const bytes = fixtureBytes(`qcow2/${fixture}.qcow2`);
      bytes[at]! ^= 0x20;
      expect(probe(bytes)).toMatchObject({ certainty: 'resembles' });
      bytes[(at + 1) % 4]! ^= 0xff;
      expect(probe(bytes)).toMatchObject({ certainty: 'resembles' });
    }
  });

  it('claims nothing else, and survives short input', () => {
    const bytes = fixtureBytes('qcow2/v3-zstd.qcow2');
    bytes.fill(0, 0, 4);
    expect(probe(bytes)).toBeUndefined();
    for (let length = 0; length < 112; length++) {
      const head = fixtureBytes('qcow2/v3-zstd.qcow2').subarray(0, length);
      expect(probe(head)?.certainty).toBe(length < 4 ? undefined : 'certain');
      const damaged = Buffer.from(head);
      if (length > 0) damaged[0] = 0;
      probe(damaged);
    }
    expect(probe(Buffer.alloc(131072))).toBeUndefined();
    const text = Buffer.from('QFIx is how this text begins. '.repeat(50));
    expect(probe(text)).toBeUndefined();
  });
});

describe('zstdFrameLength', () => {
  it('finds the end of a frame by its blocks (RFC 8878)', () => {
    // Magic, descriptor 0x20 (single segment, 1-byte content size), size 3, raw block of 3 bytes, the last one.
    const frame = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, 1, 2, 3];
    expect(zstdFrameLength(Uint8Array.from([...frame, 9, 9, 9]))).toBe(12);
    expect(zstdFrameLength(Uint8Array.from(frame.slice(0, 11)))).toBeNull();
    expect(zstdFrameLength(Uint8Array.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7, 1]))).toBe(10);
    expect(zstdFrameLength(Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0]))).toBeNull();
    expect(zstdFrameLength(new Uint8Array(3))).toBeNull();
  });
});
